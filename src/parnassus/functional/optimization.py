"""The update rules as they are written: values, gradient and state in, values and state out; nothing in place.

These are the slow twins of `parnassus.train.optimizers`, which moves whole nets by the same equations. `w` are the
values, `g` the gradient at them, `t` counts steps from 1; state begins at zero. Where books differ, `epsilon` says
whether eps stands "inside" the root or "outside".
"""

from typing import Literal

import torch
from torch import Tensor

Place = Literal["inside", "outside"]
Pair = tuple[Tensor, Tensor]
Triple = tuple[Tensor, Tensor, Tensor]


def gradient_descent(w: Tensor, g: Tensor, *, lr: float | Tensor) -> Tensor:
    """The values after w - lr g; lr is one number, or a rate for each coordinate.

    Source: Hifny 2.4 and listing 2.2; Jaiswal J16.
    """
    return w - lr * g


def heavy_ball(w: Tensor, g: Tensor, v: Tensor, *, lr: float, momentum: float) -> Pair:
    """The values and velocity after v = m v - lr g, w = w + v.

    The velocity after steady slopes of 1 at lr = 0.1, m = 0.9 grows to 0.1, 0.19, 0.271, 0.3439 (against g).

    >>> w, v = torch.zeros(1), torch.zeros(1)
    >>> for _ in range(4): w, v = heavy_ball(w, torch.ones(1), v, lr=0.1, momentum=0.9)
    >>> round(float(v), 4)
    -0.3439

    Source: Polyak 1964; Martinez-Ramon 2.10 and 2.11, Jaiswal J35, Keras course K53.
    """
    v = momentum * v - lr * g
    return w + v, v


def ema_momentum(w: Tensor, g: Tensor, m: Tensor, *, lr: float, beta: float) -> Pair:
    """The values and average after m = beta m + (1 - beta) g, w = w - lr m. Source: Hifny 2.18 and 2.19."""
    m = beta * m + (1 - beta) * g
    return w - lr * m, m


def look_ahead(w: Tensor, v: Tensor, *, momentum: float) -> Tensor:
    """Where Nesterov's gradient is taken: w + m v. With that gradient the step is `heavy_ball`.

    Source: Nesterov 1983; Martinez-Ramon 2.12, whose indices give w itself (erratum 20).
    """
    return w + momentum * v


def adagrad(w: Tensor, g: Tensor, total: Tensor, *, lr: float, eps: float = 1e-8, epsilon: Place = "outside") -> Pair:
    """The values and summed squares after s = s + g^2, w = w - lr g / (sqrt(s) + eps).

    Source: Hifny 2.20 and 2.21, Martinez-Ramon 2.14 and 2.15 (outside), Jaiswal J37 (inside).
    """
    total = total + g * g
    return w - lr * g / _root(total, eps, epsilon), total


def rmsprop(
    w: Tensor, g: Tensor, square: Tensor, *, lr: float, beta: float, eps: float = 1e-8, epsilon: Place = "outside"
) -> Pair:
    """The values and averaged squares after s = beta s + (1 - beta) g^2, w = w - lr g / (sqrt(s) + eps).

    Source: Hifny 2.22 and 2.23 (inside), Martinez-Ramon 2.16 (outside).
    """
    square = beta * square + (1 - beta) * g * g
    return w - lr * g / _root(square, eps, epsilon), square


def adadelta(w: Tensor, g: Tensor, square: Tensor, moved: Tensor, *, rho: float, eps: float = 1e-6) -> Triple:
    """The values, averaged squares of g and averaged squares of the moves.

        s = rho s + (1 - rho) g^2,  d = g sqrt(a + eps) / sqrt(s + eps),  a = rho a + (1 - rho) d^2,  w = w - d

    Source: Zeiler 2012; Jaiswal J38, where a is never updated (erratum 12).
    """
    square = rho * square + (1 - rho) * g * g
    change = g * (moved + eps).sqrt() / (square + eps).sqrt()
    return w - change, square, rho * moved + (1 - rho) * change * change


def adam(
    w: Tensor,
    g: Tensor,
    m: Tensor,
    s: Tensor,
    *,
    t: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> Triple:
    """The values and both averages; each average is divided by 1 - beta^t, because it began at zero.

    Source: Hifny 2.24 to 2.28, Martinez-Ramon 2.17 to 2.20; Jaiswal J40 prints no correction (erratum 13).
    """
    m, s = _averages(g, m, s, betas)
    corrected = s / (1 - betas[1] ** t)
    return w - lr * m / (1 - betas[0] ** t) / (corrected.sqrt() + eps), m, s


def adamax(
    w: Tensor,
    g: Tensor,
    m: Tensor,
    u: Tensor,
    *,
    t: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> Triple:
    """The values, average and decayed maximum: u = max(beta2 u, |g|), w = w - lr m / (1 - beta1^t) / (u + eps).

    Source: Martinez-Ramon 2.22 to 2.24; 2.23 drops beta2 (erratum 23).
    """
    m = betas[0] * m + (1 - betas[0]) * g
    u = torch.maximum(betas[1] * u, g.abs())
    return w - lr * m / (1 - betas[0] ** t) / (u + eps), m, u


def nadam(
    w: Tensor,
    g: Tensor,
    m: Tensor,
    s: Tensor,
    *,
    t: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    form: Literal["constant", "ruder"] = "constant",
) -> Triple:
    """The values and both averages of Adam with a look-ahead in the average of gradients.

    The average counts beta1 m / (1 - beta1^(t+1)) in the constant form, beta1 m / (1 - beta1^t) in Ruder's; the
    gradient (1 - beta1) g / (1 - beta1^t) in both. Source: Martinez-Ramon 2.5.5; Jaiswal J41 (ruder).
    """
    m, s = _averages(g, m, s, betas)
    b = betas[0]
    ahead = b * m / (1 - b ** (t + (form == "constant"))) + (1 - b) * g / (1 - b**t)
    return w - lr * ahead / ((s / (1 - betas[1] ** t)).sqrt() + eps), m, s


def newton(w: Tensor, g: Tensor, hessian: Tensor, *, lr: float = 1.0, damping: float = 0.0) -> Tensor:
    """The values after w - lr (H + damping I)^-1 g, by a linear solve; H = I is gradient descent.

    Source: Hifny 2.16 and 2.17.
    """
    return w - lr * torch.linalg.solve(hessian + damping * torch.eye(len(w), dtype=w.dtype), g)


def svrg(w: Tensor, g: Tensor, g_snapshot: Tensor, full: Tensor, *, lr: float) -> Tensor:
    """The values after w - lr (g(w) - g(s) + G(s)), both g of the same rows. Source: Johnson and Zhang 2013."""
    return w - lr * (g - g_snapshot + full)


def _averages(g: Tensor, m: Tensor, s: Tensor, betas: tuple[float, float]) -> Pair:
    return betas[0] * m + (1 - betas[0]) * g, betas[1] * s + (1 - betas[1]) * g * g


def _root(total: Tensor, eps: float, place: Place) -> Tensor:
    return total.sqrt() + eps if place == "outside" else (total + eps).sqrt()
