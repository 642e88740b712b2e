"""Activations, each with its derivative by the same input z; all work on tensors of any shape.

A derivative is a function of z (not of the output), and at a kink it is the value its docstring names.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def heaviside(z: Tensor, *, at_zero: float = 0.0) -> Tensor:
    """1 where z > 0, 0 where z < 0, and `at_zero` where z = 0; its derivative is 0 wherever it has one.

    Systems: step-activation
    Source: McCulloch and Pitts 1943; Keras course K5 (a tie gives 0), Hifny A5.2, Baker A014, Jaiswal J4.

    >>> heaviside(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 1.])
    """
    return torch.heaviside(z, z.new_tensor(at_zero))


def sign(z: Tensor, *, at_zero: float = -1.0) -> Tensor:
    """1 where z > 0, -1 where z < 0, and `at_zero` where z = 0.

    With -1 at zero it is 2 heaviside(z) - 1 and the perceptron rule started from zeros leaves a -1 row alone; NumPy's
    sign (0 at zero) counts that row as an error and takes another path.

    Source: Martinez-Ramon 1.4.

    >>> sign(torch.tensor([-3.0, 0.0, 2.0]))
    tensor([-1., -1.,  1.])
    """
    return torch.where(z == 0, z.new_tensor(at_zero), z.sign())


def identity(z: Tensor) -> Tensor:
    """z itself: the output of a regression.

    Systems: identity-activation
    Source: Hifny A8.1, Baker A015, Martinez-Ramon 1.4, Keras course K28.
    """
    return z


def identity_derivative(z: Tensor) -> Tensor:
    """1 everywhere."""
    return torch.ones_like(z)


def sigmoid(z: Tensor) -> Tensor:
    """1 / (1 + e^-z), without overflow; (1 + tanh(z / 2)) / 2 is the same.

    Systems: sigmoid
    Source: Hifny A8.1, Baker A011, Martinez-Ramon 1.2.3 eqs. 1.17 and 1.18, Jaiswal J5, Keras course K15 and K29.
    """
    return torch.sigmoid(z)


def sigmoid_derivative(z: Tensor) -> Tensor:
    """s (1 - s) with s = sigmoid(z): at most 1/4, so ten layers pass on at most 1e-6 of a slope.

    Source: Martinez-Ramon eq. 1.19.

    >>> sigmoid_derivative(torch.tensor([0.0, 5.0]))
    tensor([0.2500, 0.0066])
    """
    s = torch.sigmoid(z)
    return s * (1 - s)


def tanh(z: Tensor) -> Tensor:
    """(e^z - e^-z) / (e^z + e^-z) = 2 sigmoid(2 z) - 1.

    Systems: tanh
    Source: Hifny A8.1, Baker A013, Martinez-Ramon 1.2.3 eq. 1.15, Jaiswal J6, Keras course K30.
    """
    return torch.tanh(z)


def tanh_derivative(z: Tensor) -> Tensor:
    """1 - tanh(z)^2.

    Source: Martinez-Ramon eq. 1.16.
    """
    return 1 - torch.tanh(z).square()


def relu(z: Tensor) -> Tensor:
    """max(0, z).

    Systems: relu
    Source: Hifny A8.1, Baker A012, Martinez-Ramon 1.4, Jaiswal J7, Keras course K31.
    """
    return z.relu()


def relu_derivative(z: Tensor) -> Tensor:
    """1 where z > 0, else 0; 0 at the kink."""
    return (z > 0).to(z.dtype)


def leaky_relu(z: Tensor, *, slope: float = 0.01) -> Tensor:
    """max(0, z) + slope min(0, z).

    Systems: leaky-relu
    Source: Martinez-Ramon 1.4 and A8.9 (part 2c), Jaiswal J28, Keras course K32.

    >>> leaky_relu(torch.tensor([-2.0, 2.0]))
    tensor([-0.0200,  2.0000])
    """
    return F.leaky_relu(z, slope)


def leaky_relu_derivative(z: Tensor, *, slope: float = 0.01) -> Tensor:
    """1 where z > 0, else `slope`; `slope` at the kink."""
    return torch.where(z > 0, 1.0, slope).to(z.dtype)


def prelu(z: Tensor, slope: Tensor) -> Tensor:
    """max(0, z) + slope min(0, z) with a learned slope: one number, or one a channel (the axis after the batch).

    torch.nn.PReLU is the layer; it starts slopes at 0.25.

    Systems: prelu
    Source: He et al. 2015; Jaiswal J28.
    """
    return F.prelu(z, slope)


def prelu_derivative(z: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """The slopes by z (1 where z > 0, else the learned slope) and, element by element, by that slope: min(0, z)."""
    if slope.numel() > 1:
        slope = slope.view(-1, *[1] * (z.ndim - 2))
    return torch.where(z > 0, torch.ones_like(z), slope), z.clamp(max=0)


def elu(z: Tensor, *, alpha: float = 1.0) -> Tensor:
    """z where z > 0, else alpha (e^z - 1): its mean output is nearer 0 than ReLU's.

    Source: Clevert, Unterthiner and Hochreiter 2016.

    >>> elu(torch.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return F.elu(z, alpha)


def elu_derivative(z: Tensor, *, alpha: float = 1.0) -> Tensor:
    """1 where z > 0, else alpha e^z; alpha at the kink."""
    return torch.where(z > 0, torch.ones_like(z), alpha * z.exp())


def softplus(z: Tensor) -> Tensor:
    """ln(1 + e^z), without overflow and without a linear cut-off; its derivative is sigmoid(z).

    torch's softplus turns linear above 20, which is off by 2e-9 there.

    Systems: softplus
    Source: Martinez-Ramon 1.5.2.1, Jaiswal J28.

    >>> softplus(torch.tensor([0.0, 100.0]))
    tensor([  0.6931, 100.0000])
    """
    return torch.logaddexp(z, torch.zeros_like(z))


softplus_derivative = sigmoid


def hard_tanh(z: Tensor) -> Tensor:
    """max(-1, min(1, z)).

    Systems: hard-tanh
    Source: Jaiswal J28.
    """
    return z.clamp(-1, 1)


def hard_tanh_derivative(z: Tensor) -> Tensor:
    """1 where |z| < 1, else 0; 0 at both kinks."""
    return (z.abs() < 1).to(z.dtype)


def gelu(z: Tensor) -> Tensor:
    """z Phi(z), Phi being the standard normal's distribution function.

    Systems: gelu
    Source: Hendrycks and Gimpel 2016; Hifny A12.15, Martinez-Ramon A6.17 and A6.29 (part 2b).

    >>> gelu(torch.tensor([-1.0, 1.0]))
    tensor([-0.1587,  0.8413])
    """
    return F.gelu(z)


def gelu_derivative(z: Tensor) -> Tensor:
    """Phi(z) + z phi(z), phi being the standard normal's density."""
    return torch.special.ndtr(z) + z * torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)


