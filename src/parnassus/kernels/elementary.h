// Functions of one number without a branch or a call, so that a compiler computes many side by side, as std::exp,
// std::log and a generator with a state would keep it from doing. Include this last: products are added up by fused
// multiply-adds in all that follows.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

constexpr float kLowest = -87.0f;  // exp of anything lower is not a normal float

// exp(x) for x in [kLowest, 0] to 2e-7: x = n ln 2 + r, a polynomial of r, and n put into the exponent's bits.
static inline float exponential(float x) {
  x = std::max(x, kLowest);
  const float shifted = x * 1.44269504f + 12582912.0f;  // 1.5 * 2^23 rounds to a whole number
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

struct Parts {
  float m;
  int32_t n;
};

// A normal x above 0 as 2^n m, m from sqrt 1/2 to sqrt 2.
static inline Parts parts_of(float x) {
  const int32_t bits = std::bit_cast<int32_t>(x), n = (bits - 0x3f3504f3) >> 23;
  return {std::bit_cast<float>(bits - (n << 23)), n};
}

// ln x of a normal x above 0 to 1e-7: a polynomial of m - 1, and n ln 2 (Cephes).
static inline float logarithm(float x) {
  const Parts parts = parts_of(x);
  const float m = parts.m - 1.0f, k = static_cast<float>(parts.n);
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  p = p * m * m * m - 2.12194440e-4f * k - 0.5f * m * m;
  return (m + p) + 0.693359375f * k;
}

// The bits at place `at` of the stream of this seed: what SplitMix64 that starts there gives at its step at + 1.
static inline uint64_t bits_at(uint64_t seed, uint64_t at) {
  uint64_t z = seed + (at + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}
