"""Inception v2 to v4: wide kernels as chains of narrow ones, with batch normalisation throughout."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...layers.rectified import Chain
from ...layers.vision import AuxiliaryHead, GlobalAverage, scaled, started
from ...registry import model
from .mobilenet import strides_for
from .resnet import check_width

LEAST = 75  # pixels a side that the paper's unpadded kernels need
EPS = 1e-3


@dataclass(frozen=True)
class Kernel:
    """A convolution with batch normalisation and ReLU; unpadded where it is `valid` or has a stride."""

    n: int
    size: int | tuple[int, int] = 1
    stride: int = 1
    valid: bool = False


@dataclass(frozen=True)
class Pool:
    """The mean of 3 x 3 places, their maximum at stride 2 ("max"), or that of every place ("peak")."""

    kind: str


Step = Kernel | Pool | tuple  # a tuple of steps is a fork, whose ends are joined
Branch = Sequence[Step]


def k(n: int, size: int | tuple[int, int] = 1, stride: int = 1, *, valid: bool = False) -> Kernel:
    """A kernel of n channels."""
    return Kernel(n, size, stride, valid)


FLAT, TALL = (1, 7), (7, 1)
MEAN, MAX, PEAK = Pool("mean"), Pool("max"), Pool("peak")


def _a2(one: int, three: tuple[int, int], twice: tuple[int, int], pooled: int, pool: Pool = MEAN) -> list[Branch]:
    (thin, wide), (reduced, n) = three, twice
    return [[k(one)], [k(thin), k(wide, 3)], [k(reduced), k(n, 3), k(n, 3)], [pool, k(pooled)]]


def _b2(three: tuple[int, int], twice: tuple[int, int]) -> list[Branch]:
    (thin, wide), (reduced, n) = three, twice
    return [[k(thin), k(wide, 3, 2)], [k(reduced), k(n, 3), k(n, 3, 2)], [MAX]]


def _a3(pooled: int) -> list[Branch]:
    return [[k(64)], [k(48), k(64, 5)], [k(64), k(96, 3), k(96, 3)], [MEAN, k(pooled)]]


def _c3(c: int) -> list[Branch]:
    long = [k(c), k(c, TALL), k(c, FLAT), k(c, TALL), k(192, FLAT)]
    return [[k(192)], [k(c), k(c, FLAT), k(192, TALL)], long, [MEAN, k(192)]]


def _fork(n: int) -> tuple[Kernel, Kernel]:
    return k(n, (1, 3)), k(n, (3, 1))


V2: list[list[Branch]] = [
    [[k(64, 7, 2), MAX, k(64), k(192, 3), MAX]],
    _a2(64, (64, 64), (64, 96), 32), _a2(64, (64, 96), (64, 96), 64), _b2((128, 160), (64, 96)),
    _a2(224, (64, 96), (96, 128), 128), _a2(192, (96, 128), (96, 128), 128), _a2(160, (128, 160), (128, 160), 96),
    _a2(96, (128, 192), (160, 192), 96), _b2((128, 192), (192, 256)),
    _a2(352, (192, 320), (160, 224), 128), _a2(352, (192, 320), (192, 224), 128, PEAK),
]  # fmt: skip
E3: list[Branch] = [[k(320)], [k(384), _fork(384)], [k(448), k(384, 3), _fork(384)], [MEAN, k(192)]]
V3: list[list[Branch]] = [
    [[k(32, 3, 2), k(32, 3, valid=True), k(64, 3), MAX, k(80), k(192, 3, valid=True), MAX]],
    _a3(32), _a3(64), _a3(64),
    [[k(384, 3, 2)], [k(64), k(96, 3), k(96, 3, 2)], [MAX]],
    _c3(128), _c3(160), _c3(160), _c3(192),
    [[k(192), k(320, 3, 2)], [k(192), k(192, FLAT), k(192, TALL), k(192, 3, 2)], [MAX]],
    E3, E3,
]  # fmt: skip
A4: list[Branch] = [[k(96)], [k(64), k(96, 3)], [k(64), k(96, 3), k(96, 3)], [MEAN, k(96)]]
B4: list[Branch] = [
    [k(384)],
    [k(192), k(224, FLAT), k(256, TALL)],
    [k(192), k(192, TALL), k(224, FLAT), k(224, TALL), k(256, FLAT)],
    [MEAN, k(128)],
]
C4: list[Branch] = [
    [k(256)], [k(384), _fork(256)], [k(384), k(448, (3, 1)), k(512, (1, 3)), _fork(256)], [MEAN, k(256)],
]  # fmt: skip
V4: list[list[Branch]] = [
    [[k(32, 3, 2), k(32, 3, valid=True), k(64, 3)]],
    [[MAX], [k(96, 3, 2)]],
    [[k(64), k(96, 3, valid=True)], [k(64), k(64, FLAT), k(64, TALL), k(96, 3, valid=True)]],
    [[k(192, 3, 2)], [MAX]],
    *[A4] * 4,
    [[k(384, 3, 2)], [k(192), k(224, 3), k(256, 3, 2)], [MAX]],
    *[B4] * 7,
    [[k(192), k(192, 3, 2)], [k(256), k(256, FLAT), k(320, TALL), k(320, 3, 2)], [MAX]],
    *[C4] * 3,
]
PLANS = {2: V2, 3: V3, 4: V4}
SIDE = 8  # the module of v3 behind which the auxiliary head looks
ORIGINS = ("paper", "torch")
# v3's chains by torchvision's names, in the modules of each letter
NAMES: dict[str, tuple[str, ...]] = {
    "5bcd": ("1x1:0.0", "5x5_1:1.0", "5x5_2:1.1", "3x3dbl_1:2.0", "3x3dbl_2:2.1", "3x3dbl_3:2.2", "_pool:3.1"),
    "6a": ("3x3:0.0", "3x3dbl_1:1.0", "3x3dbl_2:1.1", "3x3dbl_3:1.2"),
    "6bcde": ("1x1:0.0", *(f"7x7_{i + 1}:1.{i}" for i in range(3)), *(f"7x7dbl_{i + 1}:2.{i}" for i in range(5)),
              "_pool:3.1"),
    "7a": ("3x3_1:0.0", "3x3_2:0.1", *(f"7x7x3_{i + 1}:1.{i}" for i in range(4))),
    "7bc": ("1x1:0.0", "3x3_1:1.0", "3x3_2a:1.1.chains.0.0", "3x3_2b:1.1.chains.1.0", "3x3dbl_1:2.0", "3x3dbl_2:2.1",
            "3x3dbl_3a:2.2.chains.0.0", "3x3dbl_3b:2.2.chains.1.0", "_pool:3.1"),
}  # fmt: skip


def _keys() -> list[tuple[str, str]]:
    """torchvision's names of v3; side heads have no place, as they say nothing in use."""
    named = zip(("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3"), (0, 1, 2, 4, 5), strict=True)
    pairs, i = [(f"Conv2d_{name}", f"features.0.chains.0.{place}") for name, place in named], 1
    for letters, chains in NAMES.items():
        for letter in letters[1:]:
            found = (chain.split(":") for chain in chains)
            pairs += [(f"Mixed_{letters[0]}{letter}.branch{a}", f"features.{i}.chains.{b}") for a, b in found]
            i += 1
    both = [(f"{a}.{part}.*", f"{b}.{j}.*") for a, b in pairs for part, j in (("conv", 0), ("bn", 1))]
    return [*both, ("fc.*", "head.2.*")]


