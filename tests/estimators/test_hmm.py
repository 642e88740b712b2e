"""HMM: equal to hmmlearn, recovers what data were drawn from, refuses what it cannot explain."""

import itertools
import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.functional import chains

STEP = np.array([[0.8, 0.1, 0.1], [0.1, 0.85, 0.05], [0.2, 0.1, 0.7]])
MEANS = np.array([[0.0, 0.0], [3.0, 3.0], [-3.0, 3.0]])


def drawn(n=25, seed=0, shortest=5, longest=40):
    """Ragged sequences of a chain of three, and their states."""
    rng = np.random.default_rng(seed)
    xs, paths = [], []
    for _ in range(n):
        states = [0]
        for _ in range(int(rng.integers(shortest, longest)) - 1):
            states.append(int(rng.choice(3, p=STEP[states[-1]])))
        paths.append(np.array(states))
        xs.append(MEANS[paths[-1]] + rng.normal(size=(len(states), 2)))
    return xs, paths


def symbols(n=20, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 4, int(rng.integers(3, 15))) for _ in range(n)]


def start_of(kind, seed=1):
    """First parameters for three states, alike on both sides."""
    rng = np.random.default_rng(seed)
    first = {"start": rng.dirichlet(np.ones(3)), "transitions": rng.dirichlet(np.ones(3), 3)}
    if kind == "categorical":
        return first | {"probabilities": rng.dirichlet(np.ones(4), 3)}
    if kind == "gmm":
        return first | {
            "means": (MEANS[:, None] + rng.normal(size=(3, 2, 2))).reshape(6, 2),
            "covariances": np.ones((6, 2)) * 2,
            "weights": rng.dirichlet(np.ones(2), 3),
        }
    spread = np.ones((3, 2)) * 2 if kind == "diagonal" else np.array([[2.0, 0.3], [0.3, 1.5]]) * np.ones((3, 1, 1))
    return first | {"means": MEANS + rng.normal(size=(3, 2)), "covariances": spread}


def peer(kind, first, n_iter):
    hmm = pytest.importorskip("hmmlearn.hmm", reason="hmmlearn is not installed: an optional oracle")
    shared = {"n_iter": n_iter, "tol": -np.inf, "init_params": "", "random_state": 0}
    if kind == "categorical":
        model = hmm.CategoricalHMM(3, **shared)
        model.emissionprob_, model.n_features = first["probabilities"], 4
    elif kind == "gmm":
        model = hmm.GMMHMM(3, 2, covariance_type="diag", **shared)
        model.means_, model.covars_ = (first[k].reshape(3, 2, 2) for k in ("means", "covariances"))
        model.weights_ = first["weights"]
    else:
        name = {"diagonal": "diag", "full": "full"}[kind]
        model = hmm.GaussianHMM(3, name, covars_prior=0.0, min_covar=0.0, covars_weight=0.0, **shared)
        model.means_, model.covars_ = first["means"], first["covariances"]
    model.startprob_, model.transmat_ = first["start"], first["transitions"]
    return model


def ours(kind, first, n_iter, X):
    name = kind if kind in ("categorical", "gmm") else "gaussian"
    options = {"covariance": kind} if name == "gaussian" else {}
    return pn.HMM(name, n_states=3, initial=first, epochs=n_iter, tol=0.0, **options).fit(X)


