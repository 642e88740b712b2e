"""Autoencoders: a row is squeezed through a code and rebuilt, and what went wrong is the loss and the score."""

import warnings
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from ...errors import DataError, DataWarning, SettingError
from ...functional.autoencoding import (
    Corruption,
    Criterion,
    corrupted,
    reconstruction_errors,
    sparsity_penalty,
)
from ...train.phase import Batch, Objective, Phase
from ...train.randomness import kept_random

N_LEVELS = 1001  # quantiles of the training scores that are kept
BEYOND = 0.1  # of 0 and 1, where unseen rows of a table may lie that was scaled by others
N_FILLED = 2  # times that holes are filled and rows rebuilt: more walk off where no row is, fewer see the first guess


class Autoencoding(Objective):
    """Rows to codes and back. A subclass says how, and scores rows: more is worse.

    After training, `levels` holds the quantiles of the training rows' scores from 0 to 1, a thousandth apart.
    """

    probabilistic = False
    levels: Tensor

    def __init__(self, n_code: int) -> None:
        super().__init__()
        self.n_code = n_code
        self.register_buffer("levels", torch.zeros(N_LEVELS, dtype=torch.float64))

    def codes(self, batch: Batch) -> Tensor:
        """The code of each row (n, k)."""
        raise NotImplementedError

    def decoded(self, codes: Tensor) -> Tensor:
        """What codes (n, k) stand for, in the terms of x."""
        raise NotImplementedError

    def rebuilt(self, batch: Batch) -> Tensor:
        """x of each row by way of its code."""
        raise NotImplementedError

    def scores(self, batch: Batch) -> Tensor:
        """How badly each row is described (n,)."""
        raise NotImplementedError

    def imputed(self, batch: Batch) -> Tensor:
        """A draw of x (n, ...) given its observed entries; of codes without a law what `expected` says."""
        return self.expected(batch)

    def expected(self, batch: Batch) -> Tensor:
        """What x (n, ...) is thought to be given its observed entries: rebuilt, and once more from that."""
        observed, made = observed_of(batch), self.rebuilt(batch)
        if observed is None:
            return made
        for _ in range(N_FILLED - 1):
            made = self.rebuilt(batch | {"x": torch.where(observed > 0, batch["x"], made)})
        return made

    def outputs(self, batch: Batch) -> Tensor:
        return self.rebuilt(batch)

    def conclude(self, batches: Callable[[], Iterable[Batch]]) -> None:
        self.eval()
        with torch.no_grad(), kept_random(self.levels.device, "conclude"):
            scores = torch.cat([self.scores(batch).double() for batch in batches()])
            at = torch.linspace(0, 1, N_LEVELS, dtype=torch.float64, device=scores.device)
            ordered = scores.sort().values
            place = at * (len(ordered) - 1)
            low = place.floor().long()
            share = place - low
            above = ordered[(low + 1).clamp(max=len(ordered) - 1)]
            self.levels.copy_(ordered[low] * (1 - share) + above * share)

    def threshold(self, quantile: float) -> float:
        """The score below which this share of the training rows lies; quantile 1 is their largest."""
        place = quantile * (N_LEVELS - 1)
        low = min(int(place), N_LEVELS - 2)
        pair = self.levels[low : low + 2].tolist()
        return pair[0] + (place - low) * (pair[1] - pair[0])


def observed_of(batch: Batch) -> Tensor | None:
    """1 where an entry of x was observed, 0 at a hole or behind a row's end; None where everything was."""
    if "observed" in batch:
        return batch["observed"]
    if "lengths" not in batch:
        return None
    x = batch["x"]
    steps = torch.arange(x.shape[1], device=x.device) < batch["lengths"][:, None]
    return steps[:, :, None].to(x.dtype).expand_as(x)


def row_means(entries: Tensor, observed: Tensor | None) -> Tensor:
    """The mean over each row's observed entries (n,)."""
    flat = entries.flatten(1)
    if observed is None:
        return flat.mean(1)
    seen = observed.flatten(1)
    return (flat * seen).sum(1) / seen.sum(1).clamp(min=1)


def mean_over(values: Tensor, batch: Batch) -> Tensor:
    """The mean over rows, weighted where they have weights."""
    weight = batch.get("weight")
    return values.mean() if weight is None else (values * weight).sum() / weight.sum()


def refuse_outside_unit(x: Tensor, what: str) -> None:
    """Refuses entries that are no probabilities."""
    low, high = float(x.min()), float(x.max())
    if low < 0 or high > 1:
        raise DataError(
            f"{what} describes values from 0 to 1, and these run from {low:.4g} to {high:.4g}; for a table give "
            f"codec=pn.Table(scaling='minmax') (or 'none' for columns of 0 and 1), or choose another criterion"
        )


def refuse_beyond_unit(x: Tensor, what: str) -> None:
    """Refuses rows in use whose entries are far from probabilities: the further out, the likelier they would seem."""
    low, high = float(x.min()), float(x.max())
    if low < -BEYOND or high > 1 + BEYOND:
        raise DataError(
            f"{what} describes values from 0 to 1, to which the rows of fit were scaled, and these run from {low:.4g} "
            f"to {high:.4g}; clip them to the range of the training rows, or fit with another criterion or "
            "likelihood, such as 'squared_error' or 'gaussian'"
        )


