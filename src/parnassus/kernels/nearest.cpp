// A round of k-means: the nearest of several centers, for many rows, and what the rows nearest to each add up to, in float64.
// Which center is nearest is asked in float32 first, sixteen rows at once, and in float64 where two are nearer to each
// other than float32 can err: the answers are those of float64.
// The twin is parnassus.functional.mixtures.lloyd_step; both agree to rounding.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "lanes.h"
#include "pieces.h"
#include "wide.h"

using torch::stable::Tensor;

constexpr int64_t kBlock = 128;  // rows
constexpr int64_t kVectors = kBlock / kWide;
constexpr int kTall = 4;  // centers of a tile
constexpr int kAside = 4;  // vectors of a tile

static Lanes counted_up() {
  Lanes held;
  for (int i = 0; i < kLanes; ++i) held[i] = i;
  return held;
}
static const Lanes kCount = counted_up();

struct Centers {
  int64_t k, d, depth;                 // depth: d up to whole vectors
  Doubles exact;                       // (k, depth), zeros behind d
  std::vector<float> slopes, squares;  // -2 c (k, d) and |c|^2 (k,)
  float largest = 0;                   // of |c|^2

  Centers(const double* centers, int64_t k, int64_t d)
      : k(k), d(d), depth((d + kLanes - 1) / kLanes * kLanes), exact(k * depth), slopes(k * d), squares(k) {
    for (int64_t c = 0; c < k; ++c) {
      std::copy_n(centers + c * d, d, exact.data() + c * depth);
      double square = 0;
      for (int64_t i = c * d; i < (c + 1) * d; ++i) {
        slopes[i] = static_cast<float>(-2 * centers[i]);
        square += centers[i] * centers[i];
      }
      squares[c] = static_cast<float>(square);
      largest = std::max(largest, squares[c]);
    }
  }
};

// z (d, kBlock): rows about the origin, zeros where there is no row.
template <typename Number>
static void turn(const Number* x, const double* origin, int64_t n, int64_t d, float* z) {
  for (int64_t j = 0; j < d; ++j) {
    const auto most = static_cast<Number>(origin[j]), rest = static_cast<Number>(origin[j] - most);
    float* own = z + j * kBlock;
    for (int64_t i = 0; i < n; ++i) own[i] = static_cast<float>(x[i * d + j] - most - rest);
    std::fill(own + n, own + kBlock, 0.0f);
  }
}

// scores (k, kBlock) of N centers from the first on: |c|^2 - 2 c z
template <int N>
static void score(const Centers& all, int64_t first, const float* z, float* scores) {
  for (int64_t at = 0; at < kVectors; at += kAside) {
    Wide sum[N][kAside];
    for (int c = 0; c < N; ++c) {
      for (int v = 0; v < kAside; ++v) sum[c][v] = all.squares[first + c] - Wide{};
    }
    for (int64_t j = 0; j < all.d; ++j) {
      Wide own[kAside];
      for (int v = 0; v < kAside; ++v) own[v] = load(z + j * kBlock + (at + v) * kWide);
      for (int c = 0; c < N; ++c) {
        for (int v = 0; v < kAside; ++v) sum[c][v] += own[v] * all.slopes[(first + c) * all.d + j];
      }
    }
    for (int c = 0; c < N; ++c) {
      for (int v = 0; v < kAside; ++v) store(scores + (first + c) * kBlock + (at + v) * kWide, sum[c][v]);
    }
  }
}

// The center of the least score, and by how much the next exceeds it beyond what rounding can have done. A score errs by
// less than (d + 6) 2^-24 (|c|^2 + 2 |c| |z|), and 2 |c| |z| is no more than |c|^2 + |z|^2.
static void nearest(const Centers& all, const float* scores, const float* z, float* which, float* sure) {
  const float one = 2.1f * static_cast<float>(all.d + 6) * 6e-8f;
  const float none = static_cast<float>(all.d + 6) * std::numeric_limits<float>::min();
  for (int64_t at = 0; at < kBlock; at += kWide) {
    Wide low = load(scores + at), next = std::numeric_limits<float>::infinity() - Wide{}, name{}, square{};
    for (int64_t c = 1; c < all.k; ++c) {
      const Wide own = load(scores + c * kBlock + at), greater = own < low ? low : own, here = static_cast<float>(c) - Wide{};
      next = greater < next ? greater : next;
      name = own < low ? here : name;
      low = own < low ? own : low;
    }
    for (int64_t j = 0; j < all.d; ++j) square += load(z + j * kBlock + at) * load(z + j * kBlock + at);
    store(which + at, name);
    store(sure + at, next - low - (one * (2 * all.largest + square) + none));
  }
}

// A row about the origin, in vectors, zeros behind its end. What lies between its end and that of all rows may be read.
template <typename Number>
struct Row {
  const Number *at, *end;
  const double* origin;  // (depth,)
  int64_t d;

  Lanes operator[](int64_t j) const {
    typedef Number Held __attribute__((vector_size(kLanes * sizeof(Number))));
    Held held{};
    if (end - at - j >= kLanes) std::memcpy(&held, at + j, sizeof(held));
    else std::memcpy(&held, at + j, (end - at - j) * sizeof(Number));
    const Lanes z = __builtin_convertvector(held, Lanes) - load(origin + j);
    return d - j >= kLanes ? z : kCount < static_cast<double>(d - j) - Lanes{} ? z : Lanes{};
  }
};

