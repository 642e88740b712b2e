"""Deep belief nets that go up and down before the classifier, against loops and exact likelihoods."""

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.errors import DataError, SettingError
from parnassus.functional.energy import Machine
from parnassus.functional.energy.boltzmann import all_states
from parnassus.functional.sigmoid_beliefs import exact_deep_belief_log_likelihood, up_down_gap, up_down_slopes
from parnassus.objectives.generative.belief_net import BeliefNet

RNG = np.random.default_rng(0)
BARS = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])  # a row is the union of two bars, and a little noise
X = (((RNG.random((300, 2)) < 0.5) @ BARS > 0) ^ (RNG.random((300, 6)) < 0.03)).astype(np.float32)
Y = X[:, :3].sum(1) > 1.5


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def net_of(wake_sleep=0.4, hidden=(5, 4), **settings):
    model = pn.model("dbn", hidden=hidden, pretraining=0.4, wake_sleep=wake_sleep, fine_tuning=False)
    return pn.DBN(model, batch_size=20, codec=pn.Table(scaling="none"), progress=False, **settings)


def likelihood(objective, rows):
    """The mean exact ln p of rows, in float64."""
    made = [(w.detach().double(), b.detach().double()) for w, b in objective.makers]
    top = objective.machines[-1].machine
    top = Machine(top.w.double(), top.b.double(), top.c.double())
    return float(exact_deep_belief_log_likelihood(torch.from_numpy(rows).double(), made, top).mean())


def random_edges(*widths):
    return [
        (torch.randn(below, above).double(), torch.randn(side).double())
        for (below, above), side in zip(itertools.pairwise(widths), widths, strict=False)
    ]


def states(*widths, n=6):
    return [(torch.rand(n, width) < 0.5).double() for width in widths]


def by_hand(x, below, weight, bias, counts):
    """What the delta rule adds to weights (units, inputs) and biases, one unit and one row at a time."""
    by_w, by_b = np.zeros(weight.shape), np.zeros(len(bias))
    for row in range(len(x)):
        for i in range(x.shape[1]):
            pull = float(bias[i]) + sum(float(weight[i, j] * below[row, j]) for j in range(below.shape[1]))
            error = float(counts[row] / counts.sum()) * (float(x[row, i]) - sigmoid(pull))
            by_b[i] += error
            for j in range(below.shape[1]):
                by_w[i, j] += error * float(below[row, j])
    return by_w, by_b


@pytest.mark.parametrize("weighted", [False, True])
def test_slopes_are_those_found_by_hand_and_by_autograd(draws, weighted):
    layers, dreams = states(4, 3, 2), states(4, 3, 2)
    dreams[0] = torch.rand(6, 4).double()  # rows dreamt are means
    making = random_edges(4, 3, 2)
    recognising = [(torch.randn_like(w), torch.randn(w.shape[1]).double()) for w, _ in making]
    counts = torch.tensor([1, 2, 1, 3, 0, 1]).double() if weighted else None
    each = torch.ones(6) if counts is None else counts
    awake, asleep = up_down_slopes(layers, dreams, making, recognising, counts=counts)
    for at in range(2):
        (w, b), (r, c) = making[at], recognising[at]
        up_w, up_b = by_hand(layers[at], layers[at + 1], w, b, each)
        down_w, down_c = by_hand(dreams[at + 1], dreams[at], r.T, c, each)
        for found, expected in zip((*awake[at], *asleep[at]), (up_w, up_b, down_w.T, down_c), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-12)
    edges = [*making, *recognising]
    for pair in edges:
        for parameter in pair:
            parameter.requires_grad_()
    up_down_gap(layers, dreams, making, recognising, counts=counts).backward()
    for pair, rises in zip(edges, [*awake, *asleep], strict=True):
        for parameter, rise in zip(pair, rises, strict=True):
            torch.testing.assert_close(-parameter.grad, rise.detach())


