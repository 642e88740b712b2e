"""Weights cut while a net trains: which ones, how many, and that they stay cut."""

import warnings

import pytest
import torch
from sklearn.datasets import load_iris
from torch import nn
from torch.nn.utils import prune

import parnassus as pn
from parnassus.errors import DataWarning, SettingError
from parnassus.train.blocks import Block
from parnassus.train.pruning import cubic_share, largest_kept

X, Y = load_iris(return_X_y=True)


def check_share(estimator, share: float) -> None:
    for p in estimator.objective_.parameters():
        if p.ndim > 1:
            assert int((p == 0).sum()) == int(share * p.numel())


@pytest.mark.parametrize("share", [0.1, 0.5, 0.93])
def test_the_smallest_weights_of_a_layer_go_as_in_torch(share, draws):
    layer = nn.Linear(7, 9)
    ours = largest_kept(layer.weight.data, share)
    prune.l1_unstructured(layer, "weight", amount=int(share * 63))
    assert torch.equal(ours, layer.weight_mask.bool())


def test_the_share_grows_as_a_cube():
    assert [cubic_share(t, share=0.9, until=1.0) for t in (0, 0.5, 1)] == pytest.approx([0, 0.9 * 0.875, 0.9])


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_the_share_that_was_asked_for_is_zero_after_training_and_biases_are_left(share):
    clf = pn.Classifier("mlp", epochs=6, regularizers=pn.regularizer("pruning", share=share)).fit(X, Y)
    check_share(clf, share)
    assert all((p != 0).all() for p in clf.objective_.parameters() if p.ndim == 1)


def test_weights_that_stay_go_on_learning():
    kept = pn.Classifier("mlp", epochs=30, regularizers=pn.regularizer("pruning", share=0.8, until=0.3)).fit(X, Y)
    cut = pn.Classifier("mlp", epochs=30).fit(X, Y)
    for p in cut.objective_.parameters():
        if p.ndim > 1:
            p.data.mul_(largest_kept(p.data, 0.8))
    assert kept.score(X, Y) > cut.score(X, Y) + 0.05


def test_best_weights_of_a_time_before_the_cut_are_cut_with_a_warning():
    clf = pn.Classifier("mlp", epochs=40, patience=2, regularizers=pn.regularizer("pruning", share=0.95))
    with pytest.warns(DataWarning, match="train without patience"):
        clf.fit(X, Y, validation=0.3)
    check_share(clf, 0.95)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pn.Classifier("mlp", epochs=4, regularizers="pruning").fit(X, Y)


def test_the_warning_tells_the_share_of_the_norm_that_went(draws):
    """Weights 3, 4, 12 and 84 have the norm 85; the half that goes has 5."""
    net, rule = nn.Linear(2, 2), pn.regularizer("pruning", share=0.5).make()
    net.weight.data = torch.tensor([[3.0, -84.0], [12.0, 4.0]])
    rule.attach(net)
    rule.progress = 0.0
    rule.after([Block(list(net.parameters()), decays=True)])
    with pytest.warns(DataWarning, match=r"and 5\.9% of their norm went"):
        rule.detach(net)
    assert net.weight.tolist() == [[0.0, -84.0], [12.0, 0.0]]


@pytest.mark.parametrize("options", [{"share": 0}, {"share": 1}, {"until": 0}, {"until": 1.5}])
def test_shares_beyond_reason_are_refused(options):
    with pytest.raises(SettingError, match="share is in"):
        pn.Classifier("mlp", epochs=1, regularizers=pn.regularizer("pruning", **options)).fit(X, Y)
