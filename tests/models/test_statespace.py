"""State-space nets: what they learn, several lengths, ids, what is refused, published layers with the same weights."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.timeseries.sequences import SequenceList
from parnassus.layers.jamba import jamba_layers
from parnassus.layers.mamba import Mamba2

MODELS = [
    pn.model("s4", hidden=16, n_layers=1, n_state=8),
    pn.model("s4d", hidden=24, n_layers=1, n_state=8),
    pn.model("s5", hidden=24, n_layers=1, n_state=12),
    pn.model("mamba", hidden=16),
    pn.model("mamba", hidden=16, form="book"),
    pn.model("mamba2", hidden=16, n_state=8, head=8),
    pn.model("bimamba", hidden=12),
    pn.model("jamba", hidden=16, n_layers=2, attention_every=2, n_experts=3, feed=24),
]


def order_of_two(n=400, steps=12, seed=0):
    """Which of two marks came first: a bag of steps cannot tell."""
    rng = np.random.default_rng(seed)
    X, y = np.zeros((n, steps, 3)), rng.integers(0, 2, n)
    X[..., 2] = rng.normal(size=(n, steps))
    for i in range(n):
        first, second = np.sort(rng.choice(steps, 2, replace=False))
        X[i, first, y[i]] = X[i, second, 1 - y[i]] = 1
    return X, y


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_the_order_of_two_marks_is_learned(model):
    X, y = order_of_two()
    clf = pn.Classifier(model, epochs=15, lr=0.01).fit(X[:300], y[:300])
    assert clf.score(X[300:], y[300:]) > 0.85


@pytest.mark.slow
def test_rows_of_several_lengths_and_numbers_as_answers():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 1)) for n in rng.integers(2, 9, 300)]
    y = np.array([x.mean() for x in X])
    reg = pn.Regressor(pn.model("s4d", hidden=16, n_layers=1), epochs=25, lr=0.01).fit(X[:240], y[:240])
    assert reg.score(X[240:], y[240:]) > 0.8


@pytest.mark.parametrize("name", ["mamba", "bimamba", "s5"])
def test_predictions_do_not_depend_on_what_else_is_predicted(name):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in (1, 2, 30, 5, 17, 3)]
    clf = pn.Classifier(pn.model(name, hidden=8), epochs=1).fit(X, [0, 1, 0, 1, 0, 1])
    alone = np.concatenate([clf.predict_proba([x]) for x in X])
    np.testing.assert_allclose(clf.predict_proba(X), alone, atol=1e-5)


@pytest.mark.slow
def test_ids_go_through_an_embedding_and_a_saved_net_says_the_same(tmp_path):
    rng = np.random.default_rng(0)
    ids = [rng.integers(0, 4, n) for n in rng.integers(3, 9, 200)]
    threes = [int((row == 3).any()) for row in ids]
    clf = pn.Classifier(pn.model("mamba", hidden=16, n_layers=1), epochs=15, lr=0.02)
    clf.fit(SequenceList(ids[:160]), threes[:160])
    assert clf.score(SequenceList(ids[160:]), threes[160:]) > 0.9
    clf.save(tmp_path / "net.parnassus")
    again = pn.load(tmp_path / "net.parnassus")
    np.testing.assert_array_equal(again.predict_proba(SequenceList(ids)), clf.predict_proba(SequenceList(ids)))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (pn.model("s4", hidden=0), "hidden=0 is below 1"),
        (pn.model("mamba", pooling="first"), "pooling='first'"),
        (pn.model("s5", dropout=1.0), r"dropout is in \[0, 1\)"),
        (pn.model("s4d", spectrum="leg"), "did you mean 'legs'"),
        (pn.model("mamba", form="new"), "form is 'published' or 'book'"),
        (pn.model("mamba2", hidden=10), "give a head that divides 20"),
        (pn.model("jamba", top_k=9), "top_k experts of n_experts=4"),
        (pn.model("jamba", n_heads=5), "multiple of the heads"),
        (pn.model("jamba", attention_every=0), "attention_every and expert_every are at least 1"),
        (pn.model("bimamba", embedding=5), "embedding is for ids"),
    ],
    ids=repr,
)
def test_settings_without_meaning_are_refused(model, message):
    X, y = order_of_two(20)
    with pytest.raises(pn.SettingError, match=message):
        pn.Classifier(model, epochs=1).fit(X, y)


@pytest.mark.usefixtures("draws")
def test_jamba_layers_take_turns_as_published():
    layers = jamba_layers(8, 16, n_heads=2, feed=8)
    kinds = [type(layer.mixer.inner).__name__ for layer in layers]
    assert [i for i, kind in enumerate(kinds) if kind == "CausalAttention"] == [4, 12]  # 1 in 8, at the fifth
    tokens = [type(layer.tokens.inner).__name__ for layer in layers]
    assert tokens == ["FeedForward", "Experts"] * 8


def jambas_state(theirs):
    """The weights of a published layer by the names here."""
    names = {
        "input_layernorm.weight": "mixer.norm.weight",
        "pre_ff_layernorm.weight": "tokens.norm.weight",
        "mamba.in_proj.weight": "mixer.inner.enter.weight",
        "mamba.conv1d.weight": "mixer.inner.conv.weight",
        "mamba.conv1d.bias": "mixer.inner.conv.bias",
        "mamba.x_proj.weight": "mixer.inner.ssm.of_x.weight",
        "mamba.dt_proj.weight": "mixer.inner.ssm.of_step.weight",
        "mamba.dt_proj.bias": "mixer.inner.ssm.of_step.bias",
        "mamba.dt_layernorm.weight": "mixer.inner.ssm.norms.0.weight",
        "mamba.b_layernorm.weight": "mixer.inner.ssm.norms.1.weight",
        "mamba.c_layernorm.weight": "mixer.inner.ssm.norms.2.weight",
        "mamba.A_log": "mixer.inner.ssm.log_a",
        "mamba.D": "mixer.inner.ssm.skip",
        "mamba.out_proj.weight": "mixer.inner.leave.weight",
        "self_attn.o_proj.weight": "mixer.inner.inner.out.weight",
        "feed_forward.router.weight": "tokens.inner.router.weight",
        "feed_forward.gate_proj.weight": "tokens.inner.gate.weight",
        "feed_forward.up_proj.weight": "tokens.inner.up.weight",
        "feed_forward.down_proj.weight": "tokens.inner.down.weight",
    }
    given = theirs.state_dict()
    ours = {names[k]: v for k, v in given.items() if k in names}
    if "self_attn.q_proj.weight" in given:
        parts = [given[f"self_attn.{x}_proj.weight"] for x in "qkv"]
        ours["mixer.inner.inner.qkv.weight"] = torch.cat(parts)
        ours["mixer.inner.inner.out.bias"] = torch.zeros(len(parts[0]))
    if "feed_forward.experts.down_proj" in given:
        both, down = given["feed_forward.experts.gate_up_proj"], given["feed_forward.experts.down_proj"]
        for i in range(len(both)):
            gate, up = both[i].chunk(2)
            for part, value in (("gate", gate), ("up", up), ("down", down[i])):
                ours[f"tokens.inner.experts.{i}.{part}.weight"] = value
    return ours


@pytest.mark.usefixtures("draws")
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_jamba_layer_is_that_of_transformers(at):
    """Mamba with a feed-forward layer, Mamba with experts, grouped attention with a feed-forward layer."""
    jamba = pytest.importorskip(
        "transformers.models.jamba.modeling_jamba", reason="the oracle transformers is not installed"
    )
    config = jamba.JambaConfig(
        hidden_size=16, intermediate_size=24, num_attention_heads=4, num_key_value_heads=2, num_experts=4,
        mamba_d_state=5, attn_layer_period=4, attn_layer_offset=2, num_hidden_layers=4, attn_implementation="sdpa",
        vocab_size=20,
    )  # fmt: skip
    theirs = jamba.JambaModel(config).eval().layers[at]
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(0.1 * torch.randn_like(p))
    ours = jamba_layers(16, 4, attention_every=4, n_heads=4, n_groups=2, n_experts=4, n_state=5, feed=24)[at].eval()
    ours.load_state_dict(jambas_state(theirs))
    x = torch.randn(2, 11, 16)
    with torch.no_grad():
        mask = torch.full((11, 11), -torch.inf).triu(1)[None, None]
        wanted = theirs(x, attention_mask=mask if at == 2 else None)
        torch.testing.assert_close(ours(x), wanted, rtol=1e-4, atol=1e-5)


def test_a_mamba_2_layer_has_as_many_weights_as_published():
    with torch.device("meta"):
        layer = Mamba2(768, n_state=128, head=64)
    inner, mixed, heads = 1536, 1536 + 256, 24
    wanted = 768 * (inner + mixed + heads) + mixed * 5 + 3 * heads + inner + inner * 768
    assert sum(p.numel() for p in layer.parameters()) == wanted
