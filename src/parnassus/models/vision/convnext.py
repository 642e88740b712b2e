"""ConvNeXt: a convolutional net made like a Transformer, with wide depthwise kernels and few norms."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...layers.vision import SMALL, StochasticDepth
from ...registry import model
from .resnet import check_width

# channels and blocks of the four stages
SIZES = {
    "t": ((96, 192, 384, 768), (3, 3, 9, 3)),
    "s": ((96, 192, 384, 768), (3, 3, 27, 3)),
    "b": ((128, 256, 512, 1024), (3, 3, 27, 3)),
    "l": ((192, 384, 768, 1536), (3, 3, 27, 3)),
}
PARTS = {"block.0.*": "depthwise.*", "block.2.*": "norm.*", "block.3.*": "wide.*", "block.5.*": "thin.*",
         "layer_scale": "scale"}  # fmt: skip


def _keys() -> list[tuple[str, str]]:
    """torchvision's names: stages and what halves between them are counted in one row there."""
    table = [("features.0.*", "stem.*"), ("classifier.0.*", "last.*"), ("classifier.2.*", "head.*")]
    for i in range(4):
        table += [(f"features.{2 * i + 1}.*.{theirs}", f"stages.{i}.*.{ours}") for theirs, ours in PARTS.items()]
        table += [(f"features.{2 * i}.*", f"downsamples.{i}.*")] if i else []
    return table


TIMMS = [  # timm's names
    ("stem.*", "stem.*"),
    ("stages.*.downsample.*", "downsamples.*.*"),
    *((f"stages.*.blocks.*.{theirs}", f"stages.*.*.{ours}") for theirs, ours in (
        ("conv_dw.*", "depthwise.*"), ("norm.*", "norm.*"), ("mlp.fc1.*", "wide.*"), ("mlp.fc2.*", "thin.*"),
        ("gamma", "scale"),
    )),
    ("head.norm.*", "last.*"),
    ("head.fc.*", "head.*"),
]  # fmt: skip
KEYS = {f"convnext_{size}": (_keys(), TIMMS) for size in SIZES}


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation of each pixel over its channels, of maps (batch, channels, height, width)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNextBlock(nn.Module):
    """x + scale * F(x): 7 x 7 on each channel, a norm, four times the channels, GELU, back.

    `scale` is learned for each channel and starts near 0 (1e-6), so that a deep net starts as its shortcuts.

    Source: Liu et al. 2022, figure 4.
    """

    def __init__(self, width: int, *, drop: float, scale: float = 1e-6) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.wide, self.thin = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.full((width,), scale))
        self.drop = StochasticDepth(drop)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        h = self.scale * self.thin(nn.functional.gelu(self.wide(h)))
        return x + self.drop(h.permute(0, 3, 1, 2))


class ConvNext(nn.Module):
    """x (batch, in_channels, height, width) -> (batch, n_outputs): patches, stages, channel means, a norm, a head."""

    def __init__(
        self,
        widths: Sequence[int],
        depths: Sequence[int],
        *,
        in_channels: int,
        n_outputs: int,
        patch: int = 4,
        steps: Sequence[int] = (1, 2, 2, 2),
        drop_path: float = 0.0,
        scale: float = 1e-6,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.n_outputs, self.patch, self.steps, self.depths = n_outputs, patch, tuple(steps), tuple(depths)
        self.stem = nn.Sequential(nn.Conv2d(in_channels, widths[0], patch, patch), ChannelNorm(widths[0], eps=1e-6))
        self.downsamples, self.stages = nn.ModuleList([nn.Sequential()]), nn.ModuleList()
        for n_in, n_out, step in zip(widths, widths[1:], steps[1:], strict=False):
            self.downsamples.append(nn.Sequential(ChannelNorm(n_in, eps=1e-6), nn.Conv2d(n_in, n_out, step, step)))
        rates = torch.linspace(0, drop_path, sum(depths), device="cpu").tolist()
        for i, (width, n) in enumerate(zip(widths, depths, strict=True)):
            before = sum(depths[:i])
            blocks = [ConvNextBlock(width, drop=rate, scale=scale) for rate in rates[before : before + n]]
            self.stages.append(nn.Sequential(*blocks))
        self.last = nn.LayerNorm(widths[-1], eps=eps)
        self.head = nn.Linear(widths[-1], n_outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x.contiguous(memory_format=torch.channels_last))
        for downsample, stage in zip(self.downsamples, self.stages, strict=True):
            h = stage(downsample(h))
        return self.head(self.last(h.mean((2, 3))))


@model.sizes("classifier", "regressor", size=("t", "s", "b", "l"))
def convnext_(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    size: str = "t",
    width: float = 1.0,
    patch_size: int | None = None,
    drop_path: float = 0.1,
    scale: float = 1e-6,
) -> nn.Module:
    """ConvNeXt of four sizes; pictures below 64 pixels are cut into patches of 2, below 32 of 1, in place of 4.

    `scale` is where the blocks' learned scales start; a short training from drawn weights wants 0.1 or more.

    Source: Liu et al. 2022.
    """
    name, least = f"convnext_{size}", min(image_size)
    check_width(name, width, drop_path)
    patch = (4 if least >= SMALL else 2 if least >= SMALL // 2 else 1) if patch_size is None else patch_size
    if not 1 <= patch <= least:
        raise SettingError(f"model {name!r}: patch_size is from 1 to the picture's {least}; got {patch}")
    widths, depths = SIZES[size]
    steps, side = [1], least // patch
    for _ in depths[1:]:
        steps.append(2 if side >= 2 else 1)
        side //= steps[-1]
    net = ConvNext(
        [max(round(n * width), 1) for n in widths],
        depths,
        in_channels=in_channels,
        n_outputs=n_outputs,
        patch=patch,
        steps=steps,
        drop_path=drop_path,
        scale=scale,
    )
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
