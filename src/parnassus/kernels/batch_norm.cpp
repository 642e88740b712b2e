// y = relu(w (x - mean) / sqrt(var + eps) + b + add) and its slopes, over maps whose channels lie together: n rows of c
// floats. Memory is what this costs, so what torch does in five passes is done in two each way. Pieces of rows have sums
// of their own, in floats, which are added in order, in doubles: the same for any number of threads.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "wide.h"

using torch::stable::Tensor;

constexpr int64_t kPiece = 8192;  // numbers: between its two passes a piece stays in the first cache
constexpr int kAbreast = 4;       // registers, so that sums need not wait for each other

// Few channels would leave registers half empty: `together` rows are taken as one line.
struct Maps {
  int64_t rows, c, together, width, lines;  // width: numbers of a line; lines: of a piece

  Maps(int64_t numbers, int64_t channels) : rows(numbers / channels), c(channels), together(1) {
    while (together * c < kAbreast * kWide) together *= 2;
    width = together * c;
    lines = std::max<int64_t>(1, kPiece / width);
  }
  int64_t pieces() const { return (rows + lines * together - 1) / (lines * together); }

  // work(piece, where its numbers begin, how many there are)
  template <typename Work>
  void over_pieces(const Work& work) const {
    const int64_t size = lines * width;
    torch::stable::parallel_for(0, pieces(), 1, [&](int64_t first, int64_t end) {
      for (int64_t p = first; p < end; ++p) work(p, p * size, std::min(size, rows * c - p * size));
    });
  }

  // work.template of<registers>(column, numbers of a register) until each column of a line was seen once
  template <typename Work>
  void over_columns(const Work& work) const {
    int64_t j = 0;
    for (; j + kAbreast * kWide <= width; j += kAbreast * kWide) work.template of<kAbreast>(j, kWide);
    for (; j + kWide <= width; j += kWide) work.template of<1>(j, kWide);
    if (j < width) work.template of<1>(j, width - j);
  }

  // One number a channel, written once for each row of a line.
  std::vector<float> spread(const float* each) const {
    std::vector<float> line(width);
    for (int64_t j = 0; j < width; ++j) line[j] = each[j % c];
    return line;
  }

  // Sums of a line's columns, to those of channels.
  void gather(const std::vector<float>& line, float* to) const {
    std::fill(to, to + c, 0.0f);
    for (int64_t j = 0; j < width; ++j) to[j % c] += line[j];
  }
};

static inline Wide rectified(Wide z) { return z <= 0.0f ? Wide{} : z; }  // NaN stays

// Two sums over rows, columns as `x` has them: term.first(at, n) and term.second(at, n) give what a register adds.
template <typename Term>
struct ColumnSums {
  const Maps& maps;
  const Term& term;
  int64_t at, numbers;
  float *first, *second;

  template <int U>
  void of(int64_t j, int64_t n) const {
    Wide a[U] = {}, b[U] = {};
    int64_t i = j;
    for (; i + (U - 1) * kWide + n <= numbers; i += maps.width)
#pragma GCC unroll 4
      for (int u = 0; u < U; ++u) term(at + i + u * kWide, j + u * kWide, n, a[u], b[u]);
    for (int u = 0; u < U; ++u, i += kWide, j += kWide) {  // a last line that ends early
      if (i < numbers) term(at + i, j, std::min(n, numbers - i), a[u], b[u]);
      store(first + j, a[u], n);
      store(second + j, b[u], n);
    }
  }
};

struct Plain {
  const float* x;
  void operator()(int64_t at, int64_t, int64_t n, Wide& sum, Wide&) const { sum += load(x + at, n); }
};

struct Spread {
  const float *x, *mean;
  // What lies beyond the n numbers of a register is (0 - 0)^2.
  void operator()(int64_t at, int64_t j, int64_t n, Wide& sum, Wide&) const {
    const Wide apart = load(x + at, n) - load(mean + j, n);
    sum += apart * apart;
  }
};

