"""Decision trees that tie states: gains by scipy's densities, splits by hand."""

import numpy as np
import pytest
from scipy.stats import norm

from parnassus.functional.state_tying import (
    Pool,
    best_split,
    gaussian_log_likelihood,
    leaf_of,
    questions_from,
    tied_states,
)

QUESTIONS = [("a",), ("b",), ("c",), ("a", "b")]


def pool_of(groups: dict[tuple[str, str], np.ndarray]) -> Pool:
    """Statistics of frames by context."""
    return Pool(
        list(groups),
        np.array([len(x) for x in groups.values()], dtype=float),
        np.array([x.sum(0) for x in groups.values()]),
        np.array([(x**2).sum(0) for x in groups.values()]),
    )


@pytest.fixture
def frames() -> dict[tuple[str, str], np.ndarray]:
    rng = np.random.default_rng(0)
    where = {"a": 0.0, "b": 0.1, "c": 6.0}
    return {(left, right): rng.normal(where[left], 1, (40, 2)) for left in "abc" for right in "ab"}


def test_the_likelihood_is_that_of_the_fitted_gaussian(frames):
    pool, x = pool_of(frames), np.concatenate(list(frames.values()))
    expected = norm.logpdf(x, x.mean(0), x.std(0)).sum()
    found = gaussian_log_likelihood(pool.counts, pool.sums, pool.squares, floor=1e-6)
    assert found == pytest.approx(expected, rel=1e-10)


def test_the_first_question_parts_the_contexts_that_sound_otherwise(frames):
    split = best_split(pool_of(frames), np.arange(6), QUESTIONS, min_count=10, floor=1e-6)
    assert (split.side, split.units) in {("left", ("c",)), ("left", ("a", "b"))}
    x = np.concatenate(list(frames.values()))
    parts = [np.concatenate([f for (left, _), f in frames.items() if (left == "c") == c]) for c in (True, False)]
    expected = sum(norm.logpdf(p, p.mean(0), p.std(0)).sum() for p in parts) - norm.logpdf(x, x.mean(0), x.std(0)).sum()
    assert split.gain == pytest.approx(expected, rel=1e-9)


def test_leaves_hold_no_fewer_frames_than_asked(frames):
    trees, gained = tied_states([pool_of(frames)], QUESTIONS, n_leaves=100, min_count=80)
    counts: dict[int, int] = {}
    for (left, right), x in frames.items():
        leaf = leaf_of(trees[0], left, right)
        counts[leaf] = counts.get(leaf, 0) + len(x)
    assert len(counts) > 1
    assert min(counts.values()) >= 80
    assert gained > 0


def test_the_pool_that_gains_most_is_split_first_and_leaves_are_numbered_over_all(frames):
    alike = {k: np.random.default_rng(1).normal(0, 1, (40, 2)) for k in frames}
    trees, _ = tied_states([pool_of(alike), pool_of(frames)], QUESTIONS, n_leaves=3, min_count=10)
    assert trees[0] == 0
    assert {leaf_of(trees[1], *context) for context in frames} == {1, 2}
    assert leaf_of(trees[1], "a", "a") == leaf_of(trees[1], "b", "z")  # a context never seen finds a leaf


def test_a_state_without_frames_or_with_one_context_stays_whole():
    empty = Pool([], np.zeros(0), np.zeros((0, 2)), np.zeros((0, 2)))
    single = pool_of({("#", "#"): np.random.default_rng(0).normal(size=(50, 2))})
    trees, gained = tied_states([empty, single], QUESTIONS, n_leaves=10, min_count=1)
    assert trees == [0, 1]
    assert gained == 0


def test_questions_join_the_units_that_sound_alike():
    means = np.array([[0.0], [10.0], [0.5], [9.0]])
    found = questions_from(["a", "b", "c", "d"], means)
    assert ("a", "c") in found
    assert ("b", "d") in found
    assert len(found) == 6
