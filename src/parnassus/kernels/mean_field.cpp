// Weights that are normal numbers of their own: noise, the weights drawn with it, and the slopes of the evidence lower
// bound, each in one pass. The twins are in parnassus.functional.places (normals) and parnassus.functional.bayes.drawn;
// the noise is of the same bits, and all agree to rounding.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>
#include <torch/headeronly/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "elementary.h"

using torch::stable::Tensor;

constexpr int64_t kPairs = 64;      // of numbers drawn from one word each; a chunk holds first all cosines, then sines
constexpr int64_t kPiece = 1 << 12;  // numbers of which a sum is taken in floats

static float* writable(const Tensor& t) { return static_cast<float*>(t.mutable_data_ptr()); }
static const float* readable(const Tensor& t) { return static_cast<const float*>(t.const_data_ptr()); }

// Box and Muller's pairs: r cos a and r sin a, r^2 = -2 ln u and a = 2 pi (v - 1/2), by the sine and cosine of a / 2.
static void chunk_of_normals(uint64_t seed, int64_t chunk, float* to) {
  float u[kPairs], v[kPairs];
  for (int64_t i = 0; i < kPairs; ++i) {
    const uint64_t z = bits_at(seed, static_cast<uint64_t>(chunk * kPairs + i));
    u[i] = static_cast<float>(static_cast<int32_t>(z >> 40));
    v[i] = static_cast<float>(static_cast<int32_t>((z >> 16) & 0xffffff));
  }
  for (int64_t i = 0; i < kPairs; ++i) {
    const float r = std::sqrt(-2.0f * logarithm((u[i] + 0.5f) * 0x1p-24f));
    const float half = ((v[i] + 0.5f) * 0x1p-24f - 0.5f) * 3.14159265f, h = half * half;
    const float sine = half * (1 + h * (-1 / 6.0f + h * (1 / 120.0f + h * (-1 / 5040.0f + h * (1 / 362880.0f
                       + h * (-1 / 39916800.0f))))));
    const float cosine = 1 + h * (-0.5f + h * (1 / 24.0f + h * (-1 / 720.0f + h * (1 / 40320.0f + h * (-1 / 3628800.0f
                         + h * (1 / 479001600.0f))))));
    to[i] = r * (1 - 2 * sine * sine);
    to[kPairs + i] = r * 2 * sine * cosine;
  }
}

// out: float, end to end, filled with standard normal numbers that seed, one int64, fixes.
void normals(const Tensor& seed, Tensor out) {
  const uint64_t state = static_cast<uint64_t>(*static_cast<const int64_t*>(seed.const_data_ptr()));
  const int64_t n = out.numel(), whole = n / (2 * kPairs);
  float* to = writable(out);
  for (int64_t c = 0; c < whole; ++c) chunk_of_normals(state, c, to + c * 2 * kPairs);
  float last[2 * kPairs];
  chunk_of_normals(state, whole, last);
  std::copy(last, last + n % (2 * kPairs), to + whole * 2 * kPairs);
}

struct Spread {
  float std, up, down;  // softplus(rho), and its derivative, up / down
};

static inline Spread spread_of(float rho) {
  const float t = exponential(-std::fabs(rho)), u = 1.0f + t;
  const float lost = t - (u - 1.0f);  // by rounding; it counts for lost / u, which this line from 1 to 2 is near enough
  const float more = logarithm(u) + lost * (1.5f - 0.5f * u);
  return {(rho > 0.0f ? rho : 0.0f) + more, rho > 0.0f ? 1.0f : t, u};
}

struct Prior {
  float narrow, share, pull;  // 1 / (2 std^2), what the divergence counts for, and that over std^2

  Prior(double std, double c)
      : narrow(static_cast<float>(0.5 / (std * std))),
        share(static_cast<float>(c)),
        pull(static_cast<float>(c / (std * std))) {}
};

static void check(const std::vector<Tensor>& means, const std::vector<Tensor>& others, const Tensor& noise) {
  int64_t n = 0;
  STD_TORCH_CHECK(means.size() == others.size(), "a tensor for each of the means");
  for (size_t k = 0; k < means.size(); ++k) {
    STD_TORCH_CHECK(means[k].numel() == others[k].numel(), "of the shape of the means");
    n += means[k].numel();
  }
  STD_TORCH_CHECK(n == noise.numel(), "noise for each weight");
}