// mean and var (c,) of x, the latter over n, by each piece's own mean first: values far from 0 keep their spread.
static void moments(const Maps& maps, const float* x, float* mean, float* var) {
  const int64_t c = maps.c, pieces = maps.pieces();
  std::vector<float> means(pieces * c), squares(pieces * c);
  maps.over_pieces([&](int64_t p, int64_t at, int64_t numbers) {
    std::vector<float> line(maps.width), unused(maps.width);
    const Plain plain{x};
    maps.over_columns(ColumnSums<Plain>{maps, plain, at, numbers, line.data(), unused.data()});
    float* own = means.data() + p * c;
    maps.gather(line, own);
    for (int64_t k = 0; k < c; ++k) own[k] /= static_cast<float>(numbers / c);
    const std::vector<float> centre = maps.spread(own);
    const Spread spread{x, centre.data()};
    maps.over_columns(ColumnSums<Spread>{maps, spread, at, numbers, line.data(), unused.data()});
    maps.gather(line, squares.data() + p * c);
  });
  const int64_t full = maps.lines * maps.together;
  const auto rows_of = [&](int64_t p) { return static_cast<double>(std::min(full, maps.rows - p * full)); };
  for (int64_t k = 0; k < c; ++k) {
    double sum = 0, square = 0;
    for (int64_t p = 0; p < pieces; ++p) sum += rows_of(p) * means[p * c + k];
    const double centre = sum / maps.rows;
    for (int64_t p = 0; p < pieces; ++p) {
      const double apart = means[p * c + k] - centre;
      square += squares[p * c + k] + rows_of(p) * apart * apart;
    }
    mean[k] = static_cast<float>(centre);
    var[k] = static_cast<float>(square / maps.rows);
  }
}

// x, add (or empty) and y: maps of c channels that lie together; mean and var (c,) receive the batch's.
void forward(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& add, double eps, Tensor mean,
             Tensor var, Tensor y) {
  const Maps maps(x.numel(), weight.numel());
  const auto* from = static_cast<const float*>(x.const_data_ptr());
  const auto* more = add.numel() ? static_cast<const float*>(add.const_data_ptr()) : nullptr;
  const auto *w = static_cast<const float*>(weight.const_data_ptr()), *b = static_cast<const float*>(bias.const_data_ptr());
  auto *centre = static_cast<float*>(mean.mutable_data_ptr()), *spread = static_cast<float*>(var.mutable_data_ptr());
  auto* to = static_cast<float*>(y.mutable_data_ptr());
  moments(maps, from, centre, spread);
  std::vector<float> scales(maps.c);
  for (int64_t k = 0; k < maps.c; ++k) scales[k] = static_cast<float>(w[k] / std::sqrt(spread[k] + eps));
  const std::vector<float> middle = maps.spread(centre), scale = maps.spread(scales.data()), shift = maps.spread(b);
  maps.over_pieces([&](int64_t, int64_t at, int64_t numbers) {
    for (int64_t i = 0; i < numbers; i += maps.width) {
      const int64_t end = std::min(maps.width, numbers - i);
      for (int64_t j = 0; j < end; j += kWide) {
        const int64_t n = std::min<int64_t>(kWide, end - j), here = at + i + j;
        Wide z = (load(from + here, n) - load(middle.data() + j, n)) * load(scale.data() + j, n);
        z += load(shift.data() + j, n);
        if (more) z += load(more + here, n);
        store(to + here, rectified(z), n);
      }
    }
  });
}

// What came down where y is awake (kept in `passed` where it is asked for), and that times x about its mean.
struct Slopes {
  const float *x, *y, *of_y, *mean;
  float* passed;
  void operator()(int64_t at, int64_t j, int64_t n, Wide& sum, Wide& product) const {
    const Wide g = load(y + at, n) <= 0.0f ? Wide{} : load(of_y + at, n);
    if (passed) store(passed + at, g, n);
    sum += g;
    product += g * (load(x + at, n) - load(mean + j, n));
  }
};

