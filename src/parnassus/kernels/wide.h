// Floats side by side, as many as a register of this processor holds. Products are added up by fused multiply-adds, which
// halves their time: include this last, for it says so for all that follows.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__clang__)
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

#ifdef __AVX512F__
constexpr int kWide = 16;
#else
constexpr int kWide = 8;
#endif
typedef float Wide __attribute__((vector_size(kWide * sizeof(float))));

// n: how many there are; a copy of a size that the compiler knows is one instruction.
static inline Wide load(const float* at, int64_t n = kWide) {
  Wide held{};
  if (n >= kWide) {
    std::memcpy(&held, at, sizeof(held));
  } else {
    std::memcpy(&held, at, n * sizeof(float));
  }
  return held;
}

static inline void store(float* at, Wide held, int64_t n = kWide) {
  if (n >= kWide) {
    std::memcpy(at, &held, sizeof(held));
  } else {
    std::memcpy(at, &held, n * sizeof(float));
  }
}
