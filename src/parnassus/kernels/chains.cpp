// Forward-backward over sequences of different lengths, frames end to end, float64.
// The twins are in parnassus.functional.chains.scans; both agree to rounding.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "rows.h"

using torch::stable::Tensor;

constexpr double kLowest = -std::numeric_limits<double>::infinity();
constexpr double kApart = 1e-200;  // so little of alpha is where beta is: what links them may be lost
constexpr double kThin = 1e-60;  // a frame that leaves less of the mass may have lost paths to underflow

struct Chain {
  const double* start;       // (k,)
  const double* transition;  // (k, k), from x to
  const double* back;        // (k, k), to x from: so that the loops below run along what they add to
  const double* leave;       // (k,): ones where there is no exit state
  int64_t k;
};

struct Sequence {
  const double* logs;           // log emissions, of any layout:
  int64_t by_frame, by_state;   // steps between frames, and between states
  double* gamma;                // (length, k); alpha at first
  int64_t length;
  double weight;
  int64_t at;                   // its first frame among its group's
  double log_p;                 // NaN where scaling could not hold it
};

// What a group of sequences needs of each of its frames.
struct Frames {
  Doubles scaled;   // (frames, k): emissions over their frame's largest
  Doubles peaks;    // (frames,): the logs of those largest
  Doubles beta;     // (frames, k)
  Doubles entered;  // (frames,): one over the sum of emissions times beta
  Doubles share;    // (frames,): the sequence's weight over the sum of alpha beta; 0 where scaling failed
  std::vector<char> first;      // (frames,): whether a sequence begins there
};

constexpr int64_t kFrames = 64;    // frames of a block: what the loops below run along
constexpr int64_t kAbreast = 4;    // sequences that advance together, so that none waits for its own last frame
constexpr int64_t kGroups = 64;    // the most that sequences are dealt into

static inline void pick(const double* own, int64_t stride, int64_t n, double* value) {
  if (stride == 1) std::copy_n(own, n, value);
  else for (int64_t t = 0; t < n; ++t) value[t] = own[t * stride];
}

// Of frames begin to end of a group: emissions over their frame's largest, and the logs of those.
static void scale_emissions(const Sequence& s, int64_t k, int64_t begin, int64_t end, double* scaled, double* peaks) {
  for (int64_t first = begin; first < end; first += kFrames) {
    const int64_t n = std::min(kFrames, end - first);
    const double* logs = s.logs + first * s.by_frame;
    double peak[kFrames] = {}, value[kFrames] = {};
    std::fill(peak, peak + n, kLowest);
    for (int64_t j = 0; j < k; ++j) {
      pick(logs + j * s.by_state, s.by_frame, n, value);
      for (int64_t t = 0; t < kFrames; t += kLanes) {
        const Lanes own = load(value + t), most = load(peak + t);
        store(peak + t, own > most ? own : most);
      }
    }
    for (int64_t t = 0; t < n; ++t) peaks[first + t] = peak[t] = std::isfinite(peak[t]) ? peak[t] : 0.0;
    for (int64_t j = 0; j < k; ++j) {
      pick(logs + j * s.by_state, s.by_frame, n, value);
      for (int64_t t = 0; t < kFrames; t += kLanes) store(value + t, exponential(load(value + t) - load(peak + t)));
      for (int64_t t = 0; t < n; ++t) scaled[(first + t) * k + j] = value[t];
    }
  }
}

// out_j = sum_i own_i rows_ij, as two sums, neither of which waits for the other.
template <int K>
static inline void product(const double* own, const double* rows, int64_t k, double* out) {
  if constexpr (K > 0 && K % kLanes == 0) {
    constexpr int kWidth = K / kLanes;
    Lanes even[kWidth] = {}, odd[kWidth] = {};
    for (int i = 0; i < K; i += 2) {
      for (int v = 0; v < kWidth; ++v) {
        even[v] += own[i] * load(rows + i * K + v * kLanes);
        odd[v] += own[i + 1] * load(rows + (i + 1) * K + v * kLanes);
      }
    }
    for (int v = 0; v < kWidth; ++v) store(out + v * kLanes, even[v] + odd[v]);
  } else if constexpr (K > 1) {
    double even[K] = {}, odd[K] = {};
    for (int i = 0; i + 1 < K; i += 2) {
      for (int j = 0; j < K; ++j) even[j] += own[i] * rows[i * K + j];
      for (int j = 0; j < K; ++j) odd[j] += own[i + 1] * rows[(i + 1) * K + j];
    }
    if (K % 2) {
      for (int j = 0; j < K; ++j) even[j] += own[K - 1] * rows[(K - 1) * K + j];
    }
    for (int j = 0; j < K; ++j) out[j] = even[j] + odd[j];
  } else {
    std::fill(out, out + k, 0.0);
    for (int64_t i = 0; i < k; ++i) {
      for (int64_t j = 0; j < k; ++j) out[j] += own[i] * rows[i * k + j];
    }
  }
}

