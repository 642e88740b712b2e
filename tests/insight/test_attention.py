"""Maps of attention: from modules and estimators, their padding cut, and drawn."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.insight.attention import attention_maps, heat_maps
from parnassus.models.vit import ViT


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
