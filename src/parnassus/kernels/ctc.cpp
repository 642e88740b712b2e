// Prefix beam search over CTC log-probabilities, with a scorer written out as an automaton over labels.
// The twin is parnassus.functional.prefix_beam.prefix_beam_twin; both agree to rounding.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

using torch::stable::Tensor;

constexpr double kLowest = -std::numeric_limits<double>::infinity();

struct Automaton {
  const int32_t* following;  // (states, classes)
  const double* gain;        // (states, classes)
  const double* end;         // (states,)
};

// A beginning of a text: a node of the tree of all that were ever kept.
struct Node {
  int32_t parent, label, state;
  int32_t child, sibling;  // first child, next child of the same parent; -1 for none
  double added;            // what the scorer gave to all its labels
};

struct Kept {
  int32_t node;
  double blank, label, total;  // log sums of paths that end in a blank, in its last label, in either
};

struct Candidate {
  double rank;
  int32_t from;   // place among those kept
  int32_t label;  // 0: the beginning itself goes on; else it grows by this label
  double blank, written;
};

static inline double log_add(double a, double b) {
  if (a < b) std::swap(a, b);
  if (b == kLowest) return a;
  const double gap = b - a;
  return gap < -40 ? a : a + std::log1p(std::exp(gap));
}

struct Search {
  const Automaton& automaton;
  int64_t classes, beam;
  double floor;
  std::vector<Node> nodes;
  std::vector<Kept> kept, next;
  std::vector<Candidate> candidates;
  std::vector<int32_t> place;        // node -> place among those kept, or -1
  std::vector<int32_t> open;         // labels above the floor in this frame
  std::vector<double> came;          // (kept,): what the parent, kept as well, adds to a beginning's last label

  void begin() {
    nodes.assign(1, Node{-1, 0, 0, -1, -1, 0.0});
    place.assign(1, 0);
    kept.assign(1, Kept{0, 0.0, kLowest, 0.0});
  }

  int32_t child_of(int32_t parent, int32_t label) {
    for (int32_t c = nodes[parent].child; c >= 0; c = nodes[c].sibling) {
      if (nodes[c].label == label) return c;
    }
    const int64_t at = nodes[parent].state * classes + label;
    const int32_t made = static_cast<int32_t>(nodes.size());
    nodes.push_back(Node{parent, label, automaton.following[at], -1, nodes[parent].child,
                         nodes[parent].added + automaton.gain[at]});
    place.push_back(-1);
    nodes[parent].child = made;
    return made;
  }

  void step(const float* frame) {
    const int64_t n = static_cast<int64_t>(kept.size());
    candidates.clear();
    open.clear();
    for (int64_t k = 1; k < classes; ++k) {
      if (frame[k] >= floor) open.push_back(static_cast<int32_t>(k));
    }
    came.assign(n, kLowest);
    for (int64_t i = 0; i < n; ++i) {  // a kept beginning whose parent is kept is reached from there as well
      const Node& own = nodes[kept[i].node];
      if (own.parent < 0 || place[own.parent] < 0 || frame[own.label] < floor) continue;
      const Kept& parent = kept[place[own.parent]];
      const bool repeats = nodes[own.parent].label == own.label;
      came[i] = (repeats ? parent.blank : parent.total) + frame[own.label];
    }
    double worst = kLowest;
    for (int64_t i = 0; i < n; ++i) {
      const Kept& one = kept[i];
      const Node& own = nodes[one.node];
      const double stays = own.label ? one.label + frame[own.label] : kLowest;
      const double blank = one.total + frame[0], written = log_add(stays, came[i]);
      candidates.push_back({log_add(blank, written) + own.added, static_cast<int32_t>(i), 0, blank, written});
    }
    if (n >= beam) {  // with as many as are kept at hand, what ranks below all of them cannot be kept
      worst = candidates[0].rank;
      for (int64_t i = 1; i < n; ++i) worst = std::min(worst, candidates[i].rank);
    }
    for (int64_t i = 0; i < n; ++i) grow(i, frame, worst);
    keep();
  }

