"""`parnassus train rbm` and `train dbn`: densities and classifiers of units of 0 and 1, which scale rows themselves."""

import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..estimators.base import Estimator

SHORT = {"rbm": ("density", "rbm"), "dbn": ("classifier", "dbn")}  # the task that a name is of, and its model
CLASSES = {
    "density": dict.fromkeys(
        ("rbm", "gaussian_rbm", "gaussian_output_rbm", "softmax_rbm", "replicated_softmax", "dbm", "helmholtz"), "RBM"
    ),
    "classifier": {"dbn": "DBN"},
}


def class_of(task: str, model: Any, usual: str) -> "type[Estimator]":
    """The estimator of a task: of machines the one that brings columns to 0 to 1, else the `usual` one."""
    name = CLASSES.get(task, {}).get(getattr(model, "name", ""))
    home = task if name is None else "energy"
    return getattr(importlib.import_module(f"..estimators.{home}", __package__), name or usual)


def shortened(
    name: str, words: Sequence[str], make: Callable[[str, dict[str, str | None], Callable[[dict[str, Any]], int]], Any]
) -> Any:
    """What `make` makes of the task behind a short name: its roles as chosen, and how it is run."""
    from .settings import ROLES, named
    from .training import named_in, train

    task, model = SHORT[name]
    asked = words[1:2] == [name]
    chosen = named_in(words, task) if asked else dict.fromkeys(ROLES)
    chosen["model"] = chosen["model"] or model
    command = make(task, chosen, lambda given: train(task, given | {"model": chosen["model"]}, argv=words))
    summary = named("model", model, task)[0].summary
    command.__doc__ = f"Train {summary[0].lower()}{summary[1:]}\n\nThe same as train {task} --model {model}."
    return command
