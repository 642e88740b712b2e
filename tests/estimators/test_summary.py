"""Layer tables against published and hand-counted numbers of weights and products."""

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.models.vision.cnn import lenet


def test_lenet_has_its_layers_weights_and_products(draws):
    found = pn.summary(lenet(in_channels=1, image_size=(32, 32), n_outputs=10), torch.zeros(1, 1, 32, 32))
    assert found.n_parameters == 61_706  # LeCun et al. 1998 with full connections in C3
    by_kind = [layer for layer in found.layers if layer.kind == "Conv2d"]
    assert by_kind[0].outputs == (6, 28, 28)
    assert by_kind[0].n_products == 28 * 28 * 6 * 25
    assert "61,706 weights" in str(found)


def test_a_fitted_estimator_is_summed_up():
    X, y = np.random.default_rng(0).normal(size=(40, 5)), np.arange(40) % 3
    found = pn.summary(pn.Classifier(pn.model("mlp", hidden=(8,)), epochs=1).fit(X, y))
    assert [(v.kind, v.n_parameters, v.n_products) for v in found.layers] == [
        ("Linear", 48, 40),
        ("ReLU", 0, 0),
        ("Linear", 27, 24),
    ]
    assert found.draw().axes[0].texts


def test_a_recurrent_layer_counts_its_steps_and_a_layer_used_twice_its_weights_once(draws):
    found = pn.summary(nn.LSTM(3, 5, batch_first=True), torch.zeros(1, 7, 3))
    assert found.layers[0].n_products == 7 * 4 * 5 * (3 + 5)
    shared = nn.Linear(4, 4)
    twice = pn.summary(nn.Sequential(shared, nn.ReLU(), shared), torch.zeros(1, 4))
    assert twice.n_parameters == 20
    assert [layer.again for layer in twice.layers] == [False, False, True]


def test_weights_that_do_not_move_are_said(draws):
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    net[0].requires_grad_(False)
    assert "6 of them fixed" in str(pn.summary(net, torch.zeros(1, 2)))


def test_the_module_is_left_as_it_was(draws):
    net = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3)).train()
    net[1].eval()
    pn.summary(net, torch.zeros(2, 3))
    assert (net.training, net[0].training, net[1].training) == (True, True, False)
    assert not any(m._forward_hooks for m in net.modules())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((nn.ReLU(),), "needs an input"),
        ((nn.Flatten(5), torch.zeros(1, 4)), "does not take these inputs"),
        (("mlp",), "got a str"),
    ],
)
def test_what_is_no_net_is_refused(given, words, draws):
    with pytest.raises(SettingError, match=words):
        pn.summary(*given)


def test_an_estimator_without_layers_is_refused():
    fitted = pn.Classifier("perceptron").fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(SettingError, match="no stack of layers"):
        pn.summary(fitted)


@pytest.mark.parametrize("name", ["seq2seq", "rnnsearch", "transformer", "t5", "marian"])
def test_nets_that_write_texts_are_summed_up(name):
    tr = pn.Translator(name, shared=True, epochs=1, progress=False).fit([("a b", "b a"), ("b c", "c b")])
    assert pn.summary(tr).n_parameters == sum(p.numel() for p in tr.objective_.model.parameters())


@pytest.mark.parametrize("name", ["bert", "t5"])
def test_nets_that_fill_gaps_are_summed_up(name):
    lm = pn.LanguageModel(name, max_words=140, context=8, epochs=1, progress=False).fit(["a b c d", "c d"] * 3)
    assert pn.summary(lm).n_parameters == sum(p.numel() for p in lm.objective_.model.parameters())
