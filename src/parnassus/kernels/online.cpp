// Rules that learn one row after another: the perceptron's and Widrow and Hoff's. Their twins are in
// parnassus.functional.online; both give the same weights up to the rounding of a dot product.
//
// Weights are rows of n_features + 1 numbers, the bias last. A perceptron's `memory` has the weights' shape, in double:
// for the averaged variant the sum of (rows seen before) x (change), for the pocket variant the weights with the
// longest run of right answers. `clock` is three doubles: rows seen, present run, longest run.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <algorithm>
#include <cstdint>
#include <vector>

using torch::stable::Tensor;

enum Variant : int64_t { kPlain = 0, kAveraged = 1, kPocket = 2 };

template <typename T>
static T dot(const T* a, const T* b, int64_t n) {
  constexpr int64_t kLanes = 16;  // partial sums that a compiler may keep in vectors without reordering them
  T lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t k = 0; k < kLanes; ++k) lanes[k] += a[i + k] * b[i + k];
  }
  T sum = 0;
  for (; i < n; ++i) sum += a[i] * b[i];
  for (int64_t k = 0; k < kLanes; ++k) sum += lanes[k];
  return sum;
}

template <typename W, typename T>
static void add(W* w, const T* x, int64_t d, W size) {
  for (int64_t i = 0; i < d; ++i) w[i] += size * static_cast<W>(x[i]);
  w[d] += size;
}

template <typename T>
struct Learner {
  T* w;
  double* memory;
  double* clock;
  int64_t d, rows, variant;

  T score(int64_t k, const T* x) const { return dot(w + k * (d + 1), x, d) + w[k * (d + 1) + d]; }

  void move(int64_t k, const T* x, T size) {
    add(w + k * (d + 1), x, d, size);
    if (variant == kAveraged) add(memory + k * (d + 1), x, d, size * clock[0]);
  }

  void end_run() {
    if (clock[1] > clock[2]) {
      clock[2] = clock[1];
      if (variant == kPocket) std::copy(w, w + rows * (d + 1), memory);
    }
  }
};

// y: +1 and -1; a score of 0 says -1
template <typename T>
static double learn_signs(Learner<T> to, const T* x, const T* y, const T* weight, int64_t n) {
  double mistakes = 0;
  for (int64_t i = 0; i < n; ++i, to.clock[0] += 1) {
    const T* row = x + i * to.d;
    if ((to.score(0, row) > 0) == (y[i] > 0)) {
      to.clock[1] += weight[i];
      continue;
    }
    mistakes += weight[i];
    to.end_run();
    to.clock[1] = 0;
    to.move(0, row, y[i] * weight[i]);
  }
  to.end_run();
  return mistakes;
}

// y: the row of weights that should score highest; of equal scores the first wins
template <typename T>
static double learn_labels(Learner<T> to, const T* x, const int64_t* y, const T* weight, int64_t n) {
  double mistakes = 0;
  for (int64_t i = 0; i < n; ++i, to.clock[0] += 1) {
    const T* row = x + i * to.d;
    int64_t best = 0;
    T highest = to.score(0, row);
    for (int64_t k = 1; k < to.rows; ++k) {
      const T score = to.score(k, row);
      if (score > highest) {
        highest = score;
        best = k;
      }
    }
    if (best == y[i]) {
      to.clock[1] += weight[i];
      continue;
    }
    mistakes += weight[i];
    to.end_run();
    to.clock[1] = 0;
    to.move(y[i], row, weight[i]);
    to.move(best, row, -weight[i]);
  }
  to.end_run();
  return mistakes;
}

template <typename T>
static double learn_numbers(const T* x, const T* y, const T* weight, T* w, int64_t n, int64_t d, int64_t rows, T lr) {
  double errors = 0;
  for (int64_t i = 0; i < n; ++i) {
    const T* row = x + i * d;
    for (int64_t k = 0; k < rows; ++k) {
      T* own = w + k * (d + 1);
      const T error = dot(own, row, d) + own[d] - y[i * rows + k];
      errors += static_cast<double>(weight[i]) * error * error;
      add(own, row, d, -lr * weight[i] * error);
    }
  }
  return errors;
}

template <typename T>
static Learner<T> learner(const Tensor& x, Tensor& w, Tensor& memory, Tensor& clock, int64_t variant) {
  return {static_cast<T*>(w.mutable_data_ptr()), static_cast<double*>(memory.mutable_data_ptr()),
          static_cast<double*>(clock.mutable_data_ptr()), x.size(1), w.size(0), variant};
}

template <typename T>
static const T* read(const Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}

static bool is_double(const Tensor& x) {
  return x.scalar_type() == torch::headeronly::ScalarType::Double;
}

double signs(const Tensor& x, const Tensor& y, const Tensor& weight, Tensor w, Tensor memory, Tensor clock,
             int64_t variant) {
  if (is_double(x)) {
    return learn_signs(learner<double>(x, w, memory, clock, variant), read<double>(x), read<double>(y),
                       read<double>(weight), x.size(0));
  }
  return learn_signs(learner<float>(x, w, memory, clock, variant), read<float>(x), read<float>(y),
                     read<float>(weight), x.size(0));
}

double labels(const Tensor& x, const Tensor& y, const Tensor& weight, Tensor w, Tensor memory, Tensor clock,
              int64_t variant) {
  if (is_double(x)) {
    return learn_labels(learner<double>(x, w, memory, clock, variant), read<double>(x), read<int64_t>(y),
                        read<double>(weight), x.size(0));
  }
  return learn_labels(learner<float>(x, w, memory, clock, variant), read<float>(x), read<int64_t>(y),
                      read<float>(weight), x.size(0));
}

double numbers(const Tensor& x, const Tensor& y, const Tensor& weight, Tensor w, double lr) {
  const int64_t n = x.size(0), d = x.size(1), rows = w.size(0);
  if (is_double(x)) {
    return learn_numbers(read<double>(x), read<double>(y), read<double>(weight),
                         static_cast<double*>(w.mutable_data_ptr()), n, d, rows, lr);
  }
  return learn_numbers(read<float>(x), read<float>(y), read<float>(weight),
                       static_cast<float*>(w.mutable_data_ptr()), n, d, rows, static_cast<float>(lr));
}

STABLE_TORCH_LIBRARY(parnassus_online, m) {
  m.def("signs(Tensor x, Tensor y, Tensor weight, Tensor(a!) w, Tensor(b!) memory, Tensor(c!) clock, int variant)"
        " -> float");
  m.def("labels(Tensor x, Tensor y, Tensor weight, Tensor(a!) w, Tensor(b!) memory, Tensor(c!) clock, int variant)"
        " -> float");
  m.def("numbers(Tensor x, Tensor y, Tensor weight, Tensor(a!) w, float lr) -> float");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_online, CPU, m) {
  m.impl("signs", TORCH_BOX(&signs));
  m.impl("labels", TORCH_BOX(&labels));
  m.impl("numbers", TORCH_BOX(&numbers));
}
