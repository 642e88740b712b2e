"""Autoencoders over vectors, pictures and sequences."""

import math
from itertools import pairwise
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import DataError, SettingError, did_you_mean
from ...functional.autoencoding import Corruption, Criterion, contractive_penalty
from ...layers.cells import LSTM
from ...layers.dense import activation as activation_named
from ...objectives.generative.autoencoder import Reconstruction
from ...registry import model

Code = Literal["linear", "sigmoid", "tanh", "relu"]


def layered(widths: list[int], activation: str, last: str) -> nn.Sequential:
    """Dense layers of these widths, an activation behind each and `last` behind the last."""
    names = [activation] * (len(widths) - 2) + [last]
    parts: list[nn.Module] = []
    for (n_in, n_out), name in zip(pairwise(widths), names, strict=True):
        parts.append(nn.Linear(n_in, n_out))
        parts += [] if name == "linear" else [activation_named(name)]
    return nn.Sequential(*parts)


class DenseAutoencoder(nn.Module):
    """h = f(x) and x' = f'(h), each a stack of dense layers; the decoder's widths are the encoder's, turned round.

    x: (batch, widths[0]) -> codes (batch, widths[-1]). `tied` decoders use the encoder's matrices transposed, with
    biases of their own: eq. 7.26, where eq. 7.15 has matrices of its own (F7-20).

    Systems: autoencoder
    Source: Martinez-Ramon 7.4, eqs 7.14, 7.15; Keras course 5.2 (fixtures B44, B45: 27 and 489,136 parameters).
    """

    def __init__(self, widths: list[int], *, activation: str = "relu", code: Code = "linear", decoder: str = "own"):
        super().__init__()
        self.code, self.n_code = code, widths[-1]
        self.encoder = layered(widths, activation, code)
        self.decoder = layered(widths[::-1], activation, "linear") if decoder == "own" else None
        biases = [nn.Parameter(torch.zeros(n)) for n in widths[-2::-1]]
        self.biases = nn.ParameterList([] if decoder == "own" else biases)
        self.between = nn.Identity() if activation == "linear" else activation_named(activation)

    def encode(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.encoder(x)

    def decode(self, h: Tensor, x: Tensor | None = None) -> Tensor:
        if self.decoder is not None:
            return self.decoder(h)
        matrices = [layer.weight for layer in self.encoder if isinstance(layer, nn.Linear)][::-1]
        for i, (matrix, bias) in enumerate(zip(matrices, self.biases, strict=True)):
            h = F.linear(h, matrix.mT, bias)
            h = self.between(h) if i < len(matrices) - 1 else h
        return h

    def contraction(self, h: Tensor) -> Tensor:
        """The squared norm of dh/dx of each row, where the encoder is one layer."""
        return contractive_penalty(h, self.encoder[0].weight, self.code)  # type: ignore[arg-type]


class ConvAutoencoder(nn.Module):
    """Convolutions and maxima down, transposed convolutions up: x (batch, C, H, W) -> codes (batch, channels, h, w).

    Each level is a 3 x 3 convolution, ReLU and a 2 x 2 maximum (its windows do not overlap, F7-21); back, a transposed
    convolution of stride 2 and ReLU; at the end a 3 x 3 convolution. With channels=(32, 32) on 28 x 28 it has 28,353
    parameters and a code of 7 x 7 x 32 = 1,568 numbers, twice as many as pixels: no bottleneck, though the text calls
    it one (F7-23).

    Systems: conv-ae
    Source: Martinez-Ramon 7.8, eqs 7.27 to 7.29, example 7.8.1 (fixture B7.10).
    """

    def __init__(self, in_channels: int, image_size: tuple[int, int], channels: tuple[int, ...]) -> None:
        super().__init__()
        down: list[nn.Module] = []
        for n_in, n_out in pairwise((in_channels, *channels)):
            down += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
        up: list[nn.Module] = []
        for n_in, n_out in pairwise((channels[-1], *channels[::-1])):
            up += [nn.ConvTranspose2d(n_in, n_out, 3, stride=2, padding=1, output_padding=1), nn.ReLU()]
        self.encoder = nn.Sequential(*down)
        self.decoder = nn.Sequential(*up, nn.Conv2d(channels[0], in_channels, 3, padding=1))
        self.image_size = image_size
        height, width = image_size
        for _ in channels:
            height, width = math.ceil(height / 2), math.ceil(width / 2)
        self.code_shape = (channels[-1], height, width)
        self.n_code = channels[-1] * height * width

    def encode(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.encoder(x).flatten(1)

    def decode(self, h: Tensor, x: Tensor | None = None) -> Tensor:
        height, width = self.image_size
        return self.decoder(h.unflatten(1, self.code_shape))[:, :, :height, :width]


class LSTMAutoencoder(nn.Module):
    """An LSTM reads a row into its last state, which a second LSTM is given at every step of the answer.

    x (batch, time, features) -> codes (batch, hidden) -> (batch, time, features). With 64 units and one feature the
    weights are 49,985 where gates have one bias (fixture B7.9); torch's cells have two, 512 more.

    The answer is the whole window; the text also speaks of the one point after it, which a decoder of as many steps as
    the window would broadcast over (F7-22).

    Systems: lstm-ae
    Source: Martinez-Ramon example 7.4.1.
    """

    n_steps: Tensor

    def __init__(self, n_features: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.n_code = hidden
        self.reader, self.writer = LSTM(n_features, hidden), LSTM(hidden, hidden)
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(hidden, n_features)
        self.register_buffer("n_steps", torch.ones((), dtype=torch.int64))

    def encode(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        h, _ = self.reader.run(x)
        last = torch.full((len(x),), x.shape[1], device=x.device) if lengths is None else lengths
        if self.training:
            self.n_steps.copy_(torch.maximum(self.n_steps, last.max()))
        return h.gather(1, (last - 1)[:, None, None].expand(-1, 1, h.shape[2]))[:, 0]

    def decode(self, h: Tensor, x: Tensor | None = None) -> Tensor:
        n_steps = int(self.n_steps) if x is None else x.shape[1]
        repeated = self.dropout(h)[:, None].expand(-1, n_steps, -1)
        return self.head(self.dropout(self.writer.run(repeated)[0]))


def check_sizes(name: str, n_latent: int, hidden: tuple[int, ...]) -> None:
    """Refuses widths that no layer has."""
    if n_latent < 1 or any(not isinstance(n, int) or n < 1 for n in hidden):
        raise SettingError(f"model {name!r}: n_latent and the widths of hidden are 1 or more; got {n_latent}, {hidden}")


@model.register("autoencoder")
def autoencoder(
    *,
    in_features: int,
    hidden: tuple[int, ...] = (64,),
    n_latent: int = 8,
    activation: str = "relu",
    code: Code = "linear",
    decoder: Literal["own", "tied"] = "own",
    criterion: Criterion = "squared_error",
    corruption: Corruption = "none",
    level: float = 0.3,
    weights_l1: float = 0.0,
    code_l1: float = 0.0,
    sparsity: float = 0.0,
    rho: float = 0.05,
    contraction: float = 0.0,
) -> Reconstruction:
    """A dense autoencoder: under- or overcomplete, deep, tied, sparse, contractive or denoising, as its options say.

    Parameters
    ----------
    hidden : widths between x and the code; the decoder has them turned round.
    n_latent : numbers in the code.
    code : the activation of the code: "linear", "sigmoid", "tanh" or "relu".
    decoder : "own" matrices, or those of the encoder transposed ("tied").
    criterion : "squared_error", "absolute_error", or "cross_entropy" for values from 0 to 1.
    corruption, level : "none", "gaussian" (deviation), "mask" or "salt_pepper" (share) noise on what is encoded.
    weights_l1, code_l1 : what sizes of weights and of codes are charged.
    sparsity, rho : what a mean activation other than rho is charged; needs code="sigmoid".
    contraction : what slopes of the code are charged; needs one layer, hidden=().
    """
    check_sizes("autoencoder", n_latent, hidden)
    for option, value, known in (("code", code, Code), ("criterion", criterion, Criterion),
                                 ("corruption", corruption, Corruption)):  # fmt: skip
        if value not in get_args(known):
            raise SettingError(f"model 'autoencoder': {option}={value!r}; {did_you_mean(value, get_args(known))}")
    if sparsity and code != "sigmoid":
        raise SettingError(f"model 'autoencoder': sparsity is of codes in (0, 1), code='sigmoid'; got code={code!r}")
    if contraction and (hidden or code == "relu"):
        raise SettingError("model 'autoencoder': contraction is of one layer, hidden=(), that is no 'relu'")
    net = DenseAutoencoder([in_features, *hidden, n_latent], activation=activation, code=code, decoder=decoder)
    penalties: dict[str, Any] = {"weights_l1": weights_l1, "code_l1": code_l1, "sparsity": sparsity, "rho": rho}
    noise: dict[str, Any] = {"corruption": corruption, "level": level if corruption != "none" else 0.0}
    return Reconstruction(net, criterion=criterion, contraction=contraction, **penalties, **noise)


@model.register("autoencoder")
def linear_ae(*, in_features: int, n_latent: int = 2) -> Reconstruction:
    """One linear layer each way: ends in the space of the principal components, its columns not orthogonal."""
    check_sizes("linear_ae", n_latent, ())
    return Reconstruction(DenseAutoencoder([in_features, n_latent], activation="linear"))


@model.register("autoencoder")
def sparse_ae(
    *,
    in_features: int,
    n_latent: int = 64,
    sparsity: float = 0.1,
    rho: float = 0.05,
    criterion: Criterion = "squared_error",
) -> Reconstruction:
    """A code of sigmoids, more than inputs if wanted, whose mean activations are held near rho by a KL penalty."""
    check_sizes("sparse_ae", n_latent, ())
    net = DenseAutoencoder([in_features, n_latent], code="sigmoid")
    return Reconstruction(net, criterion=criterion, sparsity=sparsity, rho=rho)


@model.register("autoencoder")
def denoising_ae(
    *,
    in_features: int,
    n_latent: int = 64,
    corruption: Corruption = "mask",
    level: float = 0.3,
    decoder: Literal["own", "tied"] = "tied",
    criterion: Criterion = "squared_error",
) -> Reconstruction:
    """One layer of sigmoids that rebuilds clean rows from spoilt ones; tied weights."""
    check_sizes("denoising_ae", n_latent, ())
    net = DenseAutoencoder([in_features, n_latent], code="sigmoid", decoder=decoder)
    return Reconstruction(net, criterion=criterion, corruption=corruption, level=level)


@model.register("autoencoder")
def conv_ae(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    channels: tuple[int, ...] = (32, 32),
    criterion: Criterion = "cross_entropy",
    corruption: Corruption = "none",
    level: float = 0.3,
) -> Reconstruction:
    """Convolutions and maxima down, transposed convolutions up; with `corruption` a denoiser of pictures."""
    check_sizes("conv_ae", 1, channels)
    if not channels or min(image_size) < 2 ** len(channels):
        raise DataError(
            f"model 'conv_ae' halves pictures {len(channels)} times, and they are {image_size}; larger ones"
        )
    net = ConvAutoencoder(in_channels, image_size, channels)
    return Reconstruction(net, criterion=criterion, corruption=corruption, level=level if corruption != "none" else 0.0)


@model.register("autoencoder")
def lstm_ae(
    *, step_features: int, hidden: int = 64, dropout: float = 0.2, criterion: Criterion = "absolute_error"
) -> Reconstruction:
    """An LSTM reads a window into one state, a second rebuilds the window from it."""
    check_sizes("lstm_ae", hidden, ())
    if not 0 <= dropout < 1:
        raise SettingError(f"model 'lstm_ae': dropout is a probability in [0, 1); got {dropout}")
    return Reconstruction(LSTMAutoencoder(step_features, hidden, dropout), criterion=criterion)
