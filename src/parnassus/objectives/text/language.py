"""N-gram models as an objective: one look at the whole stream, counted, smoothed and kept as tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import SettingError, did_you_mean
from ...functional.losses import IGNORED
from ...functional.ngram_counts import Level, count_ngrams, merged_counts
from ...functional.ngram_smoothing import SMOOTHINGS, NGramModel
from ...train.phase import Batch, Objective, Phase

START = 0  # the id that fills blocks begins the rows of counts: it is never said
PART = 1 << 22  # ids that are counted at a time: sorting takes about a hundred bytes an id


class NGramCounting(Objective):
    """An n-gram model of the texts of a stream of blocks; the last id ends a text.

    A text begins with its start, which is looked at like an id; contexts never reach over the end of a text. Counts of
    parts are merged, so that what is held grows with the n-grams that differ; trainings on further texts add to them.
    All is counted in the first epoch of a training, and further ones change nothing.
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
        self._waiting: list[Tensor] = []
        self._counts: list[Level] | None = None
        self.table: NGramModel | None = None
        self._whole = False  # whether the texts of this training are counted

    @property
    def end(self) -> int:
        """The id that ends a text."""
        return self.vocab_size - 1

    def phases(self) -> Sequence[Phase]:
        return [Phase("count", self.add, after=self.finish)]

    def weight(self, batch: Batch) -> float | Tensor:
        return (batch["y"] != IGNORED).sum()

    def begin(self, batch: Batch) -> None:
        self._whole = False

    def add(self, batch: Batch) -> Tensor:
        """Keep the ids, and count them when they are many; the loss of a model not yet there is that of even chances.

        Raises
        ------
        SettingError : the model was loaded from a file, which holds probabilities and no counts to add to.
        """
        even = torch.tensor(float(np.log(self.vocab_size - 1)))
        if self._whole:
            return even
        if self._counts is None and self.table is not None:
            raise SettingError("an n-gram model from a file holds no counts to add to; fit a new one from all texts")
        self._waiting.append(batch["y"][batch["y"] != IGNORED].cpu())
        if sum(map(len, self._waiting)) > PART:
            self._count(whole=False)
        return even

    def finish(self) -> None:
        """The model of all that was counted."""
        if self._whole:
            return
        self._count(whole=True)
        assert self._counts is not None
        self.table = SMOOTHINGS[self.smoothing](self._counts, start=START, **self.options)
        self._whole = True

    def _count(self, *, whole: bool) -> None:
        """Add the counts of the texts that wait: of all, or of those whose end has come."""
        stream = torch.cat(self._waiting).numpy().astype(np.int64)
        ends = np.flatnonzero(stream == self.end)
        cut = len(stream) if whole else int(ends[-1]) + 1 if len(ends) else 0
        self._waiting = [] if whole else [torch.from_numpy(stream[cut:])]
        if cut:
            found = count_ngrams(*self.rows_of(stream[:cut]), self.order, n_ids=self.vocab_size)
            self._counts = found if self._counts is None else merged_counts(self._counts, found)

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

    def scores(self, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
        """ln p of each id but the first of each row; the first stands for the start."""
        ids = np.concatenate([np.concatenate([[START], row[1:]]) for row in rows])
        lengths = np.array([len(row) for row in rows])
        return [part[1:] for part in np.split(self.log_probs(ids, lengths), lengths.cumsum()[:-1])]

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
        self._whole = True  # a training that goes on has counted its texts before
