"""Multi-head attention against torch's, and its masks, groups, positions, caches and kept weights."""

import pytest
import torch
from torch import nn

from parnassus.errors import DataError, SettingError
from parnassus.functional.attention import causal_mask, multi_head, padding_mask
from parnassus.layers.attention import KeyValueCache, MultiHeadAttention, kept_weights
from parnassus.layers.positions import FixedPositions, LearnedPositions, positions

pytestmark = pytest.mark.usefixtures("draws")


def torchs(ours: MultiHeadAttention) -> nn.MultiheadAttention:
    """torch's module with the same weights."""
    theirs = nn.MultiheadAttention(ours.out.in_features, ours.n_heads, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.qkv.weight,
            "in_proj_bias": ours.qkv.bias,
            "out_proj.weight": ours.out.weight,
            "out_proj.bias": ours.out.bias,
        }
    )
    return theirs


@pytest.mark.parametrize("kind", ["plain", "causal", "padded", "cross", "both"])
def test_it_equals_torchs_with_the_same_weights(kind):
    ours, x, context = MultiHeadAttention(12, 3), torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    theirs, mask, seen = torchs(ours), None, x
    causal = kind in ("causal", "both")
    if kind in ("padded", "both"):
        mask = padding_mask(torch.tensor([3, 5]), 5)[:, 0]
    if kind == "cross":
        seen = context
    z = ours(x, context if kind == "cross" else None, mask=mask, causal=causal)
    wanted, weights = theirs(
        x,
        seen,
        seen,
        key_padding_mask=None if mask is None else ~mask,
        attn_mask=~causal_mask(5) if causal else None,
        average_attn_weights=False,
    )
    torch.testing.assert_close(z, wanted, rtol=1e-5, atol=1e-6)
    with kept_weights(ours) as maps, torch.no_grad():
        ours(x, context if kind == "cross" else None, mask=mask, causal=causal)
    torch.testing.assert_close(maps[""][0], weights, rtol=1e-5, atol=1e-6)


def test_it_equals_heads_one_after_the_other():
    layer, x, c = MultiHeadAttention(12, 3, bias=False, context_width=8), torch.randn(2, 5, 12), torch.randn(2, 6, 8)
    w_q = layer.q.weight.unflatten(0, (3, 4)).mT
    w_k, w_v = (w.unflatten(0, (3, 4)).mT for w in layer.kv.weight.chunk(2))
    found = multi_head(x, c, w_q, w_k, w_v, layer.out.weight.T)
    torch.testing.assert_close(layer(x, c), found.z)


def test_every_parameter_gets_a_gradient_and_first_weights_are_torchs():
    layer = MultiHeadAttention(12, 3, positions="relative", n_groups=1)
    layer(torch.randn(2, 5, 12)).sum().backward()
    assert all(p.grad is not None for p in layer.parameters())
    bound = (6 / (36 + 12)) ** 0.5
    assert bool((MultiHeadAttention(12, 3).qkv.weight.abs() <= bound).all())
    assert not MultiHeadAttention(12, 3).qkv.bias.any()


def test_base_attention_has_the_published_number_of_parameters():
    assert sum(p.numel() for p in MultiHeadAttention(512, 8).parameters()) == 1_050_624


