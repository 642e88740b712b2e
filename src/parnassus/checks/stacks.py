"""Nets of convolutions, of recurrent cells and of dense layers, written out in torch and numpy."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..functional.contraction import contract, multidimensional_dense
from ..layers import cells
from ..models.detection.segmentation import FCN, UNet
from ..models.sequence.conv1d import Conv1dStack
from ..models.sequence.tcn import TCN
from ..models.sequence.wavenet import WaveNet
from ..models.text.language import FeedForwardLM, MaskedAttentionLM, RecurrentLM
from ..models.text.text_cnn import PhraseNet
from ..models.vision.cnn import ConvStack
from ..train.randomness import kept_random
from . import check, gap


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, float64."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def built(make: Any, *given: Any, **options: Any) -> Any:
    """A net in float64 that no longer learns."""
    with kept_random(torch.device("cpu"), 0):
        return make(*given, **options).double().eval().requires_grad_(False)


def size(net: nn.Module) -> int:
    """The number of weights."""
    return sum(p.numel() for p in net.parameters())


@check("multidimensional-dense", oracle="numpy", tolerance=1e-12)
def layers_of_arrays_against_numpy() -> float:
    """Contractions over named axes, and a dense layer from 3 x 3 to 4 x 5 as the flat layer with the same weights."""
    a, b, h, w, c = drawn(2, 3, 4), drawn(4, 5, 3), drawn(6, 3, 3), drawn(3, 3, 4, 5), drawn(4, 5)
    flat = h.reshape(6, 9).numpy() @ w.reshape(9, 20).numpy() + c.reshape(20).numpy()
    return max(
        gap(contract(a, b, axes=((1, 2), (2, 0))), np.einsum("imn,njm->ij", a.numpy(), b.numpy())),
        gap(multidimensional_dense(h, w, c).reshape(6, 20), flat),
    )


@check("generic-cnn", oracle="torch", tolerance=1e-10)
def a_plain_stack_written_out() -> float:
    """Convolutions of 8 and 16, ReLU and pools, two dense layers; and the parameters of the CIFAR preset 32-64-128."""
    options: dict[str, Any] = {"dropout": 0.3, "norm": "none", "activation": "relu"}
    net = built(ConvStack, in_channels=3, image_size=(12, 12), n_outputs=5, channels=(8, 16), hidden=20, **options)
    x, weights = drawn(4, 3, 12, 12), list(net.parameters())
    h = x
    for kernel, bias in zip(weights[:4:2], weights[1:4:2], strict=True):
        h = F.max_pool2d(F.relu(F.conv2d(h, kernel, bias, padding=1)), 2)
    wanted = F.linear(F.relu(F.linear(h.flatten(1), *weights[4:6])), *weights[6:])
    facts: dict[str, Any] = {"in_channels": 3, "image_size": (32, 32), "n_outputs": 10}
    preset = built(ConvStack, **facts, channels=(32, 64, 128), hidden=128, **options)
    due = sum(9 * a * b + b for a, b in ((3, 32), (32, 64), (64, 128))) + 128 * 16 * 128 + 128 + 128 * 10 + 10
    return max(gap(net(x), wanted), gap(size(preset), due))


@check("conv1d-network", "cnn-text-classifier", oracle="torch", tolerance=1e-10)
def convolutions_along_time_written_out() -> float:
    """Two layers with a pool between and the largest value of each channel; windows of 2 and 3 words, their maxima."""
    options: dict[str, Any] = {"channels": (4, 6), "kernel": 3, "hidden": 7, "pooling": "max", "dropout": 0.2}
    net, x = built(Conv1dStack, 3, 2, **options), drawn(4, 10, 3)
    w = list(net.parameters())
    h = F.max_pool1d(F.relu(F.conv1d(x.mT, w[0], w[1], padding=1)), 2)
    h = F.relu(F.conv1d(h, w[2], w[3], padding=1)).amax(2)
    phrases = built(PhraseNet, 3, 2, widths=(2, 3), hidden=5, dropout=0.5)
    v = list(phrases.parameters())
    strongest = [
        F.relu(F.conv1d(F.pad(x.mT, (n - 1, n - 1)), *v[2 * i : 2 * i + 2])).amax(2) for i, n in enumerate((2, 3))
    ]
    return max(
        gap(net(x), F.linear(F.relu(F.linear(h, w[4], w[5])), w[6], w[7])),
        gap(phrases(x), F.linear(torch.cat(strongest, 1), *v[4:])),
    )


@check("u-net", oracle="(published)", tolerance=0)
def the_published_u_net() -> float:
    """Ronneberger's net: 31,030,658 weights for one channel and two classes; 572 x 572 pixels give 388 x 388."""
    with torch.device("meta"):
        net = UNet(1, 2, widths=(64, 128, 256, 512, 1024), norm=False, valid=True)
    small = built(UNet, 1, 2, widths=(1, 1, 1, 1, 1), norm=False, valid=True)
    shape = small(drawn(1, 1, 572, 572)).shape
    return gap([size(net), *shape], [31_030_658, 1, 388, 388, 2])


