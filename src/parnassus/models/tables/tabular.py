"""Nets for tables: a residual net, wide and deep, embeddings of categories, and a transformer over columns."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...layers.normalization import dense_norm
from ...layers.tabular import (
    CategoryEmbeddings,
    CategoryWeights,
    FeatureTokens,
    ResidualDense,
    TokenBlock,
)
from ...registry import model
from .mlp import MLP

WIDEST = 50  # of a category's vector, where the width is not given


class ResNetMLP(nn.Module):
    """A dense net of residual blocks: h_0 = W x + b, h_l = h_(l-1) + block(h_(l-1)), output = W' relu(norm(h_L)) + b'.

    x: (batch, in_features) -> (batch, n_outputs). It has, for L blocks of hidden width h, width w and a norm with
    scale and shift, (in_features + 1) w + L (2 w h + h + 3 w) + 2 w + (w + 1) n_outputs parameters.

    Source: Gorishniy et al. 2021, section 3.2.
    """

    def __init__(
        self,
        in_features: int,
        n_outputs: int,
        *,
        width: int = 64,
        hidden: int = 128,
        n_blocks: int = 2,
        dropout: float = 0.1,
        residual_dropout: float = 0.0,
        norm: str = "layer",
    ) -> None:
        super().__init__()
        self.first = nn.Linear(in_features, width)
        self.blocks = nn.Sequential(
            *(
                ResidualDense(
                    width, hidden, norm=dense_norm(norm, width), dropout=dropout, residual_dropout=residual_dropout
                )
                for _ in range(n_blocks)
            )
        )
        self.norm, self.last = dense_norm(norm, width), nn.Linear(width, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.norm(self.blocks(self.first(x))).relu())


class EntityEmbedding(nn.Module):
    """Categories through vectors of their own, beside the numbers, into a dense net: MLP([x, E_1[id_1], ...]).

    x: (batch, in_features), columns: (batch, C) -> (batch, n_outputs). The parameters are those of the vectors,
    sum of cardinality times width, and of an MLP of in_features + sum of widths inputs.

    Source: Guo and Berkhahn 2016.
    """

    def __init__(
        self,
        in_features: int,
        cardinalities: Sequence[int],
        n_outputs: int,
        *,
        widths: Sequence[int],
        hidden: Sequence[int] = (64,),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embeddings = CategoryEmbeddings(cardinalities, widths)
        self.dense = MLP((in_features + self.embeddings.width, *hidden, n_outputs), dropout=dropout)

    def forward(self, x: Tensor, columns: Tensor) -> Tensor:
        return self.dense(torch.cat([x, self.embeddings(columns).to(x.dtype)], 1))


class WideDeep(nn.Module):
    """The sum of a linear model on numbers and unit vectors (wide, it remembers) and an `EntityEmbedding` (deep).

        output = W x + sum over columns of V_c[id_c] + MLP([x, E_1[id_1], ...])

    The bias is the deep part's. Crossed columns, which the paper makes by hand, are columns that the user adds. Beside
    the deep part's parameters there are (in_features + sum of cardinalities) n_outputs.

    Source: Cheng et al. 2016, eq. 3; both parts are trained together.
    """

    def __init__(
        self,
        in_features: int,
        cardinalities: Sequence[int],
        n_outputs: int,
        *,
        widths: Sequence[int],
        hidden: Sequence[int] = (64,),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.numbers = nn.Linear(in_features, n_outputs, bias=False) if in_features else None
        self.categories = CategoryWeights(cardinalities, n_outputs) if cardinalities else None
        self.deep = EntityEmbedding(
            in_features, cardinalities, n_outputs, widths=widths, hidden=hidden, dropout=dropout
        )

    def forward(self, x: Tensor, columns: Tensor) -> Tensor:
        outputs = self.deep(x, columns)
        if self.numbers is not None:
            outputs = outputs + self.numbers(x)
        return outputs if self.categories is None else outputs + self.categories(columns)


class FTTransformer(nn.Module):
    """A transformer over columns: each is a token, and [CLS] gathers from them what the output needs.

        T = tokens(x, columns);   T = block_l(T), l = 1..L;   output = W relu(norm(T_cls)) + b

    x: (batch, in_features), columns: (batch, C) -> (batch, n_outputs). With width w, L blocks of hidden width h (ReGLU)
    and V categories in all it has (2 in_features + C + V + 1) w + L (4 w^2 + 8 w + 3 w h + 2 h) + (w + 1) n_outputs
    parameters: the first block has one norm fewer, the head one more.

    Source: Gorishniy et al. 2021, section 3.3; the paper's default is width 192, 3 blocks of 8 heads.
    """

    def __init__(
        self,
        in_features: int,
        cardinalities: Sequence[int],
        n_outputs: int,
        *,
        width: int = 64,
        n_blocks: int = 2,
        n_heads: int = 8,
        hidden: int = 85,
        attention_dropout: float = 0.2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.tokens = FeatureTokens(in_features, cardinalities, width)
        self.blocks = nn.ModuleList(
            TokenBlock(width, n_heads, hidden, first=not i, attention_dropout=attention_dropout, dropout=dropout)
            for i in range(n_blocks)
        )
        self.norm, self.last = nn.LayerNorm(width), nn.Linear(width, n_outputs)

    def forward(self, x: Tensor, columns: Tensor) -> Tensor:
        h = self.tokens(x, columns)
        for block in self.blocks[:-1]:
            h = block(h)
        h = self.blocks[-1](h, n_queries=1)[:, 0]  # nothing reads the other tokens after it
        return self.last(self.norm(h).relu())


# --- The names -------------------------------------------------------------------------------------------------------


@model.register("classifier", "regressor", "forecaster")
def resnet_mlp(
    *,
    in_features: int,
    n_outputs: int,
    width: int = 64,
    hidden: int = 128,
    n_blocks: int = 2,
    dropout: float = 0.1,
    residual_dropout: float = 0.0,
    norm: str = "layer",
) -> ResNetMLP:
    """A residual dense net: pre-norm blocks of two layers; the paper's norm is "batch"."""
    _at_least_one("resnet_mlp", width=width, hidden=hidden, n_blocks=n_blocks)
    _shares("resnet_mlp", dropout=dropout, residual_dropout=residual_dropout)
    return ResNetMLP(
        in_features,
        n_outputs,
        width=width,
        hidden=hidden,
        n_blocks=n_blocks,
        dropout=dropout,
        residual_dropout=residual_dropout,
        norm=norm,
    )


