// The log posterior of a generalised linear model with its slope, and leapfrog paths on it, for some chains at once. The
// twins are in parnassus.functional.bayes.generalised and parnassus.sampling.transitions; all agree to rounding.
//
// kChains chains go through the rows together, so that a row's numbers are read once for them; a path is followed to its
// end before the next chains begin. Only its ends are looked at in double, with the density: between them the slopes are
// those in single precision, which takes half the time. A path of other slopes is as reversible and keeps volume as well,
// so that Metropolis, which compares the energies at the ends, still leaves the posterior as it is, to rounding in double.

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
#include "wide.h"

using torch::stable::Tensor;

enum Family : int64_t { kGaussian = 0, kBernoulli = 1, kPoisson = 2 };

constexpr int kChains = 4, kRows = 4;  // chains, and registers of rows, that are worked on at once
constexpr int64_t kFilled = 64;        // what the number of rows is a multiple of
constexpr int64_t kBlock = 4096;       // rows whose sums are held in the precision of the rows, before they are in double

template <typename R>
struct Held;
template <>
struct Held<double> {
  typedef Lanes Register;
  static constexpr int kAtOnce = kLanes;
};
template <>
struct Held<float> {
  typedef Wide Register;
  static constexpr int kAtOnce = kWide;
};

// ln(1 + t) for t in [0, 1] to 3e-16: 2 artanh(t / (2 + t)) by its series.
static inline Lanes log_one_plus(Lanes t) {
  const Lanes s = t / (t + 2.0), q = s * s;
  Lanes p = q * (1.0 / 31) + 1.0 / 29;
  for (int k = 27; k >= 1; k -= 2) p = p * q + 1.0 / k;
  return 2.0 * s * p;
}

typedef int32_t WideBits __attribute__((vector_size(kWide * sizeof(int32_t))));

// exp(x) for x <= 0 to 2e-7, as lanes.h has it in double; below -87, where it would not be a normal float, 0.
static inline Wide exponential(Wide x) {
  const Wide lowest = -87.0f - Wide{};
  const Wide held = x > lowest ? x : lowest;
  const Wide shifted = held * 1.44269504f + 12582912.0f;  // 1.5 * 2^23 rounds to a whole number
  const Wide n = shifted - 12582912.0f;
  const Wide r = (held - n * 0.693359375f) + n * 2.12194440e-4f;
  Wide p = r * (1.0f / 5040) + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const Wide whole = std::bit_cast<Wide>(std::bit_cast<WideBits>(p) + (std::bit_cast<WideBits>(shifted) << 23));
  return x < lowest ? Wide{} : whole;
}

// Of linear predictors z and observations y: the residuals y - mean, and the log-likelihood up to what y alone says.
template <int64_t kFamily, bool kValue, typename V>
static inline V residual(V z, V y, V& value) {
  const V none{}, one = none + 1;
  if constexpr (kFamily == kGaussian) {
    if constexpr (kValue) value = y * z - 0.5 * z * z;
    return y - z;
  } else {
    const V t = exponential(z > none ? -z : z);
    if constexpr (kFamily == kBernoulli) {
      if constexpr (kValue) value = y * z - (z > none ? z : none) - log_one_plus(t);
      return y - (z > none ? one : t) / (t + one);
    } else {
      const V mean = z > none ? one / t : t;
      if constexpr (kValue) value = y * z - mean;
      return y - mean;
    }
  }
}

template <typename R>
struct Rows {
  const R *x, *y, *weight;  // (d, n), (n,), (n,): n a multiple of kFilled, with weights of 0 to fill it
};

struct Model {
  Rows<double> exact;
  Rows<float> single;
  int64_t n, d;
  double precision;  // of the coefficients' prior
};

// Adds what rows first to last say of theta (d, kChains) to slope (d, kChains) and, if asked for, to value (kChains,);
// sums: room for d kChains registers.
template <int64_t kFamily, bool kValue, typename R>
static void add(const Rows<R>& rows, const Model& m, int64_t first, int64_t last, const R* theta, double* value,
                double* slope, typename Held<R>::Register* sums) {
  typedef typename Held<R>::Register V;
  constexpr int kAtOnce = Held<R>::kAtOnce;
  std::fill(sums, sums + m.d * kChains, V{});
  V values[kChains] = {};
  for (int64_t at = first; at < last; at += kRows * kAtOnce) {
    V z[kChains][kRows] = {};
    for (int64_t j = 0; j < m.d; ++j) {
      const R *x = rows.x + j * m.n + at, *coefficient = theta + j * kChains;
      for (int u = 0; u < kRows; ++u) {
        const V held = load(x + u * kAtOnce);
        for (int c = 0; c < kChains; ++c) z[c][u] += held * coefficient[c];
      }
    }
    for (int u = 0; u < kRows; ++u) {
      const V y = load(rows.y + at + u * kAtOnce), weight = load(rows.weight + at + u * kAtOnce);
      for (int c = 0; c < kChains; ++c) {
        V each{};
        z[c][u] = weight * residual<kFamily, kValue>(z[c][u], y, each);
        if constexpr (kValue) values[c] += weight * each;
      }
    }
    for (int64_t j = 0; j < m.d; ++j) {
      const R* x = rows.x + j * m.n + at;
      V* sum = sums + j * kChains;
      for (int u = 0; u < kRows; ++u) {
        const V held = load(x + u * kAtOnce);
        for (int c = 0; c < kChains; ++c) sum[c] += held * z[c][u];
      }
    }
  }
  for (int64_t k = 0; k < m.d * kChains; ++k) {
    for (int i = 0; i < kAtOnce; ++i) slope[k] += sums[k][i];
  }
  for (int c = 0; kValue && c < kChains; ++c) {
    for (int i = 0; i < kAtOnce; ++i) value[c] += values[c][i];
  }
}

