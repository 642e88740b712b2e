"""Plots show the numbers they were given, and leave nothing behind."""

import sys

import matplotlib
import numpy as np
import pytest

from parnassus.errors import DataError
from parnassus.evaluation import Metric
from parnassus.insight import plots
from parnassus.insight.style import svg

HISTORY = [
    {
        "epoch": e,
        "loss": 2.0 / (e + 1),
        "validation_loss": 1.0 + (e - 2) ** 2,
        "validation_accuracy": 0.1 * e,
        "lr": 0.1,
        "seconds": 1.5,
        "best": e == 2,
    }
    for e in range(5)
]
METRICS = [
    Metric("accuracy", 0.9, 0.8, 0.95, 0.5, True),
    Metric("brier", 0.1, None, None, 0.25, False),
    Metric("log_loss", 0.3, 0.2, 0.4, 0.7, False),
]
ERRORS = [
    Metric("r2", 0.5, 0.4, 0.6, 0.0, True),
    Metric("rmse", 30.0, 25.0, 35.0, 60.0, False),
    Metric("mae", 20.0, 15.0, 25.0, 40.0, False),
]
RISE = np.linspace(0, 1, 7)

FIGURES = {
    "learning_curves": lambda: plots.learning_curves(HISTORY),
    "confusion": lambda: plots.confusion([[5, 1], [2, 4]], ["a", "b"]),
    "confusion of many": lambda: plots.confusion(np.eye(60), range(60)),
    "roc": lambda: plots.roc(RISE, RISE**0.3, auc=0.8),
    "precision_recall": lambda: plots.precision_recall(RISE, 1 - RISE, prevalence=0.2, area=0.6),
    "calibration": lambda: plots.calibration(RISE, RISE**2, np.arange(7)),
    "calibration with histogram": lambda: plots.calibration(RISE, RISE**2, np.arange(1, 8), histogram=(RISE, RISE[1:])),
    "threshold_curve": lambda: plots.threshold_curve(RISE, RISE, 1 - RISE, RISE * (1 - RISE), chosen=0.5),
    "threshold_curve of logits": lambda: plots.threshold_curve(9 * RISE - 4, RISE, 1 - RISE, RISE, chosen=0.5),
    "metric_intervals": lambda: plots.metric_intervals(METRICS),
    "metric_intervals of errors": lambda: plots.metric_intervals(ERRORS),
    "predicted_vs_true": lambda: plots.predicted_vs_true(RISE, RISE**2, name="load"),
    "residuals": lambda: plots.residuals(RISE, RISE**2),
    "image_grid": lambda: plots.image_grid([np.eye(4), np.zeros((4, 4, 3), np.uint8)] * 4, ["one", "two"] * 4),
    "histogram": lambda: plots.histogram(RISE, name="age"),
    "histogram of groups": lambda: plots.histogram({"a": RISE, "b": RISE**2}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_every_plot_draws_the_same_twice_and_leaves_matplotlib_as_it_was(name):
    settings = dict(matplotlib.rcParams)
    assert svg(FIGURES[name]()) == svg(FIGURES[name]())
    assert dict(matplotlib.rcParams) == settings
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def lines(ax):
    return {line.get_label(): line.get_ydata() for line in ax.get_lines()}


def test_learning_curves_hold_the_history():
    figure = plots.learning_curves(HISTORY)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Loss", "Accuracy"]
    shown = lines(figure.axes[0])
    np.testing.assert_allclose(shown["training"], [r["loss"] for r in HISTORY])
    np.testing.assert_allclose(shown["validation"], [r["validation_loss"] for r in HISTORY])
    np.testing.assert_allclose(figure.axes[1].get_lines()[0].get_ydata(), [0, 0.1, 0.2, 0.3, 0.4])


def test_the_epoch_with_the_least_validation_loss_is_marked_unless_told_otherwise():
    assert "best epoch, 3" in lines(plots.learning_curves(HISTORY).axes[0])
    assert "best epoch, 5" in lines(plots.learning_curves(HISTORY, best_epoch=4).axes[0])


def test_a_rate_is_drawn_where_it_changes_and_panels_can_be_picked():
    history = [record | {"lr": 0.1 / (record["epoch"] + 1)} for record in HISTORY]
    assert plots.curve_names(HISTORY) == ["loss", "accuracy"]
    assert plots.curve_names(history) == ["loss", "accuracy", "lr"]
    (ax,) = plots.learning_curves(history, names=["lr"]).axes
    assert ax.get_title(loc="left") == "Learning rate"


def test_values_that_are_missing_or_not_numbers_leave_gaps():
    history = [{"loss": 1.0, "note": "a"}, {"loss": None, "validation_loss": 0.5}, {"loss": float("nan")}]
    figure = plots.learning_curves(history)
    np.testing.assert_array_equal(lines(figure.axes[0])["training"], [1, np.nan, np.nan])
    np.testing.assert_array_equal(lines(figure.axes[0])["validation"], [np.nan, 0.5, np.nan])
    svg(figure)


def test_no_history_has_no_curves():
    with pytest.raises(DataError, match="history is empty"):
        plots.learning_curves([])


def test_losses_that_fall_far_are_drawn_on_a_logarithmic_axis():
    history = [{"loss": 10.0**-e} for e in range(4)]
    assert plots.learning_curves(history).axes[0].get_yscale() == "log"
    assert plots.learning_curves(HISTORY[:2]).axes[0].get_yscale() == "linear"


def test_confusion_cells_hold_millions_of_pixels():
    (ax,) = plots.confusion([[38_617, 12], [999_960, 123_456_789]], ["a", "b"]).axes
    assert [text.get_text() for text in ax.texts] == ["38.6k", "12", "1M", "123M"]


def test_confusion_cells_hold_the_counts_and_zeros_stay_empty():
    (ax,) = plots.confusion([[5, 0], [2, 1234]], ["a", "b"]).axes
    assert {(t.get_text(), t.get_position()) for t in ax.texts} == {
        ("5", (0.5, 0.5)),
        ("2", (0.5, 1.5)),
        ("1,234", (1.5, 1.5)),
    }
    assert ax.yaxis_inverted()


def test_shading_is_the_share_of_the_true_class():
    (ax,) = plots.confusion([[3, 1], [0, 0]], ["a", "b"]).axes
    np.testing.assert_allclose(ax.collections[0].get_array(), [[0.75, 0.25], [0, 0]])


def test_precision_steps_to_the_left_so_that_its_area_is_the_average_precision():
    # Points come with recall falling; between two of them the precision of the greater recall holds.
    (ax,) = plots.precision_recall([0.5, 1.0, 1.0], [1.0, 0.5, 0.0]).axes
    step = ax.get_lines()[-1]
    assert step.get_drawstyle() == "steps-post"
    np.testing.assert_array_equal(step.get_xdata(), [1, 0.5, 0])


def test_intervals_of_errors_are_shares_of_the_baselines_error():
    ax = plots.metric_intervals(ERRORS).axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Mean absolute error", "Root mean squared error"]
    np.testing.assert_allclose(ax.get_lines()[0].get_xdata(), [15 / 40, 25 / 40])
    assert {float(line.get_xdata()[0]) for line in ax.get_lines() if line.get_marker() == "D"} == {1.0}


def test_metrics_of_other_scales_stay_out_of_the_unit_scale():
    ax = plots.metric_intervals(METRICS).axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Brier score *", "Accuracy"]


def test_residuals_are_true_minus_predicted():
    ax = plots.residuals([1.0, 2.0], [1.5, 1.0]).axes[0]
    points = ax.get_lines()[-1]
    np.testing.assert_array_equal(points.get_xdata(), [1.5, 1.0])
    np.testing.assert_array_equal(points.get_ydata(), [-0.5, 1.0])


def test_long_names_are_cut():
    assert plots.shortened("x" * 30) == "x" * 21 + "..."
    assert plots.shortened("a\n b") == "a b"
