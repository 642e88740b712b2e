"""Boltzmann machines and belief nets as estimators, against exact likelihoods, scikit-learn and the book's example."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.ndimage import shift
from scipy.stats import multinomial
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline

import parnassus as pn
from parnassus.errors import DataError, DataWarning, SettingError
from parnassus.functional.energy import (
    Machine,
    contrastive_slopes,
    estimated_log_partition,
    exact_log_partition,
    free_energy,
    hidden_probability,
)
from parnassus.objectives.generative.belief_net import BeliefNet
from parnassus.objectives.generative.energy import ContrastiveDivergence, Restricted


def digits():
    """Scikit-learn's digits, the pixels that tell something."""
    X, y = load_digits(return_X_y=True)
    return X[:, (X > 0).mean(0) > 0.3], y


def stripes(n=400, seed=0):
    """Rows of 4 x 3 units: whole rows or whole columns are on, a little disturbed."""
    rng = np.random.default_rng(seed)
    pictures = np.where(
        (rng.random(n) < 0.5)[:, None, None], rng.random((n, 4, 1)) < 0.5, rng.random((n, 1, 3)) < 0.5
    ) ^ (rng.random((n, 4, 3)) < 0.02)
    return pictures.reshape(n, 12).astype(np.float32)


@pytest.mark.parametrize("gaussian", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_slopes_without_autograd_are_the_equations(draws, gaussian, weighted):
    net = Restricted(5, 3, gaussian=gaussian).double()
    v, again = torch.rand(8, 5).double(), torch.rand(6, 5).double()
    weight = torch.rand(8).double() if weighted else None
    for _ in range(2):  # the second time in room that is there
        net.slopes(v, again, hidden_probability(v, net.machine), weight)
    expected = contrastive_slopes(v, again, net.machine, weight=weight)
    for parameter, slope in zip((net.w, net.b, net.c), expected, strict=True):
        torch.testing.assert_close(parameter.grad, slope, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("n_chains", [0, 20])
def test_training_raises_the_exact_likelihood(n_chains):
    X = stripes()
    machine = pn.RBM(pn.model("rbm", n_components=10, n_chains=n_chains), epochs=150, batch_size=20).fit(X)
    independent = np.clip(X.mean(0), 0.01, 0.99)
    alone = (X * np.log(independent) + (1 - X) * np.log(1 - independent)).sum(1).mean()
    assert machine.score(X) > alone + 1.5
    net = machine.objective_.net
    rows = torch.from_numpy(X).double()
    exact = Machine(*(p.detach().double() for p in (net.w, net.b, net.c)))
    expected = float((-free_energy(rows, exact)).mean()) - exact_log_partition(exact)
    assert machine.score(X) == pytest.approx(expected, abs=1e-6)
    assert machine.objective_.log_partition()[1] == 0.0


def of_categories(n=400, seed=0):
    """A table of two columns of categories and one of 0 and 1, which hang together; and how likely rows are alone."""
    rng = np.random.default_rng(seed)
    side = rng.random(n) < 0.5
    table = pd.DataFrame({
        "colour": np.where(side, "red", np.where(rng.random(n) < 0.5, "blue", "green")),
        "letter": np.where(side ^ (rng.random(n) < 0.05), "x", "y"),
        "on": (rng.random(n) < np.where(side, 0.9, 0.2)).astype(float),
    })  # fmt: skip
    shares = [table[c].map(table[c].value_counts(normalize=True)).astype(float) for c in table]
    return table, float(sum(np.log(share).mean() for share in shares))


@pytest.mark.slow
def test_categories_are_learned_as_such_and_drawn_whole():
    table, alone = of_categories()
    machine = pn.RBM("softmax_rbm", n_components=4, epochs=60, batch_size=20).fit(table)
    assert machine.score(table) > alone + 0.4
    drawn = machine.sample(300, seed=0)
    assert machine.evaluate(table).metrics[0].baseline == pytest.approx(alone, abs=1e-6)
    assert set(drawn["colour"]) == {"red", "blue", "green"}
    assert ((drawn["colour"] == "red") == (drawn["letter"] == "x")).mean() > 0.8
    every = torch.cat([
        torch.tensor([[a, *np.eye(3)[i], *np.eye(2)[j]]]) for a in (0.0, 1.0) for i in range(3) for j in range(2)
    ])  # fmt: skip
    chances = machine.objective_.log_density({"x": every.float()}).exp()
    assert float(chances.sum()) == pytest.approx(1, abs=1e-6)
    with pytest.warns(DataWarning, match="not seen"):
        assert machine.score_samples(table[:1].assign(colour="mauve"))[0] == -np.inf


@pytest.mark.slow
def test_texts_are_told_apart_by_topics_and_drawn_as_counts(tmp_path):
    rng = np.random.default_rng(0)
    words = [["cat", "dog", "mouse"], ["sun", "moon", "star"]]
    about = rng.integers(2, size=200)
    texts = [" ".join(rng.choice(words[k], rng.integers(3, 9))) for k in about]
    machine = pn.RBM("replicated_softmax", n_components=2, epochs=40, batch_size=20).fit(texts)
    topics = machine.transform(texts)
    (metric,) = machine.evaluate(texts).metrics
    words_of = [Counter(text.split()) for text in texts]
    share = {w: n / sum(sum(words_of, Counter()).values()) for w, n in sum(words_of, Counter()).items()}
    rows = [multinomial(sum(c.values()), list(share.values())).logpmf([c[w] for w in share]) for c in words_of]
    assert metric.baseline == pytest.approx(np.mean(rows), abs=1e-6)
    assert metric.value > metric.baseline + 1
    assert max(abs(np.corrcoef(topics[:, j], about)[0, 1]) for j in range(2)) > 0.9
    drawn = machine.sample(50, seed=0)
    assert drawn.shape == (50, 7)
    assert set(drawn.sum(1)) <= {len(t.split()) for t in texts}
    wide = pn.RBM("replicated_softmax", n_components=18, epochs=1).fit(texts)
    again = pn.load(wide.save(tmp_path / "m.parnassus") and tmp_path / "m.parnassus")
    np.testing.assert_array_equal(again.score_samples(texts[:9]), wide.score_samples(texts[:9]))
    assert np.isnan(wide.objective_.log_partition(3)[1])
    assert machine.score(["", "cat"]) > -10  # no words in any order is the one row of length 0
    assert machine.score_samples([""])[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), [
    ("gaussian_output_rbm", {}), ("gaussian_output_rbm", {"n_chains": 20}), ("rbm", {"n_chains": 20, "n_powers": 4}),
])  # fmt: skip
def test_training_of_other_kinds_raises_the_exact_likelihood(name, options):
    X = stripes()
    machine = pn.RBM(pn.model(name, n_components=8, **options), epochs=150, batch_size=20).fit(X)
    independent = np.clip(X.mean(0), 0.01, 0.99)
    alone = (X * np.log(independent) + (1 - X) * np.log(1 - independent)).sum(1).mean()
    assert machine.evaluate(X).metrics[0].baseline == pytest.approx(alone, abs=1e-5)
    assert machine.score(X) > alone + 1
    assert machine.objective_.log_partition()[1] == 0.0


@pytest.mark.slow
def test_rows_drawn_look_like_the_rows_learned():
    X = stripes(600)
    machine = pn.RBM(n_components=12, epochs=200, batch_size=20).fit(X)
    drawn = machine.sample(400, seed=1)
    assert set(np.unique(drawn)) <= {0.0, 1.0}
    assert np.abs(drawn.mean(0) - X.mean(0)).max() < 0.2
    np.testing.assert_array_equal(drawn, machine.sample(400, seed=1))
    whole = drawn.reshape(-1, 4, 3)
    striped = [(p == p[:, :1]).all() or (p == p[:1]).all() for p in whole]
    random = (np.random.default_rng(0).random((400, 4, 3)) < 0.5).astype(int)
    assert np.mean(striped) > np.mean([(p == p[:, :1]).all() or (p == p[:1]).all() for p in random]) + 0.2


def test_log_densities_of_many_units_are_estimated_once_and_saved(tmp_path):
    X = (digits()[0][:300] > 7).astype(np.float32)
    machine = pn.RBM(n_components=20, epochs=5, codec=pn.Table(scaling="none")).fit(X)
    value, error = machine.objective_.log_partition()
    assert 0 < error < 1
    scores = machine.score_samples(X[:5])
    again = pn.load(machine.save(tmp_path / "m.parnassus") and tmp_path / "m.parnassus")
    np.testing.assert_array_equal(again.score_samples(X[:5]), scores)
    assert again.objective_.log_partition() == (value, error)


@pytest.mark.slow
@pytest.mark.parametrize("base", ["own", "shares", "zeros"])
def test_an_estimate_agrees_with_the_exact_law_from_wherever_it_begins(base):
    bars = np.kron(np.eye(3), np.ones(6))  # 18 units of either kind: more than are written out unasked
    rng = np.random.default_rng(0)
    X = ((rng.random((300, 3)) < 0.5) @ bars > 0) ^ (rng.random((300, 18)) < 0.03)
    net = pn.RBM(n_components=18, epochs=40, batch_size=20).fit(X.astype(float)).objective_
    machine = Machine(*(p.detach().double() for p in (net.net.w, net.net.b, net.net.c)))
    exact = exact_log_partition(machine)
    begins = {
        "own": machine.b.clone(),
        "shares": torch.logit(torch.from_numpy(X).double().mean(0)),
        "zeros": torch.zeros(18).double(),
    }[base]
    generator = torch.Generator().manual_seed(0)
    found = estimated_log_partition(machine, begins, generator=generator, n_chains=100, n_steps=1000)
    assert found[0] == pytest.approx(exact, abs=5 * found[1])
    assert 0 < found[1] < 0.1
    if base == "own":
        assert net.log_partition() == found  # in float64, as it was found


def test_it_is_a_transformer_in_a_pipeline():
    X, y = digits()
    features = pn.RBM(n_components=60, epochs=15)
    ours = make_pipeline(features, LogisticRegression(max_iter=3000)).fit(X[:900], y[:900]).score(X[900:], y[900:])
    theirs = make_pipeline(
        BernoulliRBM(60, learning_rate=0.06, n_iter=15, random_state=0), LogisticRegression(max_iter=3000)
    )
    assert ours > theirs.fit(X[:900] / 16, y[:900]).score(X[900:] / 16, y[900:]) - 0.05
    assert pn.RBM(n_components=7, epochs=1).fit(X).transform(X[:3]).shape == (3, 7)


@pytest.mark.slow
def test_b7_5_features_of_shifted_digits_and_a_second_machine_that_hurts():
    X, y = load_digits(return_X_y=True)
    pictures = X[:700].reshape(-1, 8, 8)
    moves = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
    rows = np.concatenate([np.stack([shift(p, m, order=0) for p in pictures]) for m in moves]).reshape(-1, 64) / 16
    labels = np.tile(y[:700], 5)
    order = np.random.default_rng(0).permutation(len(rows))
    train, test = order[700:], order[:700]

    def judged(features):
        return (
            LogisticRegression(C=1000, max_iter=2000)
            .fit(features[train], labels[train])
            .score(features[test], labels[test])
        )

    settings = {"epochs": 10, "batch_size": 10, "lr": 0.06, "optimizer": "sgd", "codec": pn.Table(scaling="none")}
    first = pn.RBM(n_components=100, **settings).fit(rows[train])
    one = first.transform(rows)
    two = pn.RBM(n_components=100, **settings).fit(one[train]).transform(one)
    raw, single, double = judged(rows), judged(one), judged(two)
    assert single > raw + 0.05
    assert single > double - 0.01  # the book: depth helps; its data say that the second machine does not


@pytest.mark.slow
def test_a_gaussian_machine_describes_numbers_in_their_own_units():
    rng = np.random.default_rng(0)
    X = np.where(rng.random(600)[:, None] < 0.5, [10.0, -3.0], [14.0, 3.0]) + rng.normal(size=(600, 2))
    machine = pn.RBM("gaussian_rbm", n_components=8, epochs=120).fit(X)
    drawn = machine.sample(800)
    np.testing.assert_allclose(drawn.mean(0), X.mean(0), atol=0.9)
    grid = np.stack(np.meshgrid(np.linspace(-10, 34, 221), np.linspace(-24, 24, 241)), -1).reshape(-1, 2)
    cell = (44 / 220) * (48 / 240)
    assert np.exp(machine.score_samples(grid)).sum() * cell == pytest.approx(1, abs=0.01)
    again = machine.objective_.reconstruct({"x": torch.from_numpy(X).float()})
    assert np.corrcoef(again[:, 0], X[:, 0])[0, 1] > 0.6


@pytest.mark.slow
def test_a_belief_net_trains_its_layers_in_turn_and_classifies():
    X, y = digits()
    net = pn.DBN(pn.model("dbn", hidden=(64, 32)), epochs=30).fit(X[:900], y[:900])
    assert net.score(X[900:], y[900:]) > 0.85
    names = [set(record) & {"layer0", "layer1", "fit"} for record in net.history_]
    assert names[0] == {"layer0"}
    assert names[-1] == {"fit"}
    assert {"layer1"} in names
    assert net.objective_.draw(3, torch.Generator().manual_seed(0), n_sweeps=20).shape == (3, X.shape[1])


def test_a_belief_net_gives_its_top_layer_and_dreams_rows():
    X = stripes(60)
    y = X[:, :3].sum(1) > 1.5
    net = pn.DBN(pn.model("dbn", hidden=(8, 5)), epochs=4)
    top = net.fit_transform(X * 10 + 3, y)
    h = X  # the stack by hand
    for machine in net.objective_.machines:
        h = 1 / (1 + np.exp(-(h @ machine.w.detach().numpy() + machine.c.detach().numpy())))
    np.testing.assert_allclose(top, h, atol=1e-5)
    dreamt = net.sample(7, n_sweeps=20, seed=1)
    assert dreamt.shape == (7, X.shape[1])
    assert dreamt.min() >= 3
    assert dreamt.max() <= 13
    assert np.array_equal(dreamt, net.sample(7, n_sweeps=20, seed=1))
    both = make_pipeline(pn.DBN(pn.model("dbn", hidden=(8, 5)), epochs=4), LogisticRegression()).fit(X, y)
    assert both.predict(X).shape == y.shape
    with pytest.raises(SettingError, match="n_sweeps"):
        net.sample(n_sweeps=0)
    with pytest.raises(SettingError, match="dream"):
        pn.DBN("mlp", epochs=1).fit(X, y).sample()


@pytest.mark.parametrize("make", [
    lambda: pn.RBM(epochs=2), lambda: pn.DBN(epochs=2), lambda: pn.RBM("gaussian_rbm", epochs=2)
])  # fmt: skip
def test_pictures_are_units_from_0_to_1_and_come_back_as_pictures(make):
    pictures = (load_digits().images[:40] * 255 / 16).astype(np.uint8)
    net = make().fit(pictures, load_digits().target[:40])
    assert net.transform(pictures).shape[0] == 40
    drawn = net.sample(3, seed=0)
    assert drawn.shape[:3] == (3, 8, 8)
    assert drawn.dtype == np.uint8


def test_layers_stay_as_pretrained_where_only_the_top_is_tuned():
    X, y = digits()
    settings = {"hidden": (20,), "pretraining": 0.5}
    nets = [
        pn.DBN(pn.model("dbn", fine_tuning=fine, **settings), epochs=4).fit(X[:300], y[:300]) for fine in (False, True)
    ]
    half = pn.DBN(pn.model("dbn", fine_tuning=False, **settings), epochs=4).fit(X[:300], y[:300])
    torch.testing.assert_close(nets[0].objective_.machines[0].w, half.objective_.machines[0].w, rtol=0, atol=0)
    assert not torch.equal(nets[0].objective_.machines[0].w, nets[1].objective_.machines[0].w)


@pytest.mark.parametrize(("make", "error", "words"), [
    (lambda X: pn.Density("rbm", epochs=1).fit(X), DataError, "minmax"),
    (lambda X: pn.Classifier("dbn", epochs=1).fit(X, X[:, 0] > 0), DataError, "minmax"),
    (lambda X: pn.RBM(n_components=0, epochs=1).fit(X), SettingError, "hidden units"),
    (lambda X: pn.RBM("replicated_softmax", epochs=1).fit(X), DataError, "counts of words"),
    (lambda X: pn.RBM("softmax_rbm", epochs=1).fit(X), DataError, "unit_vectors"),
    (lambda X: pn.RBM(pn.model("rbm", n_powers=3), epochs=1).fit(X), SettingError, "give n_chains too"),
    (lambda X: pn.DBN(pn.model("dbn", hidden=()), epochs=1).fit(X, X[:, 0] > 0), SettingError, "layers of hidden"),
    (lambda X: pn.DBN(pn.model("dbn", pretraining=1.0), epochs=1).fit(X, X[:, 0] > 0), SettingError, "share"),
])  # fmt: skip
def test_bad_input_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make(np.random.default_rng(0).normal(size=(40, 3)))


def test_objectives_say_how_many_numbers_are_free(draws):
    assert ContrastiveDivergence(64, 100).n_parameters == 6564  # B7.5
    assert sum(p.numel() for p in BeliefNet(
        64, (100, 100), 10, pretraining=0.5, fine_tuning=True, n_steps=1
    ).parameters()) == 6564 + 10200 + 1010  # fmt: skip


@pytest.mark.parametrize("make", [
    lambda **s: pn.RBM(pn.model("rbm", n_components=6, n_chains=5), **s),
    lambda **s: pn.DBN(pn.model("dbn", hidden=(8, 6)), **s),
    lambda **s: pn.DBN(pn.model("dbn", hidden=(8, 6), wake_sleep=0.5), **s),
])  # fmt: skip
def test_a_run_that_was_cut_short_goes_on_to_the_same_weights(tmp_path, make):
    X = stripes(60)
    y = X[:, :3].sum(1) > 1.5
    settings = {"epochs": 6, "batch_size": 20}
    whole = make(**settings).fit(X, y)
    out = str(tmp_path / "run")

    class Cut(Exception):
        pass

    net = make(**settings, out=out, checkpoint_every=1)
    from parnassus.train import trainer

    step, taken = trainer.Trainer.train_step, []

    def cut(self, window):
        step(self, window)
        taken.append(1)
        if len(taken) == 10:
            raise Cut

    trainer.Trainer.train_step = cut
    try:
        with pytest.raises(Cut):
            net.fit(X, y)
    finally:
        trainer.Trainer.train_step = step
    again = make(**settings, out=out, resume=True).fit(X, y)
    for one, other in zip(whole.objective_.state_dict().values(), again.objective_.state_dict().values(), strict=True):
        assert torch.equal(one.nan_to_num(), other.nan_to_num())


def test_rows_far_from_what_units_hold_are_warned_of_and_near_ones_are_not():
    X = np.random.default_rng(0).random((40, 3))
    made = pn.RBM(epochs=2, progress=False).fit(X)
    low, high = X.min(0), X.max(0)
    made.score_samples(high[None] + 0.05 * (high - low))
    with pytest.warns(DataWarning, match="from 0.* to 1.3: how likely they are"):
        made.score_samples(np.stack([low, high + 0.3 * (high - low)]))