// theta (d, kChains) -> slope (d, kChains) and, if asked for, value (kChains,).
template <int64_t kFamily, bool kValue, typename R>
static void look(const Rows<R>& rows, const Model& m, const R* theta, double* value, double* slope,
                 typename Held<R>::Register* sums) {
  for (int64_t k = 0; k < m.d * kChains; ++k) slope[k] = -m.precision * theta[k];
  for (int c = 0; kValue && c < kChains; ++c) {
    double squares = 0;
    for (int64_t j = 0; j < m.d; ++j) squares += theta[j * kChains + c] * theta[j * kChains + c];
    value[c] = -0.5 * m.precision * squares;
  }
  for (int64_t at = 0; at < m.n; at += kBlock) {
    add<kFamily, kValue, R>(rows, m, at, std::min(m.n, at + kBlock), theta, value, slope, sums);
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
  Doubles points(size), slope(size), momentum(size);
  std::vector<float> near(size);
  std::vector<Lanes> sums(size);
  std::vector<Wide> near_sums(size);
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
        near[k] = static_cast<float>(points[k]);
      }
      if (s < path.n_steps - 1) {
        look<kFamily, false>(m.single, m, near.data(), value, slope.data(), near_sums.data());
      }
    }
    look<kFamily, true>(m.exact, m, points.data(), value, slope.data(), sums.data());
    for (int64_t k = 0; path.n_steps && k < size; ++k) momentum[k] += 0.5 * path.step * slope[k];
    turn_back(points.data(), first, path.chains, m.d, path.points);
    turn_back(slope.data(), first, path.chains, m.d, path.slope);
    turn_back(momentum.data(), first, path.chains, m.d, path.momentum);
    std::copy(value, value + std::min<int64_t>(kChains, path.chains - first), path.value + first);
  }
}

static double* writable(const Tensor& t) { return static_cast<double*>(t.mutable_data_ptr()); }
static const double* readable(const Tensor& t) { return static_cast<const double*>(t.const_data_ptr()); }

template <typename R>
static Rows<R> rows_of(const std::vector<Tensor>& held) {
  const auto at = [&](int i) { return static_cast<const R*>(held[i].const_data_ptr()); };
  return {at(0), at(1), at(2)};
}

// points, slope, momentum: (chains, d), moved along n_steps of leapfrog in place; value: (chains,), the log posterior at
// the end, all double. Without steps slope and value are those of the points. exact, single: x' (d, n), y and weight (n,)
// in double and in float.
void leapfrog(Tensor points, Tensor slope, Tensor momentum, Tensor value, const Tensor& drift, double step,
              int64_t n_steps, std::vector<Tensor> exact, std::vector<Tensor> single, double precision, int64_t family) {
  const Model m{rows_of<double>(exact), rows_of<float>(single), exact[0].size(1), exact[0].size(0), precision};
  STD_TORCH_CHECK(points.size(1) == m.d && drift.numel() == m.d, "points of ", m.d, " coefficients");
  STD_TORCH_CHECK(m.n % kFilled == 0, "rows filled up to a multiple of ", kFilled);
  const Path path{writable(points), writable(slope), writable(momentum), writable(value),
                  readable(drift),  step,            points.size(0),     n_steps};
  if (family == kGaussian) follow<kGaussian>(m, path);
  if (family == kBernoulli) follow<kBernoulli>(m, path);
  if (family == kPoisson) follow<kPoisson>(m, path);
}

STABLE_TORCH_LIBRARY(parnassus_glm, m) {
  m.def(
      "leapfrog(Tensor(a!) points, Tensor(b!) slope, Tensor(c!) momentum, Tensor(d!) value, Tensor drift, float step, "
      "int n_steps, Tensor[] exact, Tensor[] single, float precision, int family) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_glm, CPU, m) { m.impl("leapfrog", TORCH_BOX(&leapfrog)); }
