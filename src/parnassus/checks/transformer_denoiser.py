"""The Diffusion Transformer: its published sizes."""

import torch

from ..models.generative.dit import SIZES, DiT
from . import check, gap

AUTHORS = {"s": 32_963_360, "b": 130_512_416, "l": 458_102_816, "xl": 675_129_632}


@check("time-conditioned-denoiser", oracle="(published)", tolerance=0)
def sizes_of_diffusion_transformers() -> float:
    """Numbers of DiT-S/2, B/2, L/2 and XL/2 on 4 x 32 x 32 latents and 1,000 classes, their fixed places included."""
    apart = 0.0
    for size, wanted in AUTHORS.items():
        width, n_layers, n_heads = SIZES[size]
        with torch.device("meta"):
            net = DiT(in_channels=4, image_size=(32, 32), width=width, n_layers=n_layers, n_heads=n_heads,
                      n_classes=1000, out_channels=8)  # fmt: skip
        apart += gap(sum(p.numel() for p in net.parameters()) + net.place.numel(), wanted)
    return apart
