"""Causal nets, N-BEATS and trees: written out by hand, how far they see, and equal to scikit-learn's."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from parnassus.functional.companding import inverse_mu_law, mu_law
from parnassus.functional.convolution.forms import causal
from parnassus.imports import imported
from parnassus.layers.causal import CausalConv1d, GatedBlock, ResidualBlock
from parnassus.models.nbeats import nbeats, nhits
from parnassus.models.tcn import tcn
from parnassus.models.tree_forecasts import forest, gradient_boosting
from parnassus.models.wavenet import WaveNet, WaveNetSound, wavenet

pytestmark = pytest.mark.usefixtures("draws")


def test_a_causal_layer_is_its_equation():
    layer = CausalConv1d(2, 3, 3, dilation=2).double()
    x = torch.randn(4, 2, 9, dtype=torch.float64)
    torch.testing.assert_close(layer(x), causal(x, layer.weight, layer.bias, dilation=2))


def test_a_residual_block_is_two_convolutions_past_which_x_runs():
    block = ResidualBlock(2, 3, 2, dilation=4, dropout=0.0).double()
    x = torch.randn(1, 2, 12, dtype=torch.float64)
    first, second = block.body[0], block.body[3]
    h = causal(x, first.weight, first.bias, dilation=4).relu()
    h = causal(h, second.weight, second.bias, dilation=4).relu()
    torch.testing.assert_close(block(x), (h + block.past(x)).relu())


def test_a_gated_block_is_wavenets_equation():
    block = GatedBlock(3, 2, 2, dilation=2).double()
    x = torch.randn(1, 3, 7, dtype=torch.float64)
    both = block.filter_and_gate
    z = (
        causal(x, both.weight[:3], both.bias[:3], dilation=2).tanh()
        * causal(x, both.weight[3:], both.bias[3:], dilation=2).sigmoid()
    )
    went, skip = block(x)
    torch.testing.assert_close(went, x + F.conv1d(z, block.residual.weight, block.residual.bias))
    torch.testing.assert_close(skip, F.conv1d(z, block.skip.weight, block.skip.bias))


def seen_by_the_last_step(net, n_in, time):
    x = torch.randn(1, n_in, time, dtype=torch.float64, requires_grad=True)
    net(x)[0, :, -1].sum().backward()
    return (x.grad[0].abs().sum(0) > 0).nonzero()[:, 0]


@pytest.mark.parametrize(("n_layers", "kernel", "due"), [(3, 2, 8), (4, 2, 16), (3, 3, 15), (4, 3, 31)])
def test_wavenet_reaches_as_far_as_the_table_says(n_layers, kernel, due):
    """1:B43: dilations 1, 2, 4, ...: kernel 2 reaches 8 and 16 steps, kernel 3 15 and 31."""
    net = WaveNet(1, 1, channels=16, skip=16, n_layers=n_layers, kernel=kernel).double()
    seen = seen_by_the_last_step(net, 1, 40)
    assert len(seen) == due == net.reach
    assert seen[-1] == 39


def test_ten_layers_reach_1024_steps():
    """1:B43."""
    assert WaveNet(1, 1, channels=2, skip=2, n_layers=10).reach == 1024


def test_a_tcn_reaches_twice_as_far_as_one_convolution_a_block_would():
    net = tcn(step_features=1, n_outputs=1, channels=(16, 16, 16), kernel=2).double()
    x = torch.randn(1, 40, 1, dtype=torch.float64, requires_grad=True)
    net.states(x)[0, -1].sum().backward()
    seen = (x.grad[0, :, 0] != 0).nonzero()[:, 0]
    assert 40 - int(seen[0]) <= 1 + 2 * (2**3 - 1) == 15
    assert 40 - int(seen[0]) > 8


@pytest.mark.parametrize("make", [tcn, wavenet])
def test_steps_that_come_later_and_padding_change_nothing(make):
    net = make(step_features=2, n_outputs=3).eval()
    x = torch.randn(2, 20, 2)
    lengths = torch.tensor([12, 20])
    other = x.clone()
    other[0, 12:] = 1e3
    torch.testing.assert_close(net(x, lengths), net(other, lengths))
    torch.testing.assert_close(net(x[:1, :12]), net(x, lengths)[:1], rtol=1e-4, atol=1e-5)


def test_wavenet_learns_a_sound_step_by_step_and_goes_on_with_it():
    net = WaveNetSound(WaveNet(16, 16, channels=16, skip=16, n_layers=3), n_levels=16)
    x = inverse_mu_law(torch.tensor([2, 12, 7, 14]).repeat(8), 16)[None].float()
    before = F.cross_entropy(net(x[:, :-1]).flatten(0, 1), mu_law(x[:, 1:], 16).flatten())
    torch.testing.assert_close(net.loss(x), before)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(120):
        optimizer.zero_grad()
        net.loss(x).backward()
        optimizer.step()
    assert net.loss(x) < 0.2 * before
    went_on = mu_law(net.generate(x, 6), 16)[0, -6:]
    assert went_on.tolist() == [2, 12, 7, 14, 2, 12]


def test_the_mu_law_comes_back_within_half_a_step_and_is_its_formula():
    x = torch.linspace(-1, 1, 401, dtype=torch.float64)
    steps = mu_law(x)
    compressed = x.sign() * torch.log(1 + 255 * x.abs()) / np.log(256)
    torch.testing.assert_close(steps, ((compressed + 1) / 2 * 255 + 0.5).floor().long())
    assert (mu_law(inverse_mu_law(torch.arange(256))) == torch.arange(256)).all()


@pytest.mark.parametrize("make", [nbeats, nhits])
def test_blocks_see_what_was_left_over_and_their_forecasts_add_up(make):
    net = make(in_features=12, n_outputs=8, hidden=6)
    x = torch.randn(3, 12)
    left, total = x, torch.zeros(3, 8)
    for block in net.blocks:
        explained, forecast = block(left)
        left, total = left - explained, total + forecast
    torch.testing.assert_close(net(x), total)


def test_nhits_says_coarse_shapes_as_straight_lines():
    net = nhits(in_features=16, n_outputs=8, hidden=6)
    assert [b.pool for b in net.blocks] == [4, 2, 1]
    assert net.blocks[0].forecast.out_features == 2
    said = net.blocks[0](torch.randn(1, 16))[1][0]
    torch.testing.assert_close(said.diff(), said.diff()[:1].expand(7))


@pytest.mark.parametrize("name", ["forest", "gradient_boosting"])
def test_trees_answer_as_scikit_learns_do(name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 5)).astype(np.float32)
    y = np.stack([x[:, 0] * x[:, 1], x[:, 2]], 1).astype(np.float32)
    ensemble = imported("sklearn.ensemble")
    new = {"x": torch.from_numpy(rng.normal(size=(40, 5)).astype(np.float32))}
    if name == "forest":
        ours = forest(in_features=5, n_outputs=2, n_trees=12)
        theirs = ensemble.RandomForestRegressor(12, min_samples_leaf=2, max_features=0.5, random_state=0).fit(x, y)
        due = theirs.predict(new["x"].numpy())
    else:
        ours = gradient_boosting(in_features=5, n_outputs=2, n_trees=12)
        kind = ensemble.GradientBoostingRegressor
        due = [kind(n_estimators=12, random_state=0).fit(x, y[:, j]).predict(new["x"].numpy()) for j in range(2)]
        due = np.stack(due, 1)
    ours.add({"x": torch.from_numpy(x), "y": torch.from_numpy(y)})
    ours.finish()
    np.testing.assert_allclose(ours.outputs(new).numpy(), due, rtol=1e-4, atol=1e-5)
