// h_t = relu(a_t + u h_(t-1)) unit by unit, and its slopes: units lie side by side, and a piece of them goes through all
// steps of a row. The twin is parnassus.functional.independent.IndependentScan; both agree to rounding.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "pieces.h"

using torch::stable::Tensor;

constexpr int64_t kUnits = 128;  // of a piece: their states stay in the first cache

struct Sizes {
  int64_t rows, time, units, pieces;

  explicit Sizes(const Tensor& a)
      : rows(a.size(0)), time(a.size(1)), units(a.size(2)), pieces((a.size(2) + kUnits - 1) / kUnits) {}
};

// Work on (row, first unit, how many) of every piece.
template <typename Work>
static void each_piece(const Sizes& s, int64_t n_threads, const Work& work) {
  share_out(s.rows * s.pieces, n_threads, [&](int64_t p, int64_t) {
    const int64_t first = p % s.pieces * kUnits;
    work(p / s.pieces, first, std::min(kUnits, s.units - first));
  });
}

template <typename Number>
static void run_forward(const Sizes& s, const Number* a, const Number* u, const Number* begin, Number* h, int64_t n) {
  each_piece(s, n, [&](int64_t row, int64_t first, int64_t width) {
    Number state[kUnits], factor[kUnits];
    std::copy_n(begin + row * s.units + first, width, state);
    std::copy_n(u + first, width, factor);
    const int64_t start = row * s.time * s.units + first;
    for (int64_t t = 0; t < s.time; ++t) {
      const Number* in = a + start + t * s.units;
      Number* out = h + start + t * s.units;
      for (int64_t i = 0; i < width; ++i) {
        const Number z = in[i] + factor[i] * state[i];
        state[i] = z <= 0 ? Number(0) : z;  // what is no number stays none
        out[i] = state[i];
      }
    }
  });
}

// of_u and of_begin are (rows, units): the caller adds rows up, in their order.
template <typename Number>
static void run_backward(const Sizes& s, const Number* u, const Number* begin, const Number* h, const Number* of_h,
                         Number* of_a, Number* of_u, Number* of_begin, int64_t n) {
  each_piece(s, n, [&](int64_t row, int64_t first, int64_t width) {
    Number carried[kUnits] = {}, sum[kUnits] = {}, factor[kUnits];
    std::copy_n(u + first, width, factor);
    const int64_t start = row * s.time * s.units + first;
    for (int64_t t = s.time - 1; t >= 0; --t) {
      const int64_t at = start + t * s.units;
      const Number* before = t ? h + at - s.units : begin + row * s.units + first;
      for (int64_t i = 0; i < width; ++i) {
        const Number slope = h[at + i] <= 0 ? Number(0) : of_h[at + i] + carried[i];
        of_a[at + i] = slope;
        sum[i] += slope * before[i];
        carried[i] = slope * factor[i];
      }
    }
    std::copy_n(sum, width, of_u + row * s.units + first);
    std::copy_n(carried, width, of_begin + row * s.units + first);
  });
}

template <typename Number>
static const Number* read(const Tensor& x) {
  return static_cast<const Number*>(x.const_data_ptr());
}

template <typename Number>
static Number* write(Tensor& x) {
  return static_cast<Number*>(x.mutable_data_ptr());
}

void forward(Tensor a, Tensor u, Tensor begin, int64_t n_threads, Tensor h) {
  const Sizes s(a);
  if (a.element_size() == 4) {
    run_forward(s, read<float>(a), read<float>(u), read<float>(begin), write<float>(h), n_threads);
  } else {
    run_forward(s, read<double>(a), read<double>(u), read<double>(begin), write<double>(h), n_threads);
  }
}

void backward(Tensor u, Tensor begin, Tensor h, Tensor of_h, int64_t n_threads, Tensor of_a, Tensor of_u,
              Tensor of_begin) {
  const Sizes s(h);
  if (h.element_size() == 4) {
    run_backward(s, read<float>(u), read<float>(begin), read<float>(h), read<float>(of_h), write<float>(of_a),
                 write<float>(of_u), write<float>(of_begin), n_threads);
  } else {
    run_backward(s, read<double>(u), read<double>(begin), read<double>(h), read<double>(of_h), write<double>(of_a),
                 write<double>(of_u), write<double>(of_begin), n_threads);
  }
}

STABLE_TORCH_LIBRARY(parnassus_indrnn, m) {
  m.def("forward(Tensor a, Tensor u, Tensor begin, int n_threads, Tensor(a!) h) -> ()");
  m.def(
      "backward(Tensor u, Tensor begin, Tensor h, Tensor of_h, int n_threads, Tensor(a!) of_a, Tensor(b!) of_u, "
      "Tensor(c!) of_begin) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_indrnn, CPU, m) {
  m.impl("forward", TORCH_BOX(&forward));
  m.impl("backward", TORCH_BOX(&backward));
}