@pytest.mark.parametrize("n_iter", [1, 4])
@pytest.mark.parametrize("kind", ["categorical", "diagonal", "full"])
def test_em_scores_posteriors_and_paths_are_hmmlearns(kind, n_iter):
    X = symbols() if kind == "categorical" else drawn()[0]
    flat = np.concatenate(X)[:, None] if kind == "categorical" else np.concatenate(X)
    lengths, first = [len(x) for x in X], start_of(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = peer(kind, first, n_iter).fit(flat, lengths)
    model = ours(kind, first, n_iter, X)
    np.testing.assert_allclose(model.chain_.start, theirs.startprob_, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(model.chain_.transitions, theirs.transmat_, rtol=1e-7, atol=1e-10)
    if kind != "categorical":
        found = model.objective_.state_dict()
        np.testing.assert_allclose(
            found[next(k for k in found if k.endswith("means"))].flatten(), theirs.means_.ravel()
        )
    np.testing.assert_allclose(model.log_prob(X).sum(), theirs.score(flat, lengths), rtol=1e-9)
    np.testing.assert_allclose(np.concatenate(model.posterior(X)), theirs.predict_proba(flat, lengths), atol=1e-7)
    path, score = model.decode(X)
    their_score, their_path = theirs.decode(flat, lengths)
    np.testing.assert_array_equal(np.concatenate(path), their_path)
    np.testing.assert_allclose(score.sum(), their_score, rtol=1e-9)


def test_a_step_of_mixtures_is_hmmlearns_but_for_its_stale_means():
    """hmmlearn 0.3.3 measures a part's spread about its old mean; about the new one it is less by their distance."""
    X, _ = drawn()
    flat, lengths, first = np.concatenate(X), [len(x) for x in X], start_of("gmm")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = peer("gmm", first, 1).fit(flat, lengths)
        same = peer("gmm", first, 1)
    model = ours("gmm", first, 1, X)
    found = model.objective_.emissions
    np.testing.assert_allclose(model.chain_.transitions, theirs.transmat_, rtol=1e-7)
    np.testing.assert_allclose(found.weights, theirs.weights_, rtol=1e-7)
    np.testing.assert_allclose(found.gaussians.means, theirs.means_.reshape(6, 2), rtol=1e-7)
    moved = (found.gaussians.means.numpy() - first["means"]) ** 2
    np.testing.assert_allclose(found.gaussians.covariances.numpy() + moved, theirs.covars_.reshape(6, 2), rtol=1e-7)
    assert model.log_prob(X).sum() > theirs.score(flat, lengths)
    model.objective_.begin_with(first)
    np.testing.assert_allclose(model.log_prob(X).sum(), same.score(flat, lengths), rtol=1e-9)
    np.testing.assert_allclose(np.concatenate(model.posterior(X)), same.predict_proba(flat, lengths), atol=1e-9)
    np.testing.assert_array_equal(np.concatenate(model.predict(X)), same.predict(flat, lengths))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"covariance": "full"},
        {"covariance": "tied"},
        {"covariance": "spherical"},
        {"model": "gmm"},
        {"model": "gmm", "covariance": "full"},
        {"algorithm": "viterbi"},
        {"entry_exit": True},
        {"prior": 2.0, "emission_prior": 3.0},
        {"prior": 2.0, "emission_prior": 3.0, "covariance": "full"},
        {"tied": (0, 1, 0)},
        {"topology": "left_to_right", "entry_exit": True},
    ],
    ids=str,
)
def test_the_likelihood_never_falls(options):
    """EM raises the likelihood, or with a prior the posterior; a fall would end the fit with Diverged."""
    X, _ = drawn()
    model = pn.HMM(n_states=3, epochs=15, tol=0.0, **options).fit(X)
    losses = [h["loss"] for h in model.history_]
    assert losses[-1] < losses[0]
    if "prior" not in options:
        assert all(b <= a + 1e-9 for a, b in itertools.pairwise(losses)), losses


def test_a_fall_of_the_likelihood_is_an_error():
    X, _ = drawn(5)
    model = pn.HMM(n_states=2, epochs=3).fit(X)
    model.objective_.previous.fill_(1e9)
    batch = model.codec_.encode(X).take(torch.arange(5))
    model.objective_.expect(batch)
    with pytest.raises(pn.Diverged, match="fell from"):
        model.objective_.maximize()


