// The selective scan h_t = exp(delta_t A) h_(t-1) + delta_t u_t B_t, y_t = C_t h_t, and its slopes. Channels lie side
// by side in a register; the backward pass keeps one state a chunk of time and makes the others again.
// The twin is parnassus.functional.statespace.selective.ChunkedScan; both agree to float32's rounding.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "pieces.h"

using torch::stable::Tensor;

#ifdef __AVX512F__
constexpr int64_t kWide = 16;
#else
constexpr int64_t kWide = 8;
#endif
constexpr int64_t kSteps = 32;    // of a chunk: its states, decays and sums stay in the cache
constexpr int64_t kGroup = 8;     // registers of channels that one piece of work goes through
typedef float Floats __attribute__((vector_size(kWide * sizeof(float))));
typedef int32_t Whole __attribute__((vector_size(kWide * sizeof(int32_t))));

static inline Floats all(float value) { return value - Floats{}; }

static inline Floats get(const float* at, int64_t width) {
  Floats held{};
  if (width == kWide) {
    std::memcpy(&held, at, sizeof(held));
  } else {
    std::memcpy(&held, at, width * sizeof(float));
  }
  return held;
}

static inline void put(float* at, Floats held, int64_t width) {
  if (width == kWide) {
    std::memcpy(at, &held, sizeof(held));
  } else {
    std::memcpy(at, &held, width * sizeof(float));
  }
}

static inline float total(Floats held) {
  float sum = 0;
  for (int64_t i = 0; i < kWide; ++i) sum += held[i];
  return sum;
}

// exp(x) to 2 units of the last place: x = n ln 2 + r, a polynomial of r, and n put into the exponent's bits.
// What is no number stays none.
static inline Floats exponential(Floats x) {
  const Floats lowest = all(-87.0f), highest = all(88.0f);
  Floats held = x > lowest ? x : lowest;
  held = held < highest ? held : highest;
  const Floats shifted = held * 1.44269504088896341f + 12582912.0f;  // 1.5 * 2^23 rounds to a whole number
  const Floats n = shifted - 12582912.0f;
  const Floats r = (held - n * 0.693359375f) + n * 2.12194440e-4f;
  Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const Floats found = std::bit_cast<Floats>(std::bit_cast<Whole>(p) + (std::bit_cast<Whole>(shifted) << 23));
  const Floats low = x < lowest ? Floats{} : found;
  const Floats high = x > highest ? all(std::numeric_limits<float>::infinity()) : low;
  return x == x ? high : x;
}

struct Sizes {
  int64_t rows, time, channels, n, chunks, groups;

  explicit Sizes(const Tensor& u, int64_t states)
      : rows(u.size(0)), time(u.size(1)), channels(u.size(2)), n(states), chunks((time + kSteps - 1) / kSteps),
        groups((channels + kGroup * kWide - 1) / (kGroup * kWide)) {}
};

// u, delta, y (rows, time, channels); a (n, channels); b, c (rows, time, n); kept (rows, chunks + 1, n, channels) are
// the states before each chunk and after the last, of which the caller gives the first.
void forward(const Tensor& u, const Tensor& delta, const Tensor& a, const Tensor& b, const Tensor& c,
             int64_t n_threads, Tensor y, Tensor kept) {
  const Sizes size(u, a.size(0));
  const float *u_at = static_cast<const float*>(u.const_data_ptr()),
              *delta_at = static_cast<const float*>(delta.const_data_ptr()),
              *a_at = static_cast<const float*>(a.const_data_ptr()),
              *b_at = static_cast<const float*>(b.const_data_ptr()),
              *c_at = static_cast<const float*>(c.const_data_ptr());
  float *y_at = static_cast<float*>(y.mutable_data_ptr()), *kept_at = static_cast<float*>(kept.mutable_data_ptr());
  share_out(size.rows * size.groups, n_threads, [&](int64_t piece, int64_t) {
    const int64_t row = piece / size.groups, first = piece % size.groups * kGroup * kWide;
    const int64_t end = std::min(size.channels, first + kGroup * kWide);
    std::vector<Floats> h(size.n), rate(size.n);
    for (int64_t at = first; at < end; at += kWide) {
      const int64_t width = std::min(kWide, end - at);
      float* held = kept_at + row * (size.chunks + 1) * size.n * size.channels + at;
      for (int64_t i = 0; i < size.n; ++i) {
        h[i] = get(held + i * size.channels, width);
        rate[i] = get(a_at + i * size.channels + at, width);
      }
      for (int64_t t = 0; t < size.time; ++t) {
        const int64_t step = (row * size.time + t) * size.channels + at;
        const float *own_b = b_at + (row * size.time + t) * size.n, *own_c = c_at + (row * size.time + t) * size.n;
        const Floats dt = get(delta_at + step, width), in = dt * get(u_at + step, width);
        Floats out{};
        for (int64_t i = 0; i < size.n; ++i) {
          h[i] = exponential(dt * rate[i]) * h[i] + in * own_b[i];
          out += h[i] * own_c[i];
        }
        put(y_at + step, out, width);
        if (t % kSteps == kSteps - 1 || t == size.time - 1) {
          held += size.n * size.channels;
          for (int64_t i = 0; i < size.n; ++i) put(held + i * size.channels, h[i], width);
        }
      }
    }
  });
}

