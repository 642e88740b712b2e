"""Vision Transformers: a picture as a row of patches, read by a pre-norm encoder."""

import math

import torch
from torch import Tensor, nn

from ...errors import SettingError, did_you_mean
from ...functional.positions import resized_grid
from ...layers.normalization import StandardizedConv2d, groups_of
from ...layers.transformer import Encoder, EncoderLayer, dropped
from ...registry import model

# width, layers, heads, hidden and patch of the published sizes
SIZES = {
    "ti": (192, 12, 3, 768, 16),
    "s": (384, 12, 6, 1536, 16),
    "b": (768, 12, 12, 3072, 16),
    "l": (1024, 24, 16, 4096, 16),
    "h": (1280, 32, 16, 5120, 14),
}
POOLINGS = ("class", "mean")
STEMS = ("patches", "hybrid")
THEIRS = [  # torchvision's names, and those of its first files for dense layers
    ("class_token", "first"),
    ("encoder.pos_embedding", "place"),
    ("conv_proj.*", "patches.projection.*"),
    *((f"encoder.layers.encoder_layer_*.{theirs}", f"encoder.layers.*.{ours}") for theirs, ours in (
        ("ln_1.*", "norm1.*"),
        ("self_attention.in_proj_*", "attention.qkv.*"),
        ("self_attention.out_proj.*", "attention.out.*"),
        ("ln_2.*", "norm2.*"),
        ("mlp.0.*", "feed_forward.inner.*"),
        ("mlp.3.*", "feed_forward.outer.*"),
        ("mlp.linear_1.*", "feed_forward.inner.*"),
        ("mlp.linear_2.*", "feed_forward.outer.*"),
    )),
    ("encoder.ln.*", "encoder.last.*"),
    ("heads.head.*", "head.*"),
]  # fmt: skip
TIMMS = [  # timm's names
    ("cls_token", "first"),
    ("pos_embed", "place"),
    ("patch_embed.proj.*", "patches.projection.*"),
    *((f"blocks.*.{theirs}", f"encoder.layers.*.{ours}") for theirs, ours in (
        ("norm1.*", "norm1.*"),
        ("attn.qkv.*", "attention.qkv.*"),
        ("attn.proj.*", "attention.out.*"),
        ("norm2.*", "norm2.*"),
        ("mlp.fc1.*", "feed_forward.inner.*"),
        ("mlp.fc2.*", "feed_forward.outer.*"),
    )),
    ("norm.*", "encoder.last.*"),
    ("head.*", "head.*"),
]  # fmt: skip
KEYS = {f"vit_{size}": (THEIRS, TIMMS) for size in SIZES}
BUILT_WITH = {f"vit_{size}": {"pooling": "class", "stem": "patches"} for size in SIZES}
LEAST = 7  # patches a side, where a picture is too small for the published patch


def n_patches(image_size: tuple[int, int], patch: int) -> int:
    """Patches of a picture, those cut by its right or lower edge included.

    >>> n_patches((224, 224), 16), n_patches((30, 28), 4)
    (196, 56)
    """
    return math.ceil(image_size[0] / patch) * math.ceil(image_size[1] / patch)


