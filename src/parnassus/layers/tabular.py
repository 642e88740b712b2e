"""Parts of nets for tables: embeddings of categories, tokens of columns, blocks of residual and attending nets."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CategoryEmbeddings(nn.Module):
    """A vector of its own for each category of each column, side by side: e(ids) = [E_1[id_1], ..., E_C[id_C]].

    columns: (batch, C) of ids, id 0 for a category that training has not seen -> (batch, sum of widths). The vectors
    start in U(-1/sqrt(width), 1/sqrt(width)), and those of id 0 at zero, so that what is unknown says nothing.

    Source: Guo and Berkhahn 2016, eq. 4 and 5: a dense layer on the unit vector is a row of its weights.

    >>> CategoryEmbeddings((3, 4), (2, 5))(torch.tensor([[0, 1]])).shape
    torch.Size([1, 7])
    """

    def __init__(self, cardinalities: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        tables = [nn.Embedding(n, w) for n, w in zip(cardinalities, widths, strict=True)]
        for table in tables:
            uniform_by_width(table.weight, table.embedding_dim)
            nn.init.zeros_(table.weight[0])
        self.tables, self.width = nn.ModuleList(tables), sum(widths)

    def forward(self, columns: Tensor) -> Tensor:
        if not self.tables:
            return columns.new_empty(columns.shape[0], 0, dtype=torch.get_default_dtype())
        return torch.cat([table(columns[:, j]) for j, table in enumerate(self.tables)], 1)


class CategoryWeights(nn.Module):
    """A linear layer on the unit vectors of categories, which are never written out: sum over columns of W_c[id_c].

    columns: (batch, C) of ids -> (batch, n_outputs). The weights start at zero, as a linear model's may.
    """

    def __init__(self, cardinalities: Sequence[int], n_outputs: int) -> None:
        super().__init__()
        self.offsets: Tensor
        self.register_buffer("offsets", starts(cardinalities), persistent=False)
        self.weight = nn.Parameter(torch.zeros(sum(cardinalities), n_outputs))

    def forward(self, columns: Tensor) -> Tensor:
        return F.embedding(columns + self.offsets, self.weight).sum(1)


class FeatureTokens(nn.Module):
    """Every column as a token of one width, and one more, [CLS], before them.

        number j:    t_j = b_j + x_j w_j           category of column c:    t_c = b_c + E_c[id]

    x: (batch, in_features), columns: (batch, C) of ids -> (batch, 1 + in_features + C, width). All start in
    U(-1/sqrt(width), 1/sqrt(width)), the vectors of unknown categories at zero.

    Source: Gorishniy et al. 2021, section 3.3, figure 2.
    """

    def __init__(self, in_features: int, cardinalities: Sequence[int], width: int) -> None:
        super().__init__()
        self.offsets: Tensor
        self.register_buffer("offsets", starts(cardinalities), persistent=False)
        self.scale = nn.Parameter(torch.empty(in_features, width)) if in_features else None
        self.bias = nn.Parameter(torch.empty(in_features + len(cardinalities), width))
        self.vectors = nn.Parameter(torch.empty(sum(cardinalities), width)) if cardinalities else None
        self.start = nn.Parameter(torch.empty(width))
        for parameter in self.parameters():
            uniform_by_width(parameter, width)
        if self.vectors is not None:
            with torch.no_grad():
                self.vectors[self.offsets] = 0

    def forward(self, x: Tensor, columns: Tensor) -> Tensor:
        parts = [] if self.scale is None else [x[:, :, None] * self.scale]
        if self.vectors is not None:
            parts.append(F.embedding(columns + self.offsets, self.vectors))
        tokens = torch.cat(parts, 1) + self.bias
        return torch.cat([self.start.expand(x.shape[0], 1, -1), tokens], 1)


class TokenAttention(nn.Module):
    """Multi-head attention of tokens to each other: softmax(q k' / sqrt(width / n_heads)) v, heads side by side.

    h: (batch, tokens, width) -> (batch, n_queries, width), where only the first `n_queries` tokens ask (all for None).
    Keys have no bias: it would add the same to all scores of a query, which the softmax takes away again. The weights
    are those of torch.nn.MultiheadAttention: `query`, `key` and `value` its in_proj, `out` its out_proj.

    Source: Vaswani et al. 2017.
    """

    def __init__(self, width: int, n_heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.n_heads, self.dropout = n_heads, dropout
        self.query, self.key, self.value = (nn.Linear(width, width, bias=i != 1) for i in range(3))
        self.out = nn.Linear(width, width)
        for linear in (self.query, self.value, self.out):
            nn.init.zeros_(linear.bias)

    def forward(self, h: Tensor, n_queries: int | None = None) -> Tensor:
        q, k, v = self._heads(self.query(h[:, :n_queries])), self._heads(self.key(h)), self._heads(self.value(h))
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _heads(self, h: Tensor) -> Tensor:
        return h.unflatten(2, (self.n_heads, -1)).transpose(1, 2)


class GatedFeedForward(nn.Module):
    """Two layers with a gate between: W_2 (a * relu(b)) where [a, b] = W_1 h (ReGLU). (..., width) -> (..., width).

    Source: Shazeer 2020; Gorishniy et al. 2021, appendix E.1.
    """

    def __init__(self, width: int, hidden: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.inner, self.outer, self.drop = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width), nn.Dropout(dropout)

    def forward(self, h: Tensor) -> Tensor:
        a, b = self.inner(h).chunk(2, dim=-1)
        return self.outer(self.drop(a * b.relu()))


class TokenBlock(nn.Module):
    """A pre-norm transformer block: h += attention(norm(h)), then h += feed_forward(norm(h)).

    The first block has no norm before its attention (`first=True`), which the paper found necessary. With
    `n_queries=1` only the first token is carried on, as the last block needs it.

    Source: Gorishniy et al. 2021, section 3.3 and appendix E.1.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        hidden: int,
        *,
        first: bool,
        attention_dropout: float,
        dropout: float,
    ) -> None:
        super().__init__()
        self.before = nn.Identity() if first else nn.LayerNorm(width)
        self.attention = TokenAttention(width, n_heads, dropout=attention_dropout)
        self.between = nn.LayerNorm(width)
        self.feed_forward = GatedFeedForward(width, hidden, dropout=dropout)

    def forward(self, h: Tensor, n_queries: int | None = None) -> Tensor:
        h = h[:, :n_queries] + self.attention(self.before(h), n_queries)
        return h + self.feed_forward(self.between(h))


class ResidualDense(nn.Module):
    """h + dropout(W_2 dropout(relu(W_1 norm(h)))): a pre-norm residual block of dense layers. (batch, width) kept.

    Source: Gorishniy et al. 2021, section 3.2 (ResNetBlock).
    """

    def __init__(
        self, width: int, hidden: int, *, norm: nn.Module, dropout: float = 0.0, residual_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.norm, self.inner, self.outer = norm, nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.drop, self.residual_drop = nn.Dropout(dropout), nn.Dropout(residual_dropout)

    def forward(self, h: Tensor) -> Tensor:
        return h + self.residual_drop(self.outer(self.drop(self.inner(self.norm(h)).relu())))


def starts(cardinalities: Sequence[int]) -> Tensor:
    """Where each column's categories begin in one table of all.

    >>> starts((3, 4, 2))
    tensor([0, 3, 7])
    """
    return torch.tensor([sum(cardinalities[:j]) for j in range(len(cardinalities))], dtype=torch.int64)


def uniform_by_width(weight: Tensor, width: int) -> None:
    """Fill with U(-1/sqrt(width), 1/sqrt(width))."""
    nn.init.uniform_(weight, -1 / math.sqrt(width), 1 / math.sqrt(width))