@pytest.mark.parametrize("n_groups", [1, 2])
def test_groups_equal_full_heads_with_repeated_keys_and_values(n_groups):
    grouped, full = MultiHeadAttention(16, 4, n_groups=n_groups), MultiHeadAttention(16, 4)
    w_q, w_k, w_v = grouped.qkv.weight.split(grouped.widths)
    repeated = [w.unflatten(0, (n_groups, 4)).repeat_interleave(4 // n_groups, 0).flatten(0, 1) for w in (w_k, w_v)]
    with torch.no_grad():
        full.qkv.weight.copy_(torch.cat([w_q, *repeated]))
        full.out.load_state_dict(grouped.out.state_dict())
    x = torch.randn(2, 5, 16)
    torch.testing.assert_close(grouped(x, causal=True), full(x, causal=True))


@pytest.mark.parametrize("kind", [None, "rotary", "alibi", "relative"])
@pytest.mark.parametrize("n_groups", [1, 3])
def test_a_cache_gives_what_reading_at_once_gives(kind, n_groups):
    layer = MultiHeadAttention(12, 3, positions=kind, n_groups=n_groups, reach=2)
    if kind == "relative":
        nn.init.normal_(layer.by_distance)
    x = torch.randn(2, 6, 12)
    cache = KeyValueCache.empty(2, n_groups, 6, 4, like=x)
    parts = [layer(x[:, a:b], cache=cache) for a, b in ((0, 2), (2, 3), (3, 6))]
    torch.testing.assert_close(torch.cat(parts, 1), layer(x, causal=True))
    with pytest.raises(DataError, match="does not fit in a cache of 6"):
        layer(x[:, :1], cache=cache)


@pytest.mark.parametrize("kind", [None, "rotary", "alibi", "relative"])
def test_rows_of_different_lengths_that_end_together_are_read_as_if_alone(kind):
    layer, x = MultiHeadAttention(12, 3, positions=kind, reach=2), torch.randn(2, 5, 12)
    if kind == "relative":
        nn.init.normal_(layer.by_distance)
    cache = KeyValueCache.empty(2, 3, 5, 4, like=x, starts=torch.tensor([0, 2]))
    z = torch.cat([layer(x[:, :4], cache=cache), layer(x[:, 4:], cache=cache)], 1)
    torch.testing.assert_close(z[1:, 2:], layer(x[1:, 2:], causal=True))
    torch.testing.assert_close(z[:1], layer(x[:1], causal=True))


def test_a_cache_keeps_the_rows_that_are_chosen():
    layer, x = MultiHeadAttention(12, 3), torch.randn(2, 5, 12)
    cache = KeyValueCache.empty(2, 3, 5, 4, like=x)
    layer(x[:, :4], cache=cache)
    cache.select(torch.tensor([1, 1]))
    torch.testing.assert_close(layer(x[[1, 1], 4:], cache=cache)[0], layer(x, causal=True)[1, 4:])


def test_weights_are_kept_on_request_alone_and_rows_sum_to_one():
    layer, x = MultiHeadAttention(12, 3, n_groups=1, positions="alibi"), torch.randn(2, 5, 12)
    net = nn.ModuleDict({"a": layer})
    with kept_weights(net) as maps:
        layer(x, causal=True)
    assert list(maps) == ["a"]
    assert maps["a"][0].shape == (2, 3, 5, 5)
    torch.testing.assert_close(maps["a"][0].sum(-1), torch.ones(2, 3, 5))
    assert not maps["a"][0].triu(1).any()
    layer(x)
    assert layer.kept is None
    assert len(maps["a"]) == 1


def test_dropped_weights_differ_in_training_alone():
    layer, x = MultiHeadAttention(12, 3, dropout=0.5), torch.randn(2, 5, 12)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


@pytest.mark.parametrize(
    "settings",
    [{"width": 10}, {"n_groups": 2}, {"dropout": 1.0}, {"positions": "sinusoidal"},
     {"width": 9, "positions": "rotary"}, {"n_heads": 0}],
)  # fmt: skip
def test_settings_that_do_not_fit_are_refused(settings):
    with pytest.raises(SettingError):
        MultiHeadAttention(**({"width": 12, "n_heads": 3} | settings))


def test_a_context_of_another_width_must_be_given():
    with pytest.raises(SettingError, match="give context"):
        MultiHeadAttention(12, 3, context_width=4)(torch.zeros(1, 2, 12))


def test_learned_positions_end_and_fixed_ones_grow():
    learned, fixed = LearnedPositions(4, 6), FixedPositions(6)
    x = torch.zeros(1, 4, 6)
    assert torch.equal(learned(x)[0], learned.weight)
    with pytest.raises(DataError, match="longer than the 4 positions"):
        learned(x, start=1)
    assert torch.equal(fixed(torch.zeros(1, 200, 6))[:, 10:14], fixed(x, start=10))
    assert "table" not in fixed.state_dict()


@pytest.mark.parametrize("kind", ["sinusoidal", "learned", "integer", "binary"])
def test_positions_tell_places_apart(kind):
    rows = positions(kind, 12)(torch.zeros(1, 20, 12))[0]
    assert len(rows.unique(dim=0)) == 20
    short = positions(kind, 12)
    if kind == "binary":
        assert torch.equal(short(torch.zeros(1, 100, 12))[:, :20], rows[None])


def test_positions_of_no_known_kind_are_refused():
    with pytest.raises(SettingError, match="sinusoidal"):
        positions("sinusoid", 4)
