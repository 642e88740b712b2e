// Rows in blocks of kBlock, turned so that loops run along rows: scores of diagonal Gaussians, and weighted sums of rows and
// of their squares. Every kPiece rows have sums of their own, which are added in order: results are the same for any number
// of threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "lanes.h"
#include "pieces.h"

constexpr int kWide = kLanes / 2;

constexpr int64_t kBlock = 128;
constexpr int64_t kVectors = kBlock / kLanes;
constexpr int kTall = 4;  // densities of a tile

static inline double total(Lanes held) {
  double parts[kLanes];
  std::memcpy(parts, &held, sizeof(held));
  double sum = 0;
  for (int i = 0; i < kLanes; ++i) sum += parts[i];
  return sum;
}

// z (2 d, kBlock): rows about the origin and their squares, zeros where there is no row.
template <typename Number>
static void turn(const Number* x, const double* origin, int64_t n, int64_t d, double* z) {
  for (int64_t j = 0; j < d; ++j) {
    double* own = z + j * kBlock;
    for (int64_t i = 0; i < n; ++i) own[i] = static_cast<double>(x[i * d + j]) - origin[j];
    std::fill(own + n, own + kBlock, 0.0);
    double* square = own + d * kBlock;
    for (int64_t i = 0; i < kBlock; ++i) square[i] = own[i] * own[i];
  }
}

struct Densities {
  const double *slopes, *curves, *bias;  // (k, d), (k, d), (k,)
  int64_t k, d;
};

template <int N>
static void score_tile(const Densities& all, int64_t first, const double* z, double* out) {
  const double *slopes = all.slopes + first * all.d, *curves = all.curves + first * all.d;
  for (int64_t at = 0; at < kVectors; at += kWide) {
    Lanes sum[N][kWide];
    for (int k = 0; k < N; ++k) {
      for (int v = 0; v < kWide; ++v) sum[k][v] = all.bias[first + k] - Lanes{};
    }
    for (int64_t j = 0; j < all.d; ++j) {
      Lanes own[kWide];
      for (int v = 0; v < kWide; ++v) own[v] = load(z + j * kBlock + (at + v) * kLanes);
      for (int k = 0; k < N; ++k) {
        const double slope = slopes[k * all.d + j], curve = curves[k * all.d + j];
        for (int v = 0; v < kWide; ++v) sum[k][v] += (own[v] * curve + slope) * own[v];
      }
    }
    for (int k = 0; k < N; ++k) {
      for (int v = 0; v < kWide; ++v) store(out + (first + k) * kBlock + (at + v) * kLanes, sum[k][v]);
    }
  }
}

// out (k, kBlock) receives bias + sum_j (slope z + curve z^2).
static void score(const Densities& all, const double* z, double* out) {
  int64_t k = 0;
  for (; k + kTall <= all.k; k += kTall) score_tile<kTall>(all, k, z, out);
  for (; k < all.k; ++k) score_tile<1>(all, k, z, out);
}

template <int M, int N>
static void product_tile(const double* gamma, const double* z, double* sums, int64_t stride) {
  Lanes held[M][N] = {};
  for (int64_t v = 0; v < kVectors; ++v) {
    Lanes own[N];
    for (int j = 0; j < N; ++j) own[j] = load(z + j * kBlock + v * kLanes);
    for (int k = 0; k < M; ++k) {
      const Lanes share = load(gamma + k * kBlock + v * kLanes);
      for (int j = 0; j < N; ++j) held[k][j] += share * own[j];
    }
  }
  for (int k = 0; k < M; ++k) {
    for (int j = 0; j < N; ++j) store(sums + (k * stride + j) * kLanes, load(sums + (k * stride + j) * kLanes) + held[k][j]);
  }
}

// sums (k, f, kLanes) += gamma (k, kBlock) z' (kBlock, f)
static void add_products(const double* gamma, const double* z, int64_t n_k, int64_t f, double* sums) {
  for (int64_t k = 0; k < n_k;) {
    const int64_t tall = k + kTall <= n_k ? kTall : 1;
    for (int64_t j = 0; j < f;) {
      const double *own = gamma + k * kBlock, *with = z + j * kBlock;
      double* into = sums + (k * f + j) * kLanes;
      const int64_t wide = j + kWide <= f ? kWide : 1;
      if (tall > 1 && wide > 1) product_tile<kTall, kWide>(own, with, into, f);
      else if (tall > 1) product_tile<kTall, 1>(own, with, into, f);
      else if (wide > 1) product_tile<1, kWide>(own, with, into, f);
      else product_tile<1, 1>(own, with, into, f);
      j += wide;
    }
    k += tall;
  }
}

static void add_counts(const double* gamma, int64_t n_k, double* counts) {
  for (int64_t k = 0; k < n_k; ++k) {
    Lanes held{};
    for (int64_t v = 0; v < kVectors; ++v) held += load(gamma + k * kBlock + v * kLanes);
    counts[k] += total(held);
  }
}

// What a piece of rows adds up: counts (k,), z and z^2 (k, 2 d) a lane each, and the log-likelihoods (runs,).
struct Sums {
  Doubles counts, products, likelihood, worst;
  std::vector<int64_t> where;
};

static void add_up(const std::vector<Sums>& pieces, int64_t k, int64_t f, double* counts, double* products) {
  for (const Sums& own : pieces) {
    for (int64_t i = 0; i < k; ++i) counts[i] += own.counts[i];
    for (int64_t i = 0; i < k * f; ++i) products[i] += total(load(own.products.data() + i * kLanes));
  }
}

// Adds what rows x (n, d) say, which count shares (n, k); z (2 d kBlock,) and turned (k kBlock,) are room to work in.
template <typename Number>
static void add_moments(const Number* x, const double* origin, const double* shares, int64_t n, int64_t d, int64_t k,
                        double* z, double* turned, Sums& own) {
  for (int64_t at = 0; at < n; at += kBlock) {
    const int64_t m = std::min(kBlock, n - at);
    turn(x + at * d, origin, m, d, z);
    if (m < kBlock) std::fill(turned, turned + k * kBlock, 0.0);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < k; ++j) turned[j * kBlock + i] = shares[(at + i) * k + j];
    }
    add_counts(turned, k, own.counts.data());
    add_products(turned, z, k, 2 * d, own.products.data());
  }
}

// out: density j's scores of rows x (n, d) from j * stride on
template <typename Number>
static void write_scores(const Densities& all, const Number* x, const double* origin, int64_t n, int64_t stride, double* z,
                       double* found, double* out) {
  for (int64_t at = 0; at < n; at += kBlock) {
    const int64_t m = std::min(kBlock, n - at);
    turn(x + at * all.d, origin, m, all.d, z);
    score(all, z, found);
    for (int64_t j = 0; j < all.k; ++j) std::copy_n(found + j * kBlock, m, out + j * stride + at);
  }
}