def test_it_finds_the_chain_that_sequences_were_drawn_from():
    X, paths = drawn(60)
    model = pn.HMM(n_states=3).fit(X)
    order = [int(np.linalg.norm(model.objective_.emissions.means.numpy() - m, axis=1).argmin()) for m in MEANS]
    assert sorted(order) == [0, 1, 2]
    found = model.chain_.transitions.numpy()[np.ix_(order, order)]
    assert np.abs(found - STEP).max() < 0.08
    named = np.argsort(order)[np.concatenate(model.predict(X))]
    assert (named == np.concatenate(paths)).mean() > 0.95


def test_states_that_are_known_in_part_keep_their_names():
    X, paths = drawn(30)
    rng = np.random.default_rng(0)
    known = [np.where(rng.random(len(p)) < 0.2, p, -1) for p in paths]
    model = pn.HMM(n_states=3).fit(X, known)
    np.testing.assert_allclose(model.objective_.emissions.means, MEANS, atol=0.3)
    assert (np.concatenate(model.predict(X)) == np.concatenate(paths)).mean() > 0.95


def test_states_that_are_known_wholly_make_it_a_count():
    """With every state known one step is the counts of the paths, by hand."""
    X, paths = drawn(12)
    model = pn.HMM(n_states=3, epochs=1).fit(X, paths)
    counts = np.zeros((3, 3))
    for p in paths:
        np.add.at(counts, (p[:-1], p[1:]), 1)
    np.testing.assert_allclose(model.chain_.transitions, counts / counts.sum(1, keepdims=True), rtol=1e-9)
    flat = np.concatenate(paths)
    expected = [np.concatenate(X)[flat == k].var(0) for k in range(3)]
    np.testing.assert_allclose(model.objective_.emissions.covariances, expected, rtol=1e-9)


def test_weights_count_sequences_as_often():
    X, _ = drawn(6)
    weight = np.array([1, 2, 1, 3, 1, 1])
    first = start_of("diagonal")
    one = pn.HMM(n_states=3, initial=first, epochs=3).fit(X, sample_weight=weight)
    many = pn.HMM(n_states=3, initial=first, epochs=3).fit(
        [x for x, w in zip(X, weight, strict=True) for _ in range(w)]
    )
    np.testing.assert_allclose(one.chain_.transitions, many.chain_.transitions, rtol=1e-9)
    assert math.isclose(one.history_[-1]["loss"], many.history_[-1]["loss"], rel_tol=1e-9)


def test_micro_batches_and_resume_change_nothing(tmp_path):
    X, _ = drawn(10)
    first = start_of("diagonal")
    whole = pn.HMM(n_states=3, initial=first, epochs=6, tol=0.0).fit(X)
    cut = pn.HMM(n_states=3, initial=first, epochs=6, tol=0.0, micro_batch_size=3).fit(X)
    np.testing.assert_allclose(whole.chain_.transitions, cut.chain_.transitions, rtol=1e-9)
    settings = {"n_states": 3, "initial": first, "tol": 0.0, "epochs": 6, "out": str(tmp_path)}
    pn.HMM(**settings).fit(X)
    again = pn.HMM(**settings, resume=True).fit(X)
    assert torch.equal(again.chain_.transitions, whole.chain_.transitions)


def test_saved_and_loaded_it_says_the_same(tmp_path):
    X, _ = drawn(8)
    model = pn.HMM("gmm", n_states=3, entry_exit=True, epochs=3).fit(X)
    model.save(tmp_path / "m")
    other = pn.load(tmp_path / "m")
    np.testing.assert_array_equal(model.log_prob(X), other.log_prob(X))
    assert repr(other) == repr(model) == repr(clone(model))


