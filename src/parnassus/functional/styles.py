"""Styles: statistics of maps put in from outside or taken from them, latents drawn towards their mean, or crossed."""

import torch
from torch import Tensor

from ..errors import SettingError


def adaptive_instance_norm(x: Tensor, scale: Tensor, shift: Tensor, *, eps: float = 1e-8) -> Tensor:
    """AdaIN: scale (x - mean) / std + shift, over the places of each map of each picture.

    x : (n, c, h, w); scale, shift : (n, c). The variance is over n, not n - 1.

    Systems: stylegan
    Source: Huang and Belongie 2017; Karras et al. 2019, eq. 1; Martinez-Ramon 8.8, eq. 8.14 (fixture B8.12).

    >>> x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]], dtype=torch.float64)
    >>> two, half = torch.tensor([[2.0]], dtype=torch.float64), torch.tensor([[0.5]], dtype=torch.float64)
    >>> [round(v, 6) for v in adaptive_instance_norm(x, two, half, eps=0).flatten().tolist()]
    [-2.183282, -0.394427, 1.394427, 3.183282]
    """
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return scale[..., None, None] * (x - mean) * (variance + eps).rsqrt() + shift[..., None, None]


def truncated(w: Tensor, mean: Tensor, share: float) -> Tensor:
    """mean + share (w - mean): at 1 as drawn, at 0 the mean picture; less variety for surer pictures between.

    Systems: stylegan
    Source: Karras et al. 2019, appendix B; left out of Martinez-Ramon 8.8.

    >>> truncated(torch.tensor([[3.0]]), torch.tensor([1.0]), 0.5).tolist()
    [[2.0]]
    """
    if not 0 <= share <= 1:
        raise SettingError(f"truncation is a share from 0 to 1; got {share}")
    return mean + share * (w - mean)


def crossed(first: Tensor, second: Tensor, at: Tensor, n_layers: int) -> Tensor:
    """Styles of all layers (n, n_layers, d): the first latent's before layer `at` (n,), the second's from there on.

    Systems: stylegan
    Source: Karras et al. 2019, section 3.1; Martinez-Ramon 8.8.

    >>> crossed(torch.zeros(1, 1), torch.ones(1, 1), torch.tensor([2]), 3).flatten().tolist()
    [0.0, 0.0, 1.0]
    """
    later = torch.arange(n_layers, device=at.device)[None, :, None] >= at[:, None, None]
    return torch.where(later, second[:, None], first[:, None])


def pixel_norm(x: Tensor, *, eps: float = 1e-8) -> Tensor:
    """x (n, c, ...) divided by the root mean square of its c numbers, at each place alone.

    Source: Karras et al. 2018, section 4.2.

    >>> pixel_norm(torch.tensor([[3.0, 4.0]]), eps=0).tolist()
    [[0.848528..., 1.131370...]]
    """
    return x * (x.square().mean(1, keepdim=True) + eps).rsqrt()


def with_variety(x: Tensor, *, eps: float = 1e-8) -> Tensor:
    """Maps x (n, c, h, w) and one more, (n, c + 1, h, w), that says how varied the batch is.

    The deviation (over n, not n - 1) of each number over the batch, and of these the mean.

    Source: Karras et al. 2018, section 3.

    >>> with_variety(torch.tensor([[[[1.0]]], [[[5.0]]]]), eps=0).flatten().tolist()
    [1.0, 2.0, 5.0, 2.0]
    """
    variety = (x.var(0, correction=0) + eps).sqrt().mean()
    return torch.cat([x, variety.expand(len(x), 1, *x.shape[2:])], 1)
