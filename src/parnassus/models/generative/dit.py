"""Diffusion Transformers: a noisy picture as a row of patches, whose norms are told the step and the class."""

from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import DataError, SettingError
from ...functional.diffusion.process import Target
from ...functional.diffusion.samplers import Sampler
from ...functional.positions import sinusoidal_grid
from ...layers.attention import MultiHeadAttention
from ...layers.transformer import FeedForward
from ...objectives.generative.diffusion import Diffusion, Scheduled, Variance, Weighting
from ...registry import model
from ..vision.vit import Patches
from .unet_diffusion import StepEmbedding, rows_and_options

EPS = 1e-6
N_WAVES = 256  # numbers that a step becomes before it is embedded
# width, layers and heads of the published sizes
SIZES = {"s": (384, 12, 6), "b": (768, 12, 12), "l": (1024, 24, 16), "xl": (1152, 28, 16)}


def moved(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """x (batch, n, width) (1 + scale) + shift, one scale and shift (batch, width) a row."""
    return x * (1 + scale[:, None]) + shift[:, None]


class DiTBlock(nn.Module):
    """Attention and a feed-forward layer, moved, scaled and let through as the step's vector (batch, width) says.

        x + g_1 Attention(LN(x) (1 + s_1) + b_1), then x + g_2 FFN(LN(x) (1 + s_2) + b_2)

    b, s and g are linear in silu(step) and begin at 0, so that the block begins as the identity.

    Source: Peebles and Xie 2023, section 3.2, adaLN-Zero.
    """

    def __init__(self, width: int, n_heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPS, elementwise_affine=False)
        self.attention = MultiHeadAttention(width, n_heads)
        self.norm2 = nn.LayerNorm(width, eps=EPS, elementwise_affine=False)
        self.feed_forward = FeedForward(width, hidden, activation="gelu_tanh")
        self.told = nn.Linear(width, 6 * width)

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        b1, s1, g1, b2, s2, g2 = self.told(F.silu(step)).chunk(6, 1)
        x = x + g1[:, None] * self.attention(moved(self.norm1(x), b1, s1))
        return x + g2[:, None] * self.feed_forward(moved(self.norm2(x), b2, s2))


class DiT(nn.Module):
    """x_t (batch, C, H, W), t (batch,) and perhaps classes (batch,) -> (batch, out_channels, H, W).

    Parameters
    ----------
    image_size : (height, width), multiples of `patch`, the side of a patch in pixels.
    width, n_layers, n_heads : of the encoder; `ratio` times the width is that of its feed-forward layers.
    n_classes : 0 knows none; class `n_classes` is that of no condition.
    n_told : numbers (batch, n_told) told in place of classes; a row of NaN is told none.
    out_channels : None says as many as come in; the paper's nets say a variance too, and so twice as many.

    Places are fixed sines and cosines of column and row. The net begins by saying 0.

    With patch 2, 1,000 classes, 4 channels of 32 x 32 and 8 said, the published sizes ("s", "b", "l", "xl" of `SIZES`)
    have 32,865,056, 130,315,808, 457,840,672 and 674,834,720 weights; the authors' count of the last, 675,129,632, has
    the 294,912 fixed numbers of its places in it.

    Raises
    ------
    SettingError : a width that heads or four do not divide. DataError : sides that the patch does not divide.

    Source: Peebles and Xie 2023, section 3.2 and table 1.
    """

    place: Tensor

    def __init__(
        self,
        *,
        in_channels: int,
        image_size: tuple[int, int],
        patch: int = 2,
        width: int = 384,
        n_layers: int = 12,
        n_heads: int = 6,
        ratio: int = 4,
        n_classes: int = 0,
        n_told: int = 0,
        out_channels: int | None = None,
    ) -> None:
        super().__init__()
        if patch < 1 or n_layers < 1 or ratio < 1:
            raise SettingError(f"a DiT has patch, n_layers and ratio of 1 or more; got {patch}, {n_layers} and {ratio}")
        if any(side % patch for side in image_size):
            raise DataError(
                f"a DiT cuts pictures into patches of {patch} x {patch} pixels, and they are "
                f"{image_size[0]} x {image_size[1]}; choose a patch_size that divides both sides"
            )
        self.patch, self.grid = patch, (image_size[0] // patch, image_size[1] // patch)
        self.register_buffer("place", sinusoidal_grid(*self.grid, width), persistent=False)
        self.patches = Patches(in_channels, width, patch)
        self.step = StepEmbedding(N_WAVES, width, n_classes, n_told)
        self.blocks = nn.ModuleList(DiTBlock(width, n_heads, ratio * width) for _ in range(n_layers))
        self.norm = nn.LayerNorm(width, eps=EPS, elementwise_affine=False)
        self.told = nn.Linear(width, 2 * width)
        self.last = nn.Linear(width, patch * patch * (in_channels if out_channels is None else out_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """First weights as published: Glorot's, the embeddings' of deviation 0.02, 0 where the step speaks and last."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        kernel = self.patches.projection
        nn.init.xavier_uniform_(kernel.weight.view(len(kernel.weight), -1))
        nn.init.zeros_(kernel.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.step.linear_1.weight, std=0.02)
        nn.init.normal_(self.step.linear_2.weight, std=0.02)
        if self.step.classes is not None:
            nn.init.normal_(self.step.classes.weight, std=0.02)
        for silent in (*(block.get_submodule("told") for block in self.blocks), self.told, self.last):
            nn.init.zeros_(silent.get_parameter("weight"))

    def forward(self, x: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        step = self.step(t, condition)
        h = self.patches(x) + self.place
        for block in self.blocks:
            h = block(h, step)
        shift, scale = self.told(F.silu(step)).chunk(2, 1)
        h = self.last(moved(self.norm(h), shift, scale))
        h = h.view(len(x), *self.grid, self.patch, self.patch, -1)
        return h.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)


@model.variants("generator", choices=("| n_outputs | n_told",))
def dit(
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_outputs: int | None,
    n_told: int | None,
    patch_size: int = 2,
    width: int = 128,
    n_layers: int = 4,
    n_heads: int = 4,
    schedule: Scheduled = "linear",
    n_steps: int = 1000,
    target: Target = "noise",
    weighting: Weighting = "simple",
    variance: Variance = "posterior",
    drop: float = 0.1,
    sampler: Sampler = "ddim",
    n_sampled: int = 50,
    guidance: float = 1.0,
) -> Diffusion:
    """A denoising diffusion of pictures whose net is a transformer over patches.

    Parameters
    ----------
    patch_size : the side of a patch in pixels, which divides those of pictures.
    width, n_layers, n_heads : of the transformer; published are 384, 12, 6 and 768, 12, 12 and 1024, 24, 16 and
        1152, 28, 16.
    schedule : of the noise: "linear", "scaled_linear", "cosine", or "learned" beside the net.
    n_steps : into noise.
    target : what the net says: the "noise", the "clean" row or the "velocity".
    weighting : of the steps: "simple" alike, or as the "bound" has it.
    variance : of a step back: "posterior" is known; "learned" has the net say it, as the published nets do, which is
        of use to `sampler="ddpm"`.
    drop : the share of rows whose condition is not told, so that guidance is possible.
    sampler : "ddpm", "ddim", "plms" or "dpm++".
    n_sampled : steps taken back.
    guidance : how strongly samples lean on their condition; 1 is the net's own answer.
    """
    rows, options = rows_and_options(locals())
    own = {name: options.pop(name) for name in ("width", "n_layers", "n_heads")}
    told = {"n_classes": rows.n_classes, "n_told": rows.n_told}
    own |= {"patch": options.pop("patch_size"), "out_channels": in_channels * (2 if variance == "learned" else 1)}
    net = DiT(in_channels=in_channels, image_size=image_size, **own, **told)
    return Diffusion(net, rows.shape, rows.n_classes, n_told=rows.n_told, **options)
