// Dynamic time warping of many sequences with many others, float64, two rows of the table at a time.
// The twin is in parnassus.functional.dtw; both agree to rounding.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

using torch::stable::Tensor;

constexpr double kFar = std::numeric_limits<double>::infinity();

// y is (d, m): the loop over its frames is the inner one, so that a compiler takes several at once
static double warped(const double* x, int64_t n, const double* y, int64_t m, int64_t stride, int64_t d, double band,
                     bool squared, std::vector<double>& cost, std::vector<double>& total) {
  cost.resize(m);
  total.assign(m + 1, kFar);  // D(i, j) at j + 1, with D(i - 1, j) still there until it is overwritten
  total[0] = 0;
  const double slope = static_cast<double>(m - 1) / std::max<int64_t>(n - 1, 1);
  const double reach = (n != m ? std::max({band, slope, 1.0}) : band) + 1e-9;
  for (int64_t i = 0; i < n; ++i) {
    const double middle = i * slope;
    const int64_t low = band < 0 ? 0 : std::max<int64_t>(0, static_cast<int64_t>(std::ceil(middle - reach)));
    const int64_t high = band < 0 ? m : std::min<int64_t>(m, static_cast<int64_t>(std::floor(middle + reach)) + 1);
    std::fill(cost.begin() + low, cost.begin() + high, 0.0);
    for (int64_t k = 0; k < d; ++k) {
      const double own = x[i * d + k];
      const double* row = y + k * stride;
      for (int64_t j = low; j < high; ++j) cost[j] += (own - row[j]) * (own - row[j]);
    }
    if (!squared) {
      for (int64_t j = low; j < high; ++j) cost[j] = std::sqrt(cost[j]);
    }
    double corner = total[low];  // D(i - 1, low - 1)
    std::fill(total.begin(), total.begin() + low + 1, kFar);
    double left = kFar;
    for (int64_t j = low; j < high; ++j) {
      const double above = total[j + 1];
      left = cost[j] + std::min(std::min(corner, above), left);
      corner = above;
      total[j + 1] = left;
    }
    std::fill(total.begin() + high + 1, total.end(), kFar);
  }
  return total[m];
}

// x: (frames, d), y: (frames, d), end to end; found: (queries, templates); band < 0 allows all pairs
void distances(const Tensor& x, const Tensor& x_lengths, const Tensor& y, const Tensor& y_lengths, int64_t band,
               int64_t squared, Tensor found) {
  const auto read = [](const Tensor& t) { return static_cast<const double*>(t.const_data_ptr()); };
  const auto sizes = [](const Tensor& t) { return static_cast<const int64_t*>(t.const_data_ptr()); };
  const int64_t d = x.size(1), n = x_lengths.size(0), m = y_lengths.size(0), frames = y.size(0);
  std::vector<double> across(d * frames), cost, total;
  const double* given = read(y);
  for (int64_t j = 0; j < frames; ++j) {
    for (int64_t k = 0; k < d; ++k) across[k * frames + j] = given[j * d + k];
  }
  double* out = static_cast<double*>(found.mutable_data_ptr());
  const double* query = read(x);
  for (int64_t r = 0; r < n; query += sizes(x_lengths)[r] * d, ++r) {
    int64_t at = 0;
    for (int64_t s = 0; s < m; at += sizes(y_lengths)[s], ++s) {
      out[r * m + s] = warped(query, sizes(x_lengths)[r], across.data() + at, sizes(y_lengths)[s], frames, d,
                              static_cast<double>(band), squared != 0, cost, total);
    }
  }
}

// cost: (n, m), infinite where a pair is not allowed; total: (n, m); path: (n + m, 2), filled from its end. How many.
int64_t warp(const Tensor& cost, Tensor total, Tensor path) {
  const int64_t n = cost.size(0), m = cost.size(1);
  const double* c = static_cast<const double*>(cost.const_data_ptr());
  double* d = static_cast<double*>(total.mutable_data_ptr());
  int64_t* pairs = static_cast<int64_t*>(path.mutable_data_ptr());
  const auto at = [&](int64_t i, int64_t j) { return i < 0 || j < 0 ? kFar : d[i * m + j]; };
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < m; ++j) {
      const double before = std::min(std::min(at(i - 1, j - 1), at(i - 1, j)), at(i, j - 1));
      d[i * m + j] = c[i * m + j] + (i || j ? before : 0);
    }
  }
  int64_t count = 0;
  for (int64_t i = n - 1, j = m - 1;;) {
    ++count;
    pairs[2 * (n + m - count)] = i;
    pairs[2 * (n + m - count) + 1] = j;
    if (!i && !j) return count;
    const double corner = at(i - 1, j - 1), above = at(i - 1, j), left = at(i, j - 1);
    if (i && j && corner <= above && corner <= left) {
      --i, --j;
    } else if (i && (!j || above <= left)) {
      --i;
    } else {
      --j;
    }
  }
}

STABLE_TORCH_LIBRARY(parnassus_dtw, m) {
  m.def("warp(Tensor cost, Tensor(a!) total, Tensor(b!) path) -> int");
  m.def(
      "distances(Tensor x, Tensor x_lengths, Tensor y, Tensor y_lengths, int band, int squared, Tensor(a!) found) -> "
      "()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_dtw, CPU, m) {
  m.impl("distances", TORCH_BOX(&distances));
  m.impl("warp", TORCH_BOX(&warp));
}
