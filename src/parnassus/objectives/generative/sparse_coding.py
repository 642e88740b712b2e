"""Sparse coding as an autoencoder without an encoder: codes are sought, and atoms are learned from sums."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import SettingError
from ...functional.sparse_coding import better_atoms, sparse_codes, sparse_cost
from ...train.phase import Batch, Phase
from .autoencoder import Autoencoding, mean_over, observed_of, row_means

ROUGH = 1e-4  # how far codes may be from their best, of the largest, while atoms are learned


class SparseCoding(Autoencoding):
    """Rows as sums of few of n_latent atoms of length 1 at most: |x - c D|^2 / 2 + alpha |c|_1 is least over c and D.

    An epoch seeks the codes of all rows and then betters each atom once, so that the mean cost never rises. Training
    ends when it falls by less than `tol` of itself. Holes cost nothing: they hold what the present codes say. An atom
    that no row uses becomes the row that is described worst.

    Systems: sparse-coding
    Source: Olshausen and Field 1997; Mairal, Bach, Ponce and Sapiro 2010. Named in Martinez-Ramon 7.1.
    """

    full_batch = True
    epochs = 100
    mean: Tensor
    atoms: Tensor
    cost: Tensor
    done: Tensor

    def __init__(self, in_features: int, n_latent: int, *, alpha: float = 1.0, tol: float = 1e-4) -> None:
        super().__init__(n_latent)
        if n_latent < 1 or not alpha > 0 or not tol >= 0:
            raise SettingError(
                f"sparse coding has n_latent of 1 or more, alpha above 0 and tol of 0 or more; got {n_latent}, {alpha} "
                f"and {tol}"
            )
        self.alpha, self.tol = alpha, tol
        self.register_buffer("mean", torch.zeros(in_features))
        self.register_buffer("atoms", torch.zeros(n_latent, in_features))
        self.register_buffer("cost", torch.tensor(torch.inf, dtype=torch.float64))
        self.register_buffer("done", torch.tensor(False))
        self._sums: list[Tensor] | None = None
        self._worst: tuple[Tensor, Tensor] | None = None

    @property
    def finished(self) -> bool:  # type: ignore[override]
        return bool(self.done)

    def begin(self, batch: Batch) -> None:
        """Atoms are directions of rows, and, where there are fewer rows than atoms, random ones."""
        x = batch["x"].flatten(1)
        observed = observed_of(batch)
        seen = torch.ones_like(x) if observed is None else observed.flatten(1)
        self.mean.copy_((x * seen).sum(0) / seen.sum(0).clamp(min=1))
        rows = ((x - self.mean) * seen)[torch.randperm(len(x), device=x.device)[: self.n_code]]
        self.atoms.copy_(torch.randn_like(self.atoms))
        self.atoms[: len(rows)] = rows + 1e-3 * self.atoms[: len(rows)]
        self.atoms.div_(self.atoms.norm(dim=1, keepdim=True))

    def phases(self) -> Sequence[Phase]:
        return [Phase("atoms", self.add, after=self.advance)]

    # --- learning ---------------------------------------------------------------------------------

    def add(self, batch: Batch) -> Tensor:
        """The mean cost of these rows; what their codes say is added up."""
        x, observed = self._rows(batch)
        codes = sparse_codes(x, self.atoms, alpha=self.alpha, observed=observed, tol=ROUGH)
        each = sparse_cost(x, codes, self.atoms, alpha=self.alpha, observed=observed)
        x = x if observed is None else torch.where(observed > 0, x, codes @ self.atoms)
        weight = batch.get("weight", torch.ones_like(each)).double()
        shared, wide = codes.double() * weight[:, None], codes.double()
        parts = [weight.sum(), (weight * each).sum(), shared.T @ wide, shared.T @ x.double()]
        self._sums = parts if self._sums is None else [a + b for a, b in zip(self._sums, parts, strict=True)]
        at = each.argmax()
        if self._worst is None or each[at] > self._worst[0]:
            self._worst = each[at], x[at]
        return mean_over(each, batch)

    def advance(self) -> None:
        """Better atoms from the sums, which are then forgotten; or the end."""
        assert self._sums is not None
        assert self._worst is not None
        n, cost, codes_codes, codes_rows = self._sums
        (_, worst), self._sums, self._worst = self._worst, None, None
        fallen, mean = self.cost - cost / n, cost / n
        if bool(fallen <= self.tol * mean):
            self.done.fill_(True)
            return
        self.cost.copy_(mean)
        self.atoms.copy_(better_atoms(self.atoms.double(), codes_codes, codes_rows))
        unused = (codes_codes.diagonal() <= 0).nonzero().flatten()
        if len(unused) and float(worst.norm()) > 0:
            self.atoms[unused[0]] = worst / worst.norm()  # one an epoch: the next may be described worst by another

    def _rows(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Rows about their mean, holes 0, and what of them was observed."""
        observed = observed_of(batch)
        x = batch["x"].flatten(1) - self.mean
        if observed is None:
            return x, None
        observed = observed.flatten(1)
        return x * observed, observed

    # --- use --------------------------------------------------------------------------------------

    def codes(self, batch: Batch) -> Tensor:
        x, observed = self._rows(batch)
        return sparse_codes(x, self.atoms, alpha=self.alpha, observed=observed)

    def decoded(self, codes: Tensor) -> Tensor:
        return codes @ self.atoms + self.mean

    def rebuilt(self, batch: Batch) -> Tensor:
        return self.decoded(self.codes(batch)).view_as(batch["x"])

    def scores(self, batch: Batch) -> Tensor:
        """The mean squared error of each row's observed entries."""
        return row_means((self.rebuilt(batch) - batch["x"]).square(), observed_of(batch))

    def expected(self, batch: Batch) -> Tensor:
        return self.rebuilt(batch)  # whose codes are of what was observed alone

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        x, observed = self._rows(batch)
        codes = sparse_codes(x, self.atoms, alpha=self.alpha, observed=observed)
        used = mean_over((codes != 0).double().mean(1), batch)
        cost = sparse_cost(x, codes, self.atoms, alpha=self.alpha, observed=observed)
        return {"loss": mean_over(cost, batch), "share_in_use": used}
