// Doubles side by side, as many as a register of this processor holds.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

#ifdef __AVX512F__
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
typedef double Lanes __attribute__((vector_size(kLanes * sizeof(double))));
typedef int64_t Bits __attribute__((vector_size(kLanes * sizeof(int64_t))));

// Doubles that begin where a cache line does: a register full of them that lay across two would be read in twice the time.
template <typename T>
struct Lined {
  using value_type = T;
  static constexpr std::align_val_t line{64};
  T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), line)); }
  void deallocate(T* held, size_t) { ::operator delete(held, line); }
  bool operator==(const Lined&) const { return true; }
};
using Doubles = std::vector<double, Lined<double>>;

static inline Lanes load(const double* at) {
  Lanes held;
  std::memcpy(&held, at, sizeof(held));
  return held;
}

static inline void store(double* at, Lanes held) { std::memcpy(at, &held, sizeof(held)); }

// exp(x) for x <= 0 to 3e-16: x = n ln 2 + r, a polynomial of r, and n put into the exponent's bits.
// std::exp would keep a compiler from computing rows side by side.
static inline Lanes exponential(Lanes x) {
  const Lanes lowest = -708.0 - Lanes{};
  const Lanes held = x > lowest ? x : lowest;
  const Lanes shifted = held * 1.4426950408889634 + 6755399441055744.0;  // 1.5 * 2^52 rounds to a whole number
  const Lanes n = shifted - 6755399441055744.0;
  const Lanes r = (held - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
  Lanes p = r * (1.0 / 479001600) + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  const Lanes whole = std::bit_cast<Lanes>(std::bit_cast<Bits>(p) + (std::bit_cast<Bits>(shifted) << 52));
  return x < lowest ? Lanes{} : whole;
}
