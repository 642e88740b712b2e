"""Verdicts on histories and layers whose faults are known."""

from dataclasses import replace

import numpy as np
import pytest

from parnassus.insight.verdicts import data_advice, fit_verdict, layer_advice, rate_advice
from parnassus.insight.vitals import Vitals

FALL = np.geomspace(1, 0.1, 50)
LAYER = Vitals("0", "Linear", 8, mean=0.0, spread=1.0, gradient=1.0, zeros=0.0, weights=1.0)


def epochs(train, held=None) -> list[dict]:
    held = [None] * len(train) if held is None else held
    return [{"loss": t} | ({} if h is None else {"validation_loss": h}) for t, h in zip(train, held, strict=True)]


@pytest.mark.parametrize(
    ("history", "constant", "fit"),
    [
        (epochs(FALL, np.r_[FALL[:20], [0.42] * 30] + 0.0), 1.0, "overfits"),  # stays at four times the training loss
        (epochs(FALL, np.r_[np.linspace(1, 0.3, 20), np.linspace(0.3, 0.8, 30)]), 1.0, "overfits"),
        (epochs([0.95] * 50, [0.96] * 50), 1.0, "underfits"),
        (epochs(FALL, FALL * 1.05), 2.0, "still learning"),
        (epochs(np.r_[FALL, [0.1] * 50], np.r_[FALL, [0.1] * 50] * 1.05), 2.0, "fits"),
        (epochs(FALL), 2.0, "unknown"),
        ([], None, "unknown"),
    ],
)
def test_the_verdict_follows_from_the_curves(history, constant, fit):
    found, advice = fit_verdict(history, constant)
    assert found == fit
    assert bool(advice) == (fit not in ("fits", "unknown") or (bool(history) and fit == "unknown"))


def test_a_loss_far_above_that_of_a_constant_answer_asks_for_a_smaller_rate_first():
    _, (advice,) = fit_verdict(epochs([60.0] * 20), 0.7)
    assert "smaller lr" in advice.remedies[0]


def test_rows_looked_at_stand_in_for_rows_held_out():
    fit, (advice,) = fit_verdict(epochs(FALL), 0.7, 0.9)
    assert (fit, advice.what) == ("overfits", "the model overfits")
    assert "0.9 on the rows looked at, where training ended at 0.1 and 0.7 for the best" in advice.evidence
    assert advice.remedies[0].startswith("validation=0.2 with patience=10")
    assert fit_verdict(epochs(FALL), 0.7, 0.15)[0] == "unknown"  # they may be training rows
    assert fit_verdict(epochs(np.r_[FALL, [0.1] * 50], np.r_[FALL, [0.1] * 50] * 1.05), 2.0, 0.9)[0] == "fits"


def test_an_underfit_that_still_falls_is_first_told_to_go_on():
    _, (advice,) = fit_verdict(epochs(np.linspace(1, 0.8, 50), np.linspace(1, 0.8, 50)), 1.0)
    assert advice.remedies[0].startswith("epochs=100")


def test_losses_that_jump_and_steps_of_a_wrong_size_are_said():
    jumping = epochs(np.tile([1.0, 1.5], 20))
    assert [a.what for a in rate_advice(jumping, [])] == ["the loss jumps"]
    assert [a.what for a in rate_advice(jumping, [], drawn=True)] == ["the loss jumps"]
    noise = epochs(np.tile([0.50, 0.52], 20))  # as of an RBM's chains
    assert rate_advice(noise, [])
    assert not rate_advice(noise, [], drawn=True)
    assert not rate_advice(epochs(FALL), [])
    assert [a.what for a in rate_advice(epochs(FALL), [replace(LAYER, step=0.3)])] == ["the steps are large"]
    assert [a.what for a in rate_advice(epochs(FALL), [replace(LAYER, step=1e-9)])] == ["the steps are small"]


@pytest.mark.parametrize(
    ("layers", "what"),
    [
        ([replace(LAYER, kind="ReLU", dead=0.5)], "units are dead"),
        ([replace(LAYER, kind="Tanh", saturated=0.8)], "units are saturated"),
        ([replace(LAYER, gradient=g) for g in (1e-6, 1e-3, 1.0)], "gradients vanish"),
        ([replace(LAYER, gradient=g) for g in (1e6, 1e3, 1.0)], "gradients explode"),
    ],
)
def test_faults_of_layers_are_said_with_remedies(layers, what):
    (advice,) = layer_advice(layers)
    assert advice.what == what
    assert advice.remedies


def test_sound_layers_and_data_have_no_findings():
    assert not layer_advice([LAYER, replace(LAYER, kind="ReLU", dead=0.05), LAYER, LAYER])
    assert not data_advice({"a": 50, "b": 40}, 4.0)
    assert [a.what for a in data_advice({"a": 99, "b": 1}, 300.0)] == ["a class is rare", "inputs are not scaled"]
