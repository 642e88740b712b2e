"""Chains of classes: what they count is the criterion's gradient, and no step makes the criterion worse."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.estimators.fitting.assembly import prepare
from parnassus.functional import chains
from parnassus.functional.discriminative import expected_accuracy, extended_baum_welch, map_decision, mce, mmi
from parnassus.models.probabilistic.sequence_hmm import hmm, hmm_of_symbols
from parnassus.objectives.probabilistic.class_chains import NOWHERE, ClassChains, part_of, with_lengths

CRITERIA = ("mmi", "mpe", "mce")


def sequences(n=40, seed=0):
    """Three classes of sequences of 2 to 6 frames, two features; classes differ in their second half."""
    g = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 3
    x = torch.randn(n, 6, 2, generator=g, dtype=torch.float64)
    x[:, 3:, 0] += y[:, None].double()
    x[:, :3, 1] -= 0.5 * y[:, None].double()
    return {"x": x, "y": y, "lengths": 4 + torch.arange(n) % 3}


def steps(objective, batch, n):
    """n steps over all rows; the losses."""
    (phase,) = objective.phases()
    losses = []
    with torch.no_grad():
        objective.begin(batch)
        for _ in range(n):
            losses.append(float(phase.loss(batch)))
            phase.after()
    return losses


def made(criterion, **options):
    return hmm(step_features=2, n_outputs=3, n_states=2, criterion=criterion, **{"n_em_steps": 3} | options)


def log_joint_by_equation(objective, means, batch):
    """ln P(c) + ln p(x | c) by the recursion, a sequence at a time; differentiable in means (classes, K, features)."""
    rows = []
    for x, n in zip(batch["x"], batch["lengths"].tolist(), strict=True):
        row = []
        for chain, m in zip(objective.trial, means, strict=True):
            v = chain.emissions.covariances
            logs = -0.5 * ((x[:n, None] - m) ** 2 / v + v.log() + np.log(2 * np.pi)).sum(2)
            start, step, _ = chain.chain.logs()
            row.append(chains.forward(start, step, logs)[1])
        rows.append(torch.stack(row))
    return torch.stack(rows) * objective.scale + objective.log_prior


def criterion_of(name, joint, y):
    if name == "mmi":
        return mmi(joint, y)
    if name == "mpe":
        return expected_accuracy(joint, torch.nn.functional.one_hot(y, 3).double())
    return -mce(joint, y)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_what_is_counted_is_the_gradient_of_the_criterion(criterion, draws):
    """Fisher's identity: d log p / d m = (C(x) - m C(1)) / v, against autograd through the forward recursion."""
    objective, batch = made(criterion), sequences(12)
    steps(objective, batch, 3)
    assert objective.turned
    means = torch.stack([c.emissions.means for c in objective.trial]).requires_grad_()
    total = criterion_of(criterion, log_joint_by_equation(objective, means, batch), batch["y"]).sum()
    (slopes,) = torch.autograd.grad(total, means)
    with torch.no_grad():
        loss = objective.add(batch)
    torch.testing.assert_close(float(loss), -float(total.detach()) / 12)
    for number, chain in enumerate(objective.trial):
        own, rivals = objective._sums[number, False], objective._sums[number, True]
        counts, first = (own[at] - rivals[at] for at in (3, 4))
        away = chain.emissions.means - chain.emissions.centre
        expected = slopes[number] * chain.emissions.covariances
        torch.testing.assert_close(first - away * counts[:, None], expected, rtol=1e-8, atol=1e-9)


def test_a_step_of_mmi_is_extended_baum_welch_by_the_equations(draws):
    objective, batch = made("mmi"), sequences(12)
    steps(objective, batch, 3)
    chain, x = objective.trial[1], batch["x"]
    means, variances = chain.emissions.means.clone(), chain.emissions.covariances.clone()
    stacked = torch.stack([c.emissions.means for c in objective.trial])
    posterior = log_joint_by_equation(objective, stacked, batch).softmax(1)
    sums = [[torch.zeros(2).double(), torch.zeros(2, 2).double(), torch.zeros(2, 2).double()] for _ in range(2)]
    start, step, _ = chain.chain.logs()
    for r, n in enumerate(batch["lengths"].tolist()):
        logs = -0.5 * ((x[r, :n, None] - means) ** 2 / variances + variances.log() + np.log(2 * np.pi)).sum(2)
        gamma, _ = chains.posteriors(start, step, logs)
        for held, share in zip(sums, (float(batch["y"][r] == 1), float(posterior[r, 1])), strict=True):
            held[0] += share * gamma.sum(0)
            held[1] += share * gamma.T @ x[r, :n]
            held[2] += share * gamma.T @ x[r, :n].square()
    expected = extended_baum_welch(means, variances, *map(tuple, sums))
    (phase,) = objective.phases()
    with torch.no_grad():
        phase.loss(batch)
        phase.after()
    torch.testing.assert_close(chain.emissions.means, expected.means, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(chain.emissions.covariances, expected.variances, rtol=1e-8, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"n_mixtures": 2}, {"topology": "ergodic", "scale": 0.3}])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_no_criterion_ends_below_maximum_likelihood(criterion, options, draws):
    objective, batch = made(criterion, **options), sequences()
    losses = steps(objective, batch, 40)
    by_likelihood = losses[int(objective.n_em)]
    with torch.no_grad():
        ended = -float(objective.values(objective.scaled_joint(objective.chains, batch), batch["y"]).mean())
    assert ended < by_likelihood - 1e-3
    assert ended <= min(losses[int(objective.n_em) :]) + 1e-9


