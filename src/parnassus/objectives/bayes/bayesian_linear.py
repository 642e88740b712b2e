"""Linear models whose weights have a distribution, and whose penalty is chosen by the evidence."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ...functional.bayes.linear import evidence_maximum
from ...functional.bayes.logistic import LogisticPosterior, logistic_evidence_maximum
from ...train.phase import Batch
from .predictive import Moments, SolvedClasses, SolvedNumbers

BIAS_PRECISION = 0.01  # of the prior of a class's bias, N(0, 10^2) in log-odds


class BayesianLinear(SolvedNumbers):
    """y = b + w.x + N(0, noise), w ~ N(0, I / precision): each column of y with a noise and a precision of its own.

    Both are where the evidence is largest. The bias is free: weights are those of centred columns, and the bias adds
    noise / rows to the variance.

    Systems: conjugate-gaussian
    Source: MacKay 1992, Bayesian interpolation; Bishop 2006, section 3.5.
    """

    called = "a Bayesian linear model"

    w: Tensor
    covariances: Tensor
    center: Tensor
    bias: Tensor
    noise: Tensor
    precision: Tensor
    n_rows: Tensor

    def __init__(self, in_features: int, n_outputs: int) -> None:
        super().__init__(n_outputs)
        of: dict[str, Any] = {"dtype": torch.float64}
        self.register_buffer("w", torch.zeros(n_outputs, in_features, **of))
        self.register_buffer("covariances", torch.zeros(n_outputs, in_features, in_features, **of))
        self.register_buffer("center", torch.zeros(in_features, **of))
        self.register_buffer("bias", torch.zeros(n_outputs, **of))
        self.register_buffer("noise", torch.ones(n_outputs, **of))
        self.register_buffer("precision", torch.ones(n_outputs, **of))
        self.register_buffer("n_rows", torch.ones((), **of))

    @property
    def settings(self) -> dict[str, list[float]]:
        """The noise variance and the weights' precision of each column of y, of standardised numbers."""
        return {"noise": self.noise.tolist(), "precision": self.precision.tolist()}

    def solve(self, x: Tensor, y: Tensor, weight: Tensor) -> None:
        self.n_rows.copy_(weight.sum())
        self.center.copy_(weight @ x / self.n_rows)
        self.bias.copy_(weight @ y / self.n_rows)
        total = 0.0
        for i, answers in enumerate((y - self.bias).T):
            found = evidence_maximum(x - self.center, answers, weight=weight)
            self.w[i], self.covariances[i] = found.mean, found.covariance
            self.noise[i], self.precision[i] = found.noise, found.precision
            total += found.log_evidence
        self.log_evidence.fill_(total)

    def outputs(self, batch: Batch) -> Tensor:
        """The means (rows, outputs)."""
        return (batch["x"].double() - self.center) @ self.w.T + self.bias

    def moments(self, batch: Batch) -> Moments:
        x = batch["x"].double() - self.center
        mean = x @ self.w.T + self.bias
        variance = torch.stack([((x @ c) * x).sum(1) for c in self.covariances], 1) + self.noise / self.n_rows
        return Moments(mean, variance, self.noise.expand_as(mean))


class BayesianLogistic(SolvedClasses):
    """p = sigmoid(b + w.x), or softmax(b + W x), with Laplace's posterior of the weights under w ~ N(0, I / precision).

    The precision is where the approximate evidence is largest; biases are N(0, 100). Probabilities are means over the
    posterior, so that rows far away get less certain ones than the likeliest weights would give.

    Source: MacKay 1992; Spiegelhalter and Lauritzen 1990; Bishop 2006, section 4.5.
    """

    w: Tensor
    covariance: Tensor
    precision: Tensor

    def __init__(self, in_features: int, n_outputs: int) -> None:
        super().__init__(n_outputs)
        d = in_features + 1
        of: dict[str, Any] = {"dtype": torch.float64}
        self.register_buffer("w", torch.zeros(d, n_outputs, **of))
        self.register_buffer("covariance", torch.zeros(d * n_outputs, d * n_outputs, **of))
        self.register_buffer("precision", torch.ones(d, **of))

    @property
    def settings(self) -> dict[str, float]:
        """The weights' precision, and how many of the weights the data determine."""
        found = LogisticPosterior(self.w, self.covariance, self.precision, 0.0)
        return {"precision": float(self.precision[0]), "determined": float(found.determined[:-1].sum())}

    def solve(self, x: Tensor, y: Tensor, weight: Tensor) -> None:
        y = y if self.n_outputs == 1 else one_hot(y.long(), self.n_outputs).double()
        free = torch.zeros_like(self.precision)
        free[-1] = BIAS_PRECISION
        found = logistic_evidence_maximum(_with_bias(x), y, free=free, weight=weight)
        self.w.copy_(found.mean)
        self.covariance.copy_(found.covariance)
        self.precision.copy_(found.precision)
        self.log_evidence.fill_(found.log_evidence)

    def scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        posterior = LogisticPosterior(self.w, self.covariance, self.precision, 0.0)
        return posterior.scores(_with_bias(x.double()))


def _with_bias(x: Tensor) -> Tensor:
    return torch.cat([x, torch.ones_like(x[:, :1])], 1)