// At most kPiece weights of one parameter; the sum of (std^2 + mean^2) narrow - ln std.
static float draw_piece(float* __restrict mean, const float* __restrict rho, float* __restrict by_rho,
                        float* __restrict e, float* __restrict old, Prior prior, int64_t n) {
  float squares[kPairs] = {}, product[kPairs];
  int32_t twos[kPairs] = {};
  std::fill(product, product + kPairs, 1.0f);
  for (int64_t i = 0; i < n; i += kPairs) {
    const int64_t m = std::min(kPairs, n - i);
    for (int64_t j = 0; j < m; ++j) {
      const float mu = mean[i + j], noise = e[i + j];
      const Spread spread = spread_of(rho[i + j]);
      const float s = spread.std, slope = spread.up / (spread.down * s);  // over s
      const Parts parts = parts_of(s);
      squares[j] += s * s + mu * mu;
      product[j] *= parts.m;  // of at most kPiece / kPairs = 64 such numbers, which is from 2^-32 to 2^32
      twos[j] += parts.n;
      old[i + j] = mu;
      mean[i + j] = mu + s * noise;
      by_rho[i + j] = (prior.pull * s * s - prior.share) * slope;
      e[i + j] = noise * (slope * s);
    }
  }
  float total = 0;
  for (int64_t j = 0; j < kPairs; ++j) {
    total += squares[j] * prior.narrow - (logarithm(product[j]) + static_cast<float>(twos[j]) * 0.693147181f);
  }
  return total;
}

// means, rhos, by_rhos: floats end to end, a tensor each parameter; noise, kept: float (all of them,). Weights mean +
// std noise come in place of the means, which go to `kept`, their slopes by rho in place of the noise, and those of
// share times the divergence from N(0, prior_std^2) into by_rhos. Returns that divergence.
Tensor draw(std::vector<Tensor> means, std::vector<Tensor> rhos, std::vector<Tensor> by_rhos, Tensor noise, Tensor kept,
            double share, double prior_std) {
  check(means, rhos, noise);
  check(means, by_rhos, noise);
  check(means, rhos, kept);
  float *e = writable(noise), *old = writable(kept);
  double total = static_cast<double>(noise.numel()) * (std::log(prior_std) - 0.5);
  for (size_t k = 0; k < means.size(); ++k) {
    const int64_t n = means[k].numel();
    float *mean = writable(means[k]), *by_rho = writable(by_rhos[k]);
    for (int64_t at = 0; at < n; at += kPiece) {
      const int64_t m = std::min(kPiece, n - at);
      total += draw_piece(mean + at, readable(rhos[k]) + at, by_rho + at, e + at, old + at, {prior_std, share}, m);
    }
    e += n;
    old += n;
  }
  Tensor divergence = torch::stable::new_empty(noise, {});
  *writable(divergence) = static_cast<float>(total);
  return divergence;
}

static void slopes_of(float* __restrict mean, float* __restrict by_mean, float* __restrict by_rho,
                      const float* __restrict by_noise, const float* __restrict old, float pull, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    by_rho[i] += by_mean[i] * by_noise[i];
    by_mean[i] += pull * old[i];
    mean[i] = old[i];
  }
}

// The means come back, and the likelihood's slopes by the weights, in by_means, become the whole loss's by the means;
// by_rhos, by_noise (the weights' slopes by rho) and kept are as `draw` left them.
void slopes(std::vector<Tensor> means, std::vector<Tensor> by_means, std::vector<Tensor> by_rhos,
            const Tensor& by_noise, const Tensor& kept, double share, double prior_std) {
  check(means, by_means, by_noise);
  check(means, by_rhos, kept);
  const Prior prior{prior_std, share};
  const float *e = readable(by_noise), *old = readable(kept);
  for (size_t k = 0; k < means.size(); ++k) {
    const int64_t n = means[k].numel();
    slopes_of(writable(means[k]), writable(by_means[k]), writable(by_rhos[k]), e, old, prior.pull, n);
    e += n;
    old += n;
  }
}

STABLE_TORCH_LIBRARY(parnassus_mean_field, m) {
  m.def("normals(Tensor seed, Tensor(a!) out) -> ()");
  m.def(
      "draw(Tensor(a!)[] means, Tensor[] rhos, Tensor(b!)[] by_rhos, Tensor(c!) noise, Tensor(d!) kept, float share, "
      "float prior_std) -> Tensor");
  m.def(
      "slopes(Tensor(a!)[] means, Tensor(b!)[] by_means, Tensor(c!)[] by_rhos, Tensor by_noise, Tensor kept, "
      "float share, float prior_std) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_mean_field, CPU, m) {
  m.impl("normals", TORCH_BOX(&normals));
  m.impl("draw", TORCH_BOX(&draw));
  m.impl("slopes", TORCH_BOX(&slopes));
}