@model.register("classifier", "regressor")
def entity_embedding(
    *,
    in_features: int,
    cardinalities: tuple[int, ...],
    n_outputs: int,
    hidden: tuple[int, ...] = (64,),
    width: int = 0,
    dropout: float = 0.0,
) -> EntityEmbedding:
    """Categories as learned vectors beside the numbers, then a dense net; width 0 follows the number of categories."""
    widths = _widths("entity_embedding", cardinalities, width)
    _deep("entity_embedding", hidden, dropout)
    return EntityEmbedding(in_features, cardinalities, n_outputs, widths=widths, hidden=hidden, dropout=dropout)


@model.register("classifier", "regressor")
def wide_deep(
    *,
    in_features: int,
    cardinalities: tuple[int, ...],
    n_outputs: int,
    hidden: tuple[int, ...] = (64,),
    width: int = 0,
    dropout: float = 0.0,
) -> WideDeep:
    """A linear model on numbers and categories, and a dense net on embeddings, trained as one sum."""
    widths = _widths("wide_deep", cardinalities, width)
    _deep("wide_deep", hidden, dropout)
    return WideDeep(in_features, cardinalities, n_outputs, widths=widths, hidden=hidden, dropout=dropout)


@model.register("classifier", "regressor")
def ft_transformer(
    *,
    in_features: int,
    cardinalities: tuple[int, ...],
    n_outputs: int,
    width: int = 64,
    n_blocks: int = 2,
    n_heads: int = 8,
    hidden: int = 0,
    attention_dropout: float = 0.2,
    dropout: float = 0.1,
) -> FTTransformer:
    """A transformer whose tokens are the columns of the table; hidden 0 is four thirds of the width."""
    _at_least_one("ft_transformer", width=width, n_blocks=n_blocks, n_heads=n_heads)
    _shares("ft_transformer", attention_dropout=attention_dropout, dropout=dropout)
    if width % n_heads:
        raise SettingError(f"model 'ft_transformer': n_heads divides width; got {n_heads} and {width}")
    if hidden < 0:
        raise SettingError(f"model 'ft_transformer': hidden is at least 1, or 0 to follow the width; got {hidden}")
    return FTTransformer(
        in_features,
        cardinalities,
        n_outputs,
        width=width,
        n_blocks=n_blocks,
        n_heads=n_heads,
        hidden=hidden or max(1, 4 * width // 3),
        attention_dropout=attention_dropout,
        dropout=dropout,
    )


def _widths(name: str, cardinalities: Sequence[int], width: int) -> list[int]:
    """The width of each column's vectors: as given, or half its number of categories, at most 50."""
    if width < 0:
        raise SettingError(f"model {name!r}: width is at least 1, or 0 to follow the categories; got {width}")
    return [width or min(WIDEST, (n + 1) // 2) for n in cardinalities]


def _deep(name: str, hidden: tuple[int, ...], dropout: float) -> None:
    if any(not isinstance(width, int) or width < 1 for width in hidden):
        raise SettingError(f"model {name!r}: hidden holds widths of at least 1; got {hidden}")
    _shares(name, dropout=dropout)


def _at_least_one(name: str, **counts: int) -> None:
    for option, value in counts.items():
        if value < 1:
            raise SettingError(f"model {name!r}: {option} is at least 1; got {value}")


def _shares(name: str, **rates: float) -> None:
    for option, value in rates.items():
        if not 0 <= value < 1:
            raise SettingError(f"model {name!r}: {option} is a probability in [0, 1); got {value}")
