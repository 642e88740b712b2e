"""Second order: Newton, Gauss-Newton, Hessian-free, and one group of weights at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import SettingError
from ...functional.search import conjugate_gradient
from ...registry import optimizer
from ..blocks import Block
from ..closure import Closure, Kind, Product
from .base import Optimizer, choose

KINDS = ("hessian", "gauss_newton")


HALVINGS = 10  # of a step that would raise the loss


class Newton(Optimizer):
    """dw = -lr (C + damping I)^-1 g by a linear solve, C being the Hessian or the Gauss-Newton matrix.

    With C = 0 and damping 1 it is gradient descent. The Hessian leads to saddles and maxima as well as to minima; the
    Gauss-Newton matrix has no negative eigenvalue, so its step lowers the loss once it is short enough, and is halved
    until it does.

    Systems: newton-method
    Source: Hifny A2.10, eqs 2.16 and 2.17; Levenberg 1944 (damping).
    """

    repeats = True

    def __init__(self, blocks: Sequence[Block], *, lr: float, damping: float, curvature: Kind) -> None:
        super().__init__(blocks, lr=lr)
        self.name = "gauss_newton" if curvature == "gauss_newton" else "newton"
        if damping < 0:
            raise SettingError(f"optimizer {self.name!r}: damping is at least 0; got {damping}")
        self.damping, self.curvature, self.n = damping, curvature, self._small_enough()

    def step(self, closure: Closure, factor: float = 1.0) -> Tensor:  # type: ignore[override]
        loss = closure()
        gradient, product = self.gradient(), flat_product(self, closure.curvature(self.curvature))
        rows = torch.eye(self.n, dtype=gradient.dtype, device=gradient.device)
        matrix = torch.stack([product(row) for row in rows])
        matrix = (matrix + matrix.T) / 2 + self.damping * rows
        change, failed = torch.linalg.solve_ex(matrix, gradient)
        if failed or not change.isfinite().all():
            raise SettingError(
                f"optimizer {self.name!r}: the {self.curvature.replace('_', '-')} matrix cannot be inverted here; "
                f"give damping, such as 0.001 (it is {self.damping:g})"
            )
        if self.curvature == "gauss_newton":
            _move(self, closure, loss, self.lr * factor * change)
        else:
            self.put(self.values() - self.lr * factor * change)
        _counted(self)
        return loss


class HessianFree(Optimizer):
    """Solves (C + damping I) d = -g by conjugate gradient, from products with C alone, and adjusts the damping.

    With rho the loss's fall over the fall that the quadratic model foretold, damping rises by 3/2 where rho < 1/4 and
    falls by 2/3 where rho > 3/4; a step that would raise the loss is halved until it does not. The next solve starts
    from this one's.

    Systems: hessian-free
    Source: Martens 2010; Martens and Sutskever 2011; Jaiswal J117.
    """

    name = "hessian_free"
    repeats = True
    scheduled = False

    def __init__(self, blocks: Sequence[Block], *, damping: float, max_iter: int, curvature: str) -> None:
        super().__init__(blocks, lr=1.0)
        if damping <= 0 or max_iter < 1:
            raise SettingError(
                f"optimizer 'hessian_free': damping is above 0 and max_iter at least 1; got {damping} and {max_iter}"
            )
        self.damping, self.max_iter = damping, max_iter
        self.curvature: Kind = choose("optimizer 'hessian_free': curvature", curvature, KINDS)  # type: ignore[assignment]
        self.last: Tensor | None = None

    def step(self, closure: Closure, factor: float = 1.0) -> Tensor:  # type: ignore[override]
        loss = closure()
        gradient, product = self.gradient(), flat_product(self, closure.curvature(self.curvature))
        start = None if self.last is None else 0.95 * self.last
        d = conjugate_gradient(
            product, -gradient, start=start, damping=self.damping, steps=self.max_iter, tolerance=5e-4
        )
        if not gradient @ d < 0:
            d = conjugate_gradient(product, -gradient, damping=self.damping, steps=self.max_iter, tolerance=5e-4)
        foretold = float(gradient @ d + (d @ product(d)) / 2)
        before, values, now = float(loss), self.values(), 0.0
        for halvings in range(12):
            length = 0.5**halvings
            self.put(values + length * d)
            now = float(closure.loss())
            if halvings == 0:
                rho = (now - before) / foretold if foretold < 0 else 0.0
            if now <= before:
                break
        else:
            self.put(values)
        self.damping *= 1.5 if not rho >= 0.25 else 2 / 3 if rho > 0.75 else 1.0
        self.last = d
        _counted(self)
        return loss

    def memory(self) -> dict[str, Tensor]:
        kept = {} if self.last is None else {"last": self.last}
        return kept | {"damping": torch.tensor(self.damping, dtype=torch.float64)}

    def remember(self, memory: dict[str, Tensor]) -> None:
        self.damping, self.last = float(memory["damping"]), memory.get("last")


class Alternating(Optimizer):
    """Each step minimises over one parameter tensor and holds the others: Newton's step there, by conjugate gradient.

    Where the loss is quadratic in each tensor alone (a product of two matrices, say) each step is that tensor's exact
    minimum, which is alternating least squares.

    Systems: alternating-minimisation
    Source: Jaiswal J20, where it is named only.
    """

    name = "alternating"
    repeats = True

    def __init__(self, blocks: Sequence[Block], *, lr: float, damping: float, max_iter: int) -> None:
        super().__init__(blocks, lr=lr)
        self.damping, self.max_iter = damping, max_iter
        sizes = [p.numel() for block in blocks for p in block.params]
        self.places = [slice(sum(sizes[:i]), sum(sizes[: i + 1])) for i in range(len(sizes))]

    def step(self, closure: Closure, factor: float = 1.0) -> Tensor:  # type: ignore[override]
        loss = closure()
        place = self.places[self.count % len(self.places)]
        gradient, product = self.gradient(), flat_product(self, closure.curvature("hessian"))

        def of_group(vector: Tensor) -> Tensor:
            whole = torch.zeros_like(gradient)
            whole[place] = vector
            return product(whole)[place]

        change = conjugate_gradient(of_group, gradient[place], damping=self.damping, steps=self.max_iter)
        whole = torch.zeros_like(gradient)
        whole[place] = change
        _move(self, closure, loss, self.lr * factor * whole)
        _counted(self)
        return loss


def flat_product(optimizer: Optimizer, product: Product):  # type: ignore[no-untyped-def]
    """A product of vectors, one a block, as one of a single vector."""
    return lambda vector: torch.cat(product(optimizer.cut(vector)))


def _move(optimizer: Optimizer, closure: Closure, loss: Tensor, change: Tensor) -> None:
    """Move the values by -change, halved until the loss is no larger than it was; stay where ten halvings do not help.

    A model of the loss that is quadratic holds near by only, and less so the fewer rows it was made from.
    """
    start = optimizer.values()
    for k in range(HALVINGS + 1):
        optimizer.put(start - change * 0.5**k)
        if closure.loss() <= loss:
            return
    optimizer.put(start)


def _counted(optimizer: Optimizer) -> None:
    optimizer.count += 1
    for steps in optimizer.steps:
        steps.add_(1.0)


@optimizer.register()
def newton(blocks: Sequence[Block], *, lr: float = 1.0, damping: float = 0.0, curvature: str = "hessian") -> Newton:
    """Newton's method with the whole Hessian (or curvature="gauss_newton"), damped; for few weights."""
    kind: Kind = choose("optimizer 'newton': curvature", curvature, KINDS)  # type: ignore[assignment]
    return Newton(blocks, lr=lr, damping=damping, curvature=kind)


@optimizer.register()
def gauss_newton(blocks: Sequence[Block], *, lr: float = 1.0, damping: float = 1e-3) -> Newton:
    """Newton's step with the Gauss-Newton matrix: Levenberg and Marquardt's for squared errors; for few weights."""
    return Newton(blocks, lr=lr, damping=damping, curvature="gauss_newton")


@optimizer.register()
def hessian_free(
    blocks: Sequence[Block], *, damping: float = 1.0, max_iter: int = 50, curvature: str = "gauss_newton"
) -> HessianFree:
    """Second order without a matrix: conjugate gradient on products, its damping adjusted; for large windows."""
    return HessianFree(blocks, damping=damping, max_iter=max_iter, curvature=curvature)


@optimizer.register()
def alternating(blocks: Sequence[Block], *, lr: float = 1.0, damping: float = 0.0, max_iter: int = 50) -> Alternating:
    """One parameter tensor a step, minimised while the others are held."""
    return Alternating(blocks, lr=lr, damping=damping, max_iter=max_iter)
