// Word vectors learned pair by pair: skip-gram, CBOW and documents' vectors, with negative sampling or a tree, and
// GloVe's sweeps. The twins are in parnassus.functional.word_vectors.learning: the same draws, the same order.
//
// `workers` above 1 let threads write the same rows without locks (Niu et al. 2011), and results then differ from run
// to run; one worker gives the same bits every time.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "pieces.h"

using torch::stable::Tensor;

enum Mode : int64_t { kSkipGram = 0, kCbow = 1, kDocumentBag = 2, kDocumentMean = 3 };

template <typename T>
static T dot(const T* a, const T* b, int64_t n) {
  constexpr int64_t kWide = 32;  // partial sums that a compiler keeps in vectors without reordering them
  T lanes[kWide] = {};
  int64_t i = 0;
  for (; i + kWide <= n; i += kWide) {
    for (int64_t k = 0; k < kWide; ++k) lanes[k] += a[i + k] * b[i + k];
  }
  for (int64_t k = 0; i < n; ++i, ++k) lanes[k] += a[i] * b[i];
  for (int64_t half = kWide / 2; half > 0; half /= 2) {
    for (int64_t k = 0; k < half; ++k) lanes[k] += lanes[k + half];
  }
  return lanes[0];
}

template <typename T>
static void add(T* __restrict to, const T* __restrict x, T size, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] += size * x[i];
}

// change += size u and u += size h, u being read once
template <typename T>
static void exchange(T* __restrict change, T* __restrict u, const T* __restrict h, T size, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const T was = u[i];
    change[i] += size * was;
    u[i] = was + size * h[i];
  }
}

struct Draws {  // SplitMix64
  uint64_t state;

  uint64_t next() {
    state += 0x9E3779B97F4A7C15ULL;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  int64_t below(int64_t n) { return static_cast<int64_t>(((next() >> 32) * static_cast<uint64_t>(n)) >> 32); }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
};

struct Noise {  // Walker's alias method: one draw a word
  const double* own;
  const int32_t* other;
  int64_t n;

  int64_t draw(Draws& draws) const {
    const uint64_t z = draws.next();
    const int64_t k = static_cast<int64_t>(((z >> 32) * static_cast<uint64_t>(n)) >> 32);
    return static_cast<double>(z & 0xFFFFFFFFULL) * 0x1p-32 < own[k] ? k : other[k];
  }
};

struct Logs {  // sum of -ln p, with few logarithms
  double product = 1.0, sum = 0.0;

  void take(double p) {
    product *= std::max(p, 1e-30);
    if (product < 1e-250) flush();
  }
  void flush() {
    sum -= std::log(product);
    product = 1.0;
  }
};

template <typename T>
struct Shared {
  T *inputs, *outputs;
  const int32_t* ids;
  const int64_t *lengths, *starts, *tags;
  const double* keep;
  Noise noise;
  const int64_t* path_starts;
  const int32_t *nodes, *turns;
  const int64_t* part_starts;
  const int32_t* parts;
  int64_t d, n_texts, n_words, first_tag, mode, window, n_negative;
  bool shrink, by_tree, has_parts, moves_words, moves_outputs, learns;
  double rate_first, rate_last;
};

template <typename T>
struct Worker {
  const Shared<T>& all;
  Draws draws;
  Logs logs{};
  int64_t n_pairs = 0;
  T rate = 0;
  std::vector<T> mean, change;
  std::vector<int32_t> kept, rows;

  Worker(const Shared<T>& shared, uint64_t state) : all(shared), draws{state}, mean(shared.d), change(shared.d) {}

  void append(int64_t word) {
    if (!all.has_parts) {
      rows.push_back(static_cast<int32_t>(word));
      return;
    }
    rows.insert(rows.end(), all.parts + all.part_starts[word], all.parts + all.part_starts[word + 1]);
  }

  // one row of outputs, which should say yes (1) or no (0) to h
  void judge(const T* h, int64_t row, T yes) {
    T* u = all.outputs + row * all.d;
    const T p = T(1) / (T(1) + std::exp(-dot(h, u, all.d)));
    logs.take(yes > T(0.5) ? p : T(1) - p);
    if (!all.learns) return;
    const T size = rate * (yes - p);
    if (all.moves_outputs) {
      exchange(change.data(), u, h, size, all.d);
    } else {
      add(change.data(), u, size, all.d);
    }
  }

