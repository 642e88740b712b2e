// What one query a row finds in the keys and values read so far, head by head: attention at a step of decoding. Rows may
// have read their steps in the memory of others, as the survivors of a beam search have. The twin is
// parnassus.functional.attention.lookback.looked_back.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "elementary.h"
#include "wide.h"

using torch::stable::Tensor;

constexpr int64_t kShare = 16'384;  // numbers that are worth a thread

typedef float Four __attribute__((vector_size(16)));

static inline float total(Wide held) {
  Four parts[kWide / 4];
  std::memcpy(parts, &held, sizeof(held));
  Four sum = parts[0] + parts[1];
  for (int i = 2; i < kWide / 4; ++i) sum += parts[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static inline float dot(const float* a, const float* b, int64_t n) {
  Wide sum{};
  int64_t i = 0;
  for (; i + kWide <= n; i += kWide) sum += load(a + i) * load(b + i);
  if (i < n) sum += load(a + i, n - i) * load(b + i, n - i);
  return total(sum);
}

static inline void add(float share, const float* v, int64_t n, float* out) {
  int64_t i = 0;
  for (; i + kWide <= n; i += kWide) store(out + i, load(out + i) + share * load(v + i));
  if (i < n) store(out + i, load(out + i, n - i) + share * load(v + i, n - i), n - i);
}

// scores (n,), -inf up to the next multiple of kWide, to exp(scores - largest); returns one over their sum, 0 where all are
// -inf.
static float weights_of(float* scores, int64_t n) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  Wide high = kNone - Wide{}, sum{};
  for (int64_t t = 0; t < n; t += kWide) {
    const Wide own = load(scores + t);
    high = own > high ? own : high;
  }
  float most = kNone;
  for (int i = 0; i < kWide; ++i) most = std::max(most, high[i]);
  if (most == kNone) most = 0.0f;  // nothing is seen, or what is no number
  for (int64_t t = 0; t < n; t += kWide) {
    float own[kWide];
    for (int i = 0; i < kWide; ++i) own[i] = scores[t + i] == kNone ? 0.0f : exponential(scores[t + i] - most);
    std::memcpy(scores + t, own, sizeof(own));
    sum += load(own);
  }
  const float all = total(sum);
  return all == 0.0f ? 0.0f : 1.0f / all;
}

// q, out (rows, heads, size), contiguous; k, v (memories, groups, steps, size) of one layout, whose last stride is 1; memory
// (rows, length) int64: where each step of a row lies; seen (rows, length) bool, or empty where a row sees all; bias (heads,
// length) is added to the scores, or empty.
void look(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& memory, const Tensor& seen, const Tensor& bias,
          double scale, Tensor out) {
  const int64_t rows = q.size(0), heads = q.size(1), size = q.size(2), length = memory.size(1);
  const int64_t shared = heads / k.size(1), by_memory = k.stride(0), by_group = k.stride(1), by_step = k.stride(2);
  const float *asked = static_cast<const float*>(q.const_data_ptr()), *keys = static_cast<const float*>(k.const_data_ptr());
  const float* values = static_cast<const float*>(v.const_data_ptr());
  const int64_t* held = static_cast<const int64_t*>(memory.const_data_ptr());
  const int64_t held_row = memory.stride(0), held_step = memory.stride(1);
  const bool* open = seen.numel() ? static_cast<const bool*>(seen.const_data_ptr()) : nullptr;
  const int64_t open_row = open ? seen.stride(0) : 0, open_step = open ? seen.stride(1) : 0;
  const float* added = bias.numel() ? static_cast<const float*>(bias.const_data_ptr()) : nullptr;
  float* found = static_cast<float*>(out.mutable_data_ptr());
  const int64_t grain = std::max<int64_t>(1, kShare / std::max<int64_t>(1, length * size));
  torch::stable::parallel_for(0, rows * heads, grain, [&](int64_t first, int64_t end) {
    std::vector<float> scores((length + kWide - 1) / kWide * kWide, -std::numeric_limits<float>::infinity());
    for (int64_t at = first; at < end; ++at) {
      const int64_t row = at / heads, group = at % heads / shared;
      for (int64_t t = 0; t < length; ++t) {
        const float* key = keys + held[row * held_row + t * held_step] * by_memory + group * by_group + t * by_step;
        const bool told = !open || open[row * open_row + t * open_step];
        scores[t] = told ? dot(asked + at * size, key, size) * static_cast<float>(scale)
                         : -std::numeric_limits<float>::infinity();
      }
      for (int64_t t = 0; added && t < length; ++t) scores[t] += added[at % heads * length + t];
      std::fill(scores.begin() + length, scores.end(), -std::numeric_limits<float>::infinity());
      const float share = weights_of(scores.data(), length);
      float* own = found + at * size;
      std::fill_n(own, size, 0.0f);
      for (int64_t t = 0; t < length; ++t) {
        if (scores[t] == 0.0f) continue;
        add(scores[t] * share, values + held[row * held_row + t * held_step] * by_memory + group * by_group + t * by_step,
            size, own);
      }
    }
  });
}

STABLE_TORCH_LIBRARY(parnassus_lookback, m) {
  m.def("look(Tensor q, Tensor k, Tensor v, Tensor memory, Tensor seen, Tensor bias, float scale, Tensor(a!) out) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_lookback, CPU, m) { m.impl("look", TORCH_BOX(&look)); }