// of_add receives the slopes by what was added, unless it is empty; of_weight and of_bias (c,).
void backward(const Tensor& x, const Tensor& y, const Tensor& of_y, const Tensor& weight, const Tensor& mean,
              const Tensor& var, double eps, Tensor of_x, Tensor of_add, Tensor of_weight, Tensor of_bias) {
  const Maps maps(x.numel(), weight.numel());
  const int64_t c = maps.c, pieces = maps.pieces();
  const auto *from = static_cast<const float*>(x.const_data_ptr()), *out = static_cast<const float*>(y.const_data_ptr());
  const auto* came = static_cast<const float*>(of_y.const_data_ptr());
  const auto *w = static_cast<const float*>(weight.const_data_ptr()), *spread = static_cast<const float*>(var.const_data_ptr());
  const std::vector<float> middle = maps.spread(static_cast<const float*>(mean.const_data_ptr()));
  auto* passed = of_add.numel() ? static_cast<float*>(of_add.mutable_data_ptr()) : nullptr;
  std::vector<float> sums(pieces * c), products(pieces * c);
  maps.over_pieces([&](int64_t p, int64_t at, int64_t numbers) {
    std::vector<float> line(maps.width), other(maps.width);
    const Slopes slopes{from, out, came, middle.data(), passed};
    maps.over_columns(ColumnSums<Slopes>{maps, slopes, at, numbers, line.data(), other.data()});
    maps.gather(line, sums.data() + p * c);
    maps.gather(other, products.data() + p * c);
  });
  auto *to = static_cast<float*>(of_x.mutable_data_ptr()), *by_w = static_cast<float*>(of_weight.mutable_data_ptr());
  auto* by_b = static_cast<float*>(of_bias.mutable_data_ptr());
  std::vector<float> scales(c), shifts(c), tilts(c);
  for (int64_t k = 0; k < c; ++k) {
    double sum = 0, product = 0;
    for (int64_t p = 0; p < pieces; ++p) sum += sums[p * c + k], product += products[p * c + k];
    const double rate = 1 / std::sqrt(spread[k] + eps), rows = static_cast<double>(maps.rows);
    by_w[k] = static_cast<float>(product * rate);
    by_b[k] = static_cast<float>(sum);
    scales[k] = static_cast<float>(w[k] * rate);
    shifts[k] = static_cast<float>(-w[k] * rate * sum / rows);
    tilts[k] = static_cast<float>(-w[k] * rate * rate * rate * product / rows);
  }
  const std::vector<float> scale = maps.spread(scales.data()), shift = maps.spread(shifts.data());
  const std::vector<float> tilt = maps.spread(tilts.data());
  maps.over_pieces([&](int64_t, int64_t at, int64_t numbers) {
    for (int64_t i = 0; i < numbers; i += maps.width) {
      const int64_t end = std::min(maps.width, numbers - i);
      for (int64_t j = 0; j < end; j += kWide) {
        const int64_t n = std::min<int64_t>(kWide, end - j), here = at + i + j;
        const Wide g = passed ? load(passed + here, n)
                              : load(out + here, n) <= 0.0f ? Wide{} : load(came + here, n);
        const Wide apart = load(from + here, n) - load(middle.data() + j, n);
        store(to + here, g * load(scale.data() + j, n) + (apart * load(tilt.data() + j, n) + load(shift.data() + j, n)), n);
      }
    }
  });
}

STABLE_TORCH_LIBRARY(parnassus_batch_norm, m) {
  m.def("forward(Tensor x, Tensor weight, Tensor bias, Tensor add, float eps, Tensor(a!) mean, Tensor(b!) var, "
        "Tensor(c!) y) -> ()");
  m.def("backward(Tensor x, Tensor y, Tensor of_y, Tensor weight, Tensor mean, Tensor var, float eps, Tensor(a!) of_x, "
        "Tensor(b!) of_add, Tensor(c!) of_weight, Tensor(d!) of_bias) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_batch_norm, CPU, m) {
  m.impl("forward", TORCH_BOX(&forward));
  m.impl("backward", TORCH_BOX(&backward));
}
