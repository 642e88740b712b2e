// Layers of units of 0 and 1: what they say to the next layer, draws of them, and the slopes of contrastive divergence.
// A product with zeros and ones is a sum of rows, so that only the units that are on cost anything. The twins are in
// parnassus.functional.energy.units; all agree to rounding, and draws are the same.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>
#include <torch/headeronly/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "elementary.h"
#include "wide.h"

using torch::stable::Tensor;

constexpr int64_t kWord = 64;  // units in a word of bits; rows and columns are worked on by as many

static float* writable(const Tensor& t) { return static_cast<float*>(t.mutable_data_ptr()); }
static const float* readable(const Tensor& t) { return static_cast<const float*>(t.const_data_ptr()); }

static inline float logistic(float x) {
  const float t = exponential(-std::fabs(x));
  return (x > 0.0f ? 1.0f : t) / (1.0f + t);
}

// What 64 rows of 64 bits say column by column (Warren, Hacker's Delight 7-3).
static void transpose(uint64_t* a) {
  uint64_t mask = 0x00000000FFFFFFFFULL;
  for (int j = 32; j; j >>= 1, mask ^= mask << j) {
    for (int k = 0; k < 64; k = ((k | j) + 1) & ~j) {
      const uint64_t t = ((a[k] >> j) ^ a[k | j]) & mask;
      a[k] ^= t << j;
      a[k | j] ^= t;
    }
  }
}

// v (rows, d) of zeros and ones as words (rows, words): bit k of word w is unit 64 w + k.
struct Bits {
  int64_t rows, words;
  std::vector<uint64_t> held;
  bool binary;

  Bits(const float* v, int64_t rows, int64_t d) : rows(rows), words((d + kWord - 1) / kWord), held(rows * words) {
    constexpr uint32_t kOne = 0x3f800000, kTells = 29;  // the bits of 1.0f, one of which tells it from 0
    uint32_t wrong = 0;
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t w = 0; w < words; ++w) {
        uint32_t each[kWord] = {};
        const int64_t n = std::min(kWord, d - w * kWord);
        std::memcpy(each, v + i * d + w * kWord, n * sizeof(float));
        uint64_t word = 0;
        for (int64_t k = 0; k < kWord; ++k) {
          wrong |= static_cast<uint32_t>(each[k] != 0) & static_cast<uint32_t>(each[k] != kOne);
        }
        for (int64_t k = 0; k < kWord; ++k) word |= static_cast<uint64_t>(each[k] >> kTells) << k;
        held[i * words + w] = word;
      }
    }
    binary = wrong == 0;
  }

  // By column: word b of unit j, at (b, j), has bit i where row 64 b + i is on.
  std::vector<uint64_t> turned() const {
    const int64_t blocks = (rows + kWord - 1) / kWord;
    std::vector<uint64_t> found(blocks * words * kWord, 0);
    for (int64_t b = 0; b < blocks; ++b) {
      for (int64_t w = 0; w < words; ++w) {
        uint64_t* block = &found[(b * words + w) * kWord];
        for (int64_t i = 0; i < std::min(kWord, rows - b * kWord); ++i) block[i] = held[(b * kWord + i) * words + w];
        transpose(block);
      }
    }
    return found;
  }
};

// Rows first to first + 64 and columns at to at + 64 of x (n, m), end to end, zeros where there are none: a stride of a
// power of two would let few of them stay in the first cache.
static void pack(const float* x, int64_t n, int64_t m, int64_t first, int64_t at, float* to) {
  const int64_t columns = std::min(kWord, m - at);
  for (int64_t i = 0; i < kWord; ++i) {
    const bool there = first + i < n;
    for (int64_t k = 0; k < kWord; ++k) to[i * kWord + k] = 0.0f;
    if (there) std::copy(x + (first + i) * m + at, x + (first + i) * m + at + columns, to + i * kWord);
  }
}

constexpr int kParts = kWord / kWide;

struct Sum {  // of rows of 64, kept in registers
  Wide held[kParts];

