"""Tables whose missing values stay known to be missing."""

from typing import Any

import numpy as np
import torch

from ...errors import DataError
from ..codec import Batch
from ..rows import Dense, Joined, Rows
from .chunks import Chunks
from .columns import read_frame
from .table import Table


class HoledTable(Table):
    """A `Table` that takes missing values and says, beside x, which of its numbers were observed.

    A hole stands as the column's mean (0 where columns are standardised); batches have `observed` (batch, features),
    1 for what was there. An unknown or missing category has no observed entry in its unit vector.
    """

    kind = "holed_table"
    form = None  # type: ignore[assignment]  # which no raw data call for by themselves
    gaps = "told"  # a missing category is no entry of x, so that no model learns to leave one out

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"missing": "mean", **options})

    def encode(self, raw: Any) -> Rows:
        if isinstance(raw, Chunks):
            raise DataError("a table with holes is held in memory, and this one is larger than `memory`; raise memory=")
        rows, frame = super().encode(raw), read_frame(raw)
        block = self.schema.expand(frame, 0, filled=True)[:, self.kept]
        flags = np.ones((frame.n_rows, len(self.flagged)), dtype=bool)
        return Joined(rows, Dense(observed=torch.from_numpy(np.concatenate([~np.isnan(block), flags], 1))))

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        ids = batch.get("columns")
        batch = super().prepare(batch, view, training=training)
        observed = batch["observed"].to(batch["x"].dtype)
        if ids is not None and view == "vector":
            owners = torch.from_numpy(np.repeat(np.arange(len(self.sizes)), self.sizes)).to(ids.device)
            observed = torch.cat([observed, (ids > 0).to(observed.dtype).index_select(1, owners)], 1)
        return batch | {"observed": observed}