@check("fcn-segmenter", "semantic-segmentation", oracle="torch", tolerance=1e-10)
def heads_of_three_levels_written_out() -> float:
    """FCN: 1 x 1 heads on the last three levels, each coarser sum brought to the size of the finer one."""
    net, x = built(FCN, 2, 3, widths=(4, 5, 6)), drawn(2, 2, 8, 8)
    kept, h = [], x
    for i, stage in enumerate(net.stages):
        h = F.max_pool2d(h, 2) if i else h
        for convolution, norm in ((stage[0], stage[1]), (stage[3], stage[4])):
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            h = F.conv2d(h, convolution.weight * scale[:, None, None, None], padding=1)
            h = F.relu(h + (norm.bias - norm.running_mean * scale)[:, None, None])
        kept.append(h)
    scores = [F.conv2d(maps, head.weight, head.bias) for maps, head in zip(kept, net.heads, strict=True)]
    for i in (1, 0):
        scores[i] = scores[i] + F.interpolate(scores[i + 1], scores[i].shape[2:], mode="bilinear", align_corners=False)
    return gap(net(x), scores[0].permute(0, 2, 3, 1))


@check("tcn", "wavenet", oracle="torch", tolerance=1e-10)
def nets_that_see_the_past_alone() -> float:
    """Residual blocks written out; by its slopes a step depends on itself and the reach before it alone."""
    net, x = built(TCN, 2, 1, channels=(3, 3), kernel=2, dropout=0.1), drawn(1, 12, 2)
    h = x.mT
    for level, block in enumerate(net.blocks):
        inner = h
        for convolution in (block.body[0], block.body[3]):
            past = F.pad(inner, (2**level, 0))
            inner = F.relu(F.conv1d(past, convolution.weight, convolution.bias, dilation=2**level))
        h = F.relu(inner + (F.conv1d(h, block.past.weight, block.past.bias) if level == 0 else h))
    wave = built(WaveNet, 1, 1, channels=4, skip=3, n_layers=3)
    sound = drawn(1, 1, 20).requires_grad_()
    (slope,) = torch.autograd.grad(wave(sound)[0, 0, 15], sound)
    outside = torch.ones(20, dtype=torch.bool)
    outside[15 - 8 + 1 : 16] = False
    return max(gap(net(x), F.linear(h[:, :, -1], net.head.weight, net.head.bias)), gap(slope[0, 0, outside], 0.0),
               float(wave.reach != 8))  # fmt: skip


@check("deep-transition-rnn", oracle="numpy", tolerance=1e-12)
def a_transition_of_three_layers_in_numpy() -> float:
    """h <- tanh(V2 tanh(V1 tanh(W x + U h))), step by step."""
    cell, x = built(cells.DeepTransition, 2, 3, depth=3), drawn(4, 6, 2)
    weights = {name: p.numpy() for name, p in cell.named_parameters()}
    h = np.zeros((4, 3))
    for step in x.numpy().transpose(1, 0, 2):
        h = np.tanh(step @ weights["of_x.weight"].T + weights["of_x.bias"] + h @ weights["of_h.weight"].T)
        for layer in ("deeper.0", "deeper.1"):
            h = np.tanh(h @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"])
    return gap(cell.run(x)[0][:, -1], h)


@check("ffn-lm", "masked-attention-lm", "rnn-lm", oracle="torch", tolerance=1e-10)
def what_follows_by_three_nets_written_out() -> float:
    """Bengio's window of 3, sixteen heads under a triangle, and a recurrent net with torch's own layer, over 9 ids."""
    x = torch.tensor([[3, 1, 4, 1, 5], [8, 2, 6, 7, 7]])
    window = built(FeedForwardLM, 9, window=3, width=4, hidden=5)
    e = window.embedding.weight[F.pad(x, (2, 0))]
    seen = torch.stack([e[:, t : t + 3].flatten(1) for t in range(5)], 1)
    of_window = F.linear(torch.tanh(F.linear(seen, window.inner.weight, window.inner.bias)), window.outer.weight)
    heads = built(MaskedAttentionLM, 9, width=6, n_heads=16, size=2)
    q, k, v = F.linear(heads.embedding.weight[x], heads.qkv.weight).chunk(3, 2)
    late = torch.ones(5, 5).triu(1).bool()
    parts = []
    for head in range(16):
        at = slice(2 * head, 2 * head + 2)
        scores = (q[..., at] @ k[..., at].mT / 2**0.5).masked_fill(late, -torch.inf)
        parts.append(scores.softmax(-1) @ v[..., at])
    inner = torch.sigmoid(F.linear(torch.cat(parts, 2), heads.inner.weight, heads.inner.bias))
    recurrent = built(RecurrentLM, cells.Elman, 9, width=4, hidden=3, n_layers=1, dropout=0.0)
    states, _ = recurrent.body.forwards[0].inner(recurrent.embedding.weight[x])
    return max(
        gap(window(x), of_window + window.outer.bias),
        gap(heads(x), F.linear(inner, heads.outer.weight, heads.outer.bias)),
        gap(recurrent(x), F.linear(states, recurrent.head.weight, recurrent.head.bias)),
    )