@pytest.mark.slow
def test_samples_follow_the_model_and_leave_by_the_exit():
    X, _ = drawn(40)
    model = pn.HMM(n_states=3, entry_exit=True).fit(X)
    xs, paths = model.sample(400, length=1000, seed=3)
    again, _ = model.sample(400, length=1000, seed=3)
    assert all((a == b).all() for a, b in zip(xs, again, strict=True))
    assert abs(np.mean([len(x) for x in xs]) - np.mean([len(x) for x in X])) < 4
    assert model.score(xs) == pytest.approx(model.score(X), abs=0.05)
    first = np.bincount([p[0] for p in paths], minlength=3) / 400
    np.testing.assert_allclose(first, model.chain_.start, atol=0.08)


@pytest.mark.slow
def test_one_sequence_or_many_filtered_and_n_best():
    X, _ = drawn(5)
    model = pn.HMM(n_states=3).fit(X)
    assert model.decode(X[0]).path.shape == (len(X[0]),)
    assert isinstance(model.log_prob(X[0]), float)
    np.testing.assert_allclose(model.filter(X[1], lag=1000), model.posterior(X[1]), atol=1e-10)
    np.testing.assert_allclose(model.filter(X[1])[-1], model.posterior(X[1])[-1], atol=1e-10)
    best = model.n_best(X[0], n=3)
    np.testing.assert_array_equal(best[0].path, model.predict(X[0]))
    assert best[0].score > best[1].score > best[2].score
    flat = model.log_prob(np.concatenate(X), lengths=[len(x) for x in X])
    np.testing.assert_allclose(flat, model.log_prob(X))


@pytest.mark.slow
def test_real_digits_are_told_apart_by_a_model_each():
    """Handwritten digits as 8 rows of 8 pixels from top to bottom: a left-to-right chain a digit, the likelier wins."""
    X, y = load_digits(return_X_y=True)
    rows = (X / 16).reshape(-1, 8, 8)
    train, test = np.arange(len(y)) < 1200, np.arange(len(y)) >= 1200
    settings = {"n_states": 7, "topology": "left_to_right", "covariance_floor": 0.2, "epochs": 8}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.DataWarning)
        models = [pn.HMM(**settings).fit(list(rows[train & (y == k)])) for k in range(4)]
    mine = test & (y < 4)
    scores = np.stack([m.log_prob(list(rows[mine])) for m in models], 1)
    assert (scores.argmax(1) == y[mine]).mean() > 0.87


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([np.zeros((3, 2)), np.array([[1.0, np.nan]])], "sequence 1, step 0"),
        ([np.zeros((3, 2)), np.zeros((0, 2))], "sequence 1 is empty"),
        ([], "no sequences"),
        ([np.zeros((3, 2)), np.zeros((3, 1))], "sequence 1 has"),
        ([["a", 1.0]], "sequence 0 step 1 holds 1.0"),
        (np.array("2020-01-01", dtype="datetime64[D]") + np.arange(3), "sequence 0"),
    ],
)
def test_what_is_no_sequence_is_refused_by_name(X, words):
    with pytest.raises(pn.DataError, match=words):
        pn.HMM(n_states=2).fit(X)


def test_lengths_that_do_not_add_up_are_refused():
    with pytest.raises(pn.DataError, match=r"add up to 5 .* X has 6"):
        pn.HMM(n_states=2).fit(np.zeros((6, 2)), lengths=[2, 3])


def test_symbols_outside_the_alphabet_are_refused():
    model = pn.HMM(n_states=2).fit(symbols())
    with pytest.raises(pn.DataError, match=r"sequence 1, step 2: symbol 7 is outside the alphabet 0 to 3"):
        model.log_prob([np.array([0, 1]), np.array([0, 1, 7])])


