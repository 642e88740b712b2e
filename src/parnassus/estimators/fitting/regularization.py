"""From an estimator's settings to first weights and to what holds its training back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...errors import SettingError
from ...layers.initialization import initialize
from ...registry import REGISTRIES, Spec
from ...train.perturbations import in_order
from ...train.phase import Objective
from ...train.regularizers import Regularizer
from ...train.trainer import Trainer
from .assembly import model_of

if TYPE_CHECKING:
    from ..base import Estimator


def first_weights(estimator: "Estimator", objective: Objective) -> None:
    """Draw the first weights by the rule that `init` names, where it names one."""
    if estimator.init is None:
        return
    chosen = estimator.spec("initializer", estimator.init)
    if chosen is not None and not initialize(objective, chosen):
        raise SettingError(
            f"init={estimator.init!r} fills the weights of dense and convolutional layers, and {named(estimator)} has "
            f"none; leave init=None, or choose another model"
        )


def regularizer_specs(given: Any) -> list[Spec]:
    """Specs of what the setting `regularizers` holds: a name, a spec, a dict from names to options, or several."""
    if isinstance(given, str):
        return [REGISTRIES["regularizer"](given)]
    if isinstance(given, Spec) and given.registry.kind == "regularizer":
        return [given]
    if isinstance(given, Mapping):
        return [REGISTRIES["regularizer"](str(name), **options_of(name, held)) for name, held in given.items()]
    if given is None or not isinstance(given, list | tuple):
        raise SettingError(
            f"regularizers are names, pn.regularizer(name, ...), or a dict from names to options; got {given!r}"
        )
    found = [spec for one in given for spec in regularizer_specs(one)]
    for i, spec in enumerate(found):
        if spec.name in [other.name for other in found[:i]]:
            raise SettingError(f"regularizers name {spec.name!r} twice; give it once, with the options you mean")
    return found


def options_of(name: Any, held: Any) -> dict[str, Any]:
    """The options of one regularizer in a dict of several."""
    if not isinstance(held, Mapping):
        raise SettingError(
            f"regularizers: {name!r} takes a dict of options, such as {{'strength': 0.01}}; got {held!r}"
        )
    return {str(k): v for k, v in held.items()}


def named(estimator: "Estimator") -> str:
    """What a message calls the model."""
    given = model_of(estimator)
    if isinstance(given, Spec):
        return repr(given)
    return f"model {given!r}" if isinstance(given, str) else f"the {type(given).__name__} given as model"


@contextmanager
def regularized(estimator: "Estimator", objective: Objective) -> Iterator[list[Regularizer]]:
    """What holds the training back, attached to the objective inside; afterwards its weights are plain again."""
    specs = regularizer_specs(estimator.regularizers)
    if specs and not any(list(phase.params) for phase in objective.phases()):
        names = ", ".join(repr(spec.name) for spec in specs)
        raise SettingError(
            f"regularizers {names} act on training by gradients, and {named(estimator)} learns by a rule of its own; "
            f"leave regularizers=(), or choose another model"
        )
    attached: list[Regularizer] = []
    try:
        for spec in specs:
            made = spec.make()
            made.attach(objective)
            attached.append(made)
        yield in_order(attached)
    finally:
        for made in reversed(attached):
            made.detach(objective)


def settle_penalties(trainer: Trainer) -> None:
    """Rules that look at a loss again must find the penalties in it; noise on weights they cannot bear."""
    repeating = [o for o in trainer.optimizers.values() if o.repeats]
    for regularizer in trainer.regularizers if repeating else ():
        if regularizer.draws_weights:
            name = repeating[0].name or type(repeating[0]).__name__
            raise SettingError(
                f"optimizer {name!r} looks at one loss several times, and {regularizer!r} changes the weights it is "
                f"seen at; choose a first-order optimizer, or leave it out"
            )
        regularizer.as_loss = True
