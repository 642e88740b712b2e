"""Parts of table nets against torch.nn's own and against the equation written out."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from parnassus.layers.tabular import (
    CategoryEmbeddings,
    CategoryWeights,
    FeatureTokens,
    GatedFeedForward,
    ResidualDense,
    TokenAttention,
    TokenBlock,
)

IDS = torch.tensor([[0, 3], [2, 1], [1, 0]])
CARDINALITIES = (3, 4)


@pytest.fixture(autouse=True)
def seeded(draws):
    """Modules are made inside the tests, from one seed."""


def test_an_embedding_is_a_dense_layer_on_unit_vectors():
    layer = CategoryEmbeddings(CARDINALITIES, (2, 5)).double()
    one, two = (t.weight for t in layer.tables)
    expected = torch.cat([F.one_hot(IDS[:, 0], 3).double() @ one, F.one_hot(IDS[:, 1], 4).double() @ two], 1)
    torch.testing.assert_close(layer(IDS), expected)


def test_an_unknown_category_starts_by_saying_nothing():
    assert not CategoryEmbeddings(CARDINALITIES, (2, 5))(torch.zeros(1, 2, dtype=torch.int64)).any()
    tokens = FeatureTokens(2, CARDINALITIES, 6)
    found = tokens(torch.zeros(1, 2), torch.zeros(1, 2, dtype=torch.int64))
    torch.testing.assert_close(found[0, 1:], tokens.bias)


def test_weights_of_categories_are_a_linear_layer_on_unit_vectors():
    layer = CategoryWeights(CARDINALITIES, 2).double()
    nn.init.normal_(layer.weight)
    hot = torch.cat([F.one_hot(IDS[:, 0], 3), F.one_hot(IDS[:, 1], 4)], 1).double()
    torch.testing.assert_close(layer(IDS), hot @ layer.weight)


def test_tokens_are_the_papers_equation():
    layer, x = FeatureTokens(2, CARDINALITIES, 4).double(), torch.randn(3, 2, dtype=torch.float64)
    found = layer(x, IDS)
    assert found.shape == (3, 5, 4)
    for row in range(3):
        torch.testing.assert_close(found[row, 0], layer.start)
        for j in range(2):
            torch.testing.assert_close(found[row, 1 + j], layer.bias[j] + x[row, j] * layer.scale[j])
        for c, start in enumerate((0, 3)):
            expected = layer.bias[2 + c] + layer.vectors[start + IDS[row, c]]
            torch.testing.assert_close(found[row, 3 + c], expected)


def test_attention_is_torchs_with_the_same_weights():
    ours = TokenAttention(8, 2).double().eval()
    theirs = nn.MultiheadAttention(8, 2, batch_first=True).double().eval()
    nn.init.normal_(ours.query.bias)
    nn.init.normal_(ours.value.bias)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, torch.full((8,), 3.0), ours.value.bias]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    h = torch.randn(3, 5, 8, dtype=torch.float64)
    torch.testing.assert_close(ours(h), theirs(h, h, h)[0])  # whatever bias their keys have


def test_a_block_that_carries_one_token_on_gives_it_what_all_would_have():
    block = TokenBlock(8, 2, 6, first=False, attention_dropout=0.0, dropout=0.0).double().eval()
    h = torch.randn(3, 5, 8, dtype=torch.float64)
    torch.testing.assert_close(block(h, 1), block(h)[:, :1])


def test_only_the_first_block_lacks_a_norm_before_its_attention():
    made = [TokenBlock(8, 2, 6, first=first, attention_dropout=0.0, dropout=0.0) for first in (True, False)]
    assert [isinstance(block.before, nn.Identity) for block in made] == [True, False]


def test_the_gate_is_reglu():
    layer, h = GatedFeedForward(4, 3).double(), torch.randn(5, 4, dtype=torch.float64)
    a, b = h @ layer.inner.weight[:3].T + layer.inner.bias[:3], h @ layer.inner.weight[3:].T + layer.inner.bias[3:]
    torch.testing.assert_close(layer(h), (a * b.clamp(min=0)) @ layer.outer.weight.T + layer.outer.bias)


def test_a_residual_block_whose_last_layer_is_zero_passes_its_input_on():
    layer, h = ResidualDense(4, 6, norm=nn.LayerNorm(4)), torch.randn(5, 4)
    nn.init.zeros_(layer.outer.weight)
    nn.init.zeros_(layer.outer.bias)
    torch.testing.assert_close(layer(h), h)
