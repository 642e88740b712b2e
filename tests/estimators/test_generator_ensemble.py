"""Generators that draw together, and the critic's features for a linear classifier."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from torch import nn

import parnassus as pn
from parnassus.estimators.generator_ensemble import sample_together
from parnassus.models.generative.gan import critic_features, dcgan_critic

DIGITS, LABELS = np.rint(load_digits().images * (255 / 16)).astype(np.uint8), load_digits().target


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    return [pn.Generator(pn.model("gan", hidden=(8,)), epochs=8, progress=False).fit(rng.normal(size=(200, 2)) + 9 * i)
            for i in range(2)]  # fmt: skip


def test_a_blend_is_a_mixture_in_the_shares_asked_for(pair):
    rows = sample_together(pair, 400, how="blend", weights=[3, 1], seed=5)
    of = [{tuple(r) for r in g.sample(400, seed=5 + i)} for i, g in enumerate(pair)]
    first = np.array([tuple(r) in of[0] for r in rows])
    assert all(tuple(r) in of[0] | of[1] for r in rows)
    assert abs(first.mean() - 0.75) < 0.09  # four deviations


def test_an_average_is_the_weighted_mean(pair):
    a, b = (g.sample(10, seed=2 + i) for i, g in enumerate(pair))
    assert np.allclose(sample_together(pair, 10, how="average", weights=[1, 3], seed=2), 0.25 * a + 0.75 * b)


def test_a_vote_keeps_what_the_judge_likes_best(pair):
    a, b = (g.sample(50, seed=i) for i, g in enumerate(pair))
    rows = sample_together(pair, 50, how="vote", judge=lambda rows: rows[:, 0])
    assert np.array_equal(rows, np.where((a[:, 0] >= b[:, 0])[:, None], a, b))


def test_what_cannot_be_joined_is_refused(pair):
    with pytest.raises(pn.SettingError, match="judge"):
        sample_together(pair, 3, how="vote")
    with pytest.raises(pn.SettingError, match="weights"):
        sample_together(pair, 3, weights=[1, -1])
    with pytest.raises(pn.SettingError, match="blend"):
        sample_together(pair, 3, how="blnd")
    with pytest.raises(pn.SettingError, match="0 and"):
        sample_together([], 3)


def test_b8_6_features_of_the_published_critic_are_28672(draws):
    critic = dcgan_critic(3, (64, 64), 128, nn.BatchNorm2d).eval()
    with torch.no_grad():
        assert critic_features(critic, torch.randn(1, 3, 64, 64)).shape == (1, 28_672)


def test_features_are_the_largest_of_each_place(draws):
    critic = dcgan_critic(1, (16, 16), 2, nn.BatchNorm2d).eval()
    x = torch.randn(3, 1, 16, 16)
    last = critic[:-1](x)
    assert torch.equal(critic_features(critic, x), last.flatten(1))  # 4 x 4 places as they are, of the second layer
    coarse = critic_features(critic, x, grid=2).view(3, 4, 2, 2)
    assert torch.equal(coarse[:, :, 1, 0], last[:, :, 2:, :2].amax((2, 3)))


@pytest.mark.slow
def test_few_labels_go_as_far_on_the_critics_features_as_on_pixels():
    made = pn.Generator(pn.model("dcgan", width=16), epochs=6, progress=False).fit(DIGITS[:600])
    features = made.features(DIGITS)
    assert features.shape == (1797, 16 * 32)
    scores = []
    for rows in (features, DIGITS.reshape(-1, 64)):
        svm = make_pipeline(StandardScaler(), LinearSVC(C=0.01, max_iter=20_000, random_state=0))
        scores.append(svm.fit(rows[600:700], LABELS[600:700]).score(rows[700:], LABELS[700:]))
    print(f"100 labels: {scores[0]:.3f} on features, {scores[1]:.3f} on pixels")
    assert scores[0] > max(0.7, scores[1] - 0.03)


def test_features_without_a_critic_of_pictures_are_refused(pair):
    with pytest.raises(pn.SettingError, match="dcgan"):
        pair[0].features(np.zeros((3, 2)))
