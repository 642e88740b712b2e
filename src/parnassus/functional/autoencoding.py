"""Autoencoders by equations: errors, penalties on codes, corruption, and the lower bounds of variational ones."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import SettingError, did_you_mean

Criterion = Literal["squared_error", "absolute_error", "cross_entropy", "half_squared_error"]
Corruption = Literal["none", "gaussian", "mask", "salt_pepper"]
LEAST = 1e-6  # a mean activation this near to 0 or 1 counts as being there


def reconstruction_errors(made: Tensor, x: Tensor, criterion: Criterion = "squared_error") -> Tensor:
    """The error of every entry of what was made, for the entries of x; nothing is added up.

        squared_error        (x - x')^2
        half_squared_error   (x - x')^2 / 2                       summed over a row it is eq. 7.16
        absolute_error       |x - x'|
        cross_entropy        -(x ln x' + (1 - x) ln(1 - x')), made are logits, x in [0, 1]; not 0 at x' = x

    The texts sum over a row and frameworks average, which is a factor of 2 / d between eq. 7.16 and a mean squared
    error, so that penalties of one are not those of the other; here sums are the caller's.

    Source: Martinez-Ramon eqs 7.16, 7.17 (fixture B7.7); Keras course 5.2.1 (fixture B46).

    >>> x, made = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]])
    >>> float(reconstruction_errors(made, x, "half_squared_error").sum())
    2.5
    """
    match criterion:
        case "squared_error":
            return (made - x).square()
        case "half_squared_error":
            return (made - x).square() / 2
        case "absolute_error":
            return (made - x).abs()
        case "cross_entropy":
            return F.binary_cross_entropy_with_logits(made, x, reduction="none")
    raise SettingError(f"no criterion {criterion!r}; {did_you_mean(criterion, get_args(Criterion))}")


def sparsity_penalty(h: Tensor, rho: float = 0.05) -> Tensor:
    """How far the mean activations of codes in (0, 1) lie from rho, added up over units.

        sum_i rho ln(rho / q_i) + (1 - rho) ln((1 - rho) / (1 - q_i)),   q_i = mean over rows of h_i

    0 where every q_i is rho. It falls and rises with q_i on the two sides of rho (F7-19); a code that leaves (0, 1), as
    that of a ReLU does, has no such penalty.

    Systems: sparse-ae
    Source: Martinez-Ramon 7.6, eqs 7.19 to 7.22 (fixture B7.8).

    >>> round(float(sparsity_penalty(torch.full((4, 1), 0.2, dtype=torch.float64))), 6)
    0.093943
    """
    q = h.mean(0).clamp(LEAST, 1 - LEAST)
    return (rho * (rho / q).log() + (1 - rho) * ((1 - rho) / (1 - q)).log()).sum()


def contractive_penalty(
    h: Tensor, weight: Tensor, activation: Literal["sigmoid", "tanh", "linear"] = "sigmoid"
) -> Tensor:
    """The squared Frobenius norm of dh/dx of one dense layer h = g(W x + b), a row: sum_k g'_k^2 sum_j W_kj^2.

    Source: Rifai et al. 2011, eq. 2.

    >>> contractive_penalty(torch.tensor([[0.5]]), torch.tensor([[2.0, 1.0]])).tolist()
    [0.3125]
    """
    slopes = {"sigmoid": lambda: h * (1 - h), "tanh": lambda: 1 - h.square(), "linear": lambda: torch.ones_like(h)}
    if activation not in slopes:
        raise SettingError(f"no closed form for {activation!r}; {did_you_mean(activation, slopes)}")
    return slopes[activation]().square() @ weight.square().sum(1)


def corrupted(x: Tensor, kind: Corruption, level: float, *, generator: torch.Generator | None = None) -> Tensor:
    """x as a denoising autoencoder sees it; the target stays x.

        gaussian      x + level e, e ~ N(0, 1)
        mask          each entry becomes 0 with probability level
        salt_pepper   with probability level an entry becomes the least or the largest value of x, evenly

    The text draws from a law Q without naming one (F7-20): these three are Vincent et al.'s.

    Source: Martinez-Ramon 7.7, eq. 7.24; Vincent et al. 2008, 2010.

    >>> g = torch.Generator().manual_seed(0)
    >>> corrupted(torch.ones(1, 4), "mask", 0.5, generator=g).tolist()
    [[0.0, 1.0, 0.0, 0.0]]
    """
    if kind == "none" or not level:
        return x
    if kind == "gaussian":
        return x + level * torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    u = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    if kind == "mask":
        return torch.where(u < level, torch.zeros_like(x), x)
    if kind == "salt_pepper":
        return torch.where(u < level / 2, x.amin(), torch.where(u < level, x.amax(), x))
    raise SettingError(f"no corruption {kind!r}; {did_you_mean(kind, get_args(Corruption))}")


# --- variational --------------------------------------------------------------------------------------


def reparameterized(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """z = mu + sigma noise: a draw of N(mu, sigma^2) for noise ~ N(0, 1), through which gradients reach mu and sigma.

    Systems: reparameterisation
    Source: Martinez-Ramon 7.9.2, eqs 7.43 to 7.46; Kingma and Welling 2014.

    >>> reparameterized(torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([2.0])).tolist()
    [3.0]
    """
    return mean + (0.5 * log_variance).exp() * noise


def kl_to_standard(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mu, diag sigma^2) || N(0, I)) of each row, nats: -1/2 sum_m (1 + ln sigma_m^2 - mu_m^2 - sigma_m^2).

    Source: Martinez-Ramon 7.9.3, eq. 7.51 (fixture B7.12); diag(sigma^2) where the text writes sigma^2 I (F7-25).

    >>> from parnassus.functional.bayes.variational import kl_of_normals
    >>> mean, std = torch.tensor([0.5, -1.0]), torch.tensor([0.8, 1.5])
    >>> round(float(kl_to_standard(mean, 2 * std.log())), 6), round(float(kl_of_normals(mean, std)), 6)
    (0.887678, 0.887678)
    """
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(-1)