@pytest.mark.slow
def test_an_impossible_sequence_is_named_with_its_step():
    first = {"start": [1.0, 0.0], "transitions": [[1.0, 0.0], [0.0, 1.0]], "probabilities": [[1.0, 0.0], [0.0, 1.0]]}
    with pytest.raises(pn.DataError, match=r"sequence 1 has no path: at step 2 .* cut off by transitions"):
        pn.HMM("categorical", n_states=2, initial=first).fit([np.array([0, 0]), np.array([0, 0, 1])])
    chain = {"n_states": 4, "topology": "left_to_right", "entry_exit": True}
    with pytest.raises(pn.DataError, match="sequence 0 has no path of its 2 steps that ends in the exit"):
        pn.HMM(**chain).fit([np.random.default_rng(0).normal(size=(n, 2)) for n in (2, 9, 9)])


@pytest.mark.slow
def test_a_singular_covariance_is_held_at_the_floor_or_refused_without_one():
    X = [np.column_stack([x[:, 0], np.ones(len(x))]) for x in drawn(6)[0]]
    with pytest.warns(pn.DataWarning, match="held at the floor"):
        model = pn.HMM(n_states=2).fit(X)
    assert model.repairs_
    assert np.isfinite(model.score(X))
    for covariance in ("diagonal", "full"):
        with pytest.raises(pn.DataError, match="singular covariance"):
            pn.HMM(n_states=2, covariance_floor=0.0, covariance=covariance).fit(X)