@pytest.mark.parametrize("hidden", [(4, 3, 2), (3,)])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_step_of_training_goes_down_its_own_loss(draws, hidden, weighted):
    made = BeliefNet(5, hidden, 2, pretraining=0.4, fine_tuning=True, n_steps=2, wake_sleep=0.3).double()
    for p in made.parameters():
        torch.nn.init.normal_(p)
    batch = {"x": torch.rand(9, 5).double()} | ({"weight": torch.rand(9).double()} if weighted else {})
    phase = next(p for p in made.phases() if p.name == "wake_sleep")
    torch.manual_seed(1)
    phase.gradient(batch)
    found = [p.grad.clone() for p in phase.params]
    made.zero_grad()
    torch.manual_seed(1)
    phase.loss(batch).backward()
    for parameter, slope in zip(phase.params, found, strict=True):
        torch.testing.assert_close(parameter.grad, slope)
    own = {id(p) for p in phase.params}
    assert not own & {id(p) for p in made.head.parameters()}
    assert not own & {id(machine.b) for machine in made.machines[:-1]}  # the making edges have biases of their own


def test_rows_go_up_by_recognising_edges_and_down_by_making_ones(draws):
    made = BeliefNet(5, (4, 3), 2, pretraining=0.4, fine_tuning=True, n_steps=1, wake_sleep=0.3)
    with torch.no_grad():
        made.recognisers[0][1].fill_(60)
        made.makers[0][1].fill_(-60)
    rows = torch.ones(7, 5)
    layers, dreams, _ = made._up_and_down(rows)
    assert layers[0] is rows
    assert layers[1].eq(1).all()
    assert dreams[0].max() < 1e-20
    assert made.features(rows, 1).eq(1).all()
    assert made.draw(3, torch.Generator().manual_seed(0), n_sweeps=2).max() < 1e-20


def test_exact_likelihoods_are_sums_over_the_states_of_all_units(draws):
    making = random_edges(3, 2, 2)
    top = Machine(torch.randn(2, 3).double(), torch.randn(2).double(), torch.randn(3).double())
    binary = [list(itertools.product((0, 1), repeat=n)) for n in (3, 2, 2, 3)]

    def weight_of_top(h, t):
        pair = sum(float(top.w[i, j]) * h[i] * t[j] for i in range(2) for j in range(3))
        return math.exp(pair + float(top.b @ torch.tensor(h).double()) + float(top.c @ torch.tensor(t).double()))

    def chance(x, above, edges):
        found = 1.0
        for i, unit in enumerate(x):
            p = sigmoid(float(edges[1][i]) + sum(float(edges[0][i, j]) * above[j] for j in range(len(above))))
            found *= p if unit else 1 - p
        return found

    z = sum(weight_of_top(h, t) for h in binary[2] for t in binary[3])
    expected = [
        sum(
            chance(v, h, making[0]) * chance(h, g, making[1]) * sum(weight_of_top(g, t) for t in binary[3]) / z
            for h in binary[1]
            for g in binary[2]
        )
        for v in binary[0]
    ]
    found = exact_deep_belief_log_likelihood(all_states(3).double(), making, top).exp()
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert float(found.sum()) == pytest.approx(1, abs=1e-12)
    alone = exact_deep_belief_log_likelihood(all_states(2).double(), [], top).exp()
    by_top = [sum(weight_of_top(h, t) for t in binary[3]) / z for h in binary[2]]
    np.testing.assert_allclose(alone, by_top, rtol=1e-10)


def test_widths_that_cannot_be_written_out_are_refused():
    top = Machine(torch.zeros(11, 2), torch.zeros(11), torch.zeros(2))
    making = [(torch.zeros(3, 10), torch.zeros(3)), (torch.zeros(10, 11), torch.zeros(10))]
    with pytest.raises(DataError, match=r"\[10, 11\] units below the topmost have 2\^21 states.*narrower"):
        exact_deep_belief_log_likelihood(torch.zeros(1, 3), making, top)


