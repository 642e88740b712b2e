// The log posterior of a generalised linear model with its slope, and leapfrog paths on it, for some chains at once. The
// twins are in parnassus.functional.bayes.generalised and parnassus.sampling.transitions; all agree to rounding.
//
// kChains chains go through the rows together, so that a row's numbers are read once for them; a path is followed to its
// end before the next chains begin, and asks for the density itself only there.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>
#include <torch/headeronly/util/Exception.h>

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <vector>

#include "lanes.h"

using torch::stable::Tensor;

enum Family : int64_t { kGaussian = 0, kBernoulli = 1, kPoisson = 2 };

constexpr int kChains = 4, kRows = 4;  // chains, and registers of rows, that are worked on at once

// ln(1 + t) for t in [0, 1] to 3e-16: 2 artanh(t / (2 + t)) by its series.
static inline Lanes log_one_plus(Lanes t) {
  const Lanes s = t / (t + 2.0), q = s * s;
  Lanes p = q * (1.0 / 31) + 1.0 / 29;
  for (int k = 27; k >= 1; k -= 2) p = p * q + 1.0 / k;
  return 2.0 * s * p;
}

// Of linear predictors z and observations y: the residuals y - mean, and the log-likelihood up to what y alone says.
template <int64_t kFamily, bool kValue>
static inline Lanes residual(Lanes z, Lanes y, Lanes& value) {
  const Lanes none{};
  if constexpr (kFamily == kGaussian) {
    if constexpr (kValue) value = y * z - 0.5 * z * z;
    return y - z;
  } else {
    const Lanes t = exponential(z > none ? -z : z);
    if constexpr (kFamily == kBernoulli) {
      if constexpr (kValue) value = y * z - (z > none ? z : none) - log_one_plus(t);
      return y - (z > none ? 1.0 + none : t) / (t + 1.0);
    } else {
      const Lanes mean = z > none ? 1.0 / t : t;
      if constexpr (kValue) value = y * z - mean;
      return y - mean;
    }
  }
}

struct Model {
  const double *x, *y, *weight;  // (d, n), (n,), (n,): n a multiple of kRows kLanes, with weights of 0 to fill it
  int64_t n, d;
  double precision;  // of the coefficients' prior
};

// theta (d, kChains) -> slope (d, kChains) and, if asked for, value (kChains,); sums: room for d kChains.
template <int64_t kFamily, bool kValue>
static void look(const Model& m, const double* theta, double* value, double* slope, std::vector<Lanes>& sums) {
  std::fill(sums.begin(), sums.end(), Lanes{});
  Lanes values[kChains] = {};
  for (int64_t at = 0; at < m.n; at += kRows * kLanes) {
    Lanes z[kChains][kRows] = {};
    for (int64_t j = 0; j < m.d; ++j) {
      const double *x = m.x + j * m.n + at, *coefficient = theta + j * kChains;
      for (int u = 0; u < kRows; ++u) {
        const Lanes held = load(x + u * kLanes);
        for (int c = 0; c < kChains; ++c) z[c][u] += held * coefficient[c];
      }
    }
    for (int u = 0; u < kRows; ++u) {
      const Lanes y = load(m.y + at + u * kLanes), weight = load(m.weight + at + u * kLanes);
      for (int c = 0; c < kChains; ++c) {
        Lanes each{};
        z[c][u] = weight * residual<kFamily, kValue>(z[c][u], y, each);
        if constexpr (kValue) values[c] += weight * each;
      }
    }
    for (int64_t j = 0; j < m.d; ++j) {
      const double* x = m.x + j * m.n + at;
      Lanes* sum = sums.data() + j * kChains;
      for (int u = 0; u < kRows; ++u) {
        const Lanes held = load(x + u * kLanes);
        for (int c = 0; c < kChains; ++c) sum[c] += held * z[c][u];
      }
    }
  }
  for (int64_t k = 0; k < m.d * kChains; ++k) {
    double total = 0;
    for (int i = 0; i < kLanes; ++i) total += sums[k][i];
    slope[k] = total - m.precision * theta[k];
  }
  for (int c = 0; kValue && c < kChains; ++c) {
    double total = 0, squares = 0;
    for (int i = 0; i < kLanes; ++i) total += values[c][i];
    for (int64_t j = 0; j < m.d; ++j) squares += theta[j * kChains + c] * theta[j * kChains + c];
    value[c] = total - 0.5 * m.precision * squares;
  }
}

