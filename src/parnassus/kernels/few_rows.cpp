// y = x w' + b for a few rows of x, as when one id after another is written: all the work is reading w, which is read
// once, straight on, by all threads. The twin is torch.nn.functional.linear; both agree to rounding of floats.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cstdint>

#include "wide.h"

using torch::stable::Tensor;

constexpr int kMost = 8;            // rows of x
constexpr int64_t kShare = 1 << 14;  // numbers of w that are worth a thread
constexpr int64_t kAhead = 256;      // numbers of w that are asked for before they are needed

typedef float Four __attribute__((vector_size(4 * sizeof(float))));

// Half is added to half: one number after the other would take longer than the products.
static inline float sum_of(Wide held) {
  Four part[kWide / 4];
  std::memcpy(part, &held, sizeof(held));
  for (int n = kWide / 8; n; n /= 2)
    for (int i = 0; i < n; ++i) part[i] += part[i + n];
  return (part[0][0] + part[0][2]) + (part[0][1] + part[0][3]);
}

// Products of n numbers of a row of w with M rows of x, n_in apart; n is known to the compiler where a register is full.
template <int M>
static inline __attribute__((always_inline)) void add(Wide (&sum)[M], const float* x, const float* w, int64_t n_in,
                                                      int64_t n) {
  const Wide weight = load(w, n);
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) sum[m] += weight * load(x + m * n_in, n);
}

// Rows of w `first` to `end`, one after the other, so that memory is read in one stream, some way ahead of what is at
// work; U registers side by side, so that sums need not wait for each other.
template <int M, int U>
static void some_rows(const float* x, const float* w, const float* b, float* y, int64_t n_in, int64_t n_out,
                      int64_t first, int64_t end) {
  for (int64_t o = first; o < end; ++o) {
    const float* row = w + o * n_in;
    Wide sum[U][M] = {};
    int64_t i = 0;
    for (; i + U * kWide <= n_in; i += U * kWide)
#pragma GCC unroll 8
      for (int u = 0; u < U; ++u) {
        __builtin_prefetch(row + i + u * kWide + kAhead);
        add<M>(sum[u], x + i + u * kWide, row + i + u * kWide, n_in, kWide);
      }
    for (; i + kWide <= n_in; i += kWide) add<M>(sum[0], x + i, row + i, n_in, kWide);
    if (i < n_in) add<M>(sum[0], x + i, row + i, n_in, n_in - i);
    for (int m = 0; m < M; ++m) {
      for (int u = 1; u < U; ++u) sum[0][m] += sum[u][m];
      y[m * n_out + o] = sum_of(sum[0][m]) + (b ? b[o] : 0.0f);
    }
  }
}

template <int M>
static void all_rows(const float* x, const float* w, const float* b, float* y, int64_t n_in, int64_t n_out) {
  constexpr int U = M > 4 ? 1 : M > 2 ? 2 : 4;
  torch::stable::parallel_for(0, n_out, std::max<int64_t>(1, kShare / n_in), [&](int64_t first, int64_t end) {
    some_rows<M, U>(x, w, b, y, n_in, n_out, first, end);
  });
}

// x (rows, n_in), w (n_out, n_in), b (n_out,) or empty, y (rows, n_out).
void affine(Tensor x, Tensor w, Tensor b, Tensor y) {
  const auto* from = static_cast<const float*>(x.const_data_ptr());
  const auto* weight = static_cast<const float*>(w.const_data_ptr());
  const auto* bias = b.numel() ? static_cast<const float*>(b.const_data_ptr()) : nullptr;
  auto* to = static_cast<float*>(y.mutable_data_ptr());
  const int64_t n_in = w.size(1), n_out = w.size(0);
  for (int64_t row = 0; row < x.size(0); row += kMost) {
    const float* own = from + row * n_in;
    float* found = to + row * n_out;
    switch (std::min<int64_t>(kMost, x.size(0) - row)) {
      case 1: all_rows<1>(own, weight, bias, found, n_in, n_out); break;
      case 2: all_rows<2>(own, weight, bias, found, n_in, n_out); break;
      case 3: all_rows<3>(own, weight, bias, found, n_in, n_out); break;
      case 4: all_rows<4>(own, weight, bias, found, n_in, n_out); break;
      case 5: all_rows<5>(own, weight, bias, found, n_in, n_out); break;
      case 6: all_rows<6>(own, weight, bias, found, n_in, n_out); break;
      case 7: all_rows<7>(own, weight, bias, found, n_in, n_out); break;
      default: all_rows<8>(own, weight, bias, found, n_in, n_out);
    }
  }
}

STABLE_TORCH_LIBRARY(parnassus_few_rows, m) { m.def("affine(Tensor x, Tensor w, Tensor b, Tensor(a!) y) -> ()"); }

STABLE_TORCH_LIBRARY_IMPL(parnassus_few_rows, CPU, m) { m.impl("affine", TORCH_BOX(&affine)); }