  // `rows` of the inputs foretell a word; each of them moves by `share` times the change of their mean
  void foretell(int64_t word, bool words_move, T share) {
    const int64_t d = all.d;
    const T* h = all.inputs + static_cast<int64_t>(rows[0]) * d;
    if (rows.size() > 1) {
      std::fill(mean.begin(), mean.end(), T(0));
      for (const int32_t row : rows) add(mean.data(), all.inputs + row * d, T(1), d);
      const T scale = T(1) / static_cast<T>(rows.size());
      for (T& value : mean) value *= scale;
      h = mean.data();
    }
    std::fill(change.begin(), change.end(), T(0));
    if (all.by_tree) {
      for (int64_t i = all.path_starts[word]; i < all.path_starts[word + 1]; ++i) {
        judge(h, all.nodes[i], static_cast<T>(all.turns[i]));
      }
    } else {
      judge(h, word, T(1));
      for (int64_t k = 0; k < all.n_negative; ++k) {
        const int64_t other = all.noise.draw(draws);
        if (other != word) judge(h, other, T(0));
      }
    }
    ++n_pairs;
    if (!all.learns) return;
    for (const int32_t row : rows) {
      if (words_move || row >= all.first_tag) add(all.inputs + row * d, change.data(), share, d);
    }
  }