def test_it_comes_between_the_machines_and_the_classifier_and_parts_the_edges():
    net = net_of(epochs=5).fit(X[:40], Y[:40])
    moved = [next(iter(set(r) & {"layer0", "layer1", "wake_sleep", "fit"})) for r in net.history_]
    assert list(dict.fromkeys(moved)) == ["layer0", "layer1", "wake_sleep", "fit"]
    (making,), (recognising,) = net.objective_.makers, net.objective_.recognisers
    assert not torch.equal(making[0], recognising[0])
    without = net_of(0.0, epochs=5).fit(X[:40], Y[:40])
    assert not any(name.startswith("making") for name in without.objective_.state_dict())
    assert without.objective_.makers[0][0] is without.objective_.machines[0].w


def test_edges_are_as_the_machines_left_them_until_they_part(draws):
    made = BeliefNet(5, (4, 3), 2, pretraining=0.4, fine_tuning=True, n_steps=1, wake_sleep=0.3)
    torch.testing.assert_close(made.makers[0][0], made.machines[0].w, rtol=0, atol=0)
    phase = next(p for p in made.phases() if p.name == "layer0")
    with torch.no_grad():
        made.machines[0].w.add_(1)
        made.machines[0].b.sub_(1)
    phase.after()
    torch.testing.assert_close(made.makers[0][0], made.machines[0].w, rtol=0, atol=0)
    torch.testing.assert_close(made.makers[0][1], made.machines[0].b, rtol=0, atol=0)


def test_equal_seeds_give_equal_nets_and_a_file_keeps_both_kinds_of_edges(tmp_path):
    net, other = (net_of(epochs=4, seed=3).fit(X[:40], Y[:40]) for _ in range(2))
    net.save(tmp_path / "net.parnassus")
    again = pn.load(tmp_path / "net.parnassus")
    dreams = net.sample(5, n_sweeps=10, seed=1)
    for one in (other, again):
        np.testing.assert_array_equal(one.sample(5, n_sweeps=10, seed=1), dreams)
        np.testing.assert_array_equal(one.transform(X[:9]), net.transform(X[:9]))
        np.testing.assert_array_equal(one.predict_proba(X[:9]), net.predict_proba(X[:9]))
    h = X[:9].astype(float)  # the stack by hand, by what recognises
    for machine in net.objective_.machines:
        h = 1 / (1 + np.exp(-(h @ machine.w.detach().numpy() + machine.c.detach().numpy())))
    np.testing.assert_allclose(net.transform(X[:9]), h, atol=1e-5)


@pytest.mark.parametrize("share", [-0.1, 0.6, 1.0, float("nan")])
def test_shares_that_leave_no_steps_are_refused(share):
    with pytest.raises(SettingError, match=r"wake_sleep is a share.*pretraining=0.4.*less than 0.6"):
        net_of(share, epochs=1).fit(X[:40], Y[:40])


@pytest.mark.slow
def test_the_exact_likelihood_of_a_tiny_net_rises():
    greedy, longer = (net_of(0.0, epochs=e, seed=0).fit(X, Y) for e in (60, 120))
    parted = net_of(0.5, epochs=60, seed=0).fit(X, Y)  # greedy layers as in the first, then as many steps again
    at = [likelihood(net.objective_, X) for net in (greedy, longer, parted)]
    assert at[2] > at[0] + 0.1, at
    assert at[2] > at[1], at


@pytest.mark.slow
def test_digits_not_seen_are_likelier_than_by_as_many_steps_of_greedy_layers():
    pixels, y = load_digits(return_X_y=True)
    on = (pixels > 7).astype(np.float32)
    on = on[:, (on.mean(0) > 0.02) & (on.mean(0) < 0.98)]
    found = []
    for pretraining, wake_sleep in ((0.9, 0.0), (0.45, 0.45)):
        model = pn.model("dbn", hidden=(10, 30), pretraining=pretraining, wake_sleep=wake_sleep, fine_tuning=False)
        net = pn.DBN(model, epochs=60, batch_size=20, codec=pn.Table(scaling="none"), progress=False)
        found.append(likelihood(net.fit(on[:1400], y[:1400]).objective_, on[1400:]))
    assert found[1] > found[0] + 0.15, found