def test_a_step_that_lowers_the_criterion_is_taken_back_and_d_doubled(draws):
    objective, batch = made("mmi"), sequences()
    losses = steps(objective, batch, 5)
    kept = {k: v.clone() for k, v in objective.chains.state_dict().items()}
    objective.trial[0].emissions.means += 5
    before = float(objective.factor)
    (phase,) = objective.phases()
    with torch.no_grad():
        phase.loss(batch)
        phase.after()
    assert float(objective.factor) == 2 * before
    assert not objective.finished
    for name, value in objective.trial.state_dict().items():
        torch.testing.assert_close(value, kept[name])
    assert -float(objective.reached) <= losses[-1] + 1e-12


def test_by_likelihood_each_chain_is_an_hmm_of_its_class(draws):
    """The classes do not touch each other: log p(x | class) is that of an HMM fitted to the class alone."""
    batch = sequences()
    options = {"n_states": 2, "topology": "left_to_right", "prior": 0.5, "tol": 0.0}
    objective = hmm(step_features=2, n_outputs=3, emission_prior=0.0, covariance_floor=1e-6, **options)
    steps(objective, batch, 6)
    with torch.no_grad():
        joint = objective.log_joint(batch)
    for number in range(3):
        own = part_of(batch, batch["y"] == number)
        X = [x[:n].numpy() for x, n in zip(own["x"], own["lengths"].tolist(), strict=True)]
        alone = pn.HMM("gaussian", epochs=6, **options).fit(X)
        new = [x[:n].numpy() for x, n in zip(batch["x"], batch["lengths"].tolist(), strict=True)]
        expected = alone.log_prob(new) + np.log(len(X) / 40)
        np.testing.assert_allclose(joint[:, number].numpy(), expected, rtol=1e-5)


def test_a_class_without_rows_is_never_chosen(draws):
    batch = part_of(sequences(), sequences()["y"] != 1)
    for criterion in ("ml", "mmi"):
        objective = made(criterion)
        steps(objective, batch, 6)
        with torch.no_grad():
            joint = objective.log_joint(batch)
        assert (joint[:, 1] == NOWHERE).all()
        assert joint[:, [0, 2]].isfinite().all()


def test_rows_of_weight_zero_change_nothing(draws):
    batch = with_lengths(sequences())
    weight = torch.ones(40)
    weight[:9] = 0
    one, two = made("mpe"), made("mpe")
    steps(one, batch | {"weight": weight}, 1)
    two.load_state_dict(one.state_dict())
    (a,), (b,) = one.phases(), two.phases()
    with torch.no_grad():
        for _ in range(6):
            seen = float(a.loss(batch | {"weight": weight})), float(b.loss(part_of(batch, weight > 0)))
            a.after()
            b.after()
    assert seen[0] == pytest.approx(seen[1], rel=1e-9)


