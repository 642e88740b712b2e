"""Losses of amounts, directions and Gaussian noise: against scikit-learn and torch, and through a Regressor."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import mean_absolute_percentage_error, mean_squared_log_error
from torch.nn import functional as F

import parnassus as pn
from parnassus.functional import losses

G = torch.Generator().manual_seed(0)
Z = torch.randn(12, 3, generator=G, dtype=torch.float64)
Y = torch.rand(12, 3, generator=G, dtype=torch.float64) * 5 + 0.5


def loss(name, kind="numbers", **options):
    return pn.loss(name, **options).make(task=kind)


def test_percentage_and_log_errors_are_scikit_learns_of_the_exponential():
    assert float(loss("percentage_error")(Z, Y)) == pytest.approx(100 * mean_absolute_percentage_error(Y, Z.exp()))
    assert float(loss("squared_log_error")(Z, Y)) == pytest.approx(mean_squared_log_error(Y, Z.exp()))
    assert float(losses.squared_log_error(Z.exp(), Y).mean()) == pytest.approx(mean_squared_log_error(Y, Z.exp()))


def test_log_errors_of_huge_outputs_do_not_overflow():
    assert losses.squared_log_error_from_log(torch.tensor(2000.0), torch.tensor(1.0)).isfinite()


def test_cosine_is_torchs_and_zero_rows_have_no_direction():
    expected = 1 - F.cosine_similarity(Z, Y, dim=1)
    torch.testing.assert_close(losses.cosine_distance(Z, Y), expected)
    assert losses.cosine_distance(torch.zeros(1, 3), torch.ones(1, 3)).item() == 1


def test_gaussian_is_scipys_density():
    expected = -stats.norm.logpdf(Y, Z, 0.7).mean()
    assert float(loss("gaussian", scale=0.7)(Z, Y)) == pytest.approx(expected)


@pytest.mark.parametrize("focus", [0.0, 0.5, 2.0, 5.0])
def test_focal_is_cross_entropy_times_what_is_missing(focus):
    y = torch.arange(12) % 3
    each = F.cross_entropy(Z, y, reduction="none")
    expected = ((1 - (-each).exp()) ** focus * each).mean()
    assert float(loss("focal", "labels", focus=focus)(Z, y)) == pytest.approx(float(expected))
    t = (Y > 2).double()
    each = F.binary_cross_entropy_with_logits(Z, t, reduction="none")
    expected = ((1 - (-each).exp()) ** focus * each).mean()
    assert float(loss("focal", "multilabel", focus=focus)(Z, t)) == pytest.approx(float(expected))


@pytest.mark.parametrize("kind", ["labels", "binary"])
def test_focals_slope_is_autograds_also_where_it_is_certain(kind):
    z = torch.tensor([[60.0, 0.0], [0.0, 60.0], [0.3, 0.1]], dtype=torch.float64)
    y = torch.tensor([0, 0, 1])
    if kind == "binary":
        z, y = z[:, :1] - z[:, 1:], 1 - y[:, None].double()
    made = loss("focal", kind)
    leaf = z.clone().requires_grad_()
    (expected,) = torch.autograd.grad(made(leaf, y), leaf)
    torch.testing.assert_close(made.slope(z, y)[1], expected)


@pytest.mark.parametrize("over", ["all", "others"])
@pytest.mark.parametrize("kind", ["labels", "binary", "multilabel"])
def test_smoothing_is_cross_entropy_against_softened_targets(kind, over):
    from parnassus.functional.regularization import smooth_targets

    made = loss("cross_entropy", kind, label_smoothing=0.2, smoothed_over=over)
    if kind == "labels":
        y = torch.arange(12) % 3
        expected = F.cross_entropy(Z, smooth_targets(F.one_hot(y, 3).double(), rate=0.2, over=over))
        value, slope = made.slope(Z, y)
    else:
        y = (Y[:, :1] > 2).double() if kind == "binary" else (Y > 2).double()
        soft = smooth_targets(torch.stack([1 - y, y], -1), rate=0.2, over=over)[..., 1]
        z = Z[:, : y.shape[1]]
        expected = F.binary_cross_entropy_with_logits(z, soft)
        value, slope = made.slope(z, y)
    assert float(value) == pytest.approx(float(expected))
    leaf = Z[:, : slope.shape[1]].clone().requires_grad_()
    torch.testing.assert_close(slope, torch.autograd.grad(made(leaf, y), leaf)[0])


RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
AMOUNTS = np.exp(X[:, 0] + 0.5 * X[:, 1])


@pytest.mark.parametrize("name", ["percentage_error", "squared_log_error"])
def test_a_regressor_of_amounts_answers_amounts(name):
    reg = pn.Regressor("mlp", loss=name, epochs=60, lr=0.01, progress=False, device="cpu").fit(X, AMOUNTS)
    assert (reg.predict(X) > 0).all()
    assert mean_absolute_percentage_error(AMOUNTS, reg.predict(X)) < 0.2


def test_a_regressor_of_directions_turns_the_right_way():
    y = np.column_stack([X[:, 0] + X[:, 1], X[:, 1] - X[:, 0]])
    reg = pn.Regressor("mlp", loss="cosine", epochs=80, lr=0.01, progress=False, device="cpu").fit(X, y)
    cos = F.cosine_similarity(torch.from_numpy(reg.predict(X)), torch.from_numpy(y))
    assert cos.median() > 0.95


def regress(name, y):
    return lambda: pn.Regressor("mlp", loss=name, epochs=1, progress=False).fit(X, y)


def classify(name):
    return lambda: pn.Classifier("mlp", loss=name, epochs=1, progress=False).fit(X, X[:, 0] > 0)


@pytest.mark.parametrize(
    ("do", "kind", "words"),
    [
        (regress("percentage_error", np.round(AMOUNTS)), pn.DataError, ["'percentage_error'", "above 0"]),
        (regress("squared_log_error", X[:, 0]), pn.DataError, ["0 and above"]),
        (regress("cosine", AMOUNTS), pn.DataError, ["'cosine'", "several columns"]),
        (regress("focal", AMOUNTS), pn.SettingError, ["'focal'", "numbers", "labels"]),
        (classify("percentage_error"), pn.SettingError, ["'percentage_error'", "numbers", "binary"]),
        (classify(pn.loss("focal", focus=-1.0)), pn.SettingError, ["focus"]),
        (classify(pn.loss("cross_entropy", label_smoothing=0.6, smoothed_over="others")), pn.SettingError, ["0.5"]),
        (classify(pn.loss("cross_entropy", smoothed_over="some")), pn.SettingError, ["'others'"]),
        (regress(pn.loss("gaussian", scale=0.0), AMOUNTS), pn.SettingError, ["scale"]),
    ],
)
def test_a_loss_that_does_not_fit_is_refused_naming_both(do, kind, words):
    with pytest.raises(kind) as caught:
        do()
    assert all(word in str(caught.value) for word in words), str(caught.value)
