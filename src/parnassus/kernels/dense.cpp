// The small loops between the matrix products of a dense net, where torch takes one operator after another, each with a
// microsecond or more of its own. Their twins are in parnassus.functional.criteria (SoftmaxCrossEntropy) and
// parnassus.layers.dense; both agree to rounding.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>
#include <torch/headeronly/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "elementary.h"

using torch::stable::Tensor;

constexpr int64_t kRows = 64;        // rows of a chunk: what the loops below run along
constexpr int64_t kIgnored = -100;   // a label that counts for nothing

// z: classes x kRows in memory, turned into probabilities in place. `logs` receives log sum exp, `own` the label's
// logit.
static void probabilities(float* z, int64_t classes, const int64_t* y, int64_t n, float* own, float* logs) {
  float highest[kRows], sum[kRows] = {};
  for (int64_t i = 0; i < n; ++i) own[i] = z[std::max<int64_t>(y[i], 0) * kRows + i];
  std::copy(z, z + kRows, highest);
  for (int64_t k = 1; k < classes; ++k) {
    for (int64_t i = 0; i < kRows; ++i) highest[i] = std::max(highest[i], z[k * kRows + i]);
  }
  for (int64_t k = 0; k < classes; ++k) {
    for (int64_t i = 0; i < kRows; ++i) {
      const float x = z[k * kRows + i] - highest[i];
      z[k * kRows + i] = exponential(x) + (x == x ? 0.0f : x);  // max passes over a NaN, which must not be lost
      sum[i] += z[k * kRows + i];
    }
  }
  for (int64_t i = 0; i < n; ++i) logs[i] = highest[i] + std::log(sum[i]);
  for (int64_t k = 0; k < classes; ++k) {
    for (int64_t i = 0; i < kRows; ++i) z[k * kRows + i] /= sum[i];
  }
}

// One group's loss: a mean over rows that count, 0 where none does; the slope is of that mean.
struct Group {
  const float* logits;
  const int64_t* y;
  float* slope;
  int64_t n, classes, in_row, in_class, out_row, out_class;

  float mean_and_slope(std::vector<float>& z) const {
    const int64_t counted = n - std::count(y, y + n, kIgnored);
    const float share = counted ? 1.0f / static_cast<float>(counted) : 0.0f;
    float own[kRows], logs[kRows];
    double loss = 0;
    for (int64_t first = 0; first < n; first += kRows) {
      const int64_t rows = std::min(kRows, n - first);
      for (int64_t k = 0; k < classes; ++k) {
        const float* column = logits + first * in_row + k * in_class;
        for (int64_t i = 0; i < rows; ++i) z[k * kRows + i] = column[i * in_row];
      }
      probabilities(z.data(), classes, y + first, rows, own, logs);
      for (int64_t i = 0; i < rows; ++i) {
        const int64_t label = y[first + i];
        if (label == kIgnored) {
          for (int64_t k = 0; k < classes; ++k) z[k * kRows + i] = 0;
        } else {
          loss += static_cast<double>(logs[i] - own[i]);
          z[label * kRows + i] -= 1.0f;
        }
      }
      for (int64_t k = 0; k < classes; ++k) {
        float* column = slope + first * out_row + k * out_class;
        for (int64_t i = 0; i < rows; ++i) column[i * out_row] = z[k * kRows + i] * share;
      }
    }
    return counted ? static_cast<float>(loss / static_cast<double>(counted)) : 0.0f;
  }
};

// logits and slope: float (n, classes), or (groups, n, classes) for several nets, any strides; y: int64 of the shape
// before classes, 0 to classes - 1 or kIgnored. Returns the loss, or the groups' losses (groups,).
Tensor cross_entropy(const Tensor& logits, const Tensor& y, Tensor slope) {
  const bool several = logits.dim() == 3;
  const int64_t groups = several ? logits.size(0) : 1, rows = several ? 1 : 0;
  const int64_t n = logits.size(rows), classes = logits.size(rows + 1);
  const float* from = static_cast<const float*>(logits.const_data_ptr());
  const int64_t* label = static_cast<const int64_t*>(y.const_data_ptr());
  float* to = static_cast<float*>(slope.mutable_data_ptr());
  for (int64_t i = 0; i < groups * n; ++i) {
    STD_TORCH_CHECK((label[i] >= 0 && label[i] < classes) || label[i] == kIgnored, "label ", label[i], " of row ", i,
                    " is not one of 0 to ", classes - 1);
  }
  Tensor losses = several ? torch::stable::new_empty(logits, {groups}) : torch::stable::new_empty(logits, {});
  float* mean = static_cast<float*>(losses.mutable_data_ptr());
  std::vector<float> z(classes * kRows, 0.0f);
  for (int64_t g = 0; g < groups; ++g) {
    const Group group{from + (several ? g * logits.stride(0) : 0),
                      label + g * n,
                      to + (several ? g * slope.stride(0) : 0),
                      n,
                      classes,
                      logits.stride(rows),
                      logits.stride(rows + 1),
                      slope.stride(rows),
                      slope.stride(rows + 1)};
    mean[g] = group.mean_and_slope(z);
  }
  return losses;
}

// slope, h: float (n, width), rows end to end; h is what a ReLU gave. Slopes where h is 0 become 0, in place; total
// (width,) receives the sums over rows, in pieces of kRows so that a long sum stays as exact as torch's.
void rectified(Tensor slope, const Tensor& h, Tensor total) {
  const int64_t n = h.size(0), width = h.size(1);
  float* s = static_cast<float*>(slope.mutable_data_ptr());
  const float* on = static_cast<const float*>(h.const_data_ptr());
  float* sum = static_cast<float*>(total.mutable_data_ptr());
  std::fill(sum, sum + width, 0.0f);
  std::vector<float> piece(width, 0.0f);
  for (int64_t i = 0; i < n; ++i, s += width, on += width) {
    for (int64_t j = 0; j < width; ++j) {
      s[j] = on[j] <= 0.0f ? 0.0f : s[j];  // where h is NaN the slope passes, as in torch
      piece[j] += s[j];
    }
    if ((i + 1) % kRows == 0 || i + 1 == n) {
      for (int64_t j = 0; j < width; ++j) sum[j] += piece[j];
      std::fill(piece.begin(), piece.end(), 0.0f);
    }
  }
}

STABLE_TORCH_LIBRARY(parnassus_dense, m) {
  m.def("cross_entropy(Tensor logits, Tensor y, Tensor(a!) slope) -> Tensor");
  m.def("rectified(Tensor(a!) slope, Tensor h, Tensor(b!) total) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_dense, CPU, m) {
  m.impl("cross_entropy", TORCH_BOX(&cross_entropy));
  m.impl("rectified", TORCH_BOX(&rectified));
}