// What one piece of the backward pass works with: a chunk's states, decays and sums over channels.
struct Chunk {
  std::vector<Floats> h, decay, of_b, of_c;  // (kSteps + 1, n), (kSteps, n), (kSteps, n), (kSteps, n)

  explicit Chunk(int64_t n) : h((kSteps + 1) * n), decay(kSteps * n), of_b(kSteps * n), of_c(kSteps * n) {}
};

struct Slopes {
  Sizes size;
  const float *u, *delta, *a, *b, *c, *kept, *of_y;
  float *of_u, *of_delta, *of_a, *of_b, *of_c, *of_h;

  // The states of the steps from `begin` to `end`, made again from the one kept before them.
  void again(Chunk& chunk, int64_t row, int64_t begin, int64_t end, int64_t at, int64_t width) const {
    const int64_t n = size.n;
    const float* held = kept + (row * (size.chunks + 1) + begin / kSteps) * n * size.channels + at;
    for (int64_t i = 0; i < n; ++i) chunk.h[i] = get(held + i * size.channels, width);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t step = (row * size.time + t) * size.channels + at;
      const float* own_b = b + (row * size.time + t) * n;
      const Floats dt = get(delta + step, width), in = dt * get(u + step, width);
      const Floats* before = &chunk.h[(t - begin) * n];
      Floats *after = &chunk.h[(t - begin + 1) * n], *decay = &chunk.decay[(t - begin) * n];
      for (int64_t i = 0; i < n; ++i) {
        decay[i] = exponential(dt * get(a + i * size.channels + at, width));
        after[i] = decay[i] * before[i] + in * own_b[i];
      }
    }
  }

  // The same steps from the last to the first; dh (n,) and the slopes of a (n,) go on from chunk to chunk.
  void back(Chunk& chunk, int64_t row, int64_t begin, int64_t end, int64_t at, int64_t width) const {
    const int64_t n = size.n;
    float* dh_at = of_h + row * n * size.channels + at;
    float* da_at = of_a + row * n * size.channels + at;
    Floats dh[kMost], da[kMost], rate[kMost];
    for (int64_t i = 0; i < n; ++i) {
      dh[i] = get(dh_at + i * size.channels, width);
      da[i] = get(da_at + i * size.channels, width);
      rate[i] = get(a + i * size.channels + at, width);
    }
    for (int64_t t = end - 1; t >= begin; --t) {
      const int64_t step = (row * size.time + t) * size.channels + at, k = (t - begin) * n;
      const float *own_b = b + (row * size.time + t) * n, *own_c = c + (row * size.time + t) * n;
      const Floats dt = get(delta + step, width), x = get(u + step, width), dy = get(of_y + step, width);
      const Floats in = dt * x;
      Floats through_b{}, through_a{};
      for (int64_t i = 0; i < n; ++i) {
        const Floats whole = dh[i] + dy * own_c[i];
        chunk.of_c[k + i] += dy * chunk.h[k + n + i];
        chunk.of_b[k + i] += whole * in;
        through_b += whole * own_b[i];
        dh[i] = whole * chunk.decay[k + i];
        const Floats of_exponent = dh[i] * chunk.h[k + i];
        through_a += of_exponent * rate[i];
        da[i] += of_exponent * dt;
      }
      put(of_u + step, dt * through_b, width);
      put(of_delta + step, x * through_b + through_a, width);
    }
    for (int64_t i = 0; i < n; ++i) {
      put(dh_at + i * size.channels, dh[i], width);
      put(da_at + i * size.channels, da[i], width);
    }
  }

  void piece(int64_t p) const {
    const int64_t row = p / size.groups, group = p % size.groups, first = group * kGroup * kWide, n = size.n;
    const int64_t last = std::min(size.channels, first + kGroup * kWide);
    Chunk chunk(n);
    for (int64_t begin = (size.chunks - 1) * kSteps; begin >= 0; begin -= kSteps) {
      const int64_t end = std::min(size.time, begin + kSteps);
      std::fill(chunk.of_b.begin(), chunk.of_b.end(), Floats{});
      std::fill(chunk.of_c.begin(), chunk.of_c.end(), Floats{});
      for (int64_t at = first; at < last; at += kWide) {
        const int64_t width = std::min(kWide, last - at);
        again(chunk, row, begin, end, at, width);
        back(chunk, row, begin, end, at, width);
      }
      float *b_to = of_b + ((group * size.rows + row) * size.time + begin) * n,
            *c_to = of_c + ((group * size.rows + row) * size.time + begin) * n;
      for (int64_t k = 0; k < (end - begin) * n; ++k) {
        b_to[k] = total(chunk.of_b[k]);
        c_to[k] = total(chunk.of_c[k]);
      }
    }
  }

  static constexpr int64_t kMost = 256;
};

