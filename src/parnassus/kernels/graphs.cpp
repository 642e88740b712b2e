// Best paths and expected counts over a graph of emitting and non-emitting nodes, one utterance a call, logarithms.
// The twins are in parnassus.functional.search_graph.recursions; both agree to rounding.

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

// Node 0 is the entry, 1 to n_emitting emit, the others do not, each after those it is reached from; the last is the
// exit. The arcs into node j are first[j] to first[j + 1].
struct Graph {
  const int64_t* first;    // (n + 1,)
  const int64_t* source;   // (arcs,)
  const double* weight;    // (arcs,)
  const int64_t* density;  // (n,): the column of the emissions
  int64_t n, n_emitting, n_arcs;
};

static Graph graph_of(const Tensor& first, const Tensor& source, const Tensor& weight, const Tensor& density,
                      int64_t n_emitting) {
  return {static_cast<const int64_t*>(first.const_data_ptr()), static_cast<const int64_t*>(source.const_data_ptr()),
          static_cast<const double*>(weight.const_data_ptr()), static_cast<const int64_t*>(density.const_data_ptr()),
          density.size(0), n_emitting, weight.size(0)};
}

static void best_into(const Graph& g, int64_t j, const double* from, double* value, int32_t* arc) {
  double best = kLowest;
  int32_t at = -1;
  for (int64_t a = g.first[j]; a < g.first[j + 1]; ++a) {
    const double candidate = from[g.source[a]] + g.weight[a];
    if (candidate > best) {
      best = candidate;
      at = static_cast<int32_t>(a);
    }
  }
  *value = best;
  *arc = at;
}

// path: (frames,) the arc by which each frame's node was entered; score: (1,); beam: what may lie behind the best
void viterbi(const Tensor& first, const Tensor& source, const Tensor& weight, const Tensor& density, int64_t n_emitting,
             const Tensor& logs, double beam, Tensor path, Tensor score) {
  const Graph g = graph_of(first, source, weight, density, n_emitting);
  const double* emitted = static_cast<const double*>(logs.const_data_ptr());
  const int64_t length = logs.size(0), columns = logs.size(1);
  std::vector<double> before(g.n, kLowest), now(g.n, kLowest);
  std::vector<int32_t> arcs((length + 1) * g.n, -1);
  before[0] = 0;
  for (int64_t j = g.n_emitting + 1; j < g.n; ++j) best_into(g, j, before.data(), &before[j], &arcs[j]);
  for (int64_t t = 0; t < length; ++t) {
    const double* b = emitted + t * columns;
    int32_t* entered = arcs.data() + (t + 1) * g.n;
    double most = kLowest;
    now[0] = kLowest;
    for (int64_t j = 1; j <= g.n_emitting; ++j) {
      best_into(g, j, before.data(), &now[j], entered + j);
      now[j] += b[g.density[j]];
      most = std::max(most, now[j]);
    }
    for (int64_t j = 1; j <= g.n_emitting; ++j) now[j] = now[j] < most - beam ? kLowest : now[j];
    for (int64_t j = g.n_emitting + 1; j < g.n; ++j) best_into(g, j, now.data(), &now[j], entered + j);
    before.swap(now);
  }
  const double reached = before[g.n - 1];
  *static_cast<double*>(score.mutable_data_ptr()) = reached;
  if (reached == kLowest) return;
  int64_t* way = static_cast<int64_t*>(path.mutable_data_ptr());
  int64_t node = g.n - 1;
  for (int64_t t = length; t > 0;) {
    const int32_t a = arcs[t * g.n + node];
    if (node <= g.n_emitting) way[--t] = a;
    node = g.source[a];
  }
}

static double sum_into(const Graph& g, int64_t j, const double* from) {
  double most = kLowest;
  for (int64_t a = g.first[j]; a < g.first[j + 1]; ++a) most = std::max(most, from[g.source[a]] + g.weight[a]);
  if (most == kLowest) return most;
  double total = 0;
  for (int64_t a = g.first[j]; a < g.first[j + 1]; ++a) total += std::exp(from[g.source[a]] + g.weight[a] - most);
  return most + std::log(total);
}