@pytest.mark.slow
def test_a_state_without_frames_is_put_elsewhere_and_reported():
    X, _ = drawn(8)
    first = start_of("diagonal") | {"means": np.array([[0.0, 2.0], [1.0, 2.0], [1e4, 1e4]])}
    with pytest.warns(pn.DataWarning, match="state 2: it had no frames left"):
        model = pn.HMM(n_states=3, initial=first, epochs=30).fit(X)
    assert model.objective_.emissions.means[2].abs().max() < 100


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_states": 0}, "n_states"),
        ({"topology": "ring"}, "topology 'ring'"),
        ({"covariance": "odd"}, "covariance 'odd'"),
        ({"tied": (0, 1)}, "tied"),
        ({"initial": {"mean": 1}}, "no 'mean'"),
        ({"initial": {"start": [1.0]}}, r"shape \(1,\)"),
        ({"model": "categorical"}, "vocab_size"),
        ({"prior": -1.0}, "at least 0"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(settings, words):
    with pytest.raises((pn.SettingError, pn.DataError), match=words):
        pn.HMM(**{"n_states": 3, **settings}).fit(drawn(4)[0])


@pytest.mark.parametrize(
    ("y", "words"),
    [([[0, 1]], "y of sequence 0 has 2 states"), ([[7] * 30], "states 7 to 7"), ([[0.5] * 30], "integer")],
)
def test_known_states_that_do_not_fit_are_refused(y, words):
    X = [np.random.default_rng(0).normal(size=(30, 2))]
    with pytest.raises(pn.DataError, match=words):
        pn.HMM(n_states=2).fit(X, [np.array(row) for row in y])


def test_b63_one_step_of_baum_welch():
    """B63, entry and exit counted; eq 13.89 as printed gives state 3 no exit."""
    first = {"start": [0.8, 0.2, 0.0], "transitions": [[0.6, 0.3, 0.1], [0, 0.5, 0.5], [0, 0, 0.7]],
             "leave": [0.0, 0.0, 0.3], "probabilities": [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]}  # fmt: skip
    model = pn.HMM(n_states=3, entry_exit=True, initial=first, epochs=1).fit([np.array([0, 0, 1, 1])])
    start, step, leave = (p.numpy() for p in model.chain_)
    np.testing.assert_allclose(start, [0.9104998284, 0.0895001716, 0], atol=1e-10)
    rows = [[0.3761241404, 0.4417210369, 0.1821548228], [0, 0.2130268199, 0.7869731801], [0, 0, 0.3779880478]]
    np.testing.assert_allclose(step, rows, atol=1e-10)
    np.testing.assert_allclose(leave, [0, 0, 0.6220119522], atol=1e-10)
    symbols_after = [[0.9857168048, 0.0142831952], [0.5177011494, 0.4822988506], [0.0488047809, 0.9511952191]]
    np.testing.assert_allclose(model.objective_.emissions.probabilities, symbols_after, atol=1e-10)
    assert math.isclose(model.log_prob(np.array([0, 0, 1, 1])), -2.3842853708, abs_tol=1e-10)
    assert math.isclose(model.history_[0]["loss"] * 4, 3.6171730835, abs_tol=1e-9)


def test_words_made_of_fitted_phones_are_decoded_as_one_chain():
    X, _ = drawn(10)
    parts = [pn.HMM(n_states=2, entry_exit=True, epochs=3).fit(X).chain_ for _ in range(2)]
    word = chains.in_series(parts)
    rows = torch.cat([word.transitions, word.leave[:, None]], 1).sum(1)
    torch.testing.assert_close(rows, torch.ones(4, dtype=torch.float64))


# --- how good it is -------------------------------------------------------------------------------


@pytest.mark.parametrize("covariance", ["diagonal", "full", "spherical", "tied"])
def test_bic_and_aic_are_hmmlearns(covariance):
    """hmmlearn's criteria of a model with these very parameters; frames are what BIC counts."""
    hmm = pytest.importorskip("hmmlearn.hmm", reason="hmmlearn is not installed: an optional oracle")
    X, _ = drawn()
    ours = pn.HMM(n_states=3, covariance=covariance, epochs=4).fit(X)
    theirs = hmm.GaussianHMM(3, covariance_type={"diagonal": "diag"}.get(covariance, covariance))
    theirs.n_features = 2
    theirs.startprob_, theirs.transmat_ = (p.numpy() for p in ours.chain_[:2])
    theirs.means_ = ours.objective_.emissions.means.numpy()
    spread = ours.objective_.emissions.covariances
    spread = {"spherical": spread[:, 0], "tied": spread[0]}.get(covariance, spread)
    theirs.covars_ = spread.numpy()
    whole, lengths = np.concatenate(X), [len(x) for x in X]
    assert ours.bic(X) == pytest.approx(theirs.bic(whole, lengths), rel=1e-9)
    assert ours.aic(X) == pytest.approx(theirs.aic(whole, lengths), rel=1e-9)


def test_transitions_that_cannot_be_are_no_parameters():
    """Left to right, three states: two of them may go on or stay (one free number each), the start is fixed."""
    X, _ = drawn()
    model = pn.HMM("gmm", n_states=3, n_mixtures=2, topology="left_to_right", epochs=2).fit(X)
    assert model.objective_.n_parameters == 2 + 3 * 1 + 6 * (2 + 2)
    model = pn.HMM(n_states=3, topology="left_to_right", entry_exit=True, epochs=2).fit(X)
    assert model.objective_.n_parameters == 3 + 3 * (2 + 2)


@pytest.mark.slow
def test_bic_finds_how_many_states_the_data_were_drawn_from():
    X, _ = drawn(n=40)
    found = {k: pn.HMM(n_states=k, covariance="spherical").fit(X).bic(X) for k in (1, 2, 3, 4)}
    assert min(found, key=found.get) == 3


def test_evaluate_says_log_p_a_frame_beside_one_gaussian_for_all():
    """The baseline against scipy's densities; the interval over sequences holds the value, and is deterministic."""
    scipy_stats = pytest.importorskip("scipy.stats")
    X, _ = drawn(n=40)
    model = pn.HMM(n_states=3).fit(X[:30])
    found = model.evaluate(X[30:])
    (metric,) = found.metrics
    frames = np.concatenate(X[30:])
    alone = scipy_stats.norm(frames.mean(0), frames.std(0)).logpdf(frames).sum(1).mean()
    assert metric.name == "log_likelihood_a_frame"
    assert metric.value == pytest.approx(model.score(X[30:]))
    assert metric.baseline == pytest.approx(alone)
    assert metric.low < metric.value < metric.high
    assert metric.verdict == "better"
    assert model.evaluate(X[30:]) == found
    whole, lengths = frames, [len(x) for x in X[30:]]
    assert model.evaluate(whole, lengths=lengths) == found


def test_sequences_count_in_an_evaluation_as_their_weights_say():
    X, _ = drawn(n=6)
    model = pn.HMM(n_states=2, epochs=5).fit(X)
    once = model.evaluate([X[0], X[0], X[1]]).metrics[0]
    weighted = model.evaluate(X[:2], sample_weight=[2, 1]).metrics[0]
    assert weighted.value == pytest.approx(once.value)
    assert weighted.baseline == pytest.approx(once.baseline)


def test_symbols_are_evaluated_beside_how_often_each_occurs():
    X = symbols()
    model = pn.HMM(n_states=2, emission_prior=1.0).fit(X)
    metric = model.evaluate(X).metrics[0]
    share = np.bincount(np.concatenate(X)) / sum(map(len, X))
    assert metric.baseline == pytest.approx(float((share * np.log(share)).sum()))


def test_one_sequence_has_no_interval_and_one_without_a_path_is_refused():
    X = [np.array([0, 0, 1, 0, 1]), np.array([0, 1, 1, 0])]
    model = pn.HMM(n_states=2, initial={"probabilities": [[0.9, 0.1], [0.1, 0.9]]}, epochs=2).fit(X)
    assert model.evaluate(X[0]).metrics[0].low is None
    three = pn.HMM(n_states=2, epochs=2).fit([np.array([0, 1, 2]), np.array([0, 1, 1])])
    three.objective_.emissions.probabilities[:, 2] = 0
    with pytest.raises(pn.DataError, match="sequence 1 has no path"):
        three.evaluate([np.array([0, 1]), np.array([0, 2, 1])])


@pytest.mark.slow
def test_a_report_is_written_of_given_sequences_and_of_held_out_ones(tmp_path):
    X, _ = drawn(n=20)
    model = pn.HMM(n_states=3, epochs=5).fit(X, validation=0.25)
    assert model.report(tmp_path / "held.html").n_rows == 5
    found = model.report(tmp_path / "given.html", X[:4])
    assert found == model.evaluate(X[:4])
    assert "Log likelihood a frame" in (tmp_path / "given.html").read_text()
    with pytest.raises(pn.SettingError, match="validation"):
        pn.HMM(n_states=2, epochs=2).fit(X).report(tmp_path / "none.html")


def test_a_data_frame_is_one_sequence():
    import pandas as pd

    X = np.concatenate(drawn()[0])[:60]
    frame = pd.DataFrame(X, columns=["a", "b"])
    model = pn.HMM(n_states=2, epochs=3).fit(frame)
    assert model.log_prob(frame) == pytest.approx(model.log_prob(X))
    assert len(model.predict(frame)) == 60


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda m, X: m.n_best(X[0], n=0), pn.SettingError, "n is a whole number of at least 1; got 0"),
        (lambda m, X: m.filter(X[0], lag=1.5), pn.SettingError, "lag is a whole number"),
        (lambda m, X: m.sample(1, length=0), pn.SettingError, "length is a whole number of at least 1"),
        (lambda m, X: m.decode(np.concatenate(X), lengths=[2.5] * 3), pn.DataError, "whole numbers of frames"),
        (lambda m, X: pn.HMM(n_states=2).fit([X[0], X[1][:-1]], lengths=[3, 3]), pn.DataError, "leave lengths out"),
        (
            lambda m, X: pn.HMM(n_states=2, initial={"start": [0.9, 0.9]}).fit(X),
            pn.SettingError,
            "initial 'start' holds probabilities.*1.8",
        ),
        (
            lambda m, X: pn.HMM(n_states=2, initial={"transitions": [[2, 1], [1, 2]]}).fit(X),
            pn.SettingError,
            "'transitions' holds probabilities.*3",
        ),
        (
            lambda m, X: pn.HMM(n_states=2, initial={"covariances": -np.ones((2, 2))}).fit(X),
            pn.SettingError,
            "variances of 0 or less",
        ),
    ],
)
def test_what_means_nothing_is_refused_by_name(ask, error, message):
    X, _ = drawn()
    model = pn.HMM(n_states=2, epochs=1).fit(X)
    with pytest.raises(error, match=message):
        ask(model, X)