def warn_beyond_unit(x: Tensor) -> None:
    """Warns of rows in use with entries far from what units of 0 and 1 hold: their density is none."""
    low, high = float(x.min()), float(x.max())
    if low < -BEYOND or high > 1 + BEYOND:
        warnings.warn(
            f"units hold numbers from 0 to 1, to which the rows of fit were scaled, and these run from {low:.4g} to "
            f"{high:.4g}: how likely they are is not said by the result; clip them to the range of the rows of fit",
            DataWarning,
            stacklevel=2,
        )


class Reconstruction(Autoencoding):
    """Least error of x' = decode(encode(x~)), plus what weights and codes are charged.

        mean over observed entries of e(x, x') + c1 ||W|| + c2 ||h||_1 + lambda sum_i KL(rho || q_i) + c3 ||dh/dx||^2

    Parameters
    ----------
    net : has `n_code`, `encode(x, lengths)` and `decode(h, x)`, where x is what the answer is shaped like.
    criterion : see `functional.autoencoding.reconstruction_errors`.
    corruption, level : what is done to x before it is encoded in training; the target stays clean.
    weights_l1, code_l1 : c1 and c2 of eq. 7.18, on the mean sizes of weights and codes.
    sparsity, rho : lambda and rho of eq. 7.23; codes must lie in (0, 1).
    contraction : c3, for a net that says its code's slopes by `contraction(h)`.

    The code is what the text's third term is of, not x and its reconstruction (F7-18); the L0 norm it also names has no
    gradient. The batch's mean stands for the training set's in q_i.

    Systems: autoencoder, undercomplete-ae, denoising-ae
    Source: Martinez-Ramon 7.4 to 7.7, eqs 7.14 to 7.26; Rifai et al. 2011.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        criterion: Criterion = "squared_error",
        corruption: Corruption = "none",
        level: float = 0.0,
        weights_l1: float = 0.0,
        code_l1: float = 0.0,
        sparsity: float = 0.0,
        rho: float = 0.05,
        contraction: float = 0.0,
    ) -> None:
        super().__init__(int(net.n_code))  # type: ignore[arg-type]
        self.net: nn.Module = net
        self.criterion, self.corruption, self.level = criterion, corruption, level
        self.weights_l1, self.code_l1, self.sparsity, self.rho = weights_l1, code_l1, sparsity, rho
        self.contraction = contraction
        for name, value in (("level", level), ("weights_l1", weights_l1), ("code_l1", code_l1), ("sparsity", sparsity)):
            if not value >= 0:
                raise SettingError(f"an autoencoder's {name} is 0 or more; got {value!r}")
        if not 0 < rho < 1:
            raise SettingError(f"rho is a mean activation in (0, 1); got {rho!r}")

    def phases(self) -> Sequence[Phase]:
        return [Phase("reconstruct", self.loss, self.parameters())]

    def begin(self, batch: Batch) -> None:
        if self.criterion == "cross_entropy":
            refuse_outside_unit(batch["x"], "criterion='cross_entropy'")

    def loss(self, batch: Batch) -> Tensor:
        """The charge of a batch in training."""
        x = batch["x"]
        h = self.net.encode(corrupted(x, self.corruption, self.level), batch.get("lengths"))  # type: ignore[operator]
        made = self.net.decode(h, x)  # type: ignore[operator]
        loss = mean_over(row_means(reconstruction_errors(made, x, self.criterion), observed_of(batch)), batch)
        if self.weights_l1:
            matrices = [p.flatten() for p in self.parameters() if p.ndim > 1]
            loss = loss + self.weights_l1 * torch.cat(matrices).abs().mean()
        if self.code_l1:
            loss = loss + self.code_l1 * mean_over(h.flatten(1).abs().mean(1), batch)
        if self.sparsity:
            loss = loss + self.sparsity * sparsity_penalty(h.flatten(1), self.rho)
        if self.contraction:
            loss = loss + self.contraction * mean_over(self.net.contraction(h), batch)  # type: ignore[operator]
        return loss

    def codes(self, batch: Batch) -> Tensor:
        return self.net.encode(batch["x"], batch.get("lengths"))  # type: ignore[operator]

    def decoded(self, codes: Tensor) -> Tensor:
        made = self.net.decode(codes, None)  # type: ignore[operator]
        return made.sigmoid() if self.criterion == "cross_entropy" else made

    def rebuilt(self, batch: Batch) -> Tensor:
        made = self.net.decode(self.codes(batch), batch["x"])  # type: ignore[operator]
        return made.sigmoid() if self.criterion == "cross_entropy" else made

    def scores(self, batch: Batch) -> Tensor:
        if self.criterion == "cross_entropy":
            refuse_beyond_unit(batch["x"], "criterion='cross_entropy'")
        return self.row_errors(batch)

    def row_errors(self, batch: Batch) -> Tensor:
        """The mean error of each row's observed entries (n,)."""
        made = self.net.decode(self.codes(batch), batch["x"])  # type: ignore[operator]
        return row_means(reconstruction_errors(made, batch["x"], self.criterion), observed_of(batch))

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        return {"loss": mean_over(self.row_errors(batch), batch)}