def misspecified(n, seed):
    """Sequences of one feature, of two classes: the first's frames lie about 0, and a sixth of them about 12.

    One Gaussian cannot say that; the likeliest one lies about 2 and is wide, so that it takes the other class's, about
    3, for its own. Only frames near 0 or far out tell the classes apart.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    X = []
    for label in y:
        x = rng.normal(3.0 * label, 1.0, (int(rng.integers(2, 5)), 1))
        x[(rng.random(len(x)) < 1 / 6) & (label == 0)] += 12
        X.append(x)
    return X, y


@pytest.mark.slow
@pytest.mark.parametrize("criterion", CRITERIA)
def test_where_likelihood_is_misled_other_criteria_make_fewer_errors(criterion):
    X, y = misspecified(400, 0)
    new, truth = misspecified(1000, 1)
    wrong = []
    for name in ("ml", criterion):
        found = pn.Classifier(pn.model("hmm", n_states=1, criterion=name, scale=0.5 if name != "ml" else 1.0)).fit(X, y)
        wrong.append(1 - found.score(new, truth))
    assert wrong[1] < 0.9 * wrong[0], wrong


@pytest.mark.slow
def test_rows_of_digits_are_told_apart_better_by_mmi():
    """No numbers of others are known for this split: the two are compared with each other, floors alike."""
    X, y = load_digits(return_X_y=True)
    rows = list((X / 16).reshape(-1, 8, 8))
    score = {}
    for name in ("ml", "mmi"):
        found = pn.Classifier(pn.model("hmm", n_states=6, criterion=name, covariance_floor=0.2), epochs=30)
        score[name] = found.fit(rows[:600], y[:600]).score(rows[1200:], y[1200:])
    assert score["mmi"] > score["ml"] + 0.02
    assert score["ml"] > 0.75


@pytest.mark.slow
def test_the_classifier_decides_by_map_saves_and_resumes(tmp_path):
    X, y = misspecified(60, 2)
    names = np.array(["no", "yes"])[y]
    model = pn.model("hmm", n_states=2, criterion="mmi", n_em_steps=4)
    whole = pn.Classifier(model, epochs=12, out=str(tmp_path / "run")).fit(X, names)
    proba = whole.predict_proba(X)
    rows = whole.codec_.encode(X)
    with torch.no_grad():
        batch = prepare(whole, torch.device("cpu"), rows.take(torch.arange(60)))
        likelihood = torch.stack([c.outputs(batch) for c in whole.objective_.chains], 1)
    decided = map_decision(likelihood, whole.objective_.log_prior)
    assert (whole.predict(X) == np.array(["no", "yes"])[decided.numpy()]).all()
    posterior = (likelihood + whole.objective_.log_prior).softmax(1).numpy()  # Bayes' rule
    np.testing.assert_allclose(proba, posterior, rtol=1e-6, atol=1e-9)
    whole.save(tmp_path / "kept.pn")
    np.testing.assert_array_equal(pn.load(tmp_path / "kept.pn").predict_proba(X), proba)
    again = pn.Classifier(model, epochs=12, out=str(tmp_path / "run"), resume=True).fit(X, names)
    np.testing.assert_array_equal(again.predict_proba(X), proba)


@pytest.mark.slow
def test_states_that_lose_their_frames_are_said_once_and_kept(draws):
    """Frames of one kind, in states that may not go back: the first takes all of them."""
    g = torch.Generator().manual_seed(0)
    batch = {"x": torch.randn(8, 5, 3, generator=g), "y": torch.arange(8) % 3}
    batch["x"] += 6 * torch.eye(3)[batch["y"]][:, None]
    objective = hmm(step_features=3, n_outputs=3, n_states=3, prior=0.0)
    with pytest.warns(pn.DataWarning, match="lost all their frames") as said:
        steps(objective, batch, 60)
    assert len(said) == 1
    assert any(words.startswith("class number") for words in objective.repairs)


@pytest.mark.parametrize("criterion", ["ml", "mmi"])
def test_sequences_of_symbols_are_told_apart(criterion):
    """Class 0 goes from the first symbols to the last, class 1 the other way: counts alone are the same."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = [np.sort(rng.integers(0, 4, 8)) if label == 0 else -np.sort(-rng.integers(0, 4, 8)) for label in y]
    objective = hmm_of_symbols(vocab_size=4, n_outputs=1, n_states=2, criterion=criterion, n_em_steps=3)
    assert isinstance(objective, ClassChains)
    batch = {"x": torch.tensor(np.array(X)), "y": torch.tensor(y)}
    with torch.random.fork_rng():
        steps(objective, batch, 12)
    with torch.no_grad():
        assert ((objective.outputs(batch)[:, 0] > 0) == (batch["y"] == 1)).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"criterion": "mmie"}, "mmi"),
        ({"criterion": "mmi", "covariance": "full"}, "diagonal"),
        ({"topology": "bakis"}, "topology"),
        ({"n_states": 0}, "n_states"),
        ({"n_mixtures": 0}, "n_mixtures"),
    ],
)
def test_what_no_chain_can_be_is_refused(options, words):
    with pytest.raises(pn.SettingError, match=words):
        hmm(step_features=2, n_outputs=3, **options)
    if "n_mixtures" not in options:
        with pytest.raises(pn.SettingError):
            hmm_of_symbols(vocab_size=3, n_outputs=3, **options)
