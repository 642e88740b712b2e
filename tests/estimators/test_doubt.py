"""What evaluations, reports and cards tell of a fitted model's doubt, and labels drawn from it."""

import numpy as np
import pytest
import torch
from scipy.special import ndtr

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.estimators.judging.uncertainty import draws_of
from parnassus.export import write_card
from parnassus.sampling import split_rhat

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (150, 2))
Y = X @ [1.0, -0.5] + 0.2 * RNG.normal(size=150)
LABELS = np.array(["a", "b", "c"])[np.digitize(Y, [-0.3, 0.4])]
NET = pn.model("mlp", hidden=(4,), activation="tanh")


@pytest.fixture(scope="module")
def chained():
    engine = pn.inference("hmc", n_draws=24, n_warmup=30, n_chains=3)
    return pn.Regressor(NET, inference=engine, epochs=10, lr=0.02).fit(X[:100], Y[:100])


@pytest.fixture(scope="module")
def sorted_out():
    return pn.Classifier(NET, inference=pn.inference("laplace", n_draws=30), epochs=10, lr=0.05).fit(
        X[:100], LABELS[:100]
    )


def test_coverage_is_the_share_inside_the_predicted_intervals(chained):
    found = chained.evaluate(X[100:], Y[100:])
    for level in (0.5, 0.8, 0.95):
        low, high = chained.predict_interval(X[100:], level=level).T
        inside = np.mean((low <= Y[100:]) & (Y[100:] <= high))
        assert found[f"coverage_{level * 100:.0f}"].value == pytest.approx(inside, abs=0.05)  # those ends are drawn
    assert found["width_95"].value == pytest.approx(np.mean(high - low), rel=0.05)
    doubt = chained.uncertainty(X[100:])
    assert found["epistemic_share"].value == pytest.approx((doubt.epistemic**2).mean() / (doubt.total**2).mean())


@pytest.mark.slow
def test_r_hat_is_of_the_chains_own_draws_and_stands_in_report_card_and_file(chained, tmp_path):
    found = chained.evaluate(X[100:], Y[100:])
    said = draws_of(chained, X[100:]).numpy().reshape(3, 8, -1).astype(np.float64)
    worst = max(split_rhat(said[..., i]) for i in range(said.shape[2]))
    assert found["rhat_answers"].value == pytest.approx(worst)
    weights = chained.objective_.chains.draws["theta"]
    n = chained.objective_.size
    assert found["rhat_weights"].value == pytest.approx(max(split_rhat(weights[..., i]) for i in range(n)), rel=1e-4)
    assert "3 chains of 8 draws of the weights" in found.notes[-1]
    chained.save(tmp_path / "net.parnassus")
    again = pn.load(tmp_path / "net.parnassus").evaluate(X[100:], Y[100:])
    assert again["rhat_weights"].value == found["rhat_weights"].value
    chained.report(tmp_path / "page.html", X[100:], Y[100:])
    write_card(chained, tmp_path / "card.md", X[100:], Y[100:])
    page = (tmp_path / "page.html").read_text()
    for words in ("R-hat, answers", "R-hat, weights", "Coverage at 95 %", "Epistemic variance share", "3 chains of 8"):
        assert words in page
    card = (tmp_path / "card.md").read_text()
    assert "| R-hat, answers |" in card
    assert "3 chains of 8 draws" in card


def test_what_is_written_down_has_exact_coverage_and_no_chains():
    made = pn.Regressor("gaussian_process").fit(X[:60], Y[:60])
    found = made.evaluate(X[100:], Y[100:])
    mean, std = made.predict(X[100:], return_std=True)
    inside = np.abs(ndtr((Y[100:] - mean) / std) - 0.5) <= 0.4
    assert found["coverage_80"].value == pytest.approx(inside.mean())
    assert found["width_95"].value == pytest.approx((2 * 1.959964 * std).mean(), rel=1e-5)
    assert "rhat_answers" not in {m.name for m in found.metrics}


def test_learned_quantiles_have_the_coverage_of_their_outermost_and_one_set_of_weights_has_none():
    loss = pn.loss("quantile", quantiles=(0.05, 0.5, 0.95))
    made = pn.Regressor(NET, loss=loss, epochs=5, lr=0.05).fit(X[:100], Y[:100])
    low, high = made.predict_interval(X[100:]).T
    found = made.evaluate(X[100:], Y[100:])
    assert found["coverage_90"].value == pytest.approx(np.mean((low <= Y[100:]) & (Y[100:] <= high)))
    assert found["width_90"].value == pytest.approx(np.mean(high - low))
    assert "epistemic_share" not in {m.name for m in found.metrics}
    plain = pn.Regressor(NET, epochs=2).fit(X[:100], Y[:100]).evaluate(X[100:], Y[100:])
    assert not any(m.of_doubt for m in plain.metrics)


def test_mutual_information_is_the_mean_of_the_rows(sorted_out):
    found = sorted_out.evaluate(X[100:], LABELS[100:])
    assert found["mutual_information"].value == pytest.approx(sorted_out.uncertainty(X[100:]).epistemic.mean())
    p = draws_of(sorted_out, X[100:]).double().softmax(-1)
    whole, each = (-(q * q.log()).sum(-1) for q in (p.mean(0), p))
    assert found["mutual_information"].value == pytest.approx(float((whole - each.mean(0)).mean()), abs=1e-6)


def test_labels_are_drawn_as_often_as_their_probabilities(sorted_out):
    before = torch.get_rng_state()
    drawn = sorted_out.predict_samples(X[100:110], 3000, seed=1)
    assert drawn.shape == (3000, 10)
    shares = np.stack([(drawn == label).mean(0) for label in sorted_out.classes_], 1)
    np.testing.assert_allclose(shares, sorted_out.predict_proba(X[100:110]), atol=0.04)
    assert (drawn == sorted_out.predict_samples(X[100:110], 3000, seed=1)).all()
    assert (drawn != sorted_out.predict_samples(X[100:110], 3000, seed=2)).any()
    assert torch.equal(before, torch.get_rng_state())


def test_labels_cannot_be_drawn_from_one_set_of_weights_nor_in_part_numbers(sorted_out):
    with pytest.raises(SettingError, match="whole number"):
        sorted_out.predict_samples(X, 1.5)
    with pytest.raises(SettingError, match="one set of weights"):
        pn.Classifier(NET, epochs=1).fit(X, LABELS).predict_samples(X)


def test_each_of_several_labels_has_an_uncertainty_and_draws_of_its_own():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = np.stack([X[:, 0] > 0, rng.random(300) < 0.5], 1).astype(int)  # the second is a coin
    model = pn.Classifier("mlp", inference="vi", epochs=30, progress=False).fit(X, y)
    found, p = model.uncertainty(X), model.predict_proba(X)
    coin = -p * np.log(p) - (1 - p) * np.log(1 - p)
    np.testing.assert_allclose(found.total, coin, atol=2e-3)
    np.testing.assert_allclose(found.total, found.aleatoric + found.epistemic, atol=1e-6)
    assert found.aleatoric[:, 1].mean() > 0.6 > 0.4 > found.aleatoric[:, 0].mean()
    drawn = model.predict_samples(X, 4000)
    assert drawn.shape == (4000, 300, 2)
    np.testing.assert_allclose(drawn.mean(0), p, atol=0.05)
    assert model.evaluate(X, y)["mutual_information"].value == pytest.approx(found.epistemic.mean())
