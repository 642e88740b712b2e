"""A Transformer that says which residues of a protein touch, from its own attention maps."""

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...functional.attention import padding_mask, scaled_dot_product
from ...functional.contacts import product_corrected
from ...functional.positions import rotary
from ...layers.transformer import EncoderLayer
from ...objectives.sequence.contacts import ContactLearning
from ...registry import model


class ContactTransformer(nn.Module):
    """x (batch, time) of residues, lengths (batch,) -> logits (batch, time, time) of contacts, the same both ways.

    An encoder with norms before its sub-layers and rotary positions, of whose last layer only the attention is
    needed. The maps of all heads of all layers, times the
    chain's length (so that an even map is 1 whatever the length), made symmetric and corrected for what rows and
    columns share, are added up with learned weights and a bias: a pair touches because its residues look at each other.

    Systems: protein-transformer
    Source: Rao, Meier, Sercu, Ovchinnikov and Rives 2020, who read contacts off a language model's attention by
    logistic regression; here encoder and weights are learned together, from known contacts; Martinez-Ramon, problem
    6.4.
    """

    def __init__(self, vocab_size: int, *, width: int, n_layers: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.table = nn.Embedding(vocab_size, width)
        self.layers = nn.ModuleList(
            EncoderLayer(width, n_heads, hidden=2 * width, norm="pre", dropout=dropout, positions="rotary")
            for _ in range(n_layers - 1)
        )
        self.last = LastLook(width, n_heads)
        self.head = nn.Linear(n_layers * n_heads, 1)
        nn.init.constant_(self.head.weight, 1 / (n_layers * n_heads))  # a residue touches what it looks at
        nn.init.constant_(self.head.bias, -2.0)  # most pairs do not touch

    def maps(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The attention of every head of every layer, (batch, layers x heads, time, time), 0 where rows have ended."""
        real = padding_mask(lengths, x.shape[1])
        h, found = self.table(x), []
        for layer in self.layers:
            h, weights = looking(layer, h, real)
            found.append(weights)
        found.append(self.last(h, real))
        return torch.cat(found, 1) * real[..., None]

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        scaled = self.maps(x, lengths) * lengths[:, None, None, None]
        return self.head(product_corrected(scaled).movedim(1, -1))[..., 0]


class LastLook(nn.Module):
    """The attention (batch, heads, n, n) of a last layer, whose values and outputs nobody would read."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        if n_heads < 1 or width % (2 * n_heads):
            raise SettingError(f"the width is an even multiple of the heads; got width {width} and n_heads={n_heads}")
        self.norm, self.qk, self.n_heads = nn.LayerNorm(width), nn.Linear(width, 2 * width), n_heads

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k = (h.unflatten(2, (self.n_heads, -1)).transpose(1, 2) for h in self.qk(self.norm(x)).chunk(2, -1))
        return scaled_dot_product(rotary(q), rotary(k), k, mask=mask[:, None]).weights


def looking(layer: nn.Module, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """What a layer with norms before and rotary positions makes of x, and its attention (batch, heads, n, n).

    The layer's own call takes the fused kernel, which keeps no weights; here they are an output, with a gradient.
    """
    assert isinstance(layer, EncoderLayer)
    q, k, v = layer.attention.projected(layer.norm1(x))
    seen = scaled_dot_product(rotary(q), rotary(k), v, mask=mask[:, None])
    x = x + layer.dropout(layer.attention.out(seen.z.transpose(1, 2).flatten(2)))
    return x + layer.dropout(layer.feed_forward(layer.norm2(x))), seen.weights


@model.register("contact_predictor")
def contact_transformer(
    *, vocab_size: int, width: int = 64, n_layers: int = 2, n_heads: int = 4, dropout: float = 0.0
) -> ContactLearning:
    """Contacts from the attention maps of an encoder over residues."""
    for setting, value in (("width", width), ("n_layers", n_layers), ("n_heads", n_heads)):
        if value < 1:
            raise SettingError(f"model 'contact_transformer': {setting} is at least 1; got {value}")
    if not 0 <= dropout < 1:
        raise SettingError(f"model 'contact_transformer': dropout is in [0, 1); got {dropout}")
    net = ContactTransformer(vocab_size, width=width, n_layers=n_layers, n_heads=n_heads, dropout=dropout)
    return ContactLearning(net)
