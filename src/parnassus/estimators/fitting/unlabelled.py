"""Rows without labels for models that learn from them too."""

from typing import TYPE_CHECKING, Any

import torch

from ...errors import SettingError
from ..protocol import unfitted_on_error
from .assembly import model_of
from .intake import inputs_of

if TYPE_CHECKING:
    from ..base import Estimator

PIECE = 4096


def teach_without_labels(self: "Estimator", X: Any, device: torch.device) -> None:
    """Hand rows X, read as the labelled ones were, to the objective; refused where it has no use for them."""
    with unfitted_on_error(self):
        take = getattr(self.objective_, "take_unlabelled", None)
        if take is None:
            raise SettingError(
                f"model {model_of(self)!r} learns from labelled rows alone; leave unlabelled out, or choose 'vae_m2'"
            )
        rows = self.codec_.encode(inputs_of(X, None))
        parts = []
        for index in torch.arange(len(rows)).split(PIECE):
            batch = {k: t.to(device) for k, t in rows.take(index).items()}
            parts.append(self.codec_.prepare(batch, self.view_, training=False)["x"])
        take(torch.cat(parts))
