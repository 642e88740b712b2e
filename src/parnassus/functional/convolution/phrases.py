"""The strongest answer of each filter to a sentence, wherever it stands: max over time."""

from collections.abc import Sequence

import torch
from torch import Tensor


def strongest_phrases(x: Tensor, kernels: Sequence[Tensor], biases: Sequence[Tensor], lengths: Tensor) -> Tensor:
    """The largest answer of every filter to each sentence, widths side by side (batch, sum of filters), one by one.

        c_t = ReLU(sum_{i=0}^{h-1} w_i . e_{t+i} + b),   t = 2 - h .. n;   feature = max_t c_t

    x (batch, time, d): word vectors e_1 .. e_n of each sentence, n of `lengths` (batch,); kernels (filters, d, h), one
    tensor a width h; biases (filters,). Before the first and behind the last word stand h - 1 vectors of zero, so that
    a sentence shorter than h has windows too; a sentence of no words has 0.

    Systems: cnn-text-classifier
    Source: Kim 2014, eqs. 2 to 4 (its windows begin at the first word; the published program pads as here); Baker A216;
    Jaiswal fig. 4.2, which is drawn without an equation.

    >>> x = torch.tensor([[[1.0], [-2.0], [4.0]]])
    >>> strongest_phrases(x, [torch.tensor([[[1.0, -1.0]]])], [torch.zeros(1)], torch.tensor([3])).tolist()
    [[4.0]]
    """
    rows = []
    for row, n in zip(x, lengths.tolist(), strict=True):
        features = []
        for kernel, bias in zip(kernels, biases, strict=True):
            width = kernel.shape[2]
            words = torch.cat([x.new_zeros(width - 1, x.shape[2]), row[:n], x.new_zeros(width - 1, x.shape[2])])
            starts = range(n + width - 1 if n else 0)
            answers = [(kernel * words[t : t + width].T).sum((1, 2)) + bias for t in starts]
            features.append(torch.stack([x.new_zeros(len(bias)), *answers]).amax(0))  # ReLU is a maximum with 0
        rows.append(torch.cat(features))
    return torch.stack(rows)