def log_normal(x: Tensor, mean: Tensor | float, log_variance: Tensor | float) -> Tensor:
    """ln N(x; mean, exp(log_variance)) of every entry.

    A decoder's density is of x given z: the text prints ln N(z; 0, .) for it (F7-26).

    >>> round(float(log_normal(torch.tensor(0.0), 0.0, 0.0)), 6)
    -0.918939
    """
    spread = torch.as_tensor(log_variance, dtype=x.dtype, device=x.device)
    return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * (-spread).exp())


def log_shares(logits: Tensor, sizes: Sequence[int]) -> Tensor:
    """ln of the softmax over each of the groups of so many entries that (..., d) ends with: (..., sum of sizes).

    A unit vector times these entries, added up, is ln p of its category.

    >>> log_shares(torch.tensor([9.0, 1.0, 1.0, 5.0]), [2, 1]).exp().tolist()
    [0.5, 0.5, 1.0]
    """
    return torch.cat([part.log_softmax(-1) for part in logits[..., -sum(sizes) :].split(list(sizes), -1)], -1)


def drawn_units(logs: Tensor, sizes: Sequence[int], noise: Tensor | None = None) -> Tensor:
    """A unit vector drawn for each group of ln p(category), (..., sum of sizes): the largest of ln p + Gumbel noise.

    `noise`, if given, is standard normal, of the shape of logs, and decides the draw.

    >>> drawn_units(torch.tensor([0.0, -200.0, 0.0]), [2, 1]).tolist()
    [1.0, 0.0, 1.0]
    """
    waits = torch.empty_like(logs).exponential_() if noise is None else -torch.special.log_ndtr(noise)
    noisy = (logs - waits.log()).split(list(sizes), -1)
    return torch.cat([F.one_hot(part.argmax(-1), part.shape[-1]).to(logs) for part in noisy], -1)


class Draws(NamedTuple):
    """What a lower bound is made of: draws z (draws, n, k) of q(z | x), and what the nets say of them."""

    z: Tensor  # (draws, n, k)
    mean: Tensor  # (n, k) of q; (draws, n, k) where some of z are told others
    log_variance: Tensor  # (n, k) of q, or (draws, n, k)
    log_likelihood: Tensor  # (draws, n): ln p(x | z)
    beside: Tensor | float = 0.0  # (draws, n): ln p(z) - ln N(z; 0, I), of a prior that is another