static void add_log(double* sum, double value) {
  if (value == kLowest) return;
  const double high = std::max(*sum, value), low = std::min(*sum, value);
  *sum = high + std::log1p(std::exp(low - high));
}

// gamma: (frames, columns) and counts: (arcs,) are added to; log_prob: (1,)
void expectations(const Tensor& first, const Tensor& source, const Tensor& weight, const Tensor& density,
                  int64_t n_emitting, const Tensor& logs, Tensor gamma, Tensor counts, Tensor log_prob) {
  const Graph g = graph_of(first, source, weight, density, n_emitting);
  const double* emitted = static_cast<const double*>(logs.const_data_ptr());
  const int64_t length = logs.size(0), columns = logs.size(1), last = g.n - 1;
  std::vector<double> alpha((length + 1) * g.n, kLowest);
  alpha[0] = 0;
  for (int64_t j = g.n_emitting + 1; j < g.n; ++j) alpha[j] = sum_into(g, j, alpha.data());
  for (int64_t t = 1; t <= length; ++t) {
    double* own = alpha.data() + t * g.n;
    for (int64_t j = 1; j <= g.n_emitting; ++j) {
      own[j] = sum_into(g, j, own - g.n) + emitted[(t - 1) * columns + g.density[j]];
    }
    for (int64_t j = g.n_emitting + 1; j < g.n; ++j) own[j] = sum_into(g, j, own);
  }
  const double total = alpha[length * g.n + last];
  *static_cast<double*>(log_prob.mutable_data_ptr()) = total;
  if (total == kLowest) return;
  double* occupied = static_cast<double*>(gamma.mutable_data_ptr());
  double* count = static_cast<double*>(counts.mutable_data_ptr());
  std::vector<double> beta(g.n, kLowest), before(g.n, kLowest);
  beta[last] = 0;
  for (int64_t t = length; t >= 0; --t) {
    const double* own = alpha.data() + t * g.n;
    for (int64_t j = last; j > g.n_emitting; --j) {  // what cannot emit is left at once
      if (beta[j] == kLowest) continue;
      for (int64_t a = g.first[j]; a < g.first[j + 1]; ++a) {
        const double rest = g.weight[a] + beta[j];
        add_log(&beta[g.source[a]], rest);
        if (own[g.source[a]] != kLowest) count[a] += std::exp(own[g.source[a]] + rest - total);
      }
    }
    if (t == 0) break;
    std::fill(before.begin(), before.end(), kLowest);
    for (int64_t j = 1; j <= g.n_emitting; ++j) {
      if (beta[j] == kLowest || own[j] == kLowest) continue;
      occupied[(t - 1) * columns + g.density[j]] += std::exp(own[j] + beta[j] - total);
      for (int64_t a = g.first[j]; a < g.first[j + 1]; ++a) {
        const double rest = g.weight[a] + emitted[(t - 1) * columns + g.density[j]] + beta[j];
        add_log(&before[g.source[a]], rest);
        const double reached = alpha[(t - 1) * g.n + g.source[a]];
        if (reached != kLowest) count[a] += std::exp(reached + rest - total);
      }
    }
    beta.swap(before);
  }
}

STABLE_TORCH_LIBRARY(parnassus_graphs, m) {
  m.def(
      "viterbi(Tensor first, Tensor source, Tensor weight, Tensor density, int n_emitting, Tensor logs, float beam, "
      "Tensor(a!) path, Tensor(b!) score) -> ()");
  m.def(
      "expectations(Tensor first, Tensor source, Tensor weight, Tensor density, int n_emitting, Tensor logs, "
      "Tensor(a!) gamma, Tensor(b!) counts, Tensor(c!) log_prob) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_graphs, CPU, m) {
  m.impl("viterbi", TORCH_BOX(&viterbi));
  m.impl("expectations", TORCH_BOX(&expectations));
}