  explicit Sum(const float* at) {
    for (int k = 0; k < kParts; ++k) held[k] = load(at + k * kWide);
  }
  Sum() : held{} {}

  void add(const float* packed, uint64_t word) {  // the packed rows whose bits are set
    for (; word; word &= word - 1) {
      const float* row = packed + std::countr_zero(word) * kWord;
      for (int k = 0; k < kParts; ++k) held[k] += load(row + k * kWide);
    }
  }

  void write(float* to) const {
    for (int k = 0; k < kParts; ++k) store(to + k * kWide, held[k]);
  }
};

// out (n, m) <- sigmoid(c + v w) for v (n, d) of zeros and ones, w (d, m), c (m,); false where v holds anything else,
// and out is not written.
bool pulled(const Tensor& v, const Tensor& w, const Tensor& c, Tensor out) {
  const int64_t n = v.size(0), d = v.size(1), m = w.size(1);
  STD_TORCH_CHECK(w.size(0) == d && c.numel() == m && out.numel() == n * m, "shapes (n, d), (d, m), (m,), (n, m)");
  const Bits bits(readable(v), n, d);
  if (!bits.binary) return false;
  const float* bias = readable(c);
  float* to = writable(out);
  std::vector<float> packed(kWord * kWord), sums(n * kWord);
  for (int64_t at = 0; at < m; at += kWord) {
    const int64_t columns = std::min(kWord, m - at);
    std::fill(sums.begin(), sums.end(), 0.0f);
    for (int64_t i = 0; i < n; ++i) std::copy(bias + at, bias + at + columns, sums.data() + i * kWord);
    for (int64_t word = 0; word < bits.words; ++word) {
      pack(readable(w), d, m, word * kWord, at, packed.data());
      for (int64_t i = 0; i < n; ++i) {
        Sum sum(&sums[i * kWord]);
        sum.add(packed.data(), bits.held[i * bits.words + word]);
        sum.write(&sums[i * kWord]);
      }
    }
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t k = 0; k < columns; ++k) to[i * m + at + k] = logistic(sums[i * kWord + k]);
    }
  }
  return true;
}

// out (n, m) <- 1 where a uniform number of 24 bits is below p (n, m), else 0. Each row has a stream of its own, by its
// seed: the first half of its units take the upper bits of a word, the others the lower ones.
void draw(const Tensor& p, const Tensor& seeds, Tensor out) {
  const int64_t n = p.size(0), m = p.size(1), words = (m + 1) / 2;
  STD_TORCH_CHECK(seeds.numel() == n && out.numel() == n * m, "a seed for each row, and room for its units");
  const int64_t* state = static_cast<const int64_t*>(seeds.const_data_ptr());
  std::vector<float> upper(words), lower(words);
  for (int64_t i = 0; i < n; ++i) {
    const float* chance = readable(p) + i * m;
    float* to = writable(out) + i * m;
    for (int64_t w = 0; w < words; ++w) {
      const uint64_t z = bits_at(static_cast<uint64_t>(state[i]), static_cast<uint64_t>(w));
      upper[w] = static_cast<float>(static_cast<int32_t>(z >> 40));
      lower[w] = static_cast<float>(static_cast<int32_t>((z >> 16) & 0xffffff));
    }
    for (int64_t j = 0; j < words; ++j) to[j] = (upper[j] + 0.5f) * 0x1p-24f < chance[j] ? 1.0f : 0.0f;
    for (int64_t j = words; j < m; ++j) to[j] = (lower[j - words] + 0.5f) * 0x1p-24f < chance[j] ? 1.0f : 0.0f;
  }
}

// A phase of contrastive divergence: rows v of zeros and ones, the hidden h (n, m) of each, and what they count for.
struct Phase {
  Bits bits;
  const float* h;
  float share;
  std::vector<uint64_t> columns;
  std::vector<float> packed;

