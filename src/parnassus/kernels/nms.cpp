// Greedy non-maximum suppression over boxes that are already sorted by decreasing score.
// The twin is parnassus.functional.boxes.nms_twin; both keep the same boxes, ties and empty boxes included.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <algorithm>
#include <cstdint>
#include <vector>

using torch::stable::Tensor;

// boxes: (n, 4) as x1 y1 x2 y2; kept: n bytes, all 1 on entry
template <typename T>
static void keep_boxes(const T* boxes, int64_t n, double threshold, uint8_t* kept) {
  // columns apart, so that the inner loop runs in vectors
  std::vector<T> x1(n), y1(n), x2(n), y2(n), area(n);
  for (int64_t i = 0; i < n; ++i) {
    x1[i] = boxes[4 * i];
    y1[i] = boxes[4 * i + 1];
    x2[i] = boxes[4 * i + 2];
    y2[i] = boxes[4 * i + 3];
    area[i] = (x2[i] - x1[i]) * (y2[i] - y1[i]);
  }
  for (int64_t i = 0; i < n; ++i) {
    if (!kept[i]) continue;
    const T left = x1[i], top = y1[i], right = x2[i], bottom = y2[i], own = area[i];
    for (int64_t j = i + 1; j < n; ++j) {
      const T width = std::max(T(0), std::min(right, x2[j]) - std::max(left, x1[j]));
      const T height = std::max(T(0), std::min(bottom, y2[j]) - std::max(top, y1[j]));
      const T shared = width * height;
      const T overlap = shared / (own + area[j] - shared);
      // 0 / 0 of two empty boxes compares false: both stay
      kept[j] &= static_cast<uint8_t>(!(static_cast<double>(overlap) > threshold));
    }
  }
}

void keep(const Tensor& boxes, double threshold, Tensor kept) {
  auto* flags = static_cast<uint8_t*>(kept.mutable_data_ptr());
  const int64_t n = boxes.size(0);
  if (boxes.scalar_type() == torch::headeronly::ScalarType::Double) {
    keep_boxes(static_cast<const double*>(boxes.const_data_ptr()), n, threshold, flags);
  } else {
    keep_boxes(static_cast<const float*>(boxes.const_data_ptr()), n, threshold, flags);
  }
}

STABLE_TORCH_LIBRARY(parnassus_nms, m) {
  m.def("keep(Tensor boxes, float threshold, Tensor(a!) kept) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_nms, CPU, m) {
  m.impl("keep", TORCH_BOX(&keep));
}
