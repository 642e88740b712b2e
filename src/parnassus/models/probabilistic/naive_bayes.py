"""Naive Bayes: columns that know nothing of each other once the class is known, and one mixture a class."""

import math

import torch
from torch import Tensor

from ...errors import DataError, SettingError
from ...functional.probability import (
    LOG_2PI,
    bernoulli_log_probabilities,
    multinomial_log_probabilities,
)
from ...objectives.probabilistic.generative import ClassConditional, class_scores, class_shares, measured
from ...objectives.probabilistic.mixtures import GaussianMixtureEM
from ...registry import model
from ...train.phase import Batch
from .gaussian_mixture import Covariance, check_mixture

START_ROWS = 2_000  # of each class, that its mixture starts from


class MultinomialNB(ClassConditional):
    """ln P(class) + sum_i count_i ln (N_ik + alpha) / (N_k + alpha V): every repeat of a word counts.

    V is how many of the columns training has seen a count of; the others are left out, so that a word that is new says
    nothing of the class. Source: Hifny A13.1 and A13.2 eqs. 13.1 to 13.8.
    """

    centered = False

    def __init__(self, in_features: int, n_outputs: int, *, alpha: float = 1.0) -> None:
        super().__init__(in_features, n_outputs)
        self.alpha = alpha
        start = torch.full((self.n_classes, in_features), -math.log(in_features), dtype=torch.float64)
        self.register_buffer("log_probabilities", start)

    log_probabilities: Tensor

    def gather(self, x: Tensor, share: Tensor) -> list[Tensor]:
        refuse_negative(x)
        return [share.T @ x]

    def solve(self, counts: Tensor, sums: list[Tensor]) -> None:
        seen = sums[0].sum(0) > 0
        if not seen.any():
            raise DataError("multinomial naive Bayes found no counts: all are 0; give rows that hold some")
        found = torch.zeros_like(self.log_probabilities)
        found[:, seen] = multinomial_log_probabilities(sums[0][:, seen], alpha=self.alpha)
        self.log_probabilities.copy_(found)

    def log_likelihood(self, x: Tensor) -> Tensor:
        refuse_negative(x)
        return x @ self.log_probabilities.T


def refuse_negative(x: Tensor) -> None:
    """Refuses counts below 0."""
    if (x < 0).any():
        row, column = (int(i) for i in (x < 0).nonzero()[0])
        raise DataError(
            f"multinomial naive Bayes takes counts, and a row holds {float(x[row, column]):.6g} in feature "
            f"{column}: counts are not negative; give counts with codec=pn.Table(scaling='none'), use "
            f"pn.NaiveBayes, or choose 'gaussian_nb'"
        )


class BernoulliNB(ClassConditional):
    """ln P(class) + sum_i ln p_ik where x_i > binarize, else ln (1 - p_ik): absence counts too."""

    centered = False

    def __init__(self, in_features: int, n_outputs: int, *, alpha: float = 1.0, binarize: float = 0.0) -> None:
        super().__init__(in_features, n_outputs)
        self.alpha, self.binarize = alpha, binarize
        start = torch.full((2, self.n_classes, in_features), math.log(0.5), dtype=torch.float64)
        self.register_buffer("log_probabilities", start)

    log_probabilities: Tensor

    def gather(self, x: Tensor, share: Tensor) -> list[Tensor]:
        return [share.T @ (x > self.binarize).double()]

    def solve(self, counts: Tensor, sums: list[Tensor]) -> None:
        found = bernoulli_log_probabilities(sums[0], counts, alpha=self.alpha)
        self.log_probabilities.copy_(torch.stack(found))

    def log_likelihood(self, x: Tensor) -> Tensor:
        there, absent = self.log_probabilities
        return (x > self.binarize).double() @ (there - absent).T + absent.sum(1)


class GaussianNB(ClassConditional):
    """ln P(class) + sum_i ln N(x_i; mean_ik, variance_ik), each variance with var_smoothing times the largest column's.

    Variances are those of the likelihood (over n). Source: Hifny A13.8 eq. 13.53, with a floor.
    """

    def __init__(self, in_features: int, n_outputs: int, *, var_smoothing: float = 1e-9) -> None:
        super().__init__(in_features, n_outputs)
        self.var_smoothing = var_smoothing
        self.register_buffer("means", torch.zeros(self.n_classes, in_features, dtype=torch.float64))
        self.register_buffer("variances", torch.ones(self.n_classes, in_features, dtype=torch.float64))

    means: Tensor
    variances: Tensor

    def gather(self, x: Tensor, share: Tensor) -> list[Tensor]:
        return [share.T @ x, share.T @ x.square(), (share > 0).any(1).double() @ x, (share > 0).any(1).double() @ x**2]

    def solve(self, counts: Tensor, sums: list[Tensor]) -> None:
        n = counts.clamp(min=torch.finfo(counts.dtype).tiny)[:, None]
        means = sums[0] / n
        rows = self.n_rows.sum()
        largest = (sums[3] / rows - (sums[2] / rows).square()).max()
        floor = max(self.var_smoothing * float(largest), torch.finfo(torch.float64).tiny)
        self.means.copy_(means)
        self.variances.copy_((sums[1] / n - means.square()).clamp(min=0) + floor)

    def log_likelihood(self, x: Tensor) -> Tensor:
        precision = self.variances.reciprocal()
        bias = -0.5 * (self.means.square() * precision + self.variances.log() + LOG_2PI).sum(1)
        return x @ (self.means * precision).T - 0.5 * x.square() @ precision.T + bias