@pytest.mark.slow
def test_a_report_shows_states_and_transitions(tmp_path):
    draw = np.random.default_rng(0)
    vectors = [np.r_[draw.normal(size=(20, 2)), draw.normal(5, 1, (20, 2))] for _ in range(4)]
    for X in (vectors, [draw.integers(0, 3, 30) for _ in range(4)]):
        pn.HMM(n_states=2, epochs=3, progress=False).fit(X).report(tmp_path / "page.html", X[:2])
        page = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert "HMM on the data" in page
        assert "how probable each state is at its steps" in page
        assert "How probable a state is after each other one." in page


def test_settings_are_those_of_any_estimator():
    asked = pn.HMM("gaussian", n_states=4)
    assert asked.get_params()["n_states"] == 4
    assert pn.HMM().get_params()["n_states"] is None
    draw = np.random.default_rng(0)
    sequences = [draw.normal(size=(12, 2)) for _ in range(6)]
    best = pn.tune(asked, sequences, space={"n_states": [2, 3]}, trials=2)
    assert best.best_params_["n_states"] in (2, 3)


@pytest.mark.parametrize("start", ["segmental", "labels"])
def test_how_it_starts_is_a_setting_and_not_where_weights_come_from(start, tmp_path):
    xs, _ = drawn(12)
    found = pn.HMM(n_states=3, start=start, epochs=2).fit(xs)
    named = pn.HMM(pn.model("gaussian", n_states=3, start=start), epochs=2).fit(xs)
    assert found.score(xs) == named.score(xs)
    found.save(tmp_path / "saved")
    again = pn.load(tmp_path / "saved")
    assert again.start == start
    assert again.score(xs) == found.score(xs)