def gelu_tanh(z: Tensor) -> Tensor:
    """z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2: GELU's approximation, within 5e-4 of it.

    Source: Hendrycks and Gimpel 2016.
    """
    return F.gelu(z, approximate="tanh")


def gelu_tanh_derivative(z: Tensor) -> Tensor:
    """The slope of `gelu_tanh`."""
    scale = math.sqrt(2 / math.pi)
    t = torch.tanh(scale * (z + 0.044715 * z**3))
    return (1 + t) / 2 + z * (1 - t.square()) * scale * (1 + 3 * 0.044715 * z.square()) / 2


def silu(z: Tensor) -> Tensor:
    """z sigmoid(z), also called swish.

    Systems: silu
    Source: Elfwing et al. 2017, Ramachandran et al. 2017; Hifny A12.13 and A12.15, Martinez-Ramon A4.22 (part 2b).

    >>> silu(torch.tensor(1.0))
    tensor(0.7311)
    """
    return F.silu(z)


def silu_derivative(z: Tensor) -> Tensor:
    """s + z s (1 - s) with s = sigmoid(z)."""
    s = torch.sigmoid(z)
    return s + z * s * (1 - s)


def softmax(z: Tensor, *, dim: int = -1) -> Tensor:
    """e^(z - max z) / sum e^(z - max z) along `dim`: sums to 1, unchanged when a constant is added to all z.

    Over a single unit it is 1 whatever z, so a one-unit softmax output cannot learn: two classes take a sigmoid or
    two units.

    Systems: softmax
    Source: Hifny A6.3 and A6.5, Baker A016, Martinez-Ramon 1.5.2.2, Jaiswal J13 and J27, Keras course K47.

    >>> softmax(torch.tensor([1000.0, 1001.0, 1002.0]))
    tensor([0.0900, 0.2447, 0.6652])
    """
    return z.softmax(dim)


def softmax_jacobian(z: Tensor) -> Tensor:
    """diag(y) - y y' of shape (..., K, K) for y = softmax(z) along the last axis; every row sums to 0.

    Source: Hifny A6.5, Baker A016.
    """
    y = z.softmax(-1)
    return torch.diag_embed(y) - y[..., :, None] * y[..., None, :]


def maxout(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The largest of k affine pieces: max_j (weight_j x + bias_j).

    x is (..., in_features), weight (n_pieces, n_units, in_features), bias (n_pieces, n_units); gives (..., n_units).
    Its slope goes to the winning piece only.

    Systems: maxout
    Source: Goodfellow et al. 2013; Martinez-Ramon 1.4, G35 (part 2b), A8.13 (part 2c).

    >>> pieces = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[-1.0, -1.0]]])
    >>> maxout(torch.tensor([1.0, -2.0]), pieces, torch.tensor([[0.0], [0.5], [0.25]]))
    tensor([1.2500])
    """
    return maxout_pieces(x, weight, bias).amax(-2)


def maxout_pieces(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """All affine pieces, (..., n_pieces, n_units); the argmax over the pieces is the one that learns."""
    return torch.einsum("...d,pud->...pu", x, weight) + bias


def maxout_derivative(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The slope of each unit by x: the winning piece's weights, (..., n_units, in_features); the first of equals."""
    winner = maxout_pieces(x, weight, bias).argmax(-2)
    return weight[winner, torch.arange(weight.shape[1], device=weight.device)]


def rbf(x: Tensor, centers: Tensor, *, width: float = 1.0) -> Tensor:
    """exp(-|x - c|^2 / width^2) for each center: x (..., in_features), centers (n_units, in_features).

    A Gaussian of standard deviation s has width s sqrt(2).

    Systems: rbf-unit
    Source: Broomhead and Lowe 1988; Jaiswal J28.

    >>> rbf(torch.tensor([3.0, 4.0]), torch.tensor([[3.0, 4.0], [0.0, 0.0]]), width=5.0)
    tensor([1.0000, 0.3679])
    """
    return torch.exp(-(x[..., None, :] - centers).square().sum(-1) / width**2)


def rbf_derivative(x: Tensor, centers: Tensor, *, width: float = 1.0) -> Tensor:
    """The slope of each unit by x, (..., n_units, in_features): -2 (x - c) rbf / width^2."""
    away = x[..., None, :] - centers
    return -2 / width**2 * away * torch.exp(-away.square().sum(-1, keepdim=True) / width**2)
