"""First weights by name against torch.nn.init's, and what they do by depth."""

import math

import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.layers.initialization import depth_study, initialize

pytestmark = pytest.mark.usefixtures("draws")

TORCHS = {
    "he_normal": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "he_uniform": lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu"),
    "glorot_normal": nn.init.xavier_normal_,
    "glorot_uniform": nn.init.xavier_uniform_,
    "lecun_normal": lambda w: nn.init.kaiming_normal_(w, nonlinearity="linear"),
    "lecun_uniform": lambda w: nn.init.kaiming_uniform_(w, nonlinearity="linear"),
    "fan_in_uniform": lambda w: nn.init.kaiming_uniform_(w, a=math.sqrt(5)),  # nn.Linear's own
    "orthogonal": nn.init.orthogonal_,
    "zeros": nn.init.zeros_,
}


def filled(name, shape=(12, 30), **options):
    torch.default_generator.manual_seed(3)
    w = torch.empty(shape, dtype=torch.float64)
    with torch.no_grad():
        pn.initializer(name, **options).make()(w)
    return w


@pytest.mark.parametrize("shape", [(12, 30), (6, 4, 3, 3)])
@pytest.mark.parametrize("name", TORCHS)
def test_each_draws_what_torch_draws(name, shape):
    ours = filled(name, shape)
    torch.default_generator.manual_seed(3)
    torch.testing.assert_close(ours, TORCHS[name](torch.empty(shape, dtype=torch.float64)))


@pytest.mark.parametrize("name", pn.initializer.names())
def test_every_name_fills_dense_and_convolutional_weights_with_finite_numbers(name):
    for shape in [(5, 7), (5, 7, 3), (5, 7, 3, 3), (7, 5)]:
        assert filled(name, shape).isfinite().all()


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [("normal", 0, 0.02), ("logistic_normal", 0, 3.6 / 20), ("yilmaz_poli", -8 / 400, 3.6 / 20)],
)
def test_moments_of_the_rest(name, mean, std):
    w = filled(name, (400, 400))
    assert w.mean().item() == pytest.approx(mean, abs=4 * std / 400)
    assert w.std().item() == pytest.approx(std, rel=0.02)


def test_identity_passes_on_what_is_positive():
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Conv1d(1, 1, 3, padding=1))
    initialize(net, pn.initializer("identity"))
    x = torch.rand(5, 4)
    assert torch.equal(net[:2](x), x)
    assert torch.equal(net[2](x[:, None])[:, 0], x)


def test_biases_are_zero_and_norms_and_embeddings_keep_their_own():
    net = nn.ModuleList([nn.Linear(3, 4), nn.LayerNorm(4), nn.Embedding(5, 3), nn.ConvTranspose2d(2, 8, 3)])
    kept = net[2].weight.clone()
    assert initialize(net, pn.initializer("he_normal")) == 2
    assert not net[0].bias.any()
    assert (net[1].weight == 1).all()
    assert torch.equal(net[2].weight, kept)


def test_a_transposed_kernel_is_filled_by_the_inputs_of_its_outputs():
    layer = nn.ConvTranspose2d(400, 50, 1)
    initialize(layer, pn.initializer("lecun_normal"))
    assert layer.weight.std().item() == pytest.approx(1 / 20, rel=0.05)


def test_he_keeps_a_deep_relu_net_alive_and_small_weights_kill_it():
    kept = depth_study(pn.initializer("he_normal"), activation="relu", n_layers=30, width=100).activation_variance
    lost = depth_study(pn.initializer("lecun_normal"), activation="relu", n_layers=30, width=100).activation_variance
    assert 0.1 < kept[-1] / kept[0] < 10
    assert lost[-1] / lost[0] < 1e-6  # half of the variance a layer: 2^-29 is 2e-9


def test_glorot_keeps_both_ways_in_a_linear_net():
    study = depth_study(pn.initializer("glorot_normal"), activation="identity", n_layers=8, width=200)
    assert 0.5 < study.activation_variance[-1] / study.activation_variance[0] < 2
    assert 0.1 < study.gradient_variance[0] / study.gradient_variance[-1] < 10


@pytest.mark.parametrize(("name", "option"), [("normal", "std"), ("uniform", "bound")])
def test_a_width_of_nothing_is_refused(name, option):
    with pytest.raises(SettingError, match=option), torch.no_grad():
        pn.initializer(name, **{option: -1.0}).make()(torch.empty(2, 2))