template <int K>
static inline double sum_of(const double* own, int64_t k) {
  double parts[4] = {};
  const int64_t whole = (K ? K : k) / 4 * 4;
  for (int64_t j = 0; j < whole; j += 4) {
    for (int64_t i = 0; i < 4; ++i) parts[i] += own[j + i];
  }
  double rest = 0;
  for (int64_t j = whole; j < (K ? K : k); ++j) rest += own[j];
  return (parts[0] + parts[1]) + (parts[2] + parts[3]) + rest;
}

// The two recursions of a sequence, a step of each at a time: alpha forward in gamma, beta backward. A frame is divided
// by the mass of the frame before it, which is known by the time that it is needed: alpha_t sums to the scale c_t.
template <int K>
struct Walk {
  const Chain& chain;
  Sequence& s;
  Frames& f;
  double share = 1, share_back = 1, logged = 0, mass = 1;
  bool held = true;

  void forward(int64_t t) {
    const int64_t k = K ? K : chain.k;
    const double* b = f.scaled.data() + (s.at + t) * k;
    double* alpha = s.gamma + t * k;
    if (t == 0) std::copy_n(chain.start, k, alpha);
    else product<K>(alpha - k, chain.transition, k, alpha);
    for (int64_t j = 0; j < k; ++j) alpha[j] *= b[j] * share;
    const double sum = sum_of<K>(alpha, k);
    held &= sum > kThin;
    share = 1 / sum;
    mass *= sum;
    if (!(mass > 1e-200)) {  // logs of products of a few scales: fewer logarithms
      logged += std::log(mass);
      mass = 1;
    }
  }

  // beta of frame t, scaled, and what brings b beta to a sum of 1.
  void backward(int64_t t, double* brought) {
    const int64_t k = K ? K : chain.k;
    const double* b = f.scaled.data() + (s.at + t) * k;
    double* beta = f.beta.data() + (s.at + t) * k;
    if (t == s.length - 1) {
      std::copy_n(chain.leave, k, beta);
    } else {
      product<K>(brought, chain.back, k, beta);
      for (int64_t j = 0; j < k; ++j) beta[j] *= share_back;
    }
    for (int64_t j = 0; j < k; ++j) brought[j] = b[j] * beta[j];
    const double sum = sum_of<K>(brought, k);
    held &= sum > kThin * kThin;
    f.entered[s.at + t] = share_back = 1 / sum;
  }

  void end() {
    const int64_t k = K ? K : chain.k;
    const double* alpha = s.gamma + (s.length - 1) * k;
    double last = 0, peaks = 0;
    for (int64_t j = 0; j < k; ++j) last += alpha[j] * chain.leave[j] * share;
    for (int64_t t = 0; t < s.length; ++t) peaks += f.peaks[s.at + t];
    for (int64_t t = 0; t < s.length; ++t) {
      double both = 0;
      for (int64_t j = 0; j < k; ++j) both += s.gamma[t * k + j] * f.beta[(s.at + t) * k + j];
      held &= both > kApart;
      f.share[s.at + t] = s.weight / both;
    }
    s.log_p = held && last > kThin ? peaks + logged + std::log(mass) + std::log(last) : std::nan("");
    if (std::isnan(s.log_p)) std::fill_n(f.share.begin() + s.at, s.length, 0.0);
    std::fill_n(f.first.begin() + s.at, s.length, 0);
    f.first[s.at] = 1;
  }
};