  void grow(int64_t i, const float* frame, double worst) {
    const Kept& one = kept[i];
    const Node& own = nodes[one.node];
    const double* gain = automaton.gain + own.state * classes;
    taken.assign(classes, 0);
    for (int32_t c = own.child; c >= 0; c = nodes[c].sibling) taken[nodes[c].label] = place[c] >= 0;
    for (const int32_t k : open) {
      if (taken[k]) continue;  // kept, and therefore a candidate already
      const double written = (k == own.label ? one.blank : one.total) + frame[k];
      const double rank = written + own.added + gain[k];
      if (rank > worst) candidates.push_back({rank, static_cast<int32_t>(i), k, kLowest, written});
    }
  }

  void keep() {
    const int64_t n = std::min<int64_t>(beam, candidates.size());
    if (static_cast<int64_t>(candidates.size()) > n) {
      std::nth_element(candidates.begin(), candidates.begin() + n, candidates.end(),
                       [](const Candidate& a, const Candidate& b) { return a.rank > b.rank; });
    }
    next.clear();
    for (int64_t i = 0; i < n; ++i) {
      const Candidate& one = candidates[i];
      const int32_t from = kept[one.from].node;
      const int32_t node = one.label ? child_of(from, one.label) : from;
      next.push_back({node, one.blank, one.written, log_add(one.blank, one.written)});
    }
    for (const Kept& one : kept) place[one.node] = -1;
    kept.swap(next);
    for (size_t i = 0; i < kept.size(); ++i) place[kept[i].node] = static_cast<int32_t>(i);
  }

  void finish(int64_t n_best, int64_t longest, int32_t* labels, int32_t* sizes, double* scores) {
    candidates.clear();
    for (size_t i = 0; i < kept.size(); ++i) {
      const Node& own = nodes[kept[i].node];
      candidates.push_back(
          {kept[i].total + own.added + automaton.end[own.state], static_cast<int32_t>(i), 0, 0.0, 0.0});
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return a.rank > b.rank; });
    for (int64_t b = 0; b < n_best; ++b) {
      const bool there = b < static_cast<int64_t>(candidates.size()) && (b == 0 || candidates[b].rank > kLowest);
      sizes[b] = there ? 0 : -1;
      if (!there) continue;
      scores[b] = candidates[b].rank;
      int32_t* row = labels + b * longest;
      for (int32_t at = kept[candidates[b].from].node; at > 0; at = nodes[at].parent) row[sizes[b]++] = nodes[at].label;
      std::reverse(row, row + sizes[b]);
    }
  }

  std::vector<char> taken;
};

void prefix_beam(const Tensor& log_probs, const Tensor& lengths, const Tensor& following, const Tensor& gain,
                 const Tensor& end, int64_t beam, double floor, Tensor labels, Tensor sizes, Tensor scores) {
  const int64_t n = log_probs.size(0), time = log_probs.size(1), classes = log_probs.size(2);
  const int64_t n_best = labels.size(1), longest = labels.size(2);
  const float* x = static_cast<const float*>(log_probs.const_data_ptr());
  const int64_t* length = static_cast<const int64_t*>(lengths.const_data_ptr());
  const Automaton automaton{static_cast<const int32_t*>(following.const_data_ptr()),
                            static_cast<const double*>(gain.const_data_ptr()),
                            static_cast<const double*>(end.const_data_ptr())};
  Search search{automaton, classes, beam, floor, {}, {}, {}, {}, {}, {}, {}, {}};
  for (int64_t r = 0; r < n; ++r) {
    search.begin();
    for (int64_t t = 0; t < length[r]; ++t) search.step(x + (r * time + t) * classes);
    search.finish(n_best, longest, static_cast<int32_t*>(labels.mutable_data_ptr()) + r * n_best * longest,
                  static_cast<int32_t*>(sizes.mutable_data_ptr()) + r * n_best,
                  static_cast<double*>(scores.mutable_data_ptr()) + r * n_best);
  }
}

STABLE_TORCH_LIBRARY(parnassus_ctc, m) {
  m.def(
      "prefix_beam(Tensor log_probs, Tensor lengths, Tensor following, Tensor gain, Tensor end, int beam, float floor, "
      "Tensor(a!) labels, Tensor(b!) sizes, Tensor(c!) scores) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_ctc, CPU, m) { m.impl("prefix_beam", TORCH_BOX(&prefix_beam)); }