def sgvb_a(d: Draws) -> Tensor:
    """The lower bound of ln p(x) of each row by estimator A: everything is drawn.

        1/N sum_n [ln p(x | z_n) + ln p(z_n) - ln q(z_n | x)]

    The text leaves out the brackets, so that the second term escapes the sum (F7-24).

    Systems: sgvb
    Source: Martinez-Ramon 7.9.2, eq. 7.47; Kingma and Welling 2014, eq. 6.

    >>> d = Draws(torch.zeros(2, 1, 1), torch.zeros(1, 1), torch.zeros(1, 1), torch.tensor([[-1.0], [-3.0]]))
    >>> sgvb_a(d).tolist(), sgvb_b(d).tolist()
    ([-2.0], [-2.0])
    """
    return log_weights(d).mean(0)


def sgvb_b(d: Draws) -> Tensor:
    """The lower bound of ln p(x) of each row by estimator B: the divergence in closed form, so that it varies less.

        -KL(q(z | x) || p(z)) + 1/N sum_n ln p(x | z_n)

    To be made large: the loss is its negative (F7-27).

    Systems: sgvb
    Source: Martinez-Ramon 7.9.2, eqs 7.48 and 7.51; Kingma and Welling 2014, eq. 7.
    """
    return d.log_likelihood.mean(0) - divergence(d)


def divergence(d: Draws) -> Tensor:
    """KL(q(z | x) || p(z)) of each row (n,); of moments or a prior that differ from draw to draw a mean over draws.

    >>> d = Draws(torch.zeros(2, 1, 1), torch.ones(2, 1, 1), torch.zeros(2, 1, 1), torch.zeros(2, 1), torch.ones(2, 1))
    >>> divergence(d).tolist()
    [-0.5]
    """
    each = kl_to_standard(d.mean, d.log_variance) - d.beside
    return each if each.ndim == 1 else each.mean(0)


def iwae_bound(d: Draws) -> Tensor:
    """The importance-weighted lower bound of ln p(x) of each row: ln 1/N sum_n p(x, z_n) / q(z_n | x).

    Never below A's in expectation; it rises to ln p(x) with the number of draws.

    Source: Burda, Grosse and Salakhutdinov 2016, eq. 8.

    >>> d = Draws(torch.zeros(2, 1, 1), torch.zeros(1, 1), torch.zeros(1, 1), torch.tensor([[-1.0], [-3.0]]))
    >>> round(float(iwae_bound(d)), 4)
    -1.5662
    """
    return log_weights(d).logsumexp(0) - math.log(len(d.z))


def log_weights(d: Draws) -> Tensor:
    """ln p(x, z) - ln q(z | x) of each draw.

    >>> d = Draws(torch.zeros(1, 1, 1), torch.zeros(1, 1), torch.zeros(1, 1), torch.tensor([[-1.0]]))
    >>> log_weights(d).tolist()
    [[-1.0]]
    """
    prior = log_normal(d.z, 0.0, 0.0).sum(-1)
    return d.log_likelihood + d.beside + prior - log_normal(d.z, d.mean, d.log_variance).sum(-1)


def principal_angles(a: Tensor, b: Tensor) -> Tensor:
    """The angles between the spaces that the columns of a and of b span, radians, from the smallest.

        cos theta = singular values of Q_a' Q_b

    A linear autoencoder under squared error ends in the space of the principal components, but its columns are neither
    orthogonal nor ordered: so spaces are compared, not directions.

    Systems: linear-ae-pca
    Source: Keras course 5.2.1; Baldi and Hornik 1989; Bjorck and Golub 1973.

    >>> a = torch.eye(3, dtype=torch.float64)[:, :2]
    >>> principal_angles(a, a @ torch.tensor([[2.0, 1.0], [0.0, 3.0]], dtype=torch.float64)).round(decimals=4).tolist()
    [0.0, 0.0]
    """
    cosines = torch.linalg.svdvals(torch.linalg.qr(a)[0].mT @ torch.linalg.qr(b)[0])
    return cosines.clamp(-1, 1).acos()