template <int K>
static void walk(const Chain& chain, Sequence* group, int64_t n, Frames& f) {
  std::vector<Walk<K>> walks;
  Doubles brought(n * chain.k);
  int64_t longest = 0;
  for (int64_t r = 0; r < n; ++r) {
    walks.push_back(Walk<K>{chain, group[r], f});
    longest = std::max(longest, group[r].length);
  }
  for (int64_t t = 0; t < longest; ++t) {
    for (int64_t r = 0; r < n; ++r) {
      if (t >= group[r].length) continue;
      walks[r].forward(t);
      walks[r].backward(group[r].length - 1 - t, brought.data() + r * chain.k);
    }
  }
  for (int64_t r = 0; r < n; ++r) walks[r].end();
}

// gamma of frames begin to end in place of alpha; xi (k, k) receives their sum_t alpha_t(i) b_{t+1}(j) beta_{t+1}(j) over
// p(x), to be multiplied by a_ij.
template <int K>
static void count(const Chain& chain, double* gamma, const Frames& f, int64_t begin, int64_t end, int64_t n_frames,
                  double* xi) {
  constexpr int kRows = K ? K : 1, kWidth = (kRows + kLanes - 1) / kLanes;
  const int64_t k = K ? K : chain.k;
  Lanes pairs[kRows][kWidth] = {};  // in registers while k is small
  double from_fixed[kRows], into_fixed[kWidth * kLanes] = {};
  Doubles heap(K ? 0 : 2 * k);
  double *from = K ? from_fixed : heap.data(), *into = K ? into_fixed : heap.data() + k;
  for (int64_t t = begin; t < end; ++t) {
    double* own = gamma + t * k;
    const double* beta = f.beta.data() + t * k;
    const double share = f.share[t];
    if (!(share > 0)) {
      std::fill_n(own, k, 0.0);
      continue;
    }
    for (int64_t j = 0; j < k; ++j) from[j] = own[j] * share;
    for (int64_t j = 0; j < k; ++j) own[j] = from[j] * beta[j];
    if (t + 1 == n_frames || f.first[t + 1]) continue;
    const double *next = beta + k, *b = f.scaled.data() + (t + 1) * k;
    const double entered = f.entered[t + 1];
    for (int64_t j = 0; j < k; ++j) into[j] = next[j] * b[j] * entered;
    if constexpr (K > 0) {
      for (int v = 0; v < kWidth; ++v) {
        const Lanes ahead = load(into_fixed + v * kLanes);
        for (int i = 0; i < K; ++i) pairs[i][v] += from_fixed[i] * ahead;
      }
    } else {
      for (int64_t i = 0; i < k; ++i) {
        for (int64_t j = 0; j < k; ++j) xi[i * k + j] += from[i] * into[j];
      }
    }
  }
  if constexpr (K > 0) {
    for (int i = 0; i < K; ++i) {
      for (int j = 0; j < K; ++j) xi[i * K + j] += pairs[i][j / kLanes][j % kLanes];
    }
  }
}

static double log_sum(const double* terms, int64_t n) {
  const double highest = *std::max_element(terms, terms + n);
  if (highest == kLowest) return kLowest;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(terms[i] - highest);
  return highest + std::log(sum);
}