def test_weights_of_other_sequences_are_refused():
    model = pn.HMM(n_states=2).fit(symbols())
    for judge in (model.score, model.evaluate):
        with pytest.raises(pn.DataError, match="sample_weight"):
            judge(symbols(), sample_weight=np.ones(3))
        with pytest.raises(pn.DataError, match="not negative"):
            judge(symbols(), sample_weight=-np.ones(len(symbols())))


@pytest.mark.parametrize("covariance", ["spherical", "tied"])
def test_first_covariances_that_are_shared_may_be_given_once(covariance):
    hmm = pytest.importorskip("hmmlearn.hmm", reason="hmmlearn is not installed: no peer for shared covariances")
    X, _ = drawn(4, seed=3)
    given = np.array([0.5, 1.0, 2.0]) if covariance == "spherical" else np.array([[2.0, 0.3], [0.3, 1.0]])
    peer = hmm.GaussianHMM(3, covariance, init_params="", params="")
    peer.startprob_, peer.transmat_, peer.means_, peer.covars_ = np.full(3, 1 / 3), STEP, MEANS, given
    ours = pn.HMM(n_states=3, covariance=covariance, epochs=1).fit(X)
    first = {"start": peer.startprob_, "transitions": STEP, "means": MEANS, "covariances": given}
    ours.objective_.begin_with(first)
    np.testing.assert_allclose(ours.log_prob(X), [peer.score(x) for x in X])
    pn.HMM(n_states=3, covariance=covariance, epochs=2, initial=first).fit(X)
    with pytest.raises(pn.SettingError, match="initial 'covariances' has shape"):
        pn.HMM(n_states=3, epochs=1, initial={"covariances": np.ones(3)}).fit(X)