// Rows first to first + kChains of a matrix (chains, d), turned; past the last row zeros.
static void turn(const double* rows, int64_t first, int64_t chains, int64_t d, double* to) {
  for (int64_t c = 0; c < kChains; ++c) {
    for (int64_t j = 0; j < d; ++j) to[j * kChains + c] = first + c < chains ? rows[(first + c) * d + j] : 0.0;
  }
}

static void turn_back(const double* from, int64_t first, int64_t chains, int64_t d, double* rows) {
  for (int64_t c = 0; c < kChains && first + c < chains; ++c) {
    for (int64_t j = 0; j < d; ++j) rows[(first + c) * d + j] = from[j * kChains + c];
  }
}

struct Path {
  double *points, *slope, *momentum, *value;  // (chains, d) three times, (chains,)
  const double* drift;                        // step times the variance, (d,)
  double step;
  int64_t chains, n_steps;
};

template <int64_t kFamily>
static void follow(const Model& m, const Path& path) {
  const int64_t size = m.d * kChains;
  std::vector<double> points(size), slope(size), momentum(size);
  std::vector<Lanes> sums(size);
  double value[kChains];
  for (int64_t first = 0; first < path.chains; first += kChains) {
    turn(path.points, first, path.chains, m.d, points.data());
    turn(path.slope, first, path.chains, m.d, slope.data());
    turn(path.momentum, first, path.chains, m.d, momentum.data());
    for (int64_t s = 0; s < path.n_steps; ++s) {
      const double kick = s ? path.step : 0.5 * path.step;
      for (int64_t k = 0; k < size; ++k) {
        momentum[k] += kick * slope[k];
        points[k] += path.drift[k / kChains] * momentum[k];
      }
      if (s < path.n_steps - 1) look<kFamily, false>(m, points.data(), value, slope.data(), sums);
    }
    look<kFamily, true>(m, points.data(), value, slope.data(), sums);
    for (int64_t k = 0; path.n_steps && k < size; ++k) momentum[k] += 0.5 * path.step * slope[k];
    turn_back(points.data(), first, path.chains, m.d, path.points);
    turn_back(slope.data(), first, path.chains, m.d, path.slope);
    turn_back(momentum.data(), first, path.chains, m.d, path.momentum);
    std::copy(value, value + std::min<int64_t>(kChains, path.chains - first), path.value + first);
  }
}

static double* writable(const Tensor& t) { return static_cast<double*>(t.mutable_data_ptr()); }
static const double* readable(const Tensor& t) { return static_cast<const double*>(t.const_data_ptr()); }

// All double, end to end. points, slope, momentum: (chains, d), moved along n_steps of leapfrog in place; value:
// (chains,), the log posterior at the end. Without steps slope and value are those of the points.
void leapfrog(Tensor points, Tensor slope, Tensor momentum, Tensor value, const Tensor& drift, double step,
              int64_t n_steps, const Tensor& turned, const Tensor& y, const Tensor& weight, double precision,
              int64_t family) {
  const Model m{readable(turned), readable(y), readable(weight), turned.size(1), turned.size(0), precision};
  STD_TORCH_CHECK(points.size(1) == m.d && drift.numel() == m.d, "points of ", m.d, " coefficients");
  STD_TORCH_CHECK(m.n % (kRows * kLanes) == 0, "rows filled up to a multiple of ", kRows * kLanes);
  const Path path{writable(points), writable(slope), writable(momentum), writable(value),
                  readable(drift),  step,            points.size(0),     n_steps};
  if (family == kGaussian) follow<kGaussian>(m, path);
  if (family == kBernoulli) follow<kBernoulli>(m, path);
  if (family == kPoisson) follow<kPoisson>(m, path);
}

STABLE_TORCH_LIBRARY(parnassus_glm, m) {
  m.def(
      "leapfrog(Tensor(a!) points, Tensor(b!) slope, Tensor(c!) momentum, Tensor(d!) value, Tensor drift, float step, "
      "int n_steps, Tensor turned, Tensor y, Tensor weight, float precision, int family) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_glm, CPU, m) { m.impl("leapfrog", TORCH_BOX(&leapfrog)); }