// The same in logarithms, over the transitions that there are: for sequences that scaling cannot hold. `pairs`
// receives xi itself.
static double logged_pass(const Chain& chain, const Sequence& s, double* pairs) {
  const int64_t k = chain.k;
  std::vector<std::vector<int64_t>> into(k), out(k);
  Doubles step(k * k), terms(k), alpha(s.length * k), beta(k), held(k);
  for (int64_t i = 0; i < k; ++i) {
    for (int64_t j = 0; j < k; ++j) {
      step[i * k + j] = std::log(chain.transition[i * k + j]);
      if (chain.transition[i * k + j] > 0) {
        into[j].push_back(i);
        out[i].push_back(j);
      }
    }
  }
  for (int64_t t = 0; t < s.length; ++t) {
    for (int64_t j = 0; j < k; ++j) {
      double reached = std::log(chain.start[j]);
      if (t > 0) {
        int64_t n = 0;
        for (int64_t i : into[j]) terms[n++] = alpha[(t - 1) * k + i] + step[i * k + j];
        reached = n ? log_sum(terms.data(), n) : kLowest;
      }
      alpha[t * k + j] = reached + s.logs[t * s.by_frame + j * s.by_state];
    }
  }
  for (int64_t j = 0; j < k; ++j) {
    beta[j] = std::log(chain.leave[j]);
    terms[j] = alpha[(s.length - 1) * k + j] + beta[j];
  }
  const double total = log_sum(terms.data(), k);
  if (total == kLowest || total != total) {
    std::fill(s.gamma, s.gamma + s.length * k, 0.0);
    return total;
  }
  for (int64_t t = s.length - 1; t >= 0; --t) {
    for (int64_t j = 0; j < k; ++j) s.gamma[t * k + j] = s.weight * std::exp(alpha[t * k + j] + beta[j] - total);
    if (t == 0) break;
    for (int64_t j = 0; j < k; ++j) held[j] = beta[j] + s.logs[t * s.by_frame + j * s.by_state];
    for (int64_t i = 0; i < k; ++i) {
      int64_t n = 0;
      for (int64_t j : out[i]) {
        terms[n] = step[i * k + j] + held[j];
        pairs[i * k + j] += s.weight * std::exp(alpha[(t - 1) * k + i] + terms[n] - total);
        ++n;
      }
      beta[i] = n ? log_sum(terms.data(), n) : kLowest;
    }
  }
  return total;
}

using Walks = void (*)(const Chain&, Sequence*, int64_t, Frames&);
using Count = void (*)(const Chain&, double*, const Frames&, int64_t, int64_t, int64_t, double*);

static std::pair<Walks, Count> passes_for(int64_t k) {
  switch (k) {
    case 2: return {walk<2>, count<2>};
    case 3: return {walk<3>, count<3>};
    case 4: return {walk<4>, count<4>};
    case 5: return {walk<5>, count<5>};
    case 6: return {walk<6>, count<6>};
    case 8: return {walk<8>, count<8>};
    case 16: return {walk<16>, count<16>};
    default: return {walk<0>, count<0>};
  }
}

// Sequences that advance together. xi (k, k) receives sums to be multiplied by a_ij, pairs (k, k) sums as they are.
static void group_expectations(const Chain& chain, Sequence* group, int64_t n, Frames& f, double* xi, double* pairs,
                               int64_t n_threads) {
  const int64_t k = chain.k;
  const auto [walks, counts] = passes_for(k);
  int64_t n_frames = 0;
  for (int64_t r = 0; r < n; ++r) {
    group[r].at = n_frames;
    n_frames += group[r].length;
  }
  f.scaled.resize(n_frames * k);
  f.beta.resize(n_frames * k);
  f.peaks.resize(n_frames);
  f.entered.resize(n_frames);
  f.share.resize(n_frames);
  f.first.resize(n_frames);
  over_pieces(n_frames, n_threads, [&](int64_t, int64_t begin, int64_t end) {
    scale_emissions(group[0], k, begin, end, f.scaled.data(), f.peaks.data());
  });
  walks(chain, group, n, f);
  Doubles sums((n_frames + kPiece - 1) / kPiece * k * k, 0.0);
  over_pieces(n_frames, n_threads, [&](int64_t p, int64_t begin, int64_t end) {
    counts(chain, group[0].gamma, f, begin, end, n_frames, sums.data() + p * k * k);
  });
  for (size_t i = 0; i < sums.size(); ++i) xi[i % (k * k)] += sums[i];
  for (int64_t r = 0; r < n; ++r) {
    if (std::isnan(group[r].log_p)) group[r].log_p = logged_pass(chain, group[r], pairs);
  }
}

static const double* read(const Tensor& t) { return static_cast<const double*>(t.const_data_ptr()); }
static double* write(Tensor& t) { return static_cast<double*>(t.mutable_data_ptr()); }

struct Given {
  Doubles back;
  Chain chain;
  std::vector<Sequence> all;
  std::vector<int64_t> first;  // frame of each sequence, and one behind the last

