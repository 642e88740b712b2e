// All steps of an LSTM, and its slopes: rows are shared out among threads, and each goes through all steps with its own,
// so that no thread waits at a step. The twin is parnassus.layers.cells.LSTM.step; both agree to rounding of floats.

#include <torch/csrc/stable/library.h>
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

static void add_product(const float* a, const Panels& b, float* c, int64_t n_rows) {
  for (int64_t j = 0; j < b.width; j += kPanel) {
    const float* panel = b.held.data() + j * b.depth;
    const int64_t n = std::min<int64_t>(kPanel, b.width - j);
    int64_t row = 0;
    for (; row + kTall <= n_rows; row += kTall)
      tile<kTall>(a + row * b.depth, b.depth, panel, b.depth, c + row * b.width + j, b.width, n);
    for (; row + 3 <= n_rows; row += 3)
      tile<3>(a + row * b.depth, b.depth, panel, b.depth, c + row * b.width + j, b.width, n);
    for (; row < n_rows; ++row)
      tile<1>(a + row * b.depth, b.depth, panel, b.depth, c + row * b.width + j, b.width, n);
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

// z (time, rows, 4 units) becomes the gates i, f, g, o; w (units, 4 units); h and c (time, rows, units).
void forward(Tensor z, Tensor w, Tensor begin, Tensor cell, Tensor h, Tensor c) {
  const Sizes s(h);
  const Panels panels(read(w), s.units, 4 * s.units);
  const float *first = read(begin), *first_cell = read(cell);
  float *gates = write(z), *states = write(h), *cells = write(c);
  each_share(s.rows, [&](int64_t row, int64_t n) {
    for (int64_t t = 0; t < s.time; ++t) {
      const float* before = t ? states + s.state(t - 1, row) : first + row * s.units;
      const float* kept = t ? cells + s.state(t - 1, row) : first_cell + row * s.units;
      float* gate = gates + 4 * s.state(t, row);
      float *shown = states + s.state(t, row), *held = cells + s.state(t, row);
      add_product(before, panels, gate, n);
      for (int64_t r = 0; r < n; ++r) {
        float* own = gate + 4 * r * s.units;
        for (int64_t u = 0; u < s.units; u += kWide) {
          const int64_t m = s.units - u, at = r * s.units + u;
          const Wide in = sigmoid(load(own + u, m)), forget = sigmoid(load(own + s.units + u, m));
          const Wide fresh = tanh_of(load(own + 2 * s.units + u, m)), out = sigmoid(load(own + 3 * s.units + u, m));
          const Wide now = forget * load(kept + at, m) + in * fresh;
          store(own + u, in, m);
          store(own + s.units + u, forget, m);
          store(own + 2 * s.units + u, fresh, m);
          store(own + 3 * s.units + u, out, m);
          store(held + at, now, m);
          store(shown + at, out * tanh_of(now), m);
        }
      }
    }
  });
}

// of_begin and of_cell (rows, units) come in as zeros and as the slope by the last cell, and are carried backwards.
void backward(Tensor gates, Tensor w, Tensor cell, Tensor c, Tensor of_h, Tensor of_z,
              Tensor of_begin, Tensor of_cell) {
  const Sizes s(c);
  const Panels panels(read(w), 4 * s.units, s.units);
  const float *gate = read(gates), *first_cell = read(cell), *cells = read(c), *slopes = read(of_h);
  float *found = write(of_z), *carried = write(of_begin), *carried_cell = write(of_cell);
  each_share(s.rows, [&](int64_t row, int64_t n) {
    float *by_state = carried + row * s.units, *by_cell = carried_cell + row * s.units;
    for (int64_t t = s.time - 1; t >= 0; --t) {
      const float* kept = t ? cells + s.state(t - 1, row) : first_cell + row * s.units;
      const float *now = cells + s.state(t, row), *given = slopes + s.state(t, row);
      float* of_gate = found + 4 * s.state(t, row);
      for (int64_t r = 0; r < n; ++r) {
        const float* own = gate + 4 * (s.state(t, row) + r * s.units);
        float* of_own = of_gate + 4 * r * s.units;
        for (int64_t u = 0; u < s.units; u += kWide) {
          const int64_t m = s.units - u, at = r * s.units + u;
          const Wide in = load(own + u, m), forget = load(own + s.units + u, m);
          const Wide fresh = load(own + 2 * s.units + u, m), out = load(own + 3 * s.units + u, m);
          const Wide shown = tanh_of(load(now + at, m)), slope = load(given + at, m) + load(by_state + at, m);
          const Wide of_now = load(by_cell + at, m) + slope * out * (1.0f - shown * shown);
          store(of_own + u, of_now * fresh * in * (1.0f - in), m);
          store(of_own + s.units + u, of_now * load(kept + at, m) * forget * (1.0f - forget), m);
          store(of_own + 2 * s.units + u, of_now * in * (1.0f - fresh * fresh), m);
          store(of_own + 3 * s.units + u, slope * shown * out * (1.0f - out), m);
          store(by_cell + at, of_now * forget, m);
        }
      }
      std::fill_n(by_state, n * s.units, 0.0f);
      add_product(of_gate, panels, by_state, n);
    }
  });
}

STABLE_TORCH_LIBRARY(parnassus_lstm, m) {
  m.def(
      "forward(Tensor(a!) z, Tensor w, Tensor begin, Tensor cell, Tensor(b!) h, Tensor(c!) c) -> ()");
  m.def(
      "backward(Tensor gates, Tensor w, Tensor cell, Tensor c, Tensor of_h, Tensor(a!) of_z, "
      "Tensor(b!) of_begin, Tensor(c!) of_cell) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_lstm, CPU, m) {
  m.impl("forward", TORCH_BOX(&forward));
  m.impl("backward", TORCH_BOX(&backward));
}
