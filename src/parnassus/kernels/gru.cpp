// All steps of a GRU whose reset gate comes after the product, and its slopes. The twin is parnassus.layers.cells.GRU.step;
// both agree to rounding of floats.

#include <torch/csrc/stable/library.h>

#include "gates.h"

// gates (time, rows, 4 units): what inputs and biases add to reset r, update z and candidate n, then the bias of the part
// of n that r scales; it becomes r, z, n and that part. w and of_n (units, 2 units) and (units, units); h (time, rows,
// units).
void forward(Tensor gates, Tensor w, Tensor of_n, Tensor begin, Tensor h) {
  const Sizes s(h);
  const Panels both(read(w), s.units, 2 * s.units), last(read(of_n), s.units, s.units);
  const float* first = read(begin);
  float *held = write(gates), *states = write(h);
  each_share(s.rows, [&](int64_t row, int64_t n) {
    for (int64_t t = 0; t < s.time; ++t) {
      const float* before = t ? states + s.state(t - 1, row) : first + row * s.units;
      float *gate = held + 4 * s.state(t, row), *shown = states + s.state(t, row);
      add_product(before, s.units, both, gate, 4 * s.units, n);
      add_product(before, s.units, last, gate + 3 * s.units, 4 * s.units, n);
      for (int64_t r = 0; r < n; ++r) {
        float* own = gate + 4 * r * s.units;
        for (int64_t u = 0; u < s.units; u += kWide) {
          const int64_t m = s.units - u, at = r * s.units + u;
          const Wide reset = sigmoid(load(own + u, m)), keep = sigmoid(load(own + s.units + u, m));
          const Wide fresh = tanh_of(load(own + 2 * s.units + u, m) + reset * load(own + 3 * s.units + u, m));
          store(own + u, reset, m);
          store(own + s.units + u, keep, m);
          store(own + 2 * s.units + u, fresh, m);
          store(shown + at, fresh + keep * (load(before + at, m) - fresh), m);
        }
      }
    }
  });
}

// Slopes by what was added before: r, z, n, and the part of n. w and of_n (2 units, units) and (units, units); of_begin
// (rows, units) comes in as the slope by the last state, and is carried backwards.
void backward(Tensor gates, Tensor w, Tensor of_n, Tensor begin, Tensor h, Tensor of_h, Tensor of_gates, Tensor of_begin) {
  const Sizes s(h);
  const Panels both(read(w), 2 * s.units, s.units), last(read(of_n), s.units, s.units);
  const float *gate = read(gates), *first = read(begin), *states = read(h), *slopes = read(of_h);
  float *found = write(of_gates), *carried = write(of_begin);
  each_share(s.rows, [&](int64_t row, int64_t n) {
    float* by_state = carried + row * s.units;
    for (int64_t t = s.time - 1; t >= 0; --t) {
      const float* before = t ? states + s.state(t - 1, row) : first + row * s.units;
      const float* given = slopes + s.state(t, row);
      float* of_gate = found + 4 * s.state(t, row);
      for (int64_t r = 0; r < n; ++r) {
        const float* own = gate + 4 * (s.state(t, row) + r * s.units);
        float* of_own = of_gate + 4 * r * s.units;
        for (int64_t u = 0; u < s.units; u += kWide) {
          const int64_t m = s.units - u, at = r * s.units + u;
          const Wide reset = load(own + u, m), keep = load(own + s.units + u, m);
          const Wide fresh = load(own + 2 * s.units + u, m), part = load(own + 3 * s.units + u, m);
          const Wide slope = load(given + at, m) + load(by_state + at, m);
          const Wide of_fresh = slope * (1.0f - keep) * (1.0f - fresh * fresh);
          store(of_own + u, of_fresh * part * reset * (1.0f - reset), m);
          store(of_own + s.units + u, slope * (load(before + at, m) - fresh) * keep * (1.0f - keep), m);
          store(of_own + 2 * s.units + u, of_fresh, m);
          store(of_own + 3 * s.units + u, of_fresh * reset, m);
          store(by_state + at, slope * keep, m);
        }
      }
      add_product(of_gate, 4 * s.units, both, by_state, s.units, n);
      add_product(of_gate + 3 * s.units, 4 * s.units, last, by_state, s.units, n);
    }
  });
}

STABLE_TORCH_LIBRARY(parnassus_gru, m) {
  m.def("forward(Tensor(a!) gates, Tensor w, Tensor of_n, Tensor begin, Tensor(b!) h) -> ()");
  m.def(
      "backward(Tensor gates, Tensor w, Tensor of_n, Tensor begin, Tensor h, Tensor of_h, Tensor(a!) of_gates, "
      "Tensor(b!) of_begin) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_gru, CPU, m) {
  m.impl("forward", TORCH_BOX(&forward));
  m.impl("backward", TORCH_BOX(&backward));
}