  Phase(const Tensor& v, const Tensor& hidden, float factor)
      : bits(readable(v), v.size(0), v.size(1)), h(readable(hidden)), share(factor), columns(bits.turned()) {}

  int64_t blocks() const { return (bits.rows + kWord - 1) / kWord; }

  void take(int64_t m, int64_t at) {
    packed.resize(blocks() * kWord * kWord);
    for (int64_t b = 0; b < blocks(); ++b) pack(h, bits.rows, m, b * kWord, at, &packed[b * kWord * kWord]);
  }

  // share times the sum of h over the rows where unit j is on, in the columns that were taken
  Sum sum(int64_t j) const {
    Sum found;
    for (int64_t b = 0; b < blocks(); ++b) {
      found.add(&packed[b * kWord * kWord], columns[b * bits.words * kWord + j]);
    }
    for (Wide& part : found.held) part *= share;
    return found;
  }

  // the same over all rows
  Sum all() const {
    Sum found;
    for (int64_t b = 0; b < blocks(); ++b) found.add(&packed[b * kWord * kWord], ~uint64_t{0});
    for (Wide& part : found.held) part *= share;
    return found;
  }

  float count(int64_t j) const {
    int64_t found = 0;
    for (int64_t b = 0; b < blocks(); ++b) found += std::popcount(columns[b * bits.words * kWord + j]);
    return share * static_cast<float>(found);
  }
};

static inline void put(const Sum& more, const Sum& less, int64_t columns, float* to) {
  for (int k = 0; k < kParts; ++k) {
    const int64_t left = columns - k * kWide;
    if (left > 0) store(to + k * kWide, more.held[k] - less.held[k], left);
  }
}

// The means over rows of again' h_again, again and h_again less those of v' h, v and h, into by_w (d, m), by_b (d,) and
// by_c (m,); v (n, d) and again (q, d) are of zeros and ones, else it is false and nothing is written.
bool contrast(const Tensor& v, const Tensor& h, const Tensor& again, const Tensor& h_again, Tensor by_w, Tensor by_b,
              Tensor by_c) {
  const int64_t d = v.size(1), m = h.size(1);
  STD_TORCH_CHECK(again.size(1) == d && h_again.size(1) == m, "shapes (n, d), (n, m), (q, d), (q, m)");
  STD_TORCH_CHECK(by_w.numel() == d * m && by_b.numel() == d && by_c.numel() == m, "slopes (d, m), (d,), (m,)");
  STD_TORCH_CHECK(h.size(0) == v.size(0) && h_again.size(0) == again.size(0), "hidden units for each row");
  Phase up(again, h_again, 1.0f / static_cast<float>(again.size(0))), down(v, h, 1.0f / static_cast<float>(v.size(0)));
  if (!up.bits.binary || !down.bits.binary) return false;
  float *to = writable(by_w), *visible = writable(by_b), *hidden = writable(by_c);
  for (int64_t j = 0; j < d; ++j) visible[j] = up.count(j) - down.count(j);
  for (int64_t at = 0; at < m; at += kWord) {
    const int64_t columns = std::min(kWord, m - at);
    up.take(m, at);
    down.take(m, at);
    for (int64_t j = 0; j < d; ++j) put(up.sum(j), down.sum(j), columns, to + j * m + at);
    put(up.all(), down.all(), columns, hidden + at);
  }
  return true;
}

STABLE_TORCH_LIBRARY(parnassus_units, m) {
  m.def("pulled(Tensor v, Tensor w, Tensor c, Tensor(a!) out) -> bool");
  m.def("draw(Tensor p, Tensor seeds, Tensor(a!) out) -> ()");
  m.def(
      "contrast(Tensor v, Tensor h, Tensor again, Tensor h_again, Tensor(a!) by_w, Tensor(b!) by_b, "
      "Tensor(c!) by_c) -> bool");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_units, CPU, m) {
  m.impl("pulled", TORCH_BOX(&pulled));
  m.impl("draw", TORCH_BOX(&draw));
  m.impl("contrast", TORCH_BOX(&contrast));
}
