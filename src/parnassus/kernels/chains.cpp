// Forward-backward and Viterbi over sequences of different lengths, frames end to end, float64.
// The twins are in parnassus.functional.chains.scans; both agree to rounding.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

using torch::stable::Tensor;

constexpr double kLowest = -std::numeric_limits<double>::infinity();
constexpr double kThin = 1e-60;  // a frame that leaves less of the mass may have lost paths to underflow

struct Chain {
  const double* start;       // (k,)
  const double* transition;  // (k, k), from x to
  const double* back;        // (k, k), to x from: so that the loops below run along what they add to
  const double* leave;       // (k,): ones where there is no exit state
  int64_t k;
};

struct Sequence {
  const double* scaled;         // (length, k): emissions over their frame's largest
  double peaks;                 // the sum of logs of those largest
  const double* logs;           // log emissions, of any layout:
  int64_t by_frame, by_state;   // steps between frames, and between states
  double* gamma;                // (length, k)
  int64_t length;
  double weight;
};

// exp(x) for x <= 0 to 3e-16: x = n ln 2 + r, a polynomial of r, and n put into the exponent's bits.
// std::exp would keep a compiler from computing frames side by side.
static inline double exponential(double x) {
  const double held = std::max(x, -708.0);
  const double shifted = held * 1.4426950408889634 + 6755399441055744.0;  // 1.5 * 2^52 rounds to a whole number
  const double n = shifted - 6755399441055744.0;
  const double r = (held - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
  double p = 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
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
  const double whole = std::bit_cast<double>(std::bit_cast<int64_t>(p) + (std::bit_cast<int64_t>(shifted) << 52));
  return x < -708.0 ? 0.0 : whole;
}

constexpr int64_t kFrames = 64;  // frames of a piece: what the loops below run along

// scaled (length, k) receives emissions over their frame's largest; returns the sum of the logs of those.
static double scale_emissions(const Sequence& s, int64_t k, double* scaled) {
  double total = 0;
  for (int64_t first = 0; first < s.length; first += kFrames) {
    const int64_t n = std::min(kFrames, s.length - first);
    const double* logs = s.logs + first * s.by_frame;
    double peak[kFrames], value[kFrames] = {};
    std::fill(peak, peak + n, kLowest);
    std::fill(peak + n, peak + kFrames, 0.0);
    for (int64_t j = 0; j < k; ++j) {
      const double* own = logs + j * s.by_state;
      for (int64_t t = 0; t < n; ++t) peak[t] = std::max(peak[t], own[t * s.by_frame]);
    }
    for (int64_t t = 0; t < n; ++t) {
      peak[t] = std::isfinite(peak[t]) ? peak[t] : 0.0;
      total += peak[t];
    }
    for (int64_t j = 0; j < k; ++j) {
      const double* own = logs + j * s.by_state;
      for (int64_t t = 0; t < n; ++t) value[t] = own[t * s.by_frame];
      for (int64_t t = 0; t < kFrames; ++t) value[t] = exponential(value[t] - peak[t]);
      for (int64_t t = 0; t < n; ++t) scaled[(first + t) * k + j] = value[t];
    }
  }
  return total;
}

// Rabiner's scaling: alpha sums to 1 in every frame. Returns log p(x), or NaN where a frame left too little mass.
// xi (k, k) receives sum_t alpha_t(i) b_{t+1}(j) beta_{t+1}(j) / c_{t+1}, to be multiplied by a_ij.
template <int K>
static double scaled_pass(const Chain& chain, const Sequence& s, double* xi, std::vector<double>& scale) {
  const int64_t k = K ? K : chain.k;
  double fixed[3 * (K ? K : 1)];
  std::vector<double> heap(K ? 0 : 3 * k);
  double* now = K ? fixed : heap.data();
  double *next = now + k, *future = now + 2 * k;
  scale.resize(s.length);
  double total = s.peaks;
  for (int64_t t = 0; t < s.length; ++t) {
    const double* b = s.scaled + t * k;
    double* alpha = s.gamma + t * k;
    if (t == 0) {
      for (int64_t j = 0; j < k; ++j) next[j] = chain.start[j];
    } else {
      for (int64_t j = 0; j < k; ++j) next[j] = 0;
      for (int64_t i = 0; i < k; ++i) {
        const double own = now[i];
        const double* row = chain.transition + i * k;
        for (int64_t j = 0; j < k; ++j) next[j] += own * row[j];
      }
    }
    for (int64_t j = 0; j < k; ++j) next[j] *= b[j];
    double even = 0, odd = 0;  // two sums, neither of which waits for the other
    for (int64_t j = 0; j + 1 < k; j += 2) {
      even += next[j];
      odd += next[j + 1];
    }
    const double sum = even + odd + (k % 2 ? next[k - 1] : 0.0);
    if (!(sum > kThin)) return std::nan("");
    const double share = 1 / sum;
    for (int64_t j = 0; j < k; ++j) alpha[j] = now[j] = next[j] * share;
    scale[t] = share;
  }
  double last = 0;
  for (int64_t j = 0; j < k; ++j) last += now[j] * chain.leave[j];
  if (!(last > kThin)) return std::nan("");
  // logs of products of a few scales: fewer logarithms
  double product = 1;
  for (int64_t t = 0; t < s.length; ++t) {
    product *= scale[t];
    if (product > 1e200) {
      total -= std::log(product);
      product = 1;
    }
  }
  total += std::log(last) - std::log(product);
  const double end = 1 / last;
  for (int64_t j = 0; j < k; ++j) future[j] = chain.leave[j] * end;
  for (int64_t t = s.length - 1; t >= 0; --t) {
    double* own = s.gamma + t * k;
    if (t > 0) {
      const double* b = s.scaled + t * k;
      const double* before = own - k;
      const double share = scale[t];
      for (int64_t j = 0; j < k; ++j) next[j] = b[j] * future[j] * share;
      for (int64_t j = 0; j < k; ++j) own[j] *= future[j] * s.weight;
      for (int64_t i = 0; i < k; ++i) now[i] = 0;
      for (int64_t j = 0; j < k; ++j) {
        const double entered = next[j];
        const double* column = chain.back + j * k;
        for (int64_t i = 0; i < k; ++i) now[i] += entered * column[i];
      }
      for (int64_t i = 0; i < k; ++i) {
        const double from = before[i] * s.weight;
        double* pair = xi + i * k;
        for (int64_t j = 0; j < k; ++j) pair[j] += from * next[j];
      }
      for (int64_t i = 0; i < k; ++i) future[i] = now[i];
    } else {
      for (int64_t j = 0; j < k; ++j) own[j] *= future[j] * s.weight;
    }
  }
  return total;
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
  std::vector<double> step(k * k), terms(k), alpha(s.length * k), beta(k), held(k);
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

using Pass = double (*)(const Chain&, const Sequence&, double*, std::vector<double>&);

static Pass pass_for(int64_t k) {
  switch (k) {
    case 2: return scaled_pass<2>;
    case 3: return scaled_pass<3>;
    case 4: return scaled_pass<4>;
    case 5: return scaled_pass<5>;
    case 6: return scaled_pass<6>;
    case 8: return scaled_pass<8>;
    case 16: return scaled_pass<16>;
    default: return scaled_pass<0>;
  }
}

// start, leave: (k,); transition: (k, k); gamma: (frames, k); lengths: int64 (b,); weight, log_probs: (b,); xi: (k, k),
// zeros on entry; all double and contiguous, but logs: (frames, k) of any strides.
void expectations(const Tensor& start, const Tensor& transition, const Tensor& leave, const Tensor& logs,
                  const Tensor& lengths, const Tensor& weight, Tensor gamma, Tensor xi, Tensor log_probs) {
  const auto read = [](const Tensor& t) { return static_cast<const double*>(t.const_data_ptr()); };
  const auto write = [](Tensor& t) { return static_cast<double*>(t.mutable_data_ptr()); };
  const int64_t k = start.size(0), n = lengths.size(0), by_frame = logs.stride(0), by_state = logs.stride(1);
  std::vector<double> back(k * k);
  for (int64_t i = 0; i < k; ++i) {
    for (int64_t j = 0; j < k; ++j) back[j * k + i] = read(transition)[i * k + j];
  }
  const Chain chain{read(start), read(transition), back.data(), read(leave), k};
  const int64_t* length = static_cast<const int64_t*>(lengths.const_data_ptr());
  const Pass pass = pass_for(k);
  std::vector<double> scaled, scale, products(k * k, 0.0);
  double* pairs = write(xi);
  int64_t at = 0;
  for (int64_t r = 0; r < n; at += length[r], ++r) {
    scaled.resize(length[r] * k);
    Sequence s{scaled.data(), 0.0, read(logs) + at * by_frame, by_frame, by_state,
               write(gamma) + at * k, length[r], read(weight)[r]};
    s.peaks = scale_emissions(s, k, scaled.data());
    double found = pass(chain, s, products.data(), scale);
    if (found != found) found = logged_pass(chain, s, pairs);
    write(log_probs)[r] = found;
  }
  for (int64_t i = 0; i < k * k; ++i) pairs[i] += products[i] * chain.transition[i];
}

template <int K>
static void best_path(const double* start, const double* step, const double* leave, const double* logs, int64_t length,
                      int64_t n_states, std::vector<int32_t>& from, int64_t* path, double* score) {
  const int64_t k = K ? K : n_states;
  std::vector<double> heap(K ? 0 : 3 * k);
  double fixed[3 * (K ? K : 1)];
  double* now = K ? fixed : heap.data();
  double *best = now + k, *choice = now + 2 * k;  // a choice is kept as a double, so that lanes agree
  from.resize(length * k);
  for (int64_t j = 0; j < k; ++j) now[j] = start[j] + logs[j];
  for (int64_t t = 1; t < length; ++t) {
    for (int64_t j = 0; j < k; ++j) {
      best[j] = now[0] + step[j];
      choice[j] = 0;
    }
    for (int64_t i = 1; i < k; ++i) {
      const double own = now[i], name = static_cast<double>(i);
      const double* row = step + i * k;
      for (int64_t j = 0; j < k; ++j) {
        const double candidate = own + row[j];
        const bool better = candidate > best[j];
        best[j] = better ? candidate : best[j];
        choice[j] = better ? name : choice[j];
      }
    }
    for (int64_t j = 0; j < k; ++j) {
      now[j] = best[j] + logs[t * k + j];
      from[t * k + j] = static_cast<int32_t>(choice[j]);
    }
  }
  int64_t end = 0;
  for (int64_t j = 0; j < k; ++j) now[j] += leave[j];
  for (int64_t j = 1; j < k; ++j) end = now[j] > now[end] ? j : end;
  *score = now[end];
  for (int64_t t = length - 1; t >= 0; --t) {
    path[t] = end;
    end = from[t * k + end];
  }
}

using Best = void (*)(const double*, const double*, const double*, const double*, int64_t, int64_t,
                      std::vector<int32_t>&, int64_t*, double*);

static Best best_for(int64_t k) {
  switch (k) {
    case 2: return best_path<2>;
    case 3: return best_path<3>;
    case 4: return best_path<4>;
    case 5: return best_path<5>;
    case 6: return best_path<6>;
    case 8: return best_path<8>;
    case 16: return best_path<16>;
    default: return best_path<0>;
  }
}

// start, leave (k,), step (k, k) and logs (frames, k) are logarithms; paths: int64 (frames,); scores: (b,)
void viterbi(const Tensor& start, const Tensor& step, const Tensor& leave, const Tensor& logs, const Tensor& lengths,
             Tensor paths, Tensor scores) {
  const auto read = [](const Tensor& t) { return static_cast<const double*>(t.const_data_ptr()); };
  const int64_t k = start.size(0), n = lengths.size(0);
  const int64_t* length = static_cast<const int64_t*>(lengths.const_data_ptr());
  int64_t* path = static_cast<int64_t*>(paths.mutable_data_ptr());
  double* score = static_cast<double*>(scores.mutable_data_ptr());
  const Best best = best_for(k);
  std::vector<int32_t> from;
  int64_t at = 0;
  for (int64_t r = 0; r < n; at += length[r], ++r) {
    best(read(start), read(step), read(leave), read(logs) + at * k, length[r], k, from, path + at, score + r);
  }
}

STABLE_TORCH_LIBRARY(parnassus_chains, m) {
  m.def(
      "expectations(Tensor start, Tensor transition, Tensor leave, Tensor logs, Tensor lengths, "
      "Tensor weight, Tensor(a!) gamma, Tensor(b!) xi, Tensor(c!) log_probs) -> ()");
  m.def(
      "viterbi(Tensor start, Tensor step, Tensor leave, Tensor logs, Tensor lengths, Tensor(a!) paths, "
      "Tensor(b!) scores) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_chains, CPU, m) {
  m.impl("expectations", TORCH_BOX(&expectations));
  m.impl("viterbi", TORCH_BOX(&viterbi));
}