def _v4_keys() -> list[tuple[str, str]]:
    """timm's names of v4: chains are branches there, and what stands in one is counted where there are several."""
    pairs = [(f"features.{i}", f"features.0.chains.0.{i}") for i in range(3)]
    pairs += [("features.3.conv", "features.1.chains.1.0"), ("features.5.conv", "features.3.chains.0.0")]
    for i, module in enumerate(V4[2:], 2):
        for c, chain in enumerate(module) if i != 3 else ():
            theirs, ours = f"features.{i + 2}.branch{c}", f"features.{i}.chains.{c}"
            if isinstance(chain[-1], tuple):
                pairs += _forked(theirs, ours, len(chain) - 1)
            elif isinstance(chain[0], Pool):
                pairs += [(f"{theirs}.1", f"{ours}.1")] * (len(chain) > 1)
            else:
                pairs += [(f"{theirs}.{s}" if len(chain) > 1 else theirs, f"{ours}.{s}") for s in range(len(chain))]
    both = [(f"{a}.{part}.*", f"{b}.{j}.*") for a, b in pairs for part, j in (("conv", 0), ("bn", 1))]
    return [*both, ("last_linear.*", "head.2.*")]


def _forked(theirs: str, ours: str, n: int) -> list[tuple[str, str]]:
    """The names of n kernels in a chain and of the fork behind them."""
    ends = [(f"{theirs}_{n}{letter}", f"{ours}.{n}.chains.{i}.0") for i, letter in enumerate("ab")]
    return [*((f"{theirs}_{s}", f"{ours}.{s}") for s in range(n)), *ends]