  Given(const Tensor& start, const Tensor& transition, const Tensor& leave, const Tensor& lengths, const Tensor& weight)
      : back(transition.numel()), chain{read(start), read(transition), back.data(), read(leave), start.size(0)},
        all(lengths.size(0)), first(1, 0) {
    const int64_t* length = static_cast<const int64_t*>(lengths.const_data_ptr());
    for (int64_t i = 0; i < chain.k; ++i) {
      for (int64_t j = 0; j < chain.k; ++j) back[j * chain.k + i] = chain.transition[i * chain.k + j];
    }
    for (size_t r = 0; r < all.size(); ++r) {
      all[r] = Sequence{nullptr, 1, 1, nullptr, length[r], read(weight)[r], 0, 0.0};
      first.push_back(first.back() + length[r]);
    }
  }

  // The logs of sequences r to end lie from `logs` on, and their gamma shall from `gamma` on.
  void lay(int64_t r, int64_t end, const double* logs, int64_t by_frame, int64_t by_state, double* gamma) {
    for (int64_t s = r; s < end; ++s) {
      const int64_t at = first[s] - first[r];
      all[s].logs = logs + at * by_frame;
      all[s].by_frame = by_frame;
      all[s].by_state = by_state;
      all[s].gamma = gamma + at * chain.k;
    }
  }
};

// Deals sequences into groups, which are the same for any number of threads, and so are sums. Some of a group advance
// together: before(r, end, thread, inside) says where their logs and gamma lie, after(r, end, group, thread, inside) takes
// what came of it. xi (k, k) is added to.
template <typename Before, typename After>
static void over_groups(Given& given, int64_t n_threads, double* xi, double* log_probs, const Before& before,
                        const After& after) {
  const Chain& chain = given.chain;
  const int64_t k = chain.k, n = static_cast<int64_t>(given.all.size());
  const int64_t each = std::max(kAbreast, (n + kGroups - 1) / kGroups), n_groups = (n + each - 1) / each;
  Doubles sums(2 * n_groups * k * k, 0.0);
  const int64_t inside = n_groups > 1 ? 1 : n_threads;  // one group alone has the threads for its own loops
  std::vector<Frames> frames(std::min(n_groups, n_threads));
  share_out(n_groups, n_threads, [&](int64_t g, int64_t thread) {
    double* own = sums.data() + 2 * g * k * k;
    for (int64_t r = g * each; r < std::min(n, (g + 1) * each); r += kAbreast) {
      const int64_t end = std::min({r + kAbreast, n, (g + 1) * each});
      before(r, end, thread, inside);
      group_expectations(chain, given.all.data() + r, end - r, frames[thread], own, own + k * k, inside);
      after(r, end, g, thread, inside);
    }
  });
  for (int64_t g = 0; g < n_groups; ++g) {
    const double* own = sums.data() + 2 * g * k * k;
    for (int64_t i = 0; i < k * k; ++i) xi[i] += own[i] * chain.transition[i] + own[k * k + i];
  }
  for (int64_t r = 0; r < n; ++r) log_probs[r] = given.all[r].log_p;
}

// start, leave: (k,); transition: (k, k); gamma: (frames, k); lengths: int64 (b,); weight, log_probs: (b,); xi: (k, k),
// zeros on entry; all double and contiguous, but logs: (frames, k) of any strides.
void expectations(const Tensor& start, const Tensor& transition, const Tensor& leave, const Tensor& logs,
                  const Tensor& lengths, const Tensor& weight, Tensor gamma, Tensor xi, Tensor log_probs,
                  int64_t n_threads) {
  Given given(start, transition, leave, lengths, weight);
  given.lay(0, lengths.size(0), read(logs), logs.stride(0), logs.stride(1), write(gamma));
  over_groups(given, n_threads, write(xi), write(log_probs), [](auto...) {}, [](auto...) {});
}

// What frames add up that diagonal Gaussians emit, of one group.
struct Emitted {
  Doubles counts, products, ends;  // (k,), (k, 2 d), (2, k): gamma of first and of last frames
};

