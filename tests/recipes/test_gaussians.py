"""Recipes on Gaussians and on phones: what theory says of them."""

import numpy as np
import pytest
import torch

from parnassus import recipes
from parnassus.recipes.gaussians import by_likelihood, far_cloud, joint, moved
from parnassus.recipes.phones import Judge, every_pair, utterances, word_list


def test_axes_of_the_drawn_covariance_are_root_three_and_one():
    full = next(row for row in recipes.run("contours-of-covariances", "tiny").rows if row[1] == "full")
    assert full[2] == pytest.approx(3**0.5, rel=0.06)
    assert full[3] == pytest.approx(1, rel=0.06)
    assert full[4] == pytest.approx(45, abs=4)


def test_richer_covariances_are_likelier_and_more_gaussians_fit_better():
    rows = recipes.run("contours-of-covariances", "tiny").rows
    for name in {row[0] for row in rows}:
        likely = [row[5] for row in rows if row[0] == name]
        assert likely == sorted(likely)
    humps = {row[:2]: row for row in recipes.run("one-gaussian-or-three", "tiny").rows}
    one, three = humps["three humps", "1 Gaussian"], humps["three humps", "3 Gaussians"]
    assert one[3] < three[3] <= humps["three humps", "the density itself"][3] + 0.05  # no model beats the truth by much


def test_extended_baum_welch_raises_mutual_information():
    x, y = (torch.from_numpy(v) for v in far_cloud(300, seed=0))
    start = by_likelihood(x, y)
    np.testing.assert_allclose(start[0][1], x[y == 1].mean(0))
    values = [joint(x, *moved(x, y, *start, n_steps=n)).log_softmax(1)[torch.arange(300), y].mean() for n in (0, 5, 20)]
    assert values[0] < values[1] < values[2]


def test_a_judge_counts_phones_and_words():
    words = word_list(0)
    judge = Judge(words)
    assert every_pair(words).shape == (144, 6)
    assert judge.phones.diagonal().unique().item() == 6
    assert judge.words.diagonal().unique().item() == 2
    assert judge.words[0, 1] == 1  # the same first word
    x, y = utterances(20, 30 * np.random.default_rng(0).normal(size=(8, 2)), words, seed=0)
    far = torch.from_numpy(30 * np.random.default_rng(0).normal(size=(8, 2)))
    assert judge.errors(x, y, far, torch.zeros((), dtype=x.dtype)) == (0, 0)  # phones far apart are never mistaken
