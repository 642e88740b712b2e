"""`estimator.diagnose()`: the layers on some rows, the next step, the curves, and a handful of rows by heart."""

import copy
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...data.targets import Labels, Numbers
from ...errors import DataWarning, SettingError
from ...insight.diagnosis import ByHeart, Diagnosis
from ...insight.verdicts import Advice, data_advice, fit_verdict, layer_advice, rate_advice
from ...insight.vitals import Vitals, vitals_of
from ...objectives.supervised import Supervised
from ...registry import Spec
from ...train.blocks import blocks_of
from ...train.randomness import kept_random
from ...train.trainer import optimizer_for
from ..answers.using import asked, outputs_of
from ..fitting.assembly import device_under, model_of, prepare, rows_of
from ..fitting.intake import Examples, take_rows
from ..fitting.training import optimizers_of

if TYPE_CHECKING:
    from ..base import Estimator

LOOKED_AT = 1024  # rows that the layers are watched on
HANDFUL, TRIES = 16, 300  # rows to learn by heart, and steps to do it in


def diagnose(estimator: "Estimator", X: Any, y: Any, *, target: Any, by_heart: bool) -> Diagnosis:
    """The diagnosis on rows given, or on the validation rows; the estimator stays as it is."""
    if not by_gradient(estimator):
        raise SettingError(
            f"diagnose looks at gradients, and model {estimator.model_name!r} learns by a rule of its own; "
            f"see its history_, or train a model such as 'mlp'"
        )
    examples = asked(estimator, X, y, target, None) if X is not None else estimator.held_
    if examples is None:
        raise SettingError("diagnose needs rows with answers: give X and y, or fit with validation=0.2")
    return diagnosis_of(estimator, examples, by_heart=by_heart)


def by_gradient(estimator: "Estimator") -> bool:
    """Whether the model learns by gradients, and not by a rule of its own."""
    return any(list(phase.params) for phase in estimator.objective_.phases())


def diagnosis_of(estimator: "Estimator", examples: Examples, *, by_heart: bool) -> Diagnosis:
    """Layers, steps and curves on up to 1,024 rows, and a handful of them learned by heart if asked."""
    drawn = np.random.default_rng(estimator.seed).permutation(len(examples))[:LOOKED_AT]
    some = examples.take(np.sort(drawn))  # rows in a file are often sorted by class
    layers, findings = findings_of(estimator, some)
    heart = learned_by_heart(estimator, some) if by_heart else None
    if heart is not None and not heart.learned:
        remedies = (
            "another rate: pn.find_rate(estimator, X, y)",
            "init='he_normal'",
            "look for answers that are wrong",
        )
        findings.insert(0, Advice("warning", "a handful of rows is not learned", str(heart), remedies))
    fit, words = fit_verdict(estimator.history_, *losses_here(estimator, some))
    advice = sorted([*findings, *words], key=lambda one: one.severity != "warning")
    if estimator.task not in ("classifier", "regressor"):  # which alone find_rate takes
        advice = [replace(a, remedies=tuple(r.partition(": pn.find_rate")[0] for r in a.remedies)) for a in advice]
    return Diagnosis(estimator.model_name, fit, layers, advice, estimator.history_, len(some), heart)


def findings_of(estimator: "Estimator", some: Examples) -> tuple[list[Vitals], list[Advice]]:
    """The layers on these rows, and what is wrong with them, with the rate and with the data."""
    objective, device = estimator.objective_, device_under(estimator.objective_)
    rows = rows_of(estimator, some)
    batch = prepare(estimator, device, rows.take(torch.arange(len(rows))))
    with kept_random(device, estimator.seed, "diagnosis"):
        layers = vitals_of(objective, batch)
        steps = next_steps(estimator, batch)
    layers = [replace(v, step=steps.get(v.name)) for v in layers]
    target = estimator.target_
    counts = (
        dict(zip(target.classes.tolist(), target.counts.tolist(), strict=True)) if isinstance(target, Labels) else None
    )
    largest = float(batch["x"].abs().max()) if batch["x"].is_floating_point() else 0.0
    rates = rate_advice(estimator.history_, layers, drawn=objective.by_draws)
    return layers, [*layer_advice(layers), *rates, *data_advice(counts, largest)]


