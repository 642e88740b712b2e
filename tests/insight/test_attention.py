"""Maps of attention: from modules and estimators, their padding cut, and drawn."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.insight.attention import attention_maps, heat_maps
from parnassus.models.vision.vit import ViT


@pytest.fixture(scope="module")
def reader():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)).astype(np.float32) for n in rng.integers(3, 6, 20)]
    net = pn.model("transformer", hidden=8, n_heads=2, n_layers=2)
    return pn.Classifier(net, epochs=1).fit(X, [i % 2 for i in range(20)]), X


def test_maps_of_an_estimator_sum_to_one_over_real_places(reader):
    clf, X = reader
    seen = attention_maps(clf, X)
    assert len(seen.names) == 2
    for row in range(3):
        weights = seen.of(row=row)
        assert weights.shape == (2, len(X[row]), len(X[row]))
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    assert attention_maps(clf, X[:1]).of(0).shape == (2, len(X[0]), len(X[0]))


def test_a_class_vector_is_looked_at_too():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)).astype(np.float32) for n in (3, 5, 4, 5)]
    net = pn.model("transformer", hidden=8, n_heads=2, n_layers=1, pooling="class")
    clf = pn.Classifier(net, epochs=1).fit(X, [0, 1, 0, 1])
    assert attention_maps(clf, X).of(row=0).shape == (2, 4, 4)


@pytest.mark.usefixtures("draws")
def test_rollout_is_the_product_over_layers_and_rows_sum_to_one():
    net = ViT(in_channels=1, image_size=(8, 8), n_outputs=2, patch=4, width=8, n_layers=2, n_heads=2, hidden=8)
    seen = attention_maps(net, torch.randn(2, 1, 8, 8))
    a, b = (seen.of(i).mean(0) for i in range(2))
    np.testing.assert_allclose(seen.rollout(), (b + np.eye(5)) @ (a + np.eye(5)) / 4)
    np.testing.assert_allclose(seen.rollout(row=1).sum(1), 1, atol=1e-6)
    assert net.training


def test_a_heat_map_has_a_panel_a_head_and_names_at_its_sides(reader):
    clf, X = reader
    figure = attention_maps(clf, X).plot(row=0, labels=[f"step {i}" for i in range(len(X[0]))])
    panels = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title(loc="left") or ax.get_title() for ax in panels] == ["head 1", "head 2"]
    assert [t.get_text() for t in panels[0].get_xticklabels()] == [f"step {i}" for i in range(len(X[0]))]
    np.testing.assert_allclose(panels[1].images[0].get_array(), attention_maps(clf, X).of(row=0)[1])


def test_an_alignment_is_one_panel_and_names_must_fit():
    figure = heat_maps(np.eye(3)[:2], keys=["le", "chat", "noir"], queries=["black", "cat"])
    assert len([ax for ax in figure.axes if ax.images]) == 1
    with pytest.raises(pn.DataError, match="2 names for 3 keys"):
        heat_maps(np.eye(3), keys=["a", "b"])


@pytest.mark.usefixtures("draws")
def test_what_has_no_attention_is_refused_in_words(reader):
    clf, X = reader
    with pytest.raises(pn.SettingError, match="no attention in this net"):
        attention_maps(torch.nn.Linear(2, 2), torch.zeros(1, 2))
    with pytest.raises(pn.SettingError, match="fitted estimator"):
        attention_maps(pn.Classifier("transformer"), X)
    seen = attention_maps(clf, X)
    with pytest.raises(pn.SettingError, match="2 attentions"):
        seen.of(5)
    with pytest.raises(pn.SettingError, match="no attention"):
        seen.of("decoder")
    with pytest.raises(pn.SettingError, match="rows"):
        seen.of(row=99)


TEXTS = ["the cat sat", "a dog", "the dog sat on the log here"] * 3


def test_a_language_model_looks_back_from_the_start_of_each_text():
    net = pn.model("gpt", width=16, n_layers=2, n_heads=2)
    lm = pn.LanguageModel(net, unit="words", context=16, epochs=1, progress=False).fit(TEXTS)
    seen, alone = attention_maps(lm, TEXTS[:3]), attention_maps(lm, TEXTS[1:2])
    assert [seen.of(0, row=i).shape for i in range(3)] == [(2, 4, 4), (2, 3, 3), (2, 8, 8)]
    for name in seen.names:
        weights = seen.of(name, row=1)
        np.testing.assert_allclose(weights, alone.of(name), atol=1e-6)
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
        assert not np.triu(weights, 1).any()
    assert seen.rollout(row=2).shape == (8, 8)


def test_the_net_of_one_masked_layer_shows_where_it_looks():
    net = pn.model("masked_attention", width=6, n_heads=3, size=5)
    lm = pn.LanguageModel(net, context=8, epochs=1, progress=False).fit(["abca", "cab", "ba"] * 4)
    seen = attention_maps(lm, ["abc", "b"])
    assert seen.names == ["attention"]
    made, ids = lm.objective_.model, torch.from_numpy(lm.codec_.rows(["abc"])[0][None, :-1])
    q, k, _ = made.qkv(made.embedding(ids))[0].view(4, 3, 3, 5).permute(1, 2, 0, 3).detach()
    due = (q @ k.mT / 5**0.5).masked_fill(torch.ones(4, 4).triu(1).bool(), -torch.inf).softmax(-1)
    np.testing.assert_allclose(seen.of(row=0), due.numpy(), atol=1e-6)
    assert seen.of(row=1).shape == (3, 2, 2)
    assert made.kept is None


def test_a_net_that_writes_asks_its_own_row_and_the_one_it_read():
    net = pn.model("transformer", width=16, n_layers=1, n_heads=2)
    pairs = [("a b c", "x y"), ("a", "x y z x"), ("c b", "z")] * 2
    tr = pn.Translator(net, epochs=1, progress=False).fit(pairs)
    seen, alone = attention_maps(tr, pairs[:3]), attention_maps(tr, pairs[1:2])
    encoder, decoder, cross = (f"{side}.layers.0.{what}" for side, what in
                               (("encoder", "attention"), ("decoder", "attention"), ("decoder", "cross")))  # fmt: skip
    assert [seen.of(encoder, row=i).shape for i in range(3)] == [(2, 4, 4), (2, 2, 2), (2, 3, 3)]  # the end is read too
    assert [seen.of(decoder, row=i).shape for i in range(3)] == [(2, 3, 3), (2, 5, 5), (2, 2, 2)]  # and a start written
    assert [seen.of(cross, row=i).shape for i in range(3)] == [(2, 3, 4), (2, 5, 2), (2, 2, 3)]
    for name in (encoder, decoder, cross):
        np.testing.assert_allclose(seen.of(name, row=1), alone.of(name), atol=1e-6)
        np.testing.assert_allclose(seen.of(name, row=2).sum(-1), 1, atol=1e-6)
    with pytest.raises(pn.SettingError, match="this one writes"):
        seen.rollout()


def test_t5_and_nets_without_attention_of_many_heads():
    t5 = pn.LanguageModel(pn.model("t5", width=8, n_layers=1, n_heads=1), context=16, epochs=1, progress=False)
    seen = attention_maps(t5.fit(TEXTS), TEXTS[:2])
    assert {name.split(".")[0] for name in seen.names} == {"encoder", "decoder"}
    np.testing.assert_allclose(seen.of("decoder.layers.0.cross", row=1).sum(-1), 1, atol=1e-6)
    lstm = pn.LanguageModel(pn.model("lstm", hidden=4), context=16, epochs=1, progress=False).fit(TEXTS)
    with pytest.raises(pn.SettingError, match=r"align\(X\) shows that of others"):
        attention_maps(lstm, TEXTS)
