// Mel energies of overlapping frames, float32: window, Fourier transform, power and filters of kWide frames side by side,
// so that no number moves between lanes and nothing leaves the cache.
// The twins are mel_energies and magnitudes in parnassus.functional.signal.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numbers>
#include <vector>

#include "pieces.h"
#include "wide.h"

using torch::stable::Tensor;

constexpr int64_t kFrames = 256;  // of a piece of work

struct Complex {
  Wide re, im;
};

static inline Complex operator+(const Complex& a, const Complex& b) { return {a.re + b.re, a.im + b.im}; }
static inline Complex operator-(const Complex& a, const Complex& b) { return {a.re - b.re, a.im - b.im}; }
static inline Complex turned(const Complex& a, const float* w) {  // a w
  return {a.re * w[0] - a.im * w[1], a.re * w[1] + a.im * w[0]};
}

// w^k and its powers: exp(-2 pi i k p / n) for p = 1 .. powers, k < count.
static std::vector<float> turns_of(int64_t n, int64_t count, int64_t powers = 1) {
  std::vector<float> turns;
  for (int64_t k = 0; k < count; ++k) {
    for (int64_t p = 1; p <= powers; ++p) {
      const double angle = -2 * std::numbers::pi * static_cast<double>(k * p) / static_cast<double>(n);
      turns.push_back(static_cast<float>(std::cos(angle)));
      turns.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  return turns;
}

// The transform of n complex numbers in place, by fours and at most once by two (decimation in frequency): X[k] comes to
// lie at order[k].
struct Transform {
  std::vector<float> turns;  // of the levels n, n / 4, ...
  std::vector<int64_t> order;

  explicit Transform(int64_t n) : order(n, 0) {
    for (int64_t level = n; level >= 4; level /= 4) {
      const std::vector<float> own = turns_of(level, level / 4, 3);
      turns.insert(turns.end(), own.begin(), own.end());
    }
    for (int64_t k = 0; k < n; ++k) {
      int64_t rest = k;
      for (int64_t level = n; level >= 4; level /= 4, rest /= 4) order[k] += rest % 4 * (level / 4);
      order[k] += rest;
    }
  }

  // Depth first: the parts of a level fit the cache sooner than the level does.
  void run(Complex* z, int64_t n, const float* w) const {
    if (n == 2) {
      const Complex first = z[0];
      z[0] = first + z[1];
      z[1] = first - z[1];
    }
    if (n < 4) return;
    const int64_t q = n / 4;
    for (int64_t j = 0; j < q; ++j, w += 6) {
      const Complex a = z[j], b = z[j + q], c = z[j + 2 * q], d = z[j + 3 * q];
      const Complex even = a + c, odd = b + d, gap = a - c, held = b - d, across{held.im, -held.re};
      z[j] = even + odd;
      z[j + q] = turned(gap + across, w);
      z[j + 2 * q] = turned(even - odd, w + 2);
      z[j + 3 * q] = turned(gap - across, w + 4);
    }
    for (int64_t part = 0; part < 4; ++part) run(z + part * q, q, w);
  }
};

struct Setting {
  int64_t n_fft, size, hop, n_mels;
  const float* window;
  bool zero_mean;
  float emphasis;
  const int64_t* bins;   // (n_mels, 2): a filter's first bin, and one behind its last
  const float* weights;  // of one filter after another
};

struct Room {
  std::vector<float> turned;  // samples at the same place of one hop after another, side by side
  std::vector<Wide> frame;    // what the transform works on
  std::vector<Wide> power;
};

// Windowed frames side by side, the first of which begins at sample `first` of x (n,); zeros where there is none. Comes
// back with the sums of their squares before emphasis and window. Sample i of frame r is sample i % hop of hop r + i / hop.
static Wide windowed(const Setting& s, const float* x, int64_t first, int64_t n, Room& room) {
  const int64_t hops = kWide + (s.size - 1) / s.hop, width = std::min(s.hop, s.size);
  room.turned.resize(width * hops);
  for (int64_t r = 0; r < hops; ++r) {
    const int64_t at = first + r * s.hop, begin = std::clamp<int64_t>(-at, 0, width), end = std::clamp(n - at, begin, width);
    float* own = room.turned.data() + r;
    for (int64_t i = 0; i < begin; ++i) own[i * hops] = 0;
    for (int64_t i = begin; i < end; ++i) own[i * hops] = x[at + i];
    for (int64_t i = end; i < width; ++i) own[i * hops] = 0;
  }
  const auto each = [&](const auto& work) {
    for (int64_t at = 0; at < s.size; at += s.hop) {
      const float* own = room.turned.data() + at / s.hop;
      const int64_t end = std::min(s.hop, s.size - at);
      for (int64_t i = 0; i < end; ++i) work(at + i, load(own + i * hops));
    }
  };
  Wide mean{}, squares{}, before{};
  if (s.zero_mean) each([&](int64_t, Wide own) { mean += own; });
  mean /= static_cast<float>(s.size);
  before = load(room.turned.data()) - mean;
  each([&](int64_t i, Wide own) {
    own -= mean;
    squares += own * own;
    room.frame[i] = (own - s.emphasis * before) * s.window[i];
    before = own;
  });
  std::fill(room.frame.begin() + s.size, room.frame.end(), Wide{});
  return squares;
}

// |X[k]|^2 for k = 0 .. n_fft / 2 of real frames, whose samples were taken in pairs as complex numbers Z: with E and O the
// parts of Z that even and odd samples made, X[k] = E + w^k O and X[n_fft / 2 - k] = conj(E - w^k O).
static void powers(const Complex* z, const Transform& transform, const std::vector<float>& turns, int64_t n, Wide* power) {
  const auto squared = [](const Complex& a) { return a.re * a.re + a.im * a.im; };
  const Wide sum = z[0].re + z[0].im, gap = z[0].re - z[0].im;
  power[0] = sum * sum;
  power[n] = gap * gap;
  for (int64_t k = 1; k <= n / 2; ++k) {
    const Complex here = z[transform.order[k]], there = z[transform.order[n - k]];
    const Complex even{0.5f * (here.re + there.re), 0.5f * (here.im - there.im)};
    const Complex odd{0.5f * (here.im + there.im), 0.5f * (there.re - here.re)};
    const Complex own = turned(odd, turns.data() + 2 * k);
    power[k] = squared(even + own);
    power[n - k] = squared(even - own);
  }
}

static Wide root(Wide x) {
  for (int i = 0; i < kWide; ++i) x[i] = std::sqrt(x[i]);
  return x;
}

// out (n, n_mels), the first n of the frames side by side
static void filtered(const Setting& s, Room& room, int64_t n, float* out) {
  const float* weight = s.weights;
  for (int64_t m = 0; m < s.n_mels; ++m) {
    Wide even{}, odd{};
    int64_t k = s.bins[2 * m];
    const int64_t end = s.bins[2 * m + 1];
    for (; k + 1 < end; k += 2, weight += 2) {
      even += room.power[k] * weight[0];
      odd += room.power[k + 1] * weight[1];
    }
    if (k < end) even += room.power[k] * *weight++;
    even += odd;
    for (int64_t r = 0; r < n; ++r) out[r * s.n_mels + m] = even[r];
  }
}

// x (rows, samples); the first frame begins at sample `first`, and the next `hop` later; window (size,); bins int64
// (n_mels, 2) and weights as in Setting. out (rows, n, n_mels) and squares (rows, n) are written.
void energies(const Tensor& x, int64_t first, int64_t hop, const Tensor& window, const Tensor& bins, const Tensor& weights,
              int64_t n_fft, bool zero_mean, double emphasis, bool magnitude, Tensor out, Tensor squares,
              int64_t n_threads) {
  const auto read = [](const Tensor& t) { return static_cast<const float*>(t.const_data_ptr()); };
  const auto write = [](Tensor& t) { return static_cast<float*>(t.mutable_data_ptr()); };
  const int64_t samples = x.size(1), n = out.size(1), half = n_fft / 2;
  const Setting s{n_fft, window.size(0), hop, bins.size(0), read(window), zero_mean, static_cast<float>(emphasis),
                  static_cast<const int64_t*>(bins.const_data_ptr()), read(weights)};
  const Transform transform(half);
  const std::vector<float> turns = turns_of(n_fft, half);
  const int64_t pieces = (n + kFrames - 1) / kFrames;
  std::vector<Room> rooms(n_threads);
  share_out(x.size(0) * pieces, n_threads, [&](int64_t p, int64_t thread) {
    const int64_t row = p / pieces, begin = p % pieces * kFrames, end = std::min(n, begin + kFrames);
    Room& room = rooms[thread];
    room.frame.resize(n_fft);
    room.power.resize(half + 1);
    for (int64_t at = begin; at < end; at += kWide) {
      const int64_t here = std::min<int64_t>(kWide, end - at);
      const Wide sums = windowed(s, read(x) + row * samples, first + at * hop, samples, room);
      std::memcpy(write(squares) + row * n + at, &sums, here * sizeof(float));
      Complex* z = reinterpret_cast<Complex*>(room.frame.data());
      transform.run(z, half, transform.turns.data());
      powers(z, transform, turns, half, room.power.data());
      if (magnitude) std::transform(room.power.begin(), room.power.end(), room.power.begin(), root);
      filtered(s, room, here, write(out) + (row * n + at) * s.n_mels);
    }
  });
}

STABLE_TORCH_LIBRARY(parnassus_mel, m) {
  m.def(
      "energies(Tensor x, int first, int hop, Tensor window, Tensor bins, Tensor weights, int n_fft, bool zero_mean, "
      "float emphasis, bool magnitude, Tensor(a!) out, Tensor(b!) squares, int n_threads) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_mel, CPU, m) { m.impl("energies", TORCH_BOX(&energies)); }
