// Exponential smoothing by error correction, and how the sum of squared one-step errors moves with every weight and
// first state: a way forth over the series and a way back, float64, one candidate after another.
// The twin is in parnassus.functional.forecasting.error_correction; both agree to rounding.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cstdint>
#include <vector>

using torch::stable::Tensor;

enum { kAlpha, kBeta, kGamma, kPhi, kLevel, kTrend, kSeason };  // of a candidate's row

struct Step {
  double before, trend, season, error;  // l + phi b, b and s as they were when the step was forecast
};

// Forth; `row` becomes the states after the last step, its season still in the order of the first one.
template <bool multiply, typename Keep>
static void forth(const double* y, int64_t time, double* row, int64_t m, const Keep& keep) {
  const double alpha = row[kAlpha], steep = row[kAlpha] * row[kBeta], gamma = row[kGamma], phi = row[kPhi];
  double level = row[kLevel], trend = row[kTrend], *season = row + kSeason;
  for (int64_t t = 0, j = 0; t < time; ++t, j = j + 1 == m ? 0 : j + 1) {
    const double damped = phi * trend, before = level + damped, s = season[j];
    const double error = y[t] - (multiply ? before * s : before + s);
    keep(t, Step{before, trend, s, error});
    season[j] = s + gamma * (multiply ? error / before : error);
    const double push = multiply ? error / s : error;
    level = before + alpha * push, trend = damped + steep * push;
  }
  row[kLevel] = level, row[kTrend] = trend;
}

// Back: of[j] is the slope of the sum of squared errors by row[j]; of the states, first by those after the last step.
template <bool multiply>
static void back(const std::vector<Step>& steps, const double* row, int64_t m, double* of) {
  const double alpha = row[kAlpha], beta = row[kBeta], gamma = row[kGamma], phi = row[kPhi];
  std::fill_n(of, kSeason + m, 0.0);
  double by_level = 0, by_trend = 0, *by_season = of + kSeason;
  const int64_t time = static_cast<int64_t>(steps.size());
  for (int64_t t = time - 1, j = (time - 1) % m; t >= 0; --t, j = j ? j - 1 : m - 1) {
    const auto [before, trend, s, error] = steps[t];
    const double held = by_season[j], push = multiply ? error / s : error;
    const double by_push = alpha * (by_level + beta * by_trend);
    of[kAlpha] += (by_level + beta * by_trend) * push;
    of[kBeta] += alpha * by_trend * push;
    of[kGamma] += held * (multiply ? error / before : error);
    const double by_error = 2 * error + (multiply ? by_push / s + held * gamma / before : by_push + held * gamma);
    by_season[j] = held - by_error * (multiply ? before : 1.0) - (multiply ? by_push * push / s : 0.0);
    by_level += -by_error * (multiply ? s : 1.0) - (multiply ? held * gamma * error / (before * before) : 0.0);
    by_trend += by_level;
    of[kPhi] += by_trend * trend;
    by_trend *= phi;
  }
  of[kLevel] = by_level, of[kTrend] = by_trend;
}

static const double* read(const Tensor& x) { return static_cast<const double*>(x.const_data_ptr()); }
static double* write(Tensor& x) { return static_cast<double*>(x.mutable_data_ptr()); }

template <bool multiply>
static void run_all(const Tensor& y, const Tensor& rows, double* fitted, double* last) {
  const int64_t time = y.size(0), n = rows.size(0), width = rows.size(1), m = width - kSeason;
  std::copy_n(read(rows), n * width, last);
  for (int64_t i = 0; i < n; ++i, last += width, fitted += time) {
    forth<multiply>(read(y), time, last, m,
                    [&](int64_t t, const Step& s) { fitted[t] = multiply ? s.before * s.season : s.before + s.season; });
    std::rotate(last + kSeason, last + kSeason + time % m, last + width);
  }
}

template <bool multiply>
static void slope_all(const Tensor& y, const Tensor& rows, double* losses, double* slopes) {
  const int64_t time = y.size(0), n = rows.size(0), width = rows.size(1);
  std::vector<Step> steps(time);
  std::vector<double> row(width);
  for (int64_t i = 0; i < n; ++i) {
    const double* first = read(rows) + i * width;
    double loss = 0;
    std::copy_n(first, width, row.data());
    forth<multiply>(read(y), time, row.data(), width - kSeason, [&](int64_t t, const Step& s) {
      steps[t] = s;
      loss += s.error * s.error;
    });
    losses[i] = loss;
    back<multiply>(steps, first, width - kSeason, slopes + i * width);
  }
}

// y: (time,); rows: (n, 6 + season); fitted: (n, time); last: (n, 6 + season)
void run(Tensor y, Tensor rows, int64_t multiply, Tensor fitted, Tensor last) {
  (multiply ? run_all<true> : run_all<false>)(y, rows, write(fitted), write(last));
}

// losses: (n,); slopes: (n, 6 + season)
void slopes(Tensor y, Tensor rows, int64_t multiply, Tensor losses, Tensor slopes) {
  (multiply ? slope_all<true> : slope_all<false>)(y, rows, write(losses), write(slopes));
}

STABLE_TORCH_LIBRARY(parnassus_smoothing, m) {
  m.def("run(Tensor y, Tensor rows, int multiply, Tensor(a!) fitted, Tensor(b!) last) -> ()");
  m.def("slopes(Tensor y, Tensor rows, int multiply, Tensor(a!) losses, Tensor(b!) slopes) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_smoothing, CPU, m) {
  m.impl("run", TORCH_BOX(&run));
  m.impl("slopes", TORCH_BOX(&slopes));
}
