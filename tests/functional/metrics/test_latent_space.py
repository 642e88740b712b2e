"""Path lengths, separability and FCN scores against closed forms and scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, jaccard_score
from sklearn.svm import LinearSVC

from parnassus.errors import DataError, SettingError
from parnassus.functional.metrics.latent_space import (
    between,
    conditional_entropy,
    fcn_score,
    linear_separability,
    perceptual_path_length,
)


def normal(n, d, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d)))


def test_a_linear_generator_has_the_length_of_its_equation():
    a, b, w = normal(20, 4), normal(20, 4, 1), normal(4, 6, 2)
    expected = float(((b - a) @ w).square().sum(1).mean())
    assert perceptual_path_length(lambda z: z @ w, a, b, path="straight") == pytest.approx(expected, rel=1e-6)


def test_on_the_sphere_the_speed_is_the_angle():
    a, b = normal(50, 3), normal(50, 3, 1)
    cosine = torch.nn.functional.cosine_similarity(a, b)
    assert perceptual_path_length(lambda z: z, a, b) == pytest.approx(float(cosine.arccos().square().mean()), rel=1e-5)
    halfway = between(a, b, torch.full((50,), 0.5, dtype=torch.float64))
    assert torch.allclose(halfway.norm(dim=1), torch.ones(50, dtype=torch.float64))
    direction = a / a.norm(dim=1, keepdim=True) + b / b.norm(dim=1, keepdim=True)
    assert torch.allclose(halfway, direction / direction.norm(dim=1, keepdim=True))


def test_features_are_what_is_measured():
    a, b = normal(20, 2), normal(20, 2, 1)
    doubled = perceptual_path_length(lambda z: z, a, b, features=lambda x: 2 * x, path="straight")
    assert doubled == pytest.approx(4 * float((b - a).square().sum(1).mean()), rel=1e-6)


def test_entropies_of_tables():
    assert conditional_entropy(torch.tensor([[7, 0], [0, 3]])) == 0
    p = np.array([[3, 1], [2, 4]]) / 10
    expected = -sum(p[i, j] * math.log(p[i, j] / p[i].sum()) for i in (0, 1) for j in (0, 1))
    assert conditional_entropy(torch.tensor([[3, 1], [2, 4]])) == pytest.approx(expected)


def test_separability_is_the_entropy_given_scikit_learns_plane():
    z = normal(200, 3)
    noisy = (z[:, 0] + 0.8 * normal(200, 1, 1)[:, 0] > 0).long()
    clear = (z[:, 1] > 0.2).long()
    x = ((z - z.mean(0)) / z.std(0)).numpy()
    total = 0.0
    for y in (noisy, clear):
        side = LinearSVC(max_iter=20_000, random_state=0).fit(x, y).predict(x)
        table = [[np.sum((side == i) & (y.numpy() == j)) for j in (0, 1)] for i in (0, 1)]
        total += conditional_entropy(torch.tensor(table))
    assert linear_separability(z, torch.stack([noisy, clear], 1)) == pytest.approx(math.exp(total))
    assert linear_separability(z, clear) < 1.2
    assert linear_separability(z, (normal(200, 1, 3)[:, 0] > 0).long()) > 1.8  # nothing to do with z: about 2


def test_only_the_surer_half_counts():
    z = torch.linspace(-1, 1, 80, dtype=torch.float64)[:, None]
    y = (z[:, 0] > 0).long()
    y[30:50] = torch.arange(20) % 2  # the middle is called at random
    assert linear_separability(z, y) > 1.2
    assert linear_separability(z, y, z[:, 0].abs()) == pytest.approx(1)


def test_fcn_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    asked = rng.integers(0, 3, (4, 5, 6))
    said = np.where(rng.random(asked.shape) < 0.7, asked, rng.integers(0, 3, asked.shape))
    found, a, b = fcn_score(asked, said, n_classes=3), asked.ravel(), said.ravel()
    assert found.pixel_accuracy == pytest.approx(accuracy_score(a, b))
    assert found.mean_accuracy == pytest.approx(balanced_accuracy_score(a, b))
    assert found.mean_iou == pytest.approx(jaccard_score(a, b, average="macro"))


def test_b8_10_cyclegan_reaches_these_shares_of_pix2pix():
    """Table 8.1: pixel accuracy, class accuracy and class IoU."""
    shares = [round(100 * c / p) for c, p in zip((0.52, 0.17, 0.11), (0.71, 0.25, 0.18), strict=True)]
    assert shares == [73, 68, 61]


def test_what_cannot_be_measured_is_refused():
    z = normal(10, 2)
    with pytest.raises(DataError, match="two of"):
        perceptual_path_length(lambda x: x, z, z[:5])
    with pytest.raises(SettingError, match="step"):
        perceptual_path_length(lambda x: x, z, z, step=0.0)
    with pytest.raises(SettingError, match="path"):
        between(z, z, z[:, 0], "round")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="same rows"):
        linear_separability(z, torch.zeros(9))
    with pytest.raises(DataError, match="0 or 1"):
        linear_separability(z, torch.arange(10))
    with pytest.raises(DataError, match="no attribute"):
        linear_separability(z, torch.zeros(10, 2))
    some = torch.stack([torch.zeros(10), (z[:, 0] > 0).float()], 1)
    assert linear_separability(z, some) == linear_separability(z, some[:, 1])  # what all have is no question


def test_bytes_of_pictures_do_not_wrap_round():
    a, b = torch.full((6, 1), 100.0, dtype=torch.float64), torch.full((6, 1), 20.0, dtype=torch.float64)
    found = perceptual_path_length(lambda z: z.floor().to(torch.uint8), a, b, path="straight", step=0.5, seed=1)
    share = torch.rand(6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    here, there = ((100 - 80 * at).floor() for at in (share, share + 0.5))
    assert found == pytest.approx(float(((there - here) / 0.5).square().mean()))


def test_pictures_rounded_to_bytes_are_refused_at_a_step_that_shows_their_rounding_alone():
    a, b = normal(200, 2), normal(200, 2, 1)
    with pytest.raises(DataError, match="rounding alone"):
        perceptual_path_length(lambda z: (50 * z + 128).to(torch.uint8), a, b)


def test_arrays_are_taken_as_tensors_are():
    a, b, y = normal(30, 4).numpy(), normal(30, 4, 1).numpy(), np.arange(30) % 2 == 0
    for held in (a, b, y):
        held.flags.writeable = False
    there = perceptual_path_length(lambda z: 3 * z.numpy(), a, b, features=lambda x: 2 * x)
    assert there == perceptual_path_length(lambda z: 6 * z, torch.tensor(a), torch.tensor(b))
    assert linear_separability(a, y, a[:, 0]) == linear_separability(
        torch.tensor(a), torch.tensor(y), torch.tensor(a)[:, 0]
    )
    with pytest.raises(DataError, match="0 or 1"):
        linear_separability(a, np.full(30, 0.7))


def test_numbers_that_are_none_are_refused():
    zero = torch.zeros(3, 2, dtype=torch.float64)
    with pytest.raises(DataError, match="a latent of zeros"):
        perceptual_path_length(lambda z: z, zero, zero + 1)
    with pytest.raises(DataError, match="without NaN"):
        linear_separability(zero * torch.nan, torch.tensor([0, 1, 0]))
    with pytest.raises(DataError, match="two rows at least"):
        linear_separability(zero[:1], torch.tensor([0]))