  void text(int64_t t) {
    kept.clear();
    for (int64_t i = all.starts[t]; i < all.starts[t] + all.lengths[t]; ++i) {
      const int32_t word = all.ids[i];
      if (all.keep[word] >= 1.0 || draws.uniform() < all.keep[word]) kept.push_back(word);
    }
    const int64_t n = static_cast<int64_t>(kept.size());
    const int32_t tag = static_cast<int32_t>(all.first_tag + (all.tags ? all.tags[t] : 0));
    for (int64_t i = 0; i < n; ++i) {
      const double done = static_cast<double>(all.starts[t] + i) / static_cast<double>(std::max<int64_t>(all.n_words, 1));
      rate = static_cast<T>(all.rate_first + (all.rate_last - all.rate_first) * done);
      if (all.mode == kDocumentBag) {
        rows.assign(1, tag);
        foretell(kept[i], all.moves_words, T(1));
        continue;
      }
      const int64_t reach = all.shrink ? all.window - draws.below(all.window) : all.window;
      const int64_t first = std::max<int64_t>(i - reach, 0), last = std::min(i + reach, n - 1);
      if (all.mode == kSkipGram) {
        rows.clear();
        append(kept[i]);
        for (int64_t j = first; j <= last; ++j) {
          if (j != i) foretell(kept[j], all.moves_words, T(1));
        }
        continue;
      }
      rows.clear();
      for (int64_t j = first; j <= last; ++j) {
        if (j != i) append(kept[j]);
      }
      if (all.mode == kDocumentMean) rows.push_back(tag);
      if (rows.empty()) continue;
      foretell(kept[i], all.moves_words, all.has_parts ? T(1) : T(1) / static_cast<T>(rows.size()));
    }
  }
};

template <typename T>
static void learn_all(const Shared<T>& all, int64_t* state, double* totals, int64_t n_workers) {
  std::vector<Worker<T>> workers;
  for (int64_t k = 0; k < n_workers; ++k) {
    workers.emplace_back(all, static_cast<uint64_t>(*state) + 0xD1342543DE82EF95ULL * static_cast<uint64_t>(k));
  }
  const auto run = [&](int64_t k) {  // as many words each
    const int64_t from = all.n_words * k / n_workers, until = all.n_words * (k + 1) / n_workers;
    for (int64_t t = 0; t < all.n_texts; ++t) {
      if (all.starts[t] >= from && all.starts[t] < until) workers[k].text(t);
    }
    workers[k].logs.flush();
  };
  if (n_workers == 1) {
    run(0);
  } else {
    share_out(n_workers, n_workers, [&](int64_t k, int64_t) { run(k); });
  }
  *state = static_cast<int64_t>(workers[0].draws.state);
  for (const auto& worker : workers) {
    totals[0] += worker.logs.sum;
    totals[1] += static_cast<double>(worker.n_pairs);
  }
}

template <typename T>
static T* write(Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}

template <typename T>
static const T* read(const Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}

static bool is_double(const Tensor& x) {
  return x.scalar_type() == torch::headeronly::ScalarType::Double;
}

template <typename T>
static void learn_as(Tensor& inputs, Tensor& outputs, Tensor& state, Tensor& totals, const Tensor& ids,
                     const Tensor& lengths, const Tensor& tags, const Tensor& keep, const Tensor& own,
                     const Tensor& other, const Tensor& path_starts, const Tensor& nodes, const Tensor& turns,
                     const Tensor& part_starts, const Tensor& parts, int64_t first_tag, int64_t mode, int64_t window,
                     int64_t n_negative, bool shrink, bool moves_words, bool moves_outputs, double rate_first,
                     double rate_last, int64_t n_workers) {
  std::vector<int64_t> starts(lengths.size(0));
  for (int64_t t = 0, at = 0; t < lengths.size(0); at += read<int64_t>(lengths)[t], ++t) starts[t] = at;
  const Shared<T> all{
      write<T>(inputs), write<T>(outputs), read<int32_t>(ids), read<int64_t>(lengths), starts.data(),
      tags.size(0) ? read<int64_t>(tags) : nullptr, read<double>(keep),
      Noise{read<double>(own), read<int32_t>(other), own.size(0)}, read<int64_t>(path_starts), read<int32_t>(nodes),
      read<int32_t>(turns), read<int64_t>(part_starts), read<int32_t>(parts), inputs.size(1), lengths.size(0),
      ids.size(0), first_tag, mode, window, n_negative, shrink, nodes.size(0) > 0, part_starts.size(0) > 0,
      moves_words, moves_outputs, rate_first > 0 || rate_last > 0, rate_first, rate_last};
  learn_all(all, write<int64_t>(state), write<double>(totals), std::max<int64_t>(n_workers, 1));
}

void learn(Tensor inputs, Tensor outputs, Tensor state, Tensor totals, const Tensor& ids, const Tensor& lengths,
           const Tensor& tags, const Tensor& keep, const Tensor& own, const Tensor& other, const Tensor& path_starts,
           const Tensor& nodes, const Tensor& turns, const Tensor& part_starts, const Tensor& parts, int64_t first_tag,
           int64_t mode, int64_t window, int64_t n_negative, bool shrink, bool moves_words, bool moves_outputs,
           double rate_first, double rate_last, int64_t n_workers) {
  const auto run = is_double(inputs) ? learn_as<double> : learn_as<float>;
  run(inputs, outputs, state, totals, ids, lengths, tags, keep, own, other, path_starts, nodes, turns, part_starts,
      parts, first_tag, mode, window, n_negative, shrink, moves_words, moves_outputs, rate_first, rate_last, n_workers);
}

// words, contexts and their squares are (n, d + 1), the bias last
template <typename T>
static double sweep_as(Tensor& words, Tensor& contexts, Tensor& word_squares, Tensor& context_squares,
                       const Tensor& order, const Tensor& rows, const Tensor& columns, const Tensor& logs,
                       const Tensor& weights, double rate) {
  const int64_t wide = words.size(1), d = wide - 1;
  const T lr = static_cast<T>(rate);
  double loss = 0;
  for (int64_t k = 0; k < order.size(0); ++k) {
    const int64_t e = read<int64_t>(order)[k];
    T* w = write<T>(words) + read<int64_t>(rows)[e] * wide;
    T* c = write<T>(contexts) + read<int64_t>(columns)[e] * wide;
    T* ws = write<T>(word_squares) + read<int64_t>(rows)[e] * wide;
    T* cs = write<T>(context_squares) + read<int64_t>(columns)[e] * wide;
    const T gap = dot(w, c, d) + w[d] + c[d] - read<T>(logs)[e];
    const T f = read<T>(weights)[e];
    loss += static_cast<double>(f) * gap * gap;
    const T pull = 2 * lr * f * gap;
    for (int64_t i = 0; i < wide; ++i) {
      const T of_w = i < d ? pull * c[i] : pull, of_c = i < d ? pull * w[i] : pull;
      w[i] -= of_w / std::sqrt(ws[i]);
      c[i] -= of_c / std::sqrt(cs[i]);
      ws[i] += of_w * of_w;
      cs[i] += of_c * of_c;
    }
  }
  return loss;
}

double sweep(Tensor words, Tensor contexts, Tensor word_squares, Tensor context_squares, const Tensor& order,
             const Tensor& rows, const Tensor& columns, const Tensor& logs, const Tensor& weights, double rate) {
  const auto run = is_double(words) ? sweep_as<double> : sweep_as<float>;
  return run(words, contexts, word_squares, context_squares, order, rows, columns, logs, weights, rate);
}

STABLE_TORCH_LIBRARY(parnassus_word2vec, m) {
  m.def(
      "learn(Tensor(a!) inputs, Tensor(b!) outputs, Tensor(c!) state, Tensor(d!) totals, Tensor ids, Tensor lengths, "
      "Tensor tags, Tensor keep, Tensor own, Tensor other, Tensor path_starts, Tensor nodes, Tensor turns, "
      "Tensor part_starts, Tensor parts, int first_tag, int mode, int window, int n_negative, bool shrink, "
      "bool moves_words, bool moves_outputs, float rate_first, float rate_last, int n_workers) -> ()");
  m.def(
      "sweep(Tensor(a!) words, Tensor(b!) contexts, Tensor(c!) word_squares, Tensor(d!) context_squares, Tensor order, "
      "Tensor rows, Tensor columns, Tensor logs, Tensor weights, float rate) -> float");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_word2vec, CPU, m) {
  m.impl("learn", TORCH_BOX(&learn));
  m.impl("sweep", TORCH_BOX(&sweep));
}