// of_a (rows, n, channels) begins with zeros, of_h (rows, n, channels) with the last state's slope and ends with the
// first's; of_b, of_c (groups, rows, time, n) are sums over a group of channels.
void backward(const Tensor& u, const Tensor& delta, const Tensor& a, const Tensor& b, const Tensor& c,
              const Tensor& kept, const Tensor& of_y, int64_t n_threads, Tensor of_u, Tensor of_delta, Tensor of_a,
              Tensor of_b, Tensor of_c, Tensor of_h) {
  const Slopes slopes{Sizes(u, a.size(0)),
                      static_cast<const float*>(u.const_data_ptr()),
                      static_cast<const float*>(delta.const_data_ptr()),
                      static_cast<const float*>(a.const_data_ptr()),
                      static_cast<const float*>(b.const_data_ptr()),
                      static_cast<const float*>(c.const_data_ptr()),
                      static_cast<const float*>(kept.const_data_ptr()),
                      static_cast<const float*>(of_y.const_data_ptr()),
                      static_cast<float*>(of_u.mutable_data_ptr()),
                      static_cast<float*>(of_delta.mutable_data_ptr()),
                      static_cast<float*>(of_a.mutable_data_ptr()),
                      static_cast<float*>(of_b.mutable_data_ptr()),
                      static_cast<float*>(of_c.mutable_data_ptr()),
                      static_cast<float*>(of_h.mutable_data_ptr())};
  share_out(slopes.size.rows * slopes.size.groups, n_threads, [&](int64_t p, int64_t) { slopes.piece(p); });
}

// (steps of a chunk, channels of a group, most states): what the caller's tensors are sized by.
void sizes(Tensor found) {
  int64_t* at = static_cast<int64_t*>(found.mutable_data_ptr());
  at[0] = kSteps;
  at[1] = kGroup * kWide;
  at[2] = Slopes::kMost;
}

STABLE_TORCH_LIBRARY(parnassus_scan, m) {
  m.def(
      "forward(Tensor u, Tensor delta, Tensor a, Tensor b, Tensor c, int n_threads, Tensor(a!) y, Tensor(b!) kept) "
      "-> ()");
  m.def(
      "backward(Tensor u, Tensor delta, Tensor a, Tensor b, Tensor c, Tensor kept, Tensor of_y, int n_threads, "
      "Tensor(a!) of_u, Tensor(b!) of_delta, Tensor(c!) of_a, Tensor(d!) of_b, Tensor(e!) of_c, Tensor(f!) of_h) -> ()");
  m.def("sizes(Tensor(a!) found) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_scan, CPU, m) {
  m.impl("forward", TORCH_BOX(&forward));
  m.impl("backward", TORCH_BOX(&backward));
  m.impl("sizes", TORCH_BOX(&sizes));
}