class MixtureNB(GaussianMixtureEM):
    """One mixture of Gaussians a class, trained side by side on the class's own rows, and Bayes' rule.

    The first epoch finds rows to start from; each later one is an iteration of EM.

    Source: Hifny A13.11 eqs. 13.62 to 13.66; with diagonal covariances it is the net of `exponential_network`.
    """

    def __init__(self, in_features: int, n_outputs: int, n_components: int, **options: object) -> None:
        n_classes = 2 if n_outputs == 1 else n_outputs
        super().__init__(in_features, n_components, n_runs=n_classes, **options)  # type: ignore[arg-type]
        self.n_outputs, self.n_classes = n_outputs, n_classes
        prior = torch.full((n_classes,), 1 / n_classes, dtype=torch.float64)
        self.register_buffer("log_prior", prior.log())

    log_prior: Tensor

    def shares(self, batch: Batch) -> Tensor:
        return class_shares(batch, self.n_classes)

    # Rows may be sorted by class, so the first pass looks for rows of every class, and the mixtures start from those.

    def begin_from(self, batch: Batch, n_rows: int) -> None:
        self._seen: list[Batch] = []

    def add(self, batch: Batch) -> Tensor:
        if self.begun:
            return super().add(batch)
        share = class_shares(batch, self.n_classes)
        earlier = sum((class_shares(b, self.n_classes) > 0).sum(0) for b in self._seen)
        place = (share > 0).long().cumsum(0) + earlier
        wanted = ((share > 0) & (place <= START_ROWS)).any(1)
        self._seen.append({k: v[wanted] for k, v in batch.items() if k in ("x", "y", "weight")})
        return self.evaluate(batch)["loss"]

    def mean_loss(self, log_likelihood: Tensor, counts: Tensor) -> Tensor:
        return -log_likelihood.sum() / counts.sum()

    def advance(self) -> None:
        if not self.begun:
            seen = {k: torch.cat([batch[k] for batch in self._seen]) for k in self._seen[0]}
            self._seen = []
            super().begin_from(seen, max(len(seen["x"]), self.means.shape[1]))
            counts = self.shares(seen).sum(0)
            self.log_prior.copy_(counts.log() - counts.sum().log())
            return
        assert self._sums is not None
        counts = self._sums[0]
        self.log_prior.copy_(counts.log() - counts.sum().log())
        self.converged.logical_or_(counts == 0)
        super().advance()

    def log_joint(self, x: Tensor) -> Tensor:
        """ln P(class) + ln p(x given class) (n, classes), float64."""
        score = self.shape.scores(self.weights, self.means, self.covariances)
        parts = [score(part, self.shape.features(part)) for part in (x.double() - self.shift).split(self.block)]
        each = torch.cat(parts).view(len(x), self.n_classes, -1).logsumexp(-1)
        return (each + self.log_prior).nan_to_num(nan=-1e300, neginf=-1e300)

    def outputs(self, batch: Batch) -> Tensor:
        return class_scores(self.log_joint(batch["x"]), self.n_outputs)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        return measured(self.log_joint(batch["x"]), batch, self.n_outputs)


@model.register("classifier")
def multinomial_nb(*, in_features: int, n_outputs: int, alpha: float = 1.0) -> MultinomialNB:
    """Multinomial naive Bayes of counts, such as words of a text; `alpha` 1 is Laplace's correction.

    Systems: multinomial-nb
    Source: Hifny A13.1 and A13.2 eqs. 13.1 to 13.8; Martinez-Ramon 3.5.5.
    """
    _positive("multinomial_nb", "alpha", alpha)
    return MultinomialNB(in_features, n_outputs, alpha=alpha)


@model.register("classifier")
def bernoulli_nb(*, in_features: int, n_outputs: int, alpha: float = 1.0, binarize: float = 0.0) -> BernoulliNB:
    """Bernoulli naive Bayes: whether each thing is there (more than `binarize`), absence counting too."""
    _positive("bernoulli_nb", "alpha", alpha)
    return BernoulliNB(in_features, n_outputs, alpha=alpha, binarize=binarize)


@model.register("classifier")
def gaussian_nb(*, in_features: int, n_outputs: int, var_smoothing: float = 1e-9) -> GaussianNB:
    """Gaussian naive Bayes: a mean and a variance of each column in each class, one pass over the rows.

    Systems: gaussian-nb
    Source: Hifny A13.8 eq. 13.53; Martinez-Ramon 3.5.5.
    """
    if not var_smoothing >= 0:
        raise SettingError(f"model 'gaussian_nb': var_smoothing is 0 or more; got {var_smoothing!r}")
    return GaussianNB(in_features, n_outputs, var_smoothing=var_smoothing)


@model.register("classifier")
def gmm_nb(
    *,
    in_features: int,
    n_outputs: int,
    n_components: int = 2,
    covariance_type: Covariance = "diag",
    tol: float = 1e-3,
    reg_covar: float = 1e-6,
) -> MixtureNB:
    """A mixture of Gaussians for each class, learned by EM on its own rows, and Bayes' rule.

    Systems: gmm-nb
    Source: Hifny A13.11 eqs. 13.62 to 13.66.
    """
    check_mixture("gmm_nb", n_components, covariance_type, tol, reg_covar, 1, "kmeans")
    kind = {"diagonal": "diag"}.get(covariance_type, covariance_type)
    return MixtureNB(in_features, n_outputs, n_components, covariance_type=kind, tol=tol, reg_covar=reg_covar)


def _positive(name: str, option: str, value: float) -> None:
    if not value > 0:
        raise SettingError(f"model {name!r}: {option} is more than 0; got {value!r}: with 0, one new word decides")