def patch_for(image_size: tuple[int, int], published: int) -> int:
    """The published patch where it leaves 7 or more a side; else the largest that does and divides both sides.

    >>> [patch_for((n, n), 16) for n in (224, 64, 32, 28, 8)]
    [16, 8, 4, 4, 2]
    """
    least = min(image_size)
    if least >= LEAST * published:
        return published
    fitting = (p for p in range(least // LEAST, 1, -1) if image_size[0] % p == 0 and image_size[1] % p == 0)
    return next(fitting, max(min(2, least), least // (LEAST + 1)))


class Patches(nn.Module):
    """A picture (batch, channels, height, width) -> a vector for each patch in reading order, (batch, n, width).

    One linear map of a patch's pixels, computed as a convolution. Sides that are no multiple of the patch are filled
    with zeros at the right and at the bottom.

    Source: Dosovitskiy et al. 2021; Martinez-Ramon 6.6 ("lower-dimensional" vectors: 16 x 16 x 3 = 768 numbers become
    768, or 1,024), Hifny 3.4.
    """

    def __init__(self, in_channels: int, width: int, patch: int) -> None:
        super().__init__()
        self.patch, self.projection = patch, nn.Conv2d(in_channels, width, patch, patch)

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (-x.shape[2] % self.patch, -x.shape[3] % self.patch)
        if rows or columns:
            x = nn.functional.pad(x, (0, columns, 0, rows))
        return self.projection(x).flatten(2).mT


class HybridStem(nn.Module):
    """The same from feature maps: convolutions of stride 2 with standardised weights and group norms, then 1 x 1.

    Source: Dosovitskiy et al. 2021, section 3.1 (patches of size 1 on a CNN's maps); Xiao et al. 2021 for so short a
    CNN.
    """

    def __init__(self, in_channels: int, width: int, patch: int) -> None:
        super().__init__()
        n_halvings = round(math.log2(patch))
        if 2**n_halvings != patch or not n_halvings:
            raise SettingError(f"stem='hybrid' halves a picture: patch_size is a power of 2; got {patch}")
        widths = [max(width // 2 ** (n_halvings - i), 8) for i in range(n_halvings)]
        parts: list[nn.Module] = []
        for n_in, n_out in zip([in_channels, *widths], widths, strict=False):
            parts += [StandardizedConv2d(n_in, n_out, 3, 2, 1, bias=False), nn.GroupNorm(groups_of(n_out), n_out)]
            parts += [nn.ReLU()]
        self.patch, self.maps = patch, nn.Sequential(*parts)
        self.projection = nn.Conv2d(widths[-1], width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.projection(self.maps(x)).flatten(2).mT


class ViT(nn.Module):
    """A picture (batch, in_channels, height, width) -> (batch, n_outputs).

    Parameters
    ----------
    image_size : (height, width) of training; on pictures of other sizes positions are interpolated (bicubic).
    patch : its side in pixels.
    width, n_layers, n_heads, hidden : of the encoder, which normalises before its sub-layers, with GELU between.
    pooling : "class" (a learned vector stands first, and answers) or "mean" over patches.
    stem : "patches" or "hybrid".
    n_outputs : 0 leaves the head out.

    Systems: vit
    Source: Dosovitskiy et al. 2021; Martinez-Ramon 6.6 (whose GELU comes after the two layers and whose norm after the
    sub-layer; the class vector is missing from its text), Hifny 3.4.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        image_size: tuple[int, int],
        n_outputs: int,
        patch: int = 16,
        width: int = 768,
        n_layers: int = 12,
        n_heads: int = 12,
        hidden: int = 3072,
        pooling: str = "class",
        stem: str = "patches",
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        activation: str = "gelu",
        eps: float = 1e-6,
        bias: bool = True,
    ) -> None:
        super().__init__()
        for setting, value, known in (("pooling", pooling, POOLINGS), ("stem", stem, STEMS)):
            if value not in known:
                raise SettingError(f"ViT: {setting}={value!r}; {did_you_mean(value, known)}")
        self.image_size, self.pooling, self.n_outputs = image_size, pooling, n_outputs
        self.patches = (Patches if stem == "patches" else HybridStem)(in_channels, width, patch)
        self.grid = math.ceil(image_size[0] / patch), math.ceil(image_size[1] / patch)
        self.first = nn.Parameter(torch.zeros(1, 1, width)) if pooling == "class" else None
        self.place = nn.Parameter(torch.empty(1, self.grid[0] * self.grid[1] + (pooling == "class"), width))
        self.dropout = dropped(dropout)
        layers = [
            EncoderLayer(
                width,
                n_heads,
                hidden=hidden,
                norm="pre",
                activation=activation,
                dropout=dropout,
                attention_dropout=attention_dropout,
                eps=eps,
                bias=bias,
            )
            for _ in range(n_layers)
        ]
        self.encoder = Encoder(layers, nn.LayerNorm(width, eps=eps))
        self.head = nn.Linear(width, n_outputs) if n_outputs else nn.Identity()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw first weights: N(0, 0.02) cut at two deviations."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.place, std=0.02, a=-0.04, b=0.04)

    def forward(self, x: Tensor) -> Tensor:
        h = self.states(x)
        return self.head(h[:, 0] if self.pooling == "class" else h.mean(1))

    def states(self, x: Tensor) -> Tensor:
        """The last norm's vectors, that of the class first where there is one: (batch, n, width)."""
        h = self.patches(x)
        if self.first is not None:
            h = torch.cat([self.first.expand(h.shape[0], -1, -1), h], 1)
        return self.encoder(self.dropout(h + self._places(x)))

    def _places(self, x: Tensor) -> Tensor:
        patch = self.patches.patch
        grid = math.ceil(x.shape[2] / patch), math.ceil(x.shape[3] / patch)
        return self.place if grid == self.grid else resized_grid(self.place, self.grid, grid)


@model.sizes("classifier", "regressor", size=("ti", "s", "b", "l", "h"))
def vit_(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int,
    size: str = "ti",
    patch_size: int | None = None,
    n_layers: int | None = None,
    pooling: str = "class",
    stem: str = "patches",
    dropout: float = 0.0,
) -> nn.Module:
    """A Vision Transformer of five sizes, in patches of 16 pixels (huge: 14), or smaller ones on small pictures.

    It knows nothing of pictures but the cut into patches, and wants many of them, or weights from elsewhere.

    Source: Dosovitskiy et al. 2021, Touvron et al. 2021 (tiny, small).
    """
    name = f"vit_{size}"
    width, n_published, n_heads, hidden, published = SIZES[size]
    patch = patch_for(image_size, published) if patch_size is None else patch_size
    if not 1 <= patch <= min(image_size):
        raise SettingError(f"model {name!r}: patch_size is from 1 to the picture's {min(image_size)}; got {patch}")
    if n_layers is not None and n_layers < 1:
        raise SettingError(f"model {name!r}: n_layers is at least 1; got {n_layers}")
    if stem == "hybrid" and patch_size is None:
        patch = 2 ** int(math.log2(patch))
    return ViT(
        in_channels=in_channels,
        image_size=image_size,
        n_outputs=n_outputs,
        patch=patch,
        width=width,
        n_layers=n_published if n_layers is None else n_layers,
        n_heads=n_heads,
        hidden=hidden,
        pooling=pooling,
        stem=stem,
        dropout=dropout,
    )
