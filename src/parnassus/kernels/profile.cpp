// The matrix profile of a series with itself, float64: along a diagonal of the table of all pairs of windows, the
// covariance of one pair follows from that of the pair before. The twin is in parnassus.functional.subsequences.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "lanes.h"
#include "pieces.h"

using torch::stable::Tensor;

constexpr int kAbreast = 16;     // diagonals side by side
constexpr int64_t kGroups = 16;  // each with a best of its own, merged in order: the same for any number of threads

struct Series {
  const double *y, *mean, *inverse, *df, *dg;  // inverse: one over the norm of a window, 0 where it is constant
  int64_t n, window;                           // n windows
};

struct Best {
  std::vector<double> value;
  std::vector<int64_t> at;
};

static double covariance(const Series& s, int64_t i, int64_t j) {
  double sum = 0;
  for (int64_t k = 0; k < s.window; ++k) sum += (s.y[i + k] - s.mean[i]) * (s.y[j + k] - s.mean[j]);
  return sum;
}

static bool any(Bits found) {
  int64_t parts[kLanes], all = 0;
  std::memcpy(parts, &found, sizeof(found));
  for (int k = 0; k < kLanes; ++k) all |= parts[k];
  return all != 0;
}

static void keep(Best& best, int64_t i, double value, int64_t at) {
  if (value > best.value[i]) {
    best.value[i] = value;
    best.at[i] = at;
  }
}

// rows [begin, end) of the diagonals d .. d + kAbreast - 1, all of which have these rows
static void strip(const Series& s, int64_t d, int64_t begin, int64_t end, Best& best) {
  constexpr int kVectors = kAbreast / kLanes;
  double first[kAbreast];
  for (int64_t k = 0; k < kAbreast; ++k) first[k] = covariance(s, begin, begin + d + k);
  Lanes c[kVectors], r[kVectors];
  for (int v = 0; v < kVectors; ++v) c[v] = load(first + v * kLanes);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t j = i + d;
    if (i > begin) {
      for (int v = 0; v < kVectors; ++v) {
        c[v] += s.df[i] * load(s.dg + j + v * kLanes) + load(s.df + j + v * kLanes) * s.dg[i];
      }
    }
    Bits higher{};
    for (int v = 0; v < kVectors; ++v) {
      r[v] = c[v] * s.inverse[i] * load(s.inverse + j + v * kLanes);
      higher |= (r[v] > best.value[i]) | (r[v] > load(best.value.data() + j + v * kLanes));
    }
    if (!any(higher)) continue;  // as in nearly all rows, once a few diagonals are done
    std::memcpy(first, r, sizeof(first));
    for (int k = 0; k < kAbreast; ++k) keep(best, j + k, first[k], i);
    const double* top = std::max_element(first, first + kAbreast);
    keep(best, i, *top, j + (top - first));
  }
}

static void diagonal(const Series& s, int64_t d, int64_t begin, Best& best) {
  if (begin >= s.n - d) return;
  double c = covariance(s, begin, begin + d);
  for (int64_t i = begin; i + d < s.n; ++i) {
    const int64_t j = i + d;
    if (i > begin) c += s.df[i] * s.dg[j] + s.df[j] * s.dg[i];
    const double r = c * s.inverse[i] * s.inverse[j];
    keep(best, j, r, i);
    keep(best, i, r, j);
  }
}

// y: (time,); mean, inverse, df, dg: (n,); value, at: (n,), filled with what counts as no neighbour
void self_join(const Tensor& y, const Tensor& mean, const Tensor& inverse, const Tensor& df, const Tensor& dg,
               int64_t first, int64_t restart, Tensor value, Tensor at, int64_t n_threads) {
  const auto read = [](const Tensor& t) { return static_cast<const double*>(t.const_data_ptr()); };
  const int64_t n = mean.size(0);
  const Series s{read(y), read(mean), read(inverse), read(df), read(dg), n, y.size(0) - n + 1};
  double* out = static_cast<double*>(value.mutable_data_ptr());
  int64_t* where = static_cast<int64_t*>(at.mutable_data_ptr());
  const Best none{std::vector<double>(out, out + n), std::vector<int64_t>(where, where + n)};
  std::vector<Best> bests(kGroups, none);
  const int64_t n_strips = std::max<int64_t>(0, (n - first + kAbreast - 1) / kAbreast);
  share_out(kGroups, n_threads, [&](int64_t group, int64_t) {
    for (int64_t block = group; block < n_strips; block += kGroups) {
      const int64_t d = first + block * kAbreast;
      const int64_t shared = std::max<int64_t>(0, n - d - kAbreast + 1);  // rows that all lanes have
      for (int64_t begin = 0; begin < shared; begin += restart) {
        strip(s, d, begin, std::min(shared, begin + restart), bests[group]);
      }
      for (int64_t k = 0; k < kAbreast && d + k < n; ++k) diagonal(s, d + k, shared, bests[group]);
    }
  });
  for (const Best& best : bests) {
    for (int64_t i = 0; i < n; ++i) {
      const bool better = best.value[i] > out[i] || (best.value[i] == out[i] && best.at[i] >= 0 && best.at[i] < where[i]);
      if (better) {
        out[i] = best.value[i];
        where[i] = best.at[i];
      }
    }
  }
}

STABLE_TORCH_LIBRARY(parnassus_profile, m) {
  m.def(
      "self_join(Tensor y, Tensor mean, Tensor inverse, Tensor df, Tensor dg, int first, int restart, Tensor(a!) value,"
      " Tensor(b!) at, int n_threads) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_profile, CPU, m) { m.impl("self_join", TORCH_BOX(&self_join)); }
