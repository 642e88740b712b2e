"""A network inside an HMM: equal to the HMM where it says the same, better where Gaussians are wrong."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import parnassus as pn
from parnassus.estimators.hybrid import Hybrid


class Bayes:
    """A classifier whose posteriors are those of known Gaussians and priors."""

    def __init__(self, means=(), prior=()):
        self.means, self.prior = means, prior

    def get_params(self, deep=True):
        return {"means": self.means, "prior": self.prior}

    def fit(self, X, y):
        self.classes_ = np.arange(len(self.means))
        return self

    def predict_proba(self, X):
        p = np.exp(-0.5 * ((X[:, None] - np.asarray(self.means)) ** 2).sum(2)) * np.asarray(self.prior)
        return p / p.sum(1, keepdims=True)


def rings(n, seed):
    """Sequences of two states that no Gaussian tells apart: near the centre, or on a ring around it."""
    rng = np.random.default_rng(seed)
    xs, paths = [], []
    for _ in range(n):
        states = (np.arange(40) // int(rng.integers(5, 12))) % 2
        angle, radius = rng.uniform(0, 2 * np.pi, 40), np.where(states, 2.2, 0.7) + 0.35 * rng.normal(size=40)
        xs.append(np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]))
        paths.append(states)
    return xs, paths


def fitted_hmm(xs, paths):
    return pn.HMM(n_states=2, covariance="full", epochs=1).fit(xs, paths)


def of_gaussians():
    """An HMM of two Gaussians, a hybrid whose network knows them, and sequences, two of them of other lengths."""
    means, prior = np.array([[0.0, 0.0], [1.5, 0.5]]), np.array([0.3, 0.7])
    rng = np.random.default_rng(0)
    xs = [rng.normal(size=(n, 2)) + 0.7 for n in (30, 1, 30, 12, 30, 30)]
    first = {
        "start": [0.5, 0.5],
        "transitions": [[0.8, 0.2], [0.3, 0.7]],
        "means": means,
        "covariances": np.ones((2, 2)),
    }
    hmm = pn.HMM(n_states=2, epochs=1).fit(xs)
    hmm.objective_.begin_with(first)
    hybrid = Hybrid(hmm, Bayes(means, prior), rounds=1).fit(xs)
    hybrid.chain_ = hmm.chain_
    hybrid.log_prior_ = hybrid.log_prior_.new_tensor(prior).log()
    return hmm, hybrid, xs


def test_posteriors_over_priors_of_gaussians_decode_as_the_gaussians_do():
    """Bayes: P(s | x) / P(s) is p(x | s) / p(x), and p(x) is the same for all states: equal paths and posteriors."""
    hmm, hybrid, xs = of_gaussians()
    for x in xs:
        np.testing.assert_array_equal(hybrid.decode(x).path, hmm.decode(x).path)
        np.testing.assert_allclose(hybrid.posterior(x), hmm.posterior(x), atol=1e-10)


def test_several_sequences_are_a_list_and_their_log_p_is_that_of_gaussians_less_that_of_the_frames():
    hmm, hybrid, xs = of_gaussians()
    found, alone = hybrid.decode(xs), [hybrid.decode(x) for x in xs]
    for path, one in zip(found.path, alone, strict=True):
        np.testing.assert_array_equal(path, one.path)
    np.testing.assert_allclose(found.score, [one.score for one in alone])
    np.testing.assert_array_equal(hybrid.predict(xs)[2], found.path[2])
    assert [len(gamma) for gamma in hybrid.posterior(xs)] == [30, 1, 30, 12, 30, 30]
    means, prior = hybrid.network_.means, hybrid.network_.prior
    frames = [np.exp(-0.5 * ((x[:, None] - means) ** 2).sum(2)) @ prior / (2 * np.pi) for x in xs]
    np.testing.assert_allclose(hybrid.log_prob(xs), hmm.log_prob(xs) - [np.log(p).sum() for p in frames])
    assert hybrid.log_prob(xs[3]) == pytest.approx(hybrid.log_prob(xs)[3])


@pytest.mark.slow
def test_a_network_is_right_where_gaussians_are_not():
    xs, paths = rings(12, 0)
    new, truth = rings(6, 1)
    network = pn.Classifier("mlp", epochs=60)
    hybrid = Hybrid(fitted_hmm(xs, paths), network, rounds=2, context=1).fit(xs, paths)
    right = np.mean([(hybrid.decode(x).path == p).mean() for x, p in zip(new, truth, strict=True)])
    assert right > 0.95
    assert len(hybrid.agreement_) == 2
    assert hybrid.agreement_[1] >= hybrid.agreement_[0] - 0.01
    assert not hasattr(network, "objective_"), "the network given stays unfitted"


def test_any_classifier_of_scikit_learns_manner_serves():
    xs, paths = rings(4, 0)
    hybrid = Hybrid(fitted_hmm(xs, paths), LogisticRegression(), rounds=1).fit(xs)
    assert hybrid.decode(xs[0]).path.shape == (40,)


def test_bad_settings_and_answers_are_refused():
    xs, paths = rings(3, 0)
    hmm = fitted_hmm(xs, paths)
    with pytest.raises(pn.SettingError, match="rounds"):
        Hybrid(hmm, LogisticRegression(), rounds=0)
    with pytest.raises(pn.DataError, match="every frame"):
        Hybrid(hmm, LogisticRegression()).fit(xs, [p[:-1] for p in paths])
    with pytest.raises(pn.NotFitted):
        Hybrid(hmm, LogisticRegression()).decode(xs[0])
    with pytest.raises(pn.SettingError, match="HMM"):
        Hybrid(LogisticRegression(), LogisticRegression())
    with pytest.raises(pn.DataError, match="to state 0"):
        Hybrid(hmm, LogisticRegression()).fit(xs, [np.zeros(40, dtype=int)] * 3)


def test_sequences_unlike_those_of_fit_are_refused_by_sequence_and_step():
    _, hybrid, xs = of_gaussians()
    bad = xs[0].copy()
    bad[3, 1] = np.nan
    with pytest.raises(pn.DataError, match="sequence 1, step 3"):
        hybrid.decode([xs[0], bad])
    with pytest.raises(pn.DataError, match="3 features a step"):
        hybrid.posterior(np.zeros((4, 3)))


def test_a_hybrid_is_saved_with_its_network_or_refused(tmp_path):
    xs, paths = rings(4, 2)
    hybrid = Hybrid(fitted_hmm(xs, paths), pn.Classifier("mlp", epochs=2), rounds=2, context=1).fit(xs)
    hybrid.save(tmp_path / "hybrid.parnassus")
    again = pn.load(tmp_path / "hybrid.parnassus")
    for x in (xs[0], xs[1][:1]):
        np.testing.assert_array_equal(again.posterior(x), hybrid.posterior(x))
        np.testing.assert_array_equal(again.decode(x).path, hybrid.decode(x).path)
    assert again.agreement_ == hybrid.agreement_
    assert repr(again) == repr(hybrid)
    other = Hybrid(fitted_hmm(xs, paths), LogisticRegression(), rounds=1).fit(xs)
    with pytest.raises(pn.DataError, match="cannot save the network, a LogisticRegression"):
        other.save(tmp_path / "other.parnassus")
    with pytest.raises(pn.NotFitted):
        Hybrid(other.hmm, pn.Classifier()).save(tmp_path / "none.parnassus")


def test_a_table_is_aligned_as_its_sequences_are():
    import pandas as pd

    xs, paths = rings(4, 3)
    table = pd.DataFrame(np.concatenate(xs), columns=["a", "b"]).assign(who=np.repeat(np.arange(4), 40))
    hmm = pn.HMM(n_states=2, covariance="full", epochs=1, sequence="who").fit(table, np.concatenate(paths))
    found = Hybrid(hmm, LogisticRegression(), rounds=1).fit(table)
    listed = Hybrid(fitted_hmm(xs, paths), LogisticRegression(), rounds=1).fit(xs)
    np.testing.assert_array_equal(found.predict(table), np.concatenate(listed.predict(xs)))
    assert found.posterior(table).shape == (160, 2)
