// All steps of an LSTM, and its slopes. The twin is parnassus.layers.cells.LSTM.step; both agree to rounding of floats.

#include <torch/csrc/stable/library.h>

#include "gates.h"

// z (time, rows, 4 units) becomes the gates i, f, g, o; w (units, 4 units); h and c (time, rows, units).
void forward(Tensor z, Tensor w, Tensor begin, Tensor cell, Tensor h, Tensor c) {
  const Sizes s(h);
  const Panels panels(read(w), s.units, 4 * s.units);
  const float *first = read(begin), *first_cell = read(cell);
  float *gates = write(z), *states = write(h), *cells = write(c);
  each_share(s.rows, [&](int64_t row, int64_t n) {
    for (int64_t t = 0; t < s.time; ++t) {
      const float* before = t ? states + s.state(t - 1, row) : first + row * s.units;
      const float* kept = t ? cells + s.state(t - 1, row) : first_cell + row * s.units;
      float* gate = gates + 4 * s.state(t, row);
      float *shown = states + s.state(t, row), *held = cells + s.state(t, row);
      add_product(before, s.units, panels, gate, 4 * s.units, n);
      for (int64_t r = 0; r < n; ++r) {
        float* own = gate + 4 * r * s.units;
        for (int64_t u = 0; u < s.units; u += kWide) {
          const int64_t m = s.units - u, at = r * s.units + u;
          const Wide in = sigmoid(load(own + u, m)), forget = sigmoid(load(own + s.units + u, m));
          const Wide fresh = tanh_of(load(own + 2 * s.units + u, m)), out = sigmoid(load(own + 3 * s.units + u, m));
          const Wide now = forget * load(kept + at, m) + in * fresh;
          store(own + u, in, m);
          store(own + s.units + u, forget, m);
          store(own + 2 * s.units + u, fresh, m);
          store(own + 3 * s.units + u, out, m);
          store(held + at, now, m);
          store(shown + at, out * tanh_of(now), m);
        }
      }
    }
  });
}

// of_begin and of_cell (rows, units) come in as zeros and as the slope by the last cell, and are carried backwards.
void backward(Tensor gates, Tensor w, Tensor cell, Tensor c, Tensor of_h, Tensor of_z,
              Tensor of_begin, Tensor of_cell) {
  const Sizes s(c);
  const Panels panels(read(w), 4 * s.units, s.units);
  const float *gate = read(gates), *first_cell = read(cell), *cells = read(c), *slopes = read(of_h);
  float *found = write(of_z), *carried = write(of_begin), *carried_cell = write(of_cell);
  each_share(s.rows, [&](int64_t row, int64_t n) {
    float *by_state = carried + row * s.units, *by_cell = carried_cell + row * s.units;
    for (int64_t t = s.time - 1; t >= 0; --t) {
      const float* kept = t ? cells + s.state(t - 1, row) : first_cell + row * s.units;
      const float *now = cells + s.state(t, row), *given = slopes + s.state(t, row);
      float* of_gate = found + 4 * s.state(t, row);
      for (int64_t r = 0; r < n; ++r) {
        const float* own = gate + 4 * (s.state(t, row) + r * s.units);
        float* of_own = of_gate + 4 * r * s.units;
        for (int64_t u = 0; u < s.units; u += kWide) {
          const int64_t m = s.units - u, at = r * s.units + u;
          const Wide in = load(own + u, m), forget = load(own + s.units + u, m);
          const Wide fresh = load(own + 2 * s.units + u, m), out = load(own + 3 * s.units + u, m);
          const Wide shown = tanh_of(load(now + at, m)), slope = load(given + at, m) + load(by_state + at, m);
          const Wide of_now = load(by_cell + at, m) + slope * out * (1.0f - shown * shown);
          store(of_own + u, of_now * fresh * in * (1.0f - in), m);
          store(of_own + s.units + u, of_now * load(kept + at, m) * forget * (1.0f - forget), m);
          store(of_own + 2 * s.units + u, of_now * in * (1.0f - fresh * fresh), m);
          store(of_own + 3 * s.units + u, slope * shown * out * (1.0f - out), m);
          store(by_cell + at, of_now * forget, m);
        }
      }
      std::fill_n(by_state, n * s.units, 0.0f);
      add_product(of_gate, 4 * s.units, panels, by_state, s.units, n);
    }
  });
}

STABLE_TORCH_LIBRARY(parnassus_lstm, m) {
  m.def(
      "forward(Tensor(a!) z, Tensor w, Tensor begin, Tensor cell, Tensor(b!) h, Tensor(c!) c) -> ()");
  m.def(
      "backward(Tensor gates, Tensor w, Tensor cell, Tensor c, Tensor of_h, Tensor(a!) of_z, "
      "Tensor(b!) of_begin, Tensor(c!) of_cell) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_lstm, CPU, m) {
  m.impl("forward", TORCH_BOX(&forward));
  m.impl("backward", TORCH_BOX(&backward));
}