// The same of frames x (frames, d), float or double, that diagonal Gaussians emit, as in parnassus_gaussians; logs and gamma
// stay in cache. counts (k,), products (k, 2 d), ends (2, k) and xi (k, k) are zeros on entry.
template <typename Number>
static void emitted(const Number* x, const double* origin, const Densities& densities, Given& given, double* counts,
                    double* products, double* ends, double* xi, double* log_probs, int64_t n_threads) {
  const int64_t k = densities.k, d = densities.d, f = 2 * d;
  struct Room {
    Doubles logs, gamma;
  };
  std::vector<Room> rooms(n_threads);
  std::vector<Emitted> found(kGroups, Emitted{Doubles(k), Doubles(k * f), Doubles(2 * k)});
  const auto before = [&](int64_t r, int64_t end, int64_t thread, int64_t inside) {
    const int64_t n = given.first[end] - given.first[r];
    Room& room = rooms[thread];
    room.logs.resize(n * k);
    room.gamma.resize(n * k);
    over_pieces(n, inside, [&](int64_t, int64_t from, int64_t to) {
      Doubles z(f * kBlock), scored(k * kBlock);
      write_scores(densities, x + (given.first[r] + from) * d, origin, to - from, n, z.data(), scored.data(),
                   room.logs.data() + from);
    });
    given.lay(r, end, room.logs.data(), 1, n, room.gamma.data());
  };
  const auto after = [&](int64_t r, int64_t end, int64_t group, int64_t thread, int64_t inside) {
    const int64_t n = given.first[end] - given.first[r];
    const double* gamma = rooms[thread].gamma.data();
    Emitted& own = found[group];
    std::vector<Sums> pieces((n + kPiece - 1) / kPiece);
    over_pieces(n, inside, [&](int64_t p, int64_t from, int64_t to) {
      pieces[p].counts.assign(k, 0.0);
      pieces[p].products.assign(k * f * kLanes, 0.0);
      Doubles z(f * kBlock), turned(k * kBlock);
      add_moments(x + (given.first[r] + from) * d, origin, gamma + from * k, to - from, d, k, z.data(), turned.data(),
                  pieces[p]);
    });
    add_up(pieces, k, f, own.counts.data(), own.products.data());
    for (int64_t s = r; s < end; ++s) {
      const double *head = given.all[s].gamma, *tail = head + (given.all[s].length - 1) * k;
      for (int64_t i = 0; i < k; ++i) own.ends[i] += head[i];
      for (int64_t i = 0; i < k; ++i) own.ends[k + i] += tail[i];
    }
  };
  over_groups(given, n_threads, xi, log_probs, before, after);
  for (const Emitted& own : found) {
    for (int64_t i = 0; i < k; ++i) counts[i] += own.counts[i];
    for (int64_t i = 0; i < k * f; ++i) products[i] += own.products[i];
    for (int64_t i = 0; i < 2 * k; ++i) ends[i] += own.ends[i];
  }
}

void gaussians(const Tensor& start, const Tensor& transition, const Tensor& leave, const Tensor& x, const Tensor& origin,
               const Tensor& slopes, const Tensor& curves, const Tensor& bias, const Tensor& lengths, const Tensor& weight,
               Tensor counts, Tensor products, Tensor ends, Tensor xi, Tensor log_probs, int64_t n_threads) {
  Given given(start, transition, leave, lengths, weight);
  const Densities densities{read(slopes), read(curves), read(bias), bias.size(0), x.size(1)};
  const auto work = [&](const auto* frames) {
    emitted(frames, read(origin), densities, given, write(counts), write(products), write(ends), write(xi),
            write(log_probs), n_threads);
  };
  if (x.scalar_type() == torch::headeronly::ScalarType::Float) work(static_cast<const float*>(x.const_data_ptr()));
  else work(static_cast<const double*>(x.const_data_ptr()));
}

STABLE_TORCH_LIBRARY(parnassus_chains, m) {
  m.def(
      "expectations(Tensor start, Tensor transition, Tensor leave, Tensor logs, Tensor lengths, "
      "Tensor weight, Tensor(a!) gamma, Tensor(b!) xi, Tensor(c!) log_probs, int n_threads) -> ()");
  m.def(
      "gaussians(Tensor start, Tensor transition, Tensor leave, Tensor x, Tensor origin, Tensor slopes, Tensor curves, "
      "Tensor bias, Tensor lengths, Tensor weight, Tensor(a!) counts, Tensor(b!) products, Tensor(c!) ends, Tensor(d!) xi, "
      "Tensor(e!) log_probs, int n_threads) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_chains, CPU, m) {
  m.impl("expectations", TORCH_BOX(&expectations));
  m.impl("gaussians", TORCH_BOX(&gaussians));
}
