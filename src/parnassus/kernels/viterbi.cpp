// Best paths of sequences of different lengths, frames end to end, float64.
// The twin is in parnassus.functional.chains.maxima; both agree to rounding.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <vector>

using torch::stable::Tensor;

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

STABLE_TORCH_LIBRARY(parnassus_viterbi, m) {
  m.def(
      "viterbi(Tensor start, Tensor step, Tensor leave, Tensor logs, Tensor lengths, Tensor(a!) paths, "
      "Tensor(b!) scores) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_viterbi, CPU, m) { m.impl("viterbi", TORCH_BOX(&viterbi)); }
