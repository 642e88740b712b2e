"""N-gram models as an objective: one look at the whole stream, counted, smoothed and kept as tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import SettingError, did_you_mean
from ...functional.losses import IGNORED
from ...functional.ngram_counts import Level
from ...functional.ngram_smoothing import SMOOTHINGS, NGramModel, ngram_model
from ...train.phase import Batch, Objective, Phase

START = 0  # the id that fills blocks begins the rows of counts: it is never said


class NGramCounting(Objective):
    """An n-gram model of the texts of a stream of blocks; the last id ends a text.

    A text begins with its start, which is looked at like an id; contexts never reach over the end of a text.
    """

    full_batch = True
    epochs = 1

    def __init__(self, vocab_size: int, *, order: int, smoothing: str, **options: float) -> None:
        super().__init__()
        if smoothing not in SMOOTHINGS:
            raise SettingError(f"model 'ngram': smoothing={smoothing!r}; {did_you_mean(smoothing, SMOOTHINGS)}")
        if order < 1:
            raise SettingError(f"model 'ngram': order is at least 1; got {order}")
        self.vocab_size, self.order, self.smoothing, self.options = vocab_size, order, smoothing, options
        self._parts: list[Tensor] = []
        self.table: NGramModel | None = None

    @property
    def end(self) -> int:
        """The id that ends a text."""
        return self.vocab_size - 1

    def phases(self) -> Sequence[Phase]:
        return [Phase("count", self.add, after=self.finish)]

    def weight(self, batch: Batch) -> float | Tensor:
        return (batch["y"] != IGNORED).sum()

    def add(self, batch: Batch) -> Tensor:
        """Keep the ids; the loss of a model that is not yet there is that of even chances."""
        self._parts.append(batch["y"][batch["y"] != IGNORED].cpu())
        return torch.tensor(float(np.log(self.vocab_size - 1)))

    def finish(self) -> None:
        """The model of what was kept."""
        stream = torch.cat(self._parts).numpy().astype(np.int64)
        self._parts = []
        ids, lengths = self.rows_of(stream)
        self.table = ngram_model(
            ids, lengths, self.order, n_ids=self.vocab_size, smoothing=self.smoothing, start=START, **self.options
        )

    def rows_of(self, stream: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A stream of texts, each with its end, as rows that begin with the start; what has no end is a row too."""
        behind = np.flatnonzero(stream == self.end) + 1
        cuts = np.concatenate([[0], behind[behind < len(stream)]])
        lengths = np.diff(np.concatenate([cuts, [len(stream)]])) + 1
        return np.insert(stream, cuts, START), lengths

    def log_probs(self, ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """ln p of each id of rows that begin with the start."""
        assert self.table is not None
        return self.table.log_probs(ids, lengths)

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        """Mean -ln p; blocks are taken as they follow each other."""
        if self.table is None:
            return {"loss": torch.tensor(float(np.log(self.vocab_size - 1)))}
        stream = batch["y"][batch["y"] != IGNORED].cpu().numpy().astype(np.int64)
        ids, lengths = self.rows_of(stream)
        total = -self.log_probs(ids, lengths).sum() / max(len(stream), 1)
        return {"loss": torch.tensor(min(float(total), torch.finfo(torch.float32).max))}

    # --- as tensors -------------------------------------------------------------------------------

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        if self.table is None:
            return
        table = self.table
        for k, level in enumerate(table.levels, 1):
            destination[f"{prefix}codes_{k}"] = torch.from_numpy(level.codes)
            destination[f"{prefix}log_p_{k}"] = torch.from_numpy(table.log_p[k - 1])
            if k < table.order:
                destination[f"{prefix}log_back_{k}"] = torch.from_numpy(table.log_back[k - 1])
        facts = [table.n_kinds, int(table.beyond == "floor"), *table.fallbacks]
        destination[f"{prefix}facts"] = torch.tensor(facts)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        facts = state[f"{prefix}facts"].tolist()
        codes = [state[f"{prefix}codes_{k}"].cpu().numpy() for k in range(1, self.order + 1)]
        zeros = [np.zeros(len(c), dtype=np.int64) for c in codes]
        self.table = NGramModel(
            [Level(c, z, z) for c, z in zip(codes, zeros, strict=True)],
            [state[f"{prefix}log_p_{k}"].cpu().numpy() for k in range(1, self.order + 1)],
            [state[f"{prefix}log_back_{k}"].cpu().numpy() for k in range(1, self.order)],
            facts[0],
            START,
            "floor" if facts[1] else "back_off",
            facts[2:],
        )
