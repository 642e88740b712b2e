"""Dawid and Skene's model against their own example and a loop written out."""

import numpy as np

from parnassus.functional.crowds import dawid_skene, votes

# Dawid and Skene (1979), table 1: five anaesthetists grade 45 patients 1 to 4, the first of them three times.
GRADES = """
111 1 1 1 1|333 4 3 3 4|112 2 1 2 2|222 3 1 2 1|222 3 2 2 2|222 3 3 2 2|122 2 1 1 1|333 3 4 3 3|222 2 2 2 3
232 2 2 2 3|444 4 4 4 4|222 3 3 4 3|111 1 1 1 1|222 3 2 1 2|121 1 1 1 1|111 2 1 1 1|111 1 1 1 1|111 1 1 1 1
222 2 2 2 1|222 1 3 2 2|222 2 2 2 2|222 2 2 2 1|222 3 2 2 2|221 2 2 2 2|111 1 1 1 1|111 1 1 1 1|232 2 2 2 2
111 1 1 1 1|111 1 1 1 1|112 1 1 2 1|111 1 1 1 1|333 3 2 3 3|111 1 1 1 1|222 2 2 2 2|222 3 2 3 2|433 4 3 4 3
221 2 2 3 2|232 3 2 3 3|333 3 4 3 2|111 1 1 1 1|111 1 1 1 1|121 2 1 1 1|232 2 2 2 2|121 1 1 1 1|222 2 2 2 2
"""


def anaesthetists() -> tuple[np.ndarray, ...]:
    patients = [line.split() for line in GRADES.strip().replace("\n", "|").split("|")]
    triples = [(i, a, int(grade) - 1) for i, row in enumerate(patients) for a, said in enumerate(row) for grade in said]
    return tuple(np.array(column) for column in zip(*triples, strict=True))


def by_loops(item, annotator, label, shape, n_steps, smoothing):
    """The same EM as sums over answers, one at a time."""
    n_items, n_annotators, n_labels = shape
    posterior = np.zeros((n_items, n_labels))
    for i, k in zip(item, label, strict=True):
        posterior[i, k] += 1
    posterior /= posterior.sum(1, keepdims=True)
    for _ in range(n_steps):
        prior = posterior.mean(0)
        confusion = np.full((n_annotators, n_labels, n_labels), smoothing)
        for i, a, k in zip(item, annotator, label, strict=True):
            confusion[a, :, k] += posterior[i]
        confusion /= confusion.sum(2, keepdims=True)
        posterior = np.tile(prior, (n_items, 1))
        for i, a, k in zip(item, annotator, label, strict=True):
            posterior[i] *= confusion[a, :, k]
        posterior /= posterior.sum(1, keepdims=True)
    return posterior, confusion, prior


def made_up(seed=0, n_items=60, skill=(0.9, 0.75, 0.4, 0.85)):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n_items)
    item, annotator = (a.ravel() for a in np.indices((n_items, len(skill))))
    right = rng.random(len(item)) < np.array(skill)[annotator]
    label = np.where(right, truth[item], (truth[item] + rng.integers(1, 3, len(item))) % 3)
    kept = rng.random(len(item)) < 0.8
    return truth, (item[kept], annotator[kept], label[kept], (n_items, len(skill), 3))


def test_the_published_prior_of_the_anaesthetists():
    found = dawid_skene(*anaesthetists(), (45, 5, 4), smoothing=0)
    assert found.prior.round(2).tolist() == [0.40, 0.42, 0.11, 0.07]
    assert found.converged
    assert (found.posterior.max(1) > 0.9).sum() >= 40  # the paper: nearly all patients are as good as certain


def test_the_log_likelihood_never_falls():
    _, answers = made_up()
    history = dawid_skene(*answers, smoothing=0).log_likelihood
    assert len(history) > 3
    assert (np.diff(history) > -1e-9).all()


def test_steps_equal_loops_over_answers():
    _, answers = made_up()
    found = dawid_skene(*answers, smoothing=0.5, max_iterations=7, tol=0)
    posterior, confusion, prior = by_loops(*answers, 7, 0.5)
    np.testing.assert_allclose(found.posterior, posterior, atol=1e-10)
    np.testing.assert_allclose(found.confusion, confusion, atol=1e-10)
    np.testing.assert_allclose(found.prior, prior, atol=1e-10)


def test_an_annotator_who_guesses_is_found_out_and_the_truth_recovered_better_than_by_votes():
    truth, answers = made_up(seed=1, n_items=400, skill=(0.95, 0.4, 0.4, 0.4, 0.4))
    found = dawid_skene(*answers)
    by_vote = votes(answers[0], answers[2], 400, 3).argmax(1)
    assert (found.posterior.argmax(1) == truth).mean() > (by_vote == truth).mean() + 0.1
    diagonal = np.einsum("akk->ak", found.confusion).mean(1)
    assert diagonal.argmax() == 0
    assert diagonal[0] > max(diagonal[1:]) + 0.25


def test_an_annotator_never_asked_is_taken_to_guess():
    item, annotator, label = np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0, 0, 1])
    found = dawid_skene(item, annotator, label, (2, 3, 2), smoothing=0)
    assert np.isfinite(found.posterior).all()
    assert np.isfinite(found.confusion).all()
    assert found.confusion[2].tolist() == [[0.5, 0.5], [0.5, 0.5]]