def next_steps(estimator: "Estimator", batch: dict[str, Tensor]) -> dict[str, float]:
    """By layer: the root mean square of a fresh optimizer's first step over that of the weights."""
    objective = copy.deepcopy(estimator.objective_).eval()
    phase = next(p for p in objective.phases() if p.params)
    chosen, by_phase = optimizers_of(estimator, [p.name for p in objective.phases()])
    weights = {k.removeprefix("model."): p for k, p in objective.named_parameters() if k.endswith("weight")}
    before = {k: p.detach().clone() for k, p in weights.items()}
    optimizer = optimizer_for(phase, chosen, by_phase).make(
        blocks_of({phase.name: [p for p in phase.params if p.requires_grad]}, decays=False)[phase.name]
    )
    if optimizer.repeats:
        return {}  # it finds its own step
    with torch.enable_grad():
        loss = phase.loss(batch)
        loss.backward()
    with torch.no_grad():
        optimizer.step(lambda: loss.detach())
    size = {k: float((p.detach() - before[k]).square().mean().sqrt()) for k, p in weights.items()}
    return {k.removesuffix(".weight"): size[k] / max(float(before[k].square().mean().sqrt()), 1e-12) for k in size}


def losses_here(estimator: "Estimator", some: Examples) -> tuple[float | None, float | None]:
    """The losses of the best answer that ignores the inputs and of the model; None where the target has no such one."""
    objective, target = estimator.objective_, estimator.target_
    if not isinstance(objective, Supervised) or type(target) not in (Labels, Numbers):
        return None, None  # of quantiles or of answers in order, the best constant is another
    assert target is not None
    y = target.encode(some.y).take(torch.arange(len(some)))["y"]
    here = float(objective.loss(outputs_of(estimator, some.X).to(y.device), y))
    if isinstance(target, Numbers):
        return (float(objective.loss(torch.zeros_like(y), y)) if objective.loss.link == "identity" else None), here
    share = torch.tensor(target.counts / target.counts.sum(), dtype=torch.float32)
    constant = share.log() if len(share) > 2 else torch.logit(share[1:])
    return float(objective.loss(constant.expand(len(y), -1), y)), here


def learned_by_heart(estimator: "Estimator", some: Examples) -> ByHeart | None:
    """Train a fresh net of the same settings on a handful of rows, without anything that holds it back."""
    if isinstance(estimator.target_, Labels):
        numbers = estimator.target_.indices(some.y)
        order = np.argsort([np.sum(numbers[:i] == k) for i, k in enumerate(numbers)], kind="stable")  # classes in turn
    else:
        order = np.arange(len(some))
    chosen = np.sort(order[:HANDFUL])
    y = take_rows(some.y, chosen)
    if isinstance(estimator.target_, Labels) and len(np.unique(np.asarray(y))) < 2:
        return None
    free: dict[str, Any] = {"epochs": TRIES, "batch_size": len(chosen), "micro_batch_size": None, "patience": None}
    free |= {
        "schedule": "constant",
        "regularizers": (),
        "average": None,
        "out": None,
        "resume": False,
        "progress": None,
    }
    if isinstance(estimator.optimizer, Spec) and "weight_decay" in estimator.optimizer.options:
        free["optimizer"] = estimator.optimizer.set_params(weight_decay=0.0)
    given = model_of(estimator)
    if isinstance(given, str | Spec):  # smoothed answers have a loss that is never small
        spec = estimator.spec("model", given).copy()
        if isinstance(spec.get_params(task=estimator.task).get("smoothing"), float):
            free["model"] = spec.set_params(smoothing=0.0)
    fresh = type(estimator)(**estimator.get_params(deep=False) | free)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # of so few rows they say nothing
        fresh.fit(take_rows(some.X, chosen), y)
    losses = [record["loss"] for record in fresh.history_]
    return ByHeart(len(chosen), losses[0], losses[-1], losses[-1] < 0.2 * losses[0])
