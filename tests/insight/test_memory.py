"""How far back recurrent nets see: Jacobians by autograd, the books' numbers, and the bound."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.insight.memory import Memory, memory, state_slopes
from parnassus.layers import cells

pytestmark = pytest.mark.usefixtures("draws")


@pytest.mark.parametrize("make", [cells.Elman, cells.GRU, cells.GRUResetBefore, cells.IndRNN])
def test_slopes_are_those_of_the_whole_run(make):
    cell, x = make(2, 3).double(), torch.randn(2, 6, 2, dtype=torch.float64)
    found = state_slopes(cell, x)
    for lag in (1, 4):
        start = cell.run(x[:, : 6 - lag])[1][0]
        by_start = torch.autograd.functional.jacobian(lambda h, lag=lag: cell.run(x[:, 6 - lag :], (h,))[1][0], start)
        for row in range(2):
            assert float(found[row, lag]) == pytest.approx(
                float(torch.linalg.matrix_norm(by_start[row, :, row], ord=2))
            )
    assert found[:, 0].tolist() == [1, 1]


def test_0_B43_the_bound_is_the_largest_singular_value_to_the_lag():
    cell = cells.Elman(2, 2).double()
    cell.inner.weight_hh_l0.data = torch.tensor([[0.1, 0.2], [-0.3, 0.4]], dtype=torch.float64)
    norms = state_slopes(cell, torch.randn(5, 10, 2, dtype=torch.float64)).detach()
    assert (norms[:, 10] <= 0.0012299187).all()
    assert float(torch.linalg.matrix_norm(cell.inner.weight_hh_l0.data, ord=2)) == pytest.approx(0.5116672736)


@pytest.mark.parametrize(
    ("matrix", "norms"),
    [
        # 1 B48 and 2b B19: all eigenvalues are below 1, and slopes grow before they fall
        ([[0.9, 10], [0, 0.9]], {1: 10.08, 5: 32.8, 10: 38.7, 50: 2.86, 100: 0.03}),
        ([[0.9, 5], [0, 0.8]], {1: 5.141, 2: 8.562, 5: 13.158, 10: 12.071, 20: 5.504, 50: 0.257}),
    ],
)
def test_slopes_may_grow_before_they_fall(matrix, norms):
    cell = cells.Elman(1, 2, activation="relu").double()
    cell.inner.weight_hh_l0.data = torch.tensor(matrix, dtype=torch.float64)
    cell.inner.bias_ih_l0.data = torch.tensor([1.0, 1.0], dtype=torch.float64)  # all units stay awake
    found = state_slopes(cell, torch.zeros(1, 100, 1, dtype=torch.float64).abs()).detach()[0]
    for lag, due in norms.items():
        assert float(found[lag]) == pytest.approx(due, rel=0.02 if due < 0.1 else 2e-3)


@pytest.mark.parametrize(("u", "steps", "due"), [(0.5, 20, 9.537e-7), (1.5, 20, 3325.26), (0.9, 100, 2.656e-5)])
def test_1_B48_powers_of_a_rate(u, steps, due):
    cell = cells.IndRNN(1, 1).double()
    cell.u.data[:] = u
    cell.of_x.bias.data[:] = 1.0
    found = state_slopes(cell, torch.zeros(1, steps, 1, dtype=torch.float64))
    assert float(found[0, steps].detach()) == pytest.approx(due, rel=1e-3)


def test_a_fitted_net_says_how_far_back_it_sees():
    x = np.random.default_rng(0).normal(size=(20, 30, 2))
    y = np.arange(20) % 2
    plain = pn.Classifier(pn.model("rnn", hidden=8), epochs=1).fit(x, y)
    found = memory(plain, x)
    assert found.norms.shape == (16, 31)
    assert found.radius <= found.singular
    assert (found.norms <= found.singular ** np.arange(31) * (1 + 1e-4)).all()
    assert found.verdict.startswith("vanishing")
    assert found.plot().axes[0].get_yscale() == "log"
    gated = memory(pn.Classifier(pn.model("lstm", hidden=8, n_layers=2), epochs=1).fit(x, y), x, layer=1, lags=5)
    assert gated.norms.shape == (16, 6)
    assert gated.singular is None
    assert gated.half_life > found.half_life


def test_a_tagger_says_how_far_back_it_sees_of_steps_and_of_tokens():
    x = np.random.default_rng(0).normal(size=(8, 6, 2))
    steps = pn.Tagger(pn.model("gru", hidden=4), epochs=1, progress=False).fit(x, (x[:, :, 0] > 0).astype(int))
    found = memory(steps, x)
    net = steps.objective_.model
    seen = torch.from_numpy(steps.codec_.encode(x).values.numpy().reshape(8, 6, 2)).float()
    with torch.no_grad():
        due = state_slopes(net.body.forwards[0], net.vectors(seen))
    np.testing.assert_allclose(found.norms, due, atol=1e-6)
    rows, tags = [["a", "b", "c"], ["c", "b", "a"]] * 4, [["x", "y", "x"], ["y", "x", "y"]] * 4
    words = pn.Tagger(pn.model("bilstm", hidden=4), epochs=1, progress=False).fit(rows, tags)
    assert memory(words, rows).norms.shape == (8, 4)


def test_half_lives_and_verdicts():
    fading = Memory(0.5 ** np.arange(20)[None])
    assert fading.half_life == pytest.approx(1)
    assert "1 steps" in fading.verdict
    assert Memory(2.0 ** np.arange(20)[None]).verdict.startswith("exploding")
    assert Memory(np.ones((1, 5))).verdict == "passing"


@pytest.mark.parametrize(
    ("layer", "X", "message"),
    [(3, np.zeros((4, 5, 2)), "layers 0 to 0"), (0, [np.zeros((n, 2)) for n in (2, 3)], "one length")],
)
def test_what_has_no_lags_is_refused(layer, X, message):
    net = pn.Classifier(pn.model("rnn", hidden=4), epochs=1).fit(
        np.random.default_rng(0).normal(size=(8, 5, 2)), [0, 1] * 4
    )
    with pytest.raises(pn.SettingError, match=message):
        memory(net, X, layer=layer)
    with pytest.raises(pn.SettingError, match="recurrent"):
        memory(pn.Classifier("mlp", epochs=1).fit(np.eye(4), [0, 1, 0, 1]), np.eye(4))
