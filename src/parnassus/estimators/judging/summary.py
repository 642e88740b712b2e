"""`pn.summary`: the layers of a fitted estimator, or of any module."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...insight.summary import Summary, summarize
from ..base import Estimator
from ..fitting.assembly import device_under
from ..protocol import fitted

STEPS = 4  # of a sequence that is shown to a net


def summary(net: Any, *inputs: Tensor) -> Summary:
    """The layers of a net with their shapes, weights and products; print it, or `draw()` it.

    Parameters
    ----------
    net : a fitted estimator, or an nn.Module with `inputs` to show it, a batch of one row or more.
    """
    if isinstance(net, Estimator):
        return _of_estimator(net)
    if not isinstance(net, nn.Module):
        raise SettingError(f"summary takes a fitted estimator or an nn.Module; got a {type(net).__name__}")
    if not inputs:
        raise SettingError("summary of an nn.Module needs an input to show it, such as torch.zeros(1, 30)")
    return summarize(net, lambda: net(*inputs))


def _of_estimator(estimator: Estimator) -> Summary:
    objective = fitted(estimator).objective_
    module = getattr(objective, "model", None)
    if not isinstance(module, nn.Module):
        raise SettingError(f"model {estimator.model_name!r} is no stack of layers; there is nothing to sum up")
    device = device_under(objective)
    batch = {k: t.to(device) for k, t in blank(estimator.codec_.views()[estimator.view_]).items()}
    return summarize(module, lambda: objective.outputs(batch), name=estimator.model_name)


def blank(facts: Mapping[str, Any]) -> dict[str, Tensor]:
    """A batch of one row of zeros, as the facts of a view shape it."""
    lengths = {"lengths": torch.tensor([STEPS])}
    if "image_size" in facts:
        return {"x": torch.zeros(1, facts["in_channels"], *facts["image_size"])}
    ids = torch.zeros(1, STEPS, dtype=torch.int64)
    if "source_vocab_size" in facts:
        return {"x": ids, **lengths, "y": ids, "y_lengths": lengths["lengths"]}
    if "vocab_size" in facts:
        return {"x": ids, **lengths, **({"segments": ids} if "n_segments" in facts else {})}
    if "step_features" in facts:
        return {"x": torch.zeros(1, STEPS, facts["step_features"]), **lengths}
    row = {"x": torch.zeros(1, facts["in_features"])}
    sizes = facts.get("cardinalities")
    return row | ({"columns": torch.zeros(1, len(sizes), dtype=torch.int64)} if sizes is not None else {})