KEYS = {"inception_v3": (_keys(),), "inception_v4": (_v4_keys(),)}
BUILT_WITH = {"inception_v3": {"origin": "torch", "auxiliary": 0.0}}  # the side head there looks at other places
SPARE = {"inception_v3": (r"AuxLogits\..*",)}


class Branches(nn.Module):
    """Chains side by side, joined along the channels.

    Source: Szegedy et al. 2016 and 2017; Martinez-Ramon 4.4.3.
    """

    def __init__(self, chains: Sequence[nn.Module]) -> None:
        super().__init__()
        self.chains = nn.ModuleList(chains)

    def forward(self, x: Tensor) -> Tensor:
        found = [chain(x) for chain in self.chains]
        return found[0] if len(found) == 1 else torch.cat(found, 1)


class Plans:
    """Makes modules out of branches, for pictures of a size and a width multiplier."""

    def __init__(self, image_size: tuple[int, int], width: float, *, padded: bool, zeros_count: bool = False) -> None:
        self.padded, self.zeros_count = padded or min(image_size) < LEAST, zeros_count
        self.width, self.strides = width, strides_for(image_size)

    def module(self, n_in: int, branches: Sequence[Branch]) -> tuple[Branches, int]:
        """The module of these branches, and its channels; its strides are one of the net's halvings, all alike."""
        joined = len(branches) > 1
        halving = self.strides(2) if joined and any(_halves(step) for branch in branches for step in branch) else None
        made = [self._chain(n_in, branch, halving) for branch in branches]
        return Branches([chain for chain, _ in made]), sum(n for _, n in made)

    def _chain(self, n_in: int, branch: Branch, halving: int | None) -> tuple[nn.Module, int]:
        parts: list[nn.Module] = []
        for step in branch:
            if isinstance(step, tuple):
                fork = [self._chain(n_in, [one], halving) for one in step]
                parts.append(Branches([chain for chain, _ in fork]))
                n_in = sum(n for _, n in fork)
                continue
            stride = (self.strides(2) if halving is None else halving) if _halves(step) else 1
            if isinstance(step, Pool):
                mean = nn.AvgPool2d(3, 1, 1, count_include_pad=self.zeros_count)
                padding = 1 if step.kind == "peak" else int(self.padded)
                parts.append(mean if step.kind == "mean" else nn.MaxPool2d(3, stride, padding))
                continue
            n_out = scaled(self.width, step.n) if self.width != 1 else step.n
            parts.append(self._convolution(n_in, n_out, step, stride))
            n_in = n_out
        return nn.Sequential(*parts), n_in

    def _convolution(self, n_in: int, n_out: int, step: Kernel, stride: int) -> nn.Module:
        height, width = (step.size, step.size) if isinstance(step.size, int) else step.size
        bare = (step.valid or step.stride > 1) and not self.padded
        padding = (0, 0) if bare else (height // 2, width // 2)
        conv = nn.Conv2d(n_in, n_out, (height, width), stride, padding, bias=False)
        return Chain(conv, nn.BatchNorm2d(n_out, eps=EPS), nn.ReLU(inplace=True))


def _halves(step: Step) -> bool:
    return (isinstance(step, Kernel) and step.stride == 2) or (isinstance(step, Pool) and step.kind == "max")


class InceptionNet(nn.Module):
    """x (batch, in_channels, height, width) -> (batch, n_outputs)."""

    def __init__(
        self,
        plan: Sequence[Sequence[Branch]],
        *,
        in_channels: int,
        image_size: tuple[int, int],
        n_outputs: int,
        width: float,
        dropout: float,
        padded: bool,
        auxiliary: float,
        zeros_count: bool = False,
    ) -> None:
        super().__init__()
        made, n = Plans(image_size, width, padded=padded, zeros_count=zeros_count), in_channels
        modules: list[nn.Module] = []
        self.auxiliary = None
        for i, branches in enumerate(plan):
            module, n = made.module(n, branches)
            modules.append(module)
            if auxiliary and i == SIDE:
                wide = [(128, 1), (768, 5)] if width == 1 else [(scaled(width, 128), 1), (scaled(width, 768), 5)]
                self.auxiliary = AuxiliaryHead.of_kernels(n, wide, n_outputs, weight=auxiliary, eps=EPS)
        self.features = nn.ModuleList(modules)
        self.head = nn.Sequential(GlobalAverage(), nn.Dropout(dropout), nn.Linear(n, n_outputs))
        started(self)

    def forward(self, x: Tensor) -> Tensor:
        h = x.contiguous(memory_format=torch.channels_last)
        for i, module in enumerate(self.features):
            h = module(h)
            if self.auxiliary is not None and i == SIDE:
                self.auxiliary(h)
        return self.head(h)


@model.sizes("classifier", "regressor", version=("2", "3", "4"))
def inception_v(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    version: str = "3",
    width: float = 1.0,
    dropout: float = 0.5,
    auxiliary: float = 0.0,
    origin: str = "paper",
) -> nn.Module:
    """Inception v2, v3 or v4; with `auxiliary` (0.3 is usual, v3 alone) a side head learns too, and is absent in use.

    v2 is BN-Inception: the net of the paper on batch normalisation, with two 3 x 3 kernels for each 5 x 5. Below 75
    pixels kernels are padded, as those of v2 are at any size, and there are fewer strides. origin="torch" (v3 alone) is
    the net of torchvision's weights: means at the edges of maps count the zeros beyond.

    Systems: inception-v3
    Source: Ioffe and Szegedy 2015 (figure 5); Szegedy et al. 2016 and 2017; Martinez-Ramon 4.4.3 (A4.15).
    """
    name = f"inception_v{version}"
    check_width(name, width, dropout)
    if not 0 <= auxiliary < 10 or (auxiliary and version != "3"):
        raise SettingError(
            f"model {name!r}: auxiliary is a weight from 0, and only v3 has a side head; got {auxiliary}"
        )
    if origin not in ORIGINS or (origin == "torch" and version != "3"):
        raise SettingError(f"model {name!r}: origin is 'paper', or 'torch' for v3; got {origin!r}")
    net = InceptionNet(
        PLANS[int(version)],
        in_channels=in_channels,
        image_size=image_size,
        n_outputs=n_outputs,
        width=width,
        dropout=dropout,
        padded=version == "2",
        auxiliary=auxiliary,
        zeros_count=origin == "torch",
    )
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
