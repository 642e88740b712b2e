"""What a model is to say of y: the target that the data and the loss call for."""

from typing import TYPE_CHECKING, Any

from ...data.gaussians import Gaussians
from ...data.ordered import Ordered
from ...data.quantiles import Quantiles
from ...data.targets import Numbers, Target, target_for
from ...registry import Spec

if TYPE_CHECKING:
    from ..base import Estimator


def goal_of(estimator: "Estimator", y: Any) -> Target:
    """The target codec of a classifier's or regressor's y, unfitted.

    A loss that serves one kind of target alone chooses it, with its own options: "quantile" that of quantiles,
    "gaussian_nll" that of means and noises, "ordinal" that of ordered classes. Otherwise the task and y choose. The
    target then says `n_outputs`.
    """
    chosen = None if estimator.loss is None else estimator.spec("loss", estimator.loss)
    kinds = kinds_of(chosen)
    if chosen is not None and estimator.task == "regressor" and kinds == {"quantiles"}:
        return Quantiles(quantiles=chosen.get_params()["quantiles"])
    if estimator.task == "regressor" and kinds == {"gaussians"}:
        return Gaussians()
    if chosen is not None and estimator.task == "classifier" and kinds == {"ordinal"}:
        return Ordered(order=chosen.get_params()["order"])
    if estimator.task == "regressor":
        link = (chosen or estimator.spec("loss", Numbers.loss_name)).make(task=Numbers().loss_kind).link
        return Numbers(link=link)
    return target_for(y, estimator.task)


def kinds_of(chosen: Spec | None) -> set[str | None]:
    """The kinds of target that a loss serves."""
    return set() if chosen is None else {kind for one in chosen.registry.builders(chosen.name) for kind in one.tasks}
