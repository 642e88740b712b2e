"""A translator of convolutions: gated layers that see a few neighbours each, and attention in every decoder layer."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import SettingError
from ...functional.attention import padding_mask
from ...layers.embedding import looked_up
from ...layers.positions import LearnedPositions
from ...layers.transformer import dropped
from ...objectives.text.translation import Translation
from ...registry import model

HALF = math.sqrt(0.5)  # what the sum of two is multiplied by, so that its variance stays


class ConvHeard(NamedTuple):
    """What the encoder leaves: keys, values (batch, n, width), who is real, and sqrt of each source's length."""

    keys: Tensor
    values: Tensor
    mask: Tensor | None
    scale: Tensor  # (batch, 1, 1)


@dataclass
class ConvWriting:
    """A text under way: the newest inputs of each decoder layer (rows, kernel - 1, hidden), and the place."""

    heard: ConvHeard
    before: list[Tensor]
    at: int = 0

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order; rows stay with their sentence, whose memory is shared."""
        self.before = [part.index_select(0, rows) for part in self.before]


class GatedConv(nn.Module):
    """x (batch, time, hidden) -> the same: dropout, a convolution to 2 hidden channels, and half gating the other.

    What stands before and behind x is the caller's: no padding here, so the time shrinks by kernel - 1.
    """

    def __init__(self, hidden: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.conv, self.dropout = nn.Conv1d(hidden, 2 * hidden, kernel), dropped(dropout)
        nn.init.normal_(self.conv.weight, std=math.sqrt(4 * (1 - dropout) / (hidden * kernel)))
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return F.glu(self.conv(self.dropout(x).transpose(1, 2)), 1).transpose(1, 2)


def scaled_linear(n_in: int, n_out: int, dropout: float = 0.0) -> nn.Linear:
    """A linear layer whose first weights keep the variance of what was dropped out by `dropout`."""
    made = nn.Linear(n_in, n_out)
    nn.init.normal_(made.weight, std=math.sqrt((1 - dropout) / n_in))
    nn.init.zeros_(made.bias)
    return made


class ConvDecoderLayer(nn.Module):
    """A gated convolution of what was written, and a look at the source; both sums are halved in variance.

        v = glu(conv(h)),   d = W_d v + b_d + g,   a = softmax(d . z),   c = sum_j a_j (z_j + e_j)
        h' = h + v + W_c c

    with sqrt(1/2) for each sum of two and sqrt(m) for the mean over m sources.
    """

    def __init__(self, width: int, hidden: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.conv = GatedConv(hidden, kernel, dropout)
        self.ask, self.tell = scaled_linear(hidden, width), scaled_linear(width, hidden)

    def forward(self, h: Tensor, before: Tensor, g: Tensor, heard: ConvHeard) -> tuple[Tensor, Tensor]:
        """h, g (rows, time, ...) and the kernel - 1 steps before h -> the next h, and weights (rows, time, n).

        Several rows of one sentence, a step each, share its memory.
        """
        v = self.conv(torch.cat([before, h], 1))
        asked = (self.ask(v) + g) * HALF
        n, (rows, time, width) = len(heard.keys), asked.shape
        energy = asked.reshape(n, -1, width) @ heard.keys.transpose(1, 2)
        if heard.mask is not None:
            energy = energy.masked_fill(~heard.mask[:, None], torch.finfo(energy.dtype).min)
        weights = energy.softmax(-1)
        context = (weights @ heard.values * heard.scale).view(rows, time, width)
        return (h + (v + self.tell(context)) * HALF) * HALF, weights.view(rows, time, -1)


class ConvSeq2Seq(nn.Module):
    """Convolutions on both sides, and attention in every decoder layer: ids (batch, n), (batch, m) -> scores.

    Parameters
    ----------
    width : of embeddings, whose positions are learned up to `context`. hidden : channels of the layers.
    kernel : odd; ids that a layer sees at a time, in the decoder none behind its own.

    Padding of either side changes nothing. `kept`, where it is a list, is given the weights of every step (batch, n),
    their mean over layers.

    Source: Gehring et al. 2017. Its weight normalisation, and the scale of the encoder's gradients, are left out: they
    serve the gradient descent of large nets with momentum.
    """

    kept: list[Tensor] | None = None

    def __init__(
        self, source_vocab_size: int, target_vocab_size: int, *, width: int, hidden: int, n_layers: int, kernel: int,
        context: int, dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.hidden, self.kernel, self.dropout = hidden, kernel, dropped(dropout)
        self.sources, self.targets = nn.Embedding(source_vocab_size, width), nn.Embedding(target_vocab_size, width)
        self.source_place, self.target_place = (LearnedPositions(context, width, std=0.1) for _ in range(2))
        for table in (self.sources, self.targets):
            nn.init.normal_(table.weight, std=0.1)
        self.read, self.remember = scaled_linear(width, hidden, dropout), scaled_linear(hidden, width)
        self.encoder = nn.ModuleList(GatedConv(hidden, kernel, dropout) for _ in range(n_layers))
        self.write, self.out = scaled_linear(width, hidden, dropout), scaled_linear(hidden, width)
        self.decoder = nn.ModuleList(ConvDecoderLayer(width, hidden, kernel, dropout) for _ in range(n_layers))
        self.head = scaled_linear(width, target_vocab_size, dropout)

    def encode(self, source: Tensor, lengths: Tensor | None = None) -> tuple[ConvHeard]:
        mask = None if lengths is None else padding_mask(lengths, source.shape[1])[:, 0]
        e = self.dropout(self.source_place(looked_up(self.sources, source)))
        h = self.read(e)
        for layer in self.encoder:
            real = h if mask is None else h * mask[..., None]  # what is no text is nothing to its neighbours
            around = F.pad(real, (0, 0, self.kernel // 2, self.kernel // 2))
            h = (h + layer(around)) * HALF
        z = self.remember(h)
        n = torch.full((len(source),), source.shape[1], device=source.device) if lengths is None else lengths
        return (ConvHeard(z, (z + e) * HALF, mask, n.to(z.dtype).sqrt()[:, None, None]),)

    def forward(self, source: Tensor, given: Tensor, lengths: Tensor | None = None) -> Tensor:
        (heard,) = self.encode(source, lengths)
        g = self.dropout(self.target_place(looked_up(self.targets, given)))
        h, looked = self.write(g), []
        for layer in self.decoder:
            h, weights = layer(h, h.new_zeros(len(h), self.kernel - 1, self.hidden), g, heard)
            looked.append(weights)
        if self.kept is not None:
            self.kept.extend(torch.stack(looked).mean(0).detach().unbind(1))
        return self.head(self.dropout(self.out(h)))

    def begin(self, heard: ConvHeard, *, n_steps: int = 0) -> ConvWriting:
        """What `step` goes on from."""
        blank = heard.keys.new_zeros(len(heard.keys), self.kernel - 1, self.hidden)
        return ConvWriting(heard, [blank for _ in self.decoder])

    def step(self, ids: Tensor, writing: ConvWriting) -> Tensor:
        """Scores (rows, n_ids) of what follows the newest ids (rows,)."""
        g = self.dropout(self.target_place(looked_up(self.targets, ids)[:, None], writing.at))
        h, looked, seen = self.write(g), [], []
        for layer, before in zip(self.decoder, writing.before, strict=True):
            seen.append(torch.cat([before, h], 1)[:, 1:])
            h, weights = layer(h, before, g, writing.heard)
            looked.append(weights)
        writing.before, writing.at = seen, writing.at + 1
        if self.kept is not None:
            self.kept.append(torch.stack(looked).mean(0)[:, 0].detach())
        return self.head(self.dropout(self.out(h)))[:, 0]


@model.register("translator")
def conv_s2s(
    *, source_vocab_size: int, target_vocab_size: int, width: int = 64, hidden: int = 64, n_layers: int = 3,
    kernel: int = 3, context: int = 512, dropout: float = 0.1, smoothing: float = 0.0,
) -> Translation:  # fmt: skip
    """ConvS2S: gated convolutions and attention in every decoder layer; width=512, hidden=512 and more as published."""
    sizes = {"width": width, "hidden": hidden, "n_layers": n_layers, "kernel": kernel, "context": context}
    for setting, value in sizes.items():
        if value < 1:
            raise SettingError(f"model 'conv_s2s': {setting} is at least 1; got {value}")
    if kernel % 2 == 0:
        raise SettingError(f"model 'conv_s2s': kernel is odd, as many ids before as behind; got {kernel}")
    if not 0 <= dropout < 1:
        raise SettingError(f"model 'conv_s2s': dropout is in [0, 1); got {dropout}")
    net = ConvSeq2Seq(
        source_vocab_size, target_vocab_size, width=width, hidden=hidden, n_layers=n_layers, kernel=kernel,
        context=context, dropout=dropout,
    )  # fmt: skip
    return Translation(net, target_vocab_size, smoothing=smoothing)
