"""From what was measured of a training to what is wrong with it, and which remedies to try first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .vitals import Vitals

DEAD, SATURATED = 0.2, 0.5  # shares of a layer from which they are a finding
VANISHING = 1e-3  # first layer's gradient over the last one's
LARGE_STEP, SMALL_STEP = 0.1, 1e-6  # of a weight, in one step
GAP = 1.3  # validation loss over training loss from which it is a gap
RISEN = 1.05  # validation loss at the end over its least
WEAK = 0.7  # training loss over that of the best constant answer, from which little was learned
RARE = 0.05  # share of rows below which a class is rare

OVERFIT_REMEDIES = (
    "more rows, or augmented ones: the cure that costs no capacity",
    "dropout=0.2 on the model",
    "pn.optimizer('adam', weight_decay=0.01), or regularizers='l2'",
    "a smaller model, such as half the width",
    "pn.loss('cross_entropy', label_smoothing=0.1) and regularizers='mixup' for classes",
)

Fit = Literal["fits", "underfits", "overfits", "still learning", "unknown"]


@dataclass(frozen=True)
class Advice:
    """One finding: how bad, what, the numbers that show it, and remedies, the most promising first."""

    severity: Literal["warning", "info"]
    what: str
    evidence: str
    remedies: tuple[str, ...] = ()

    def __str__(self) -> str:
        tried = "".join(f"\n    {i}. {remedy}" for i, remedy in enumerate(self.remedies, 1))
        return f"{self.severity}: {self.what}: {self.evidence}{tried}"


def fit_verdict(
    history: Sequence[Mapping[str, float]], constant_loss: float | None, loss_here: float | None = None
) -> tuple[Fit, list[Advice]]:
    """Whether the training under- or overfits, by its last epochs.

    A training loss that stays near `constant_loss`, that of the best answer that ignores the inputs, is underfitting; a
    validation loss well above the training loss, or one that has risen from its least, is overfitting. Where no rows
    were held out, `loss_here`, that of the rows looked at, is taken for it if it lies well above.

    Systems: overfitting-diagnosis, training-doctor
    Source: Hifny A14.1, Baker A048 and A056, Martinez-Ramon 2.2, Jaiswal J25, Keras course K57.
    """
    train = np.array([record.get("loss", np.nan) for record in history])
    held = np.array([record.get("validation_loss", np.nan) for record in history])
    if not len(train) or not np.isfinite(train[-1]):
        return "unknown", []
    if constant_loss is not None and train[-1] > WEAK * constant_loss:
        return "underfits", [_underfit(train, constant_loss)]
    if not np.isfinite(held).any():
        if loss_here is not None and loss_here > GAP**2 * train[-1]:
            return "overfits", [_overfit_here(train[-1], loss_here, constant_loss)]
        why = "no validation rows were watched, so nothing is known of rows that training has not seen"
        return "unknown", [Advice("info", "over- or underfitting cannot be told", why, ("validation=0.2",))]
    if held[-1] > GAP * train[-1] and held[-1] > RISEN * np.nanmin(held):
        return "overfits", [_overfit(train, held, "has risen from its least")]
    if held[-1] > GAP**2 * train[-1]:
        return "overfits", [_overfit(train, held, "stays well above the training loss")]
    if _still_falls(held):
        words = f"the validation loss still fell, to {held[-1]:.3g}, in the last tenth of the epochs"
        return "still learning", [Advice("info", "the training ended early", words, (f"epochs={2 * len(train)}",))]
    return "fits", []


def _underfit(train: np.ndarray, constant_loss: float) -> Advice:
    evidence = (
        f"the training loss ends at {train[-1]:.3g}; the best answer that ignores the inputs gets {constant_loss:.3g}"
    )
    if train[-1] > 1.5 * constant_loss:
        remedies = ("a much smaller lr: pn.find_rate(estimator, X, y) shows which", "clip_norm=1.0", "init=None")
        return Advice("warning", "the model is worse than one answer for all", evidence, remedies)
    longer = (f"epochs={2 * len(train)}: the loss still falls",) if _still_falls(train) else ()
    remedies = (
        *longer,
        "another rate: pn.find_rate(estimator, X, y) shows which",
        "a larger model, such as hidden=(128, 128)",
        "activation='relu', init='he_normal' and norm='batch', which let gradients through",
        "less regularisation: dropout, weight_decay, regularizers",
        "columns that say more of the answer",
    )
    return Advice("warning", "the model underfits", evidence, remedies)


def _overfit(train: np.ndarray, held: np.ndarray, how: str) -> Advice:
    best = int(np.nanargmin(held)) + 1
    evidence = (
        f"validation loss {held[-1]:.3g} {how} (least {np.nanmin(held):.3g} at epoch {best}), training {train[-1]:.3g}"
    )
    remedies = ("patience=10, which keeps the best epoch's weights", *OVERFIT_REMEDIES)
    return Advice("warning", "the model overfits", evidence, remedies)


def _overfit_here(train: float, here: float, constant: float | None) -> Advice:
    beside = f" and {constant:.3g} for the best answer that ignores the inputs" if constant is not None else ""
    evidence = f"the loss is {here:.3g} on the rows looked at, where training ended at {train:.3g}{beside}"
    remedies = ("validation=0.2 with patience=10, which keeps the best epoch's weights", *OVERFIT_REMEDIES)
    return Advice("warning", "the model overfits", evidence, remedies)


def _still_falls(losses: np.ndarray) -> bool:
    tenth = max(1, len(losses) // 10)
    return len(losses) > 2 * tenth and float(np.nanmean(losses[-tenth:])) < 0.98 * float(
        np.nanmean(losses[-2 * tenth : -tenth])
    )


def rate_advice(
    history: Sequence[Mapping[str, float]], layers: Sequence[Vitals], *, drawn: bool = False
) -> list[Advice]:
    """Steps that are too large or too small, by the losses and by the steps themselves.

    `drawn` losses are of chains of draws, which rise of themselves: a rise counts from a tenth of the first on.
    """
    found = []
    train = np.array([record.get("loss", np.nan) for record in history])
    rises = np.diff(train) > (0.1 if drawn else 0.02) * np.nanmax(np.abs(train[:1]), initial=0.0)
    if len(train) >= 5 and rises.mean() > 0.3:
        words = f"the training loss rose in {int(rises.sum())} of {len(rises)} epochs"
        found.append(
            Advice(
                "warning", "the loss jumps", words, ("a tenth of the rate: lr", "clip_norm=1.0", "a larger batch_size")
            )
        )
    steps = [(v.name, v.step) for v in layers if v.step is not None]
    large, small = [(n, s) for n, s in steps if s > LARGE_STEP], [(n, s) for n, s in steps if s < SMALL_STEP]
    if large:
        name, share = large[0]
        words = f"one step moves the weights of layer {name} by {share:.1%} of their size; about 0.1 % is usual"
        found.append(Advice("warning", "the steps are large", words, ("a smaller lr", "schedule='cosine'")))
    if steps and len(small) == len(steps):
        words = f"one step moves the weights by {steps[0][1]:.1e} of their size; about 1e-3 is usual"
        found.append(Advice("warning", "the steps are small", words, ("a larger lr: pn.find_rate(estimator, X, y)",)))
    return found


def layer_advice(layers: Sequence[Vitals]) -> list[Advice]:
    """Dead and saturated units, and gradients that vanish or explode on their way to the first layer.

    Systems: gradient-norm-profile
    Source: Baker A061 and A062 (erratum F20: a ReLU's slope is 1 for z > 0 alone, so units can die), Jaiswal J21,
    Keras course K33.
    """
    found = []
    for v in layers:
        if v.dead is not None and v.dead >= DEAD:
            words = f"{v.dead:.0%} of the {v.n_units} units of layer {v.name} are 0 on every row"
            remedies = ("a smaller lr", "activation='leaky_relu'", "init='he_normal'", "fewer units")
            found.append(Advice("warning", "units are dead", words, remedies))
        if v.saturated is not None and v.saturated >= SATURATED:
            words = f"{v.saturated:.0%} of the outputs of layer {v.name} are where {v.kind} is flat"
            scaled = "inputs scaled: pn.Table(scaling='standard')"
            remedies = ("activation='relu'", "init='glorot_uniform'", "norm='batch'", scaled)
            found.append(Advice("warning", "units are saturated", words, remedies))
    return found + gradient_advice(
        [v for v in layers if v.weights is not None and v.kind.startswith(("Linear", "Conv"))]
    )


def gradient_advice(weighted: Sequence[Vitals]) -> list[Advice]:
    """What becomes of the gradient between the last layer with weights and the first."""
    if len(weighted) < 3 or not weighted[-1].gradient > 0:
        return []
    ratio = weighted[0].gradient / weighted[-1].gradient
    words = f"the slope by the first layer's outputs is {ratio:.1e} of that by the last one's"
    fewer = "fewer layers, or a model with shortcuts"
    if ratio < VANISHING:
        remedies = ("activation='relu' with init='he_normal'", "norm='batch'", fewer)
        return [Advice("warning", "gradients vanish", words, remedies)]
    if ratio > 1 / VANISHING:
        return [Advice("warning", "gradients explode", words, ("clip_norm=1.0", "a smaller lr", "norm='batch'"))]
    return []


def data_advice(counts: Mapping[Any, int] | None, largest: float) -> list[Advice]:
    """Classes that are rare, and inputs that are not scaled."""
    found = []
    if counts:
        name, n = min(counts.items(), key=lambda item: item[1])
        if n < RARE * sum(counts.values()):
            words = f"class {name!r} has {n} of {sum(counts.values())} rows"
            remedies = ("class_weight='balanced'", "threshold='f1' for two classes", "more rows of it")
            found.append(Advice("info", "a class is rare", words, remedies))
    if largest > 30:
        words = f"an input as the net sees it is as large as {largest:.3g}; about 1 is usual"
        found.append(
            Advice(
                "warning",
                "inputs are not scaled",
                words,
                ("pn.Table(scaling='standard')", "pn.Table(scaling='quantile') against outliers"),
            )
        )
    return found
