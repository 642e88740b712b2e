"""Normalisation layers against torch's, and spectral norms against numpy's singular values."""

import numpy as np
import torch
import torch.nn.functional as F

from ..functional import normalization
from . import check, gap

RNG = np.random.default_rng(0)
X = torch.from_numpy(RNG.normal(2, 3, (5, 6, 4, 3)))
GAIN, BIAS = torch.from_numpy(RNG.normal(size=(2, 6)))


@check("batch-norm", "group-norm", "instance-norm", "local-response-norm", oracle="torch", tolerance=1e-10)
def norms_of_pictures_against_torch() -> float:
    """Batch, group and instance norms of five pictures of six planes, and AlexNet's response norm."""
    batch = F.batch_norm(X, None, None, GAIN, BIAS, training=True)
    response = F.local_response_norm(X, 5, alpha=5e-4, beta=0.75, k=2.0)  # torch divides alpha by the size
    return max(
        gap(normalization.batch_norm(X, GAIN, BIAS), batch),
        gap(normalization.group_norm(X, 3, GAIN, BIAS), F.group_norm(X, 3, GAIN, BIAS)),
        gap(normalization.instance_norm(X, GAIN, BIAS), F.instance_norm(X, weight=GAIN, bias=BIAS)),
        gap(normalization.local_response_norm(X, alpha=1e-4), response),
    )


@check("layer-norm", "rms-norm", oracle="torch", tolerance=1e-10)
def norms_of_vectors_against_torch() -> float:
    """Layer norm and RMS norm of vectors of six numbers, and the layer norm's Jacobian by autograd."""
    x = X.permute(0, 2, 3, 1)
    row = x[0, 0, 0].contiguous()
    wanted = torch.autograd.functional.jacobian(lambda v: F.layer_norm(v, (6,), eps=1e-5), row)
    return max(
        gap(normalization.layer_norm(x, GAIN, BIAS), F.layer_norm(x, (6,), GAIN, BIAS)),
        gap(normalization.rms_norm(x, GAIN), F.rms_norm(x, (6,), GAIN, eps=1e-5)),
        gap(normalization.layer_norm_jacobian(row, eps=1e-5), wanted),
    )


@check("adain", oracle="torch", tolerance=1e-10)
def styles_as_scales_and_shifts() -> float:
    """Adaptive instance norm: torch's instance norm, then a scale and a shift for each picture and plane."""
    scale, shift = torch.from_numpy(RNG.normal(size=(2, 5, 6)))
    wanted = F.instance_norm(X) * scale[..., None, None] + shift[..., None, None]
    return gap(normalization.adaptive_instance_norm(X, scale, shift), wanted)


@check("spectral-norm", oracle="numpy", tolerance=1e-6)
def largest_singular_values() -> float:
    """A matrix over its largest singular value, by numpy's decomposition, and power iteration's end."""
    weight = torch.from_numpy(RNG.normal(size=(6, 9)))
    sigma = np.linalg.svd(weight.numpy(), compute_uv=False)[0]
    found, _ = normalization.power_iteration(weight, torch.ones(6, dtype=torch.float64), n_steps=500)
    return max(gap(normalization.spectral_norm(weight), weight / sigma), gap(found, sigma))