// |z - c|^2; center (depth,)
template <typename Number>
static double squared_distance(const Row<Number>& row, const double* center) {
  Lanes held{};
  for (int64_t j = 0; j < row.d; j += kLanes) {
    const Lanes away = row[j] - load(center + j);
    held += away * away;
  }
  double sum = 0;
  for (int i = 0; i < kLanes; ++i) sum += held[i];
  return sum;
}

// The first of the nearest centers, in float64.
template <typename Number>
static int64_t nearest_of(const Centers& all, const Row<Number>& row) {
  int64_t found = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t c = 0; c < all.k; ++c) {
    const double own = squared_distance(row, all.exact.data() + c * all.depth);
    if (own < least) {
      least = own;
      found = c;
    }
  }
  return found;
}

// What a piece of rows adds up: counts (k,), rows (k, depth), and squared distances.
struct Sums {
  Doubles counts, rows;
  double inertia = 0;
};

// x (n, d) float or double; centers about the origin (d,); share (n,), or null where each row counts 1. labels (n,), the
// first of equally near centers, and distance (n,), squared, are written unless they are null.
template <typename Number>
static std::vector<Sums> round_of(const Number* x, const double* origin, const double* share, const Centers& all, int64_t n,
                                  int64_t* label, double* distance, int64_t n_threads) {
  const int64_t d = all.d, depth = all.depth, k = all.k;
  Doubles middle(depth);
  std::copy_n(origin, d, middle.data());
  std::vector<Sums> pieces((n + kPiece - 1) / kPiece);
  over_pieces(n, n_threads, [&](int64_t p, int64_t begin, int64_t end) {
    Sums& own = pieces[p];
    own.counts.assign(k, 0.0);
    own.rows.assign(k * depth, 0.0);
    Lanes inertia{};
    std::vector<float, Lined<float>> z(d * kBlock), scores(k * kBlock), which(kBlock), sure(kBlock);
    for (int64_t at = begin; at < end; at += kBlock) {
      const int64_t m = std::min(kBlock, end - at);
      turn(x + at * d, origin, m, d, z.data());
      int64_t first = 0;
      for (; first + kTall <= k; first += kTall) score<kTall>(all, first, z.data(), scores.data());
      for (; first < k; ++first) score<1>(all, first, z.data(), scores.data());
      nearest(all, scores.data(), z.data(), which.data(), sure.data());
      for (int64_t i = 0; i < m; ++i) {
        const Row<Number> row{x + (at + i) * d, x + n * d, middle.data(), d};
        const int64_t c = sure[i] > 0 ? static_cast<int64_t>(which[i]) : nearest_of(all, row);
        const double counted = share ? share[at + i] : 1.0, *center = all.exact.data() + c * depth;
        double* into = own.rows.data() + c * depth;
        own.counts[c] += counted;
        for (int64_t j = 0; j < d; j += kLanes) {
          const Lanes z = row[j], away = z - load(center + j);
          store(into + j, load(into + j) + z * counted);
          inertia += away * away * counted;
        }
        if (label) {
          label[at + i] = c;
          distance[at + i] = squared_distance(row, center);
        }
      }
    }
    for (int i = 0; i < kLanes; ++i) own.inertia += inertia[i];
  });
  return pieces;
}

// centers (k, d) about the origin; share (n,), or empty; inertia (1,), counts (k,) and sums (k, d) are added to; labels
// (n,) int64 and distance (n,) may be empty; all contiguous, double but x.
void lloyd(const Tensor& x, const Tensor& origin, const Tensor& share, const Tensor& centers, Tensor inertia,
           Tensor counts, Tensor sums, Tensor labels, Tensor distance, int64_t n_threads) {
  const auto read = [](const Tensor& t) { return static_cast<const double*>(t.const_data_ptr()); };
  const auto write = [](Tensor& t) { return static_cast<double*>(t.mutable_data_ptr()); };
  const int64_t n = x.size(0), d = x.size(1), k = centers.size(0);
  const Centers all(read(centers), k, d);
  const double* shares = share.numel() ? read(share) : nullptr;
  int64_t* label = labels.numel() ? static_cast<int64_t*>(labels.mutable_data_ptr()) : nullptr;
  const auto found = [&](const auto* rows) {
    return round_of(rows, read(origin), shares, all, n, label, write(distance), n_threads);
  };
  const bool single = x.scalar_type() == torch::headeronly::ScalarType::Float;
  for (const Sums& own : single ? found(static_cast<const float*>(x.const_data_ptr()))
                                : found(static_cast<const double*>(x.const_data_ptr()))) {
    write(inertia)[0] += own.inertia;
    for (int64_t c = 0; c < k; ++c) {
      write(counts)[c] += own.counts[c];
      for (int64_t j = 0; j < d; ++j) write(sums)[c * d + j] += own.rows[c * all.depth + j];
    }
  }
}

STABLE_TORCH_LIBRARY(parnassus_nearest, m) {
  m.def(
      "lloyd(Tensor x, Tensor origin, Tensor share, Tensor centers, Tensor(a!) inertia, Tensor(b!) counts, "
      "Tensor(c!) sums, Tensor(d!) labels, Tensor(e!) distance, int n_threads) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_nearest, CPU, m) { m.impl("lloyd", TORCH_BOX(&lloyd)); }
