"""The parts of a latent diffusion against diffusers and transformers, and their published sizes."""

import importlib
from typing import Any

import torch
from torch import nn

from ..models.generative.latent_coder import LatentCoder
from ..models.generative.unet_text import TextUNet
from ..models.text.text_tower import TextTower
from ..train.randomness import kept_random
from . import check, gap

SIZES = (859_520_964, 123_060_480, 83_653_863)


@check("latent-diffusion", oracle="(published)", tolerance=0)
def sizes_of_stable_diffusion() -> float:
    """Weights of the U-Net, the text tower and the coder at Stable Diffusion 1's widths."""
    with torch.device("meta"):
        parts: tuple[nn.Module, ...] = (
            TextUNet(4, (320, 640, 1280, 1280), context=768),
            TextTower(49_408, 768, n_layers=12, n_heads=12, n_tokens=77),
            LatentCoder(3, (128, 256, 512, 512)),
        )
    counted = [sum(p.numel() for p in net.parameters()) for net in parts]
    return gap(counted, SIZES)


@check("latent-diffusion", oracle="diffusers", tolerance=5e-5)
def parts_against_diffusers() -> float:
    """What a U-Net told a text and a coder say, against diffusers' with the same weights drawn at random."""
    diffusers: Any = importlib.import_module("diffusers")

    with kept_random(torch.device("cpu")), torch.no_grad():
        theirs = diffusers.UNet2DConditionModel(
            sample_size=8, layers_per_block=1, block_out_channels=(32, 64), cross_attention_dim=16,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), attention_head_dim=8,
        ).eval()  # fmt: skip
        ours = TextUNet(4, (32, 64), context=16, n_blocks=1).eval()
        ours.load_state_dict(theirs.state_dict())
        x, t, context = torch.randn(2, 4, 8, 8), torch.tensor([3, 700]), torch.randn(2, 5, 16)
        first = gap(ours(x, t, context), theirs(x, t, context).sample)
        coder = diffusers.AutoencoderKL(block_out_channels=(32,), layers_per_block=1).eval()
        own = LatentCoder(3, (32,), n_blocks=1).eval()
        own.load_state_dict(coder.state_dict())
        z = torch.randn(2, 4, 8, 8)
        return max(first, gap(own.decode(z), coder.decode(z).sample))
