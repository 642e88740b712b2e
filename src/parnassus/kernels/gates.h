// What compiled recurrent nets with gates share: exp and what is made of it, products by panels, rows dealt out to threads.
// Rows are shared out among threads, and each goes through all steps with its own, so that no thread waits at a step.
#pragma once

#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "wide.h"

using torch::stable::Tensor;

constexpr int kTall = kWide > 8 ? 12 : 6;  // rows whose sums fit into registers
constexpr int kPanel = 2 * kWide;          // columns of a tile
typedef int32_t Whole __attribute__((vector_size(kWide * sizeof(int32_t))));

// --- exp and what is made of it: what is no number stays none -----------------------------------------------------

static inline Wide exponential(Wide x) {
  const Wide low = -87.0f - Wide{}, high = 88.0f - Wide{};
  Wide held = x < low ? low : x;
  held = held > high ? high : held;
  const Wide shifted = held * 1.44269504f + 12582912.0f;  // 1.5 * 2^23 rounds to a whole number
  const Wide n = shifted - 12582912.0f;
  const Wide r = (held - n * 0.693359375f) - n * -2.12194440e-4f;
  Wide p = r * (1.0f / 720) + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const Whole bits = __builtin_convertvector(n, Whole) << 23;
  Whole scaled;
  std::memcpy(&scaled, &p, sizeof(p));
  scaled += bits;
  std::memcpy(&p, &scaled, sizeof(p));
  return x == x ? p : x;
}

static inline Wide sigmoid(Wide x) { return 1.0f / (1.0f + exponential(-x)); }

// Near 0 its series, since 1 - 2 / (e^2x + 1) would lose the small number.
static inline Wide tanh_of(Wide x) {
  const Wide s = x * x;
  Wide p = s * (-1382.0f / 155925) + 62.0f / 2835;
  p = p * s - 17.0f / 315;
  p = p * s + 2.0f / 15;
  p = p * s - 1.0f / 3;
  const Wide near = x + x * s * p, far = 1.0f - 2.0f / (1.0f + exponential(2.0f * x));
  return s < 0.09f - Wide{} ? near : far;
}

// --- c += a b, b laid out in panels of kPanel columns ---------------------------------------------------------------

struct Panels {
  int64_t depth, width;
  std::vector<float> held;

  Panels(const float* b, int64_t n_rows, int64_t n_columns)
      : depth(n_rows), width(n_columns), held((n_columns + kPanel - 1) / kPanel * n_rows * kPanel) {
    float* to = held.data();
    for (int64_t j = 0; j < width; j += kPanel)
      for (int64_t i = 0; i < depth; ++i, to += kPanel)
        std::copy_n(b + i * width + j, std::min<int64_t>(kPanel, width - j), to);
  }
};

template <int R>
static inline void tile(const float* a, int64_t step, const float* panel, int64_t depth, float* c, int64_t width,
                        int64_t n) {
  Wide sum[R][2];
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r) {
    sum[r][0] = load(c + r * width, n);
    sum[r][1] = n > kWide ? load(c + r * width + kWide, n - kWide) : Wide{};
  }
  for (int64_t i = 0; i < depth; ++i) {
    const Wide left = load(panel + i * kPanel), right = load(panel + i * kPanel + kWide);
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      sum[r][0] += a[r * step + i] * left;
      sum[r][1] += a[r * step + i] * right;
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r) {
    store(c + r * width, sum[r][0], n);
    if (n > kWide) store(c + r * width + kWide, sum[r][1], n - kWide);
  }
}

// Rows of a lie `step` numbers apart, those of c `width`.
static void add_product(const float* a, int64_t step, const Panels& b, float* c, int64_t width, int64_t n_rows) {
  for (int64_t j = 0; j < b.width; j += kPanel) {
    const float* panel = b.held.data() + j * b.depth;
    const int64_t n = std::min<int64_t>(kPanel, b.width - j);
    int64_t row = 0;
    for (; row + kTall <= n_rows; row += kTall)
      tile<kTall>(a + row * step, step, panel, b.depth, c + row * width + j, width, n);
    for (; row + 3 <= n_rows; row += 3)
      tile<3>(a + row * step, step, panel, b.depth, c + row * width + j, width, n);
    for (; row < n_rows; ++row)
      tile<1>(a + row * step, step, panel, b.depth, c + row * width + j, width, n);
  }
}

// --- the steps --------------------------------------------------------------------------------------------------------

struct Sizes {
  int64_t time, rows, units;

  explicit Sizes(const Tensor& h) : time(h.size(0)), rows(h.size(1)), units(h.size(2)) {}
  int64_t state(int64_t t, int64_t row) const { return (t * rows + row) * units; }
};

// Rows as shares of whole tiles, by torch's own threads: those of others would wait for them, which spin between works.
template <typename Work>
static void each_share(int64_t rows, const Work& work) {
  torch::stable::parallel_for(0, (rows + kTall - 1) / kTall, 1, [&](int64_t first, int64_t end) {
    work(first * kTall, std::min(end * kTall, rows) - first * kTall);
  });
}

static const float* read(const Tensor& x) { return static_cast<const float*>(x.const_data_ptr()); }
static float* write(Tensor& x) { return static_cast<float*>(x.mutable_data_ptr()); }
