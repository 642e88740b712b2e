// Many rows in float64: scores of diagonal Gaussians, weighted sums of rows and their squares, and a step of EM.
// The twins are in parnassus.functional.diagonals; both agree to rounding.

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "rows.h"

using torch::stable::Tensor;

static const double* read(const Tensor& t) { return static_cast<const double*>(t.const_data_ptr()); }
static double* write(Tensor& t) { return static_cast<double*>(t.mutable_data_ptr()); }

template <typename Work>
static void by_type(const Tensor& x, const Work& work) {
  if (x.scalar_type() == torch::headeronly::ScalarType::Float) work(static_cast<const float*>(x.const_data_ptr()));
  else work(static_cast<const double*>(x.const_data_ptr()));
}

// x (n, d) float or double; origin (d,); slopes, curves (k, d); bias (k,); out (k, n); all contiguous, double but x
void scores(const Tensor& x, const Tensor& origin, const Tensor& slopes, const Tensor& curves, const Tensor& bias,
            Tensor out, int64_t n_threads) {
  const int64_t n = x.size(0), d = x.size(1), k = bias.size(0);
  const Densities all{read(slopes), read(curves), read(bias), k, d};
  const double* centre = read(origin);
  double* result = write(out);
  by_type(x, [&](const auto* rows) {
    over_pieces(n, n_threads, [&](int64_t, int64_t begin, int64_t end) {
      Doubles z(2 * d * kBlock), found(k * kBlock);
      write_scores(all, rows + begin * d, centre, end - begin, n, z.data(), found.data(), result + begin);
    });
  });
}

// gamma (n, k); counts (k,) and products (k, 2 d), of z = x - origin and of z^2, are added to
void moments(const Tensor& x, const Tensor& origin, const Tensor& gamma, Tensor counts, Tensor products,
             int64_t n_threads) {
  const int64_t n = x.size(0), d = x.size(1), k = gamma.size(1);
  const double *centre = read(origin), *shares = read(gamma);
  std::vector<Sums> pieces((n + kPiece - 1) / kPiece);
  by_type(x, [&](const auto* rows) {
    over_pieces(n, n_threads, [&](int64_t p, int64_t begin, int64_t end) {
      Sums& own = pieces[p];
      own.counts.assign(k, 0.0);
      own.products.assign(k * 2 * d * kLanes, 0.0);
      Doubles z(2 * d * kBlock), turned(k * kBlock);
      add_moments(rows + begin * d, centre, shares + begin * k, end - begin, d, k, z.data(), turned.data(), own);
    });
  });
  add_up(pieces, k, 2 * d, write(counts), write(products));
}

// Turns scores (k, kBlock) of one run into shares that count `share` (m,) a row; adds its log-likelihood.
static void to_shares(double* found, int64_t k, const double* share, int64_t stride, int64_t m, int64_t first,
                      double& likelihood, double& worst, int64_t& where) {
  double most[kBlock], sum[kBlock] = {}, counted[kBlock] = {};
  std::copy_n(found, kBlock, most);
  for (int64_t j = 1; j < k; ++j) {
    for (int64_t i = 0; i < kBlock; ++i) most[i] = std::max(most[i], found[j * kBlock + i]);
  }
  for (int64_t j = 0; j < k; ++j) {
    double* own = found + j * kBlock;
    for (int64_t i = 0; i < kBlock; i += kLanes) {
      const Lanes lifted = exponential(load(own + i) - load(most + i));
      store(own + i, lifted);
      store(sum + i, load(sum + i) + lifted);
    }
  }
  for (int64_t i = 0; i < m; ++i) {
    const double counts = share[i * stride], log_p = most[i] + std::log(sum[i]);
    counted[i] = counts / sum[i];
    likelihood += log_p * counts;
    if (counts > 0 && log_p < worst) {
      worst = log_p;
      where = first + i;
    }
  }
  for (int64_t j = 0; j < k; ++j) {
    for (int64_t i = 0; i < kBlock; ++i) found[j * kBlock + i] *= counted[i];
  }
}

// One E step of runs side by side: share (n, runs); slopes, curves (runs k, d); bias (runs k,). likelihood (runs,),
// counts (runs k,) and products (runs k, 2 d) are added to; worst (runs,) and where (runs,) int64 receive the least
// log p and its row.
void em_step(const Tensor& x, const Tensor& origin, const Tensor& share, const Tensor& slopes, const Tensor& curves,
             const Tensor& bias, Tensor likelihood, Tensor counts, Tensor products, Tensor worst, Tensor where,
             int64_t n_threads) {
  const int64_t n = x.size(0), d = x.size(1), k = bias.size(0), runs = share.size(1), each = k / runs;
  const Densities all{read(slopes), read(curves), read(bias), k, d};
  const double *centre = read(origin), *shares = read(share);
  std::vector<Sums> pieces((n + kPiece - 1) / kPiece);
  by_type(x, [&](const auto* rows) {
    over_pieces(n, n_threads, [&](int64_t p, int64_t begin, int64_t end) {
      Sums& own = pieces[p];
      own.counts.assign(k, 0.0);
      own.products.assign(k * 2 * d * kLanes, 0.0);
      own.likelihood.assign(runs, 0.0);
      own.worst.assign(runs, std::numeric_limits<double>::infinity());
      own.where.assign(runs, 0);
      Doubles z(2 * d * kBlock), found(k * kBlock);
      for (int64_t at = begin; at < end; at += kBlock) {
        const int64_t m = std::min(kBlock, end - at);
        turn(rows + at * d, centre, m, d, z.data());
        score(all, z.data(), found.data());
        for (int64_t r = 0; r < runs; ++r) {
          to_shares(found.data() + r * each * kBlock, each, shares + at * runs + r, runs, m, at, own.likelihood[r],
                    own.worst[r], own.where[r]);
        }
        add_counts(found.data(), k, own.counts.data());
        add_products(found.data(), z.data(), k, 2 * d, own.products.data());
      }
    });
  });
  add_up(pieces, k, 2 * d, write(counts), write(products));
  double *sum = write(likelihood), *least = write(worst);
  int64_t* row = static_cast<int64_t*>(where.mutable_data_ptr());
  std::fill(least, least + runs, std::numeric_limits<double>::infinity());
  std::fill(row, row + runs, 0);
  for (const Sums& own : pieces) {
    for (int64_t r = 0; r < runs; ++r) {
      sum[r] += own.likelihood[r];
      if (own.worst[r] < least[r]) {
        least[r] = own.worst[r];
        row[r] = own.where[r];
      }
    }
  }
}

STABLE_TORCH_LIBRARY(parnassus_gaussians, m) {
  m.def("scores(Tensor x, Tensor origin, Tensor slopes, Tensor curves, Tensor bias, Tensor(a!) out, int n_threads) -> ()");
  m.def("moments(Tensor x, Tensor origin, Tensor gamma, Tensor(a!) counts, Tensor(b!) products, int n_threads) -> ()");
  m.def(
      "em_step(Tensor x, Tensor origin, Tensor share, Tensor slopes, Tensor curves, Tensor bias, "
      "Tensor(a!) likelihood, Tensor(b!) counts, Tensor(c!) products, Tensor(d!) worst, Tensor(e!) where, int n_threads) -> ()");
}

STABLE_TORCH_LIBRARY_IMPL(parnassus_gaussians, CPU, m) {
  m.impl("scores", TORCH_BOX(&scores));
  m.impl("moments", TORCH_BOX(&moments));
  m.impl("em_step", TORCH_BOX(&em_step));
}
