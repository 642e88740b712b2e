"""Tasks whose data have no answers: what they share."""

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from ..data.codec import Codec, codec_for
from ..data.rows import Rows
from ..data.rows import batches as batches_of
from ..data.sources import Columns
from ..data.tables.table import Table
from ..data.text.text import Text
from ..registry import Spec
from ..train.phase import Batch
from ..train.randomness import kept_random
from ..train.timetable import cuts_of
from .answers.using import EVALUATED
from .base import Estimator
from .fitting.assembly import device_under, prepare
from .fitting.intake import Examples, examples_of, inputs_of
from .fitting.training import Ready, threads_for
from .protocol import fitted

SAMPLED = 10_000  # rows spread over all that an objective starts from


class Unsupervised(Estimator):
    """A task whose rows have no answers: `fit(X)`; y is taken and ignored, as scikit-learn does.

    A subclass names in `options` those of its own settings that are options of the model: one that is not None goes to
    the model under its own name, so that `Clusterer(n_clusters=3)` is `Clusterer(pn.model("kmeans", n_clusters=3))`.
    Columns of a table keep their own units unless a codec says otherwise (densities and distances are in those units).
    """

    options: ClassVar[tuple[str, ...]] = ()

    def fit(
        self, X: Any, y: Any = None, *, target: Columns | None = None, validation: Any = None, sample_weight: Any = None
    ) -> Self:
        """Learn from rows X.

        Parameters
        ----------
        X : an array, frame, list of texts or pictures, or a path to a CSV or Parquet file.
        y : ignored; there so that a Pipeline can be told answers for its other steps.
        target : a column of X, or several, to leave out: answers that are not to be learned from.
        validation : a fraction to hold out, X of other rows, or a path; watched by `patience`.
        sample_weight : how much each row counts (rows,).

        Raises
        ------
        DataError : the data break a contract; the message names the row, column or file and the remedy.
        """
        examples = self._examples(X, target=target, sample_weight=sample_weight)
        return self._train(self._started(self._ready(examples, None, self._held_out(validation), None)))

    def _examples(self, X: Any, *, target: Columns | None = None, sample_weight: Any = None) -> Examples:
        """What fit was given, without the answers that a file or a target column may hold."""
        found = examples_of(X, None, target=target, sample_weight=sample_weight, memory=self.memory)
        return Examples(found.X, None, found.weight, found.source, found.target)

    def _held_out(self, validation: Any) -> Any:
        """Validation as `hold_out` takes it: raw rows alone become a pair without answers."""
        plain = validation is None or isinstance(validation, int | float | str | tuple) or hasattr(validation, "suffix")
        return validation if plain else (validation, None)

    def own_codec(self, X: Any) -> Codec | None:
        chosen = self._codec_for(X) if self.codec is None else self.codec
        return chosen.in_own_units() if isinstance(chosen, Table) else chosen

    def _codec_for(self, X: Any) -> Codec:
        """The codec for raw rows where the user gave none."""
        return codec_for(X)

    def _said(self, x: Tensor) -> Any:
        """Model's rows in the user's terms; of texts as bags of words their numbers, which tell no order of words."""
        decode = getattr(self.codec_, "decode", None)
        return x.numpy() if decode is None or (isinstance(self.codec_, Text) and x.is_floating_point()) else decode(x)

    def _said_drawn(self, x: Tensor) -> Any:
        """Rows drawn, in the user's terms: whole numbers where the rows of fit had nothing else."""
        return self.codec_.decode(x, whole=True) if isinstance(self.codec_, Table) else self._said(x)

    def _started(self, ready: Ready) -> Ready:
        """The same, the objective begun from rows spread over all of them where it wants that."""
        self.data_["options"] = {name: repr(getattr(self, name)) for name in self.options}
        start = getattr(self.objective_, "begin_from", None)
        if start is not None:
            with kept_random(ready.device, self.seed, "begin"), torch.no_grad():
                rows = ready.rows
                index = torch.linspace(0, len(rows) - 1, min(SAMPLED, len(rows)), dtype=torch.float64).round().long()
                start(prepare(self, ready.device, rows.take(index)), len(rows))
        return ready

    def spec(self, role: str, given: Any) -> Spec:
        """A name or a Spec as a Spec of its own, with the options that are settings of the task."""
        found = super().spec(role, given)
        if role == "model":
            values = {name: getattr(self, name) for name in self.options}
            found.set_params(**{name: value for name, value in values.items() if value is not None})
        return found

    # --- use --------------------------------------------------------------------------------------

    def _rows(self, X: Any) -> Rows:
        """New raw rows, encoded; a path is opened."""
        return fitted(self).codec_.encode(inputs_of(X, self.target_name_, memory=self.memory))

    def _asked(self, rows: Rows, ask: Callable[[Batch], Tensor], *, at_once: int = EVALUATED) -> np.ndarray:
        """What `ask` says of batches of `at_once` encoded rows, end to end; of the precision that it answers in."""
        objective = fitted(self).objective_
        device = device_under(objective)
        objective.eval()
        parts = []
        with torch.inference_mode(), threads_for(objective, at_once), kept_random(device, self.seed, "use"):
            for taken in batches_of(rows, torch.arange(len(rows)), cuts_of(len(rows), at_once)):
                parts.append(ask(prepare(self, device, taken)).cpu())
        if len({part.shape[1:] for part in parts}) > 1:  # sequences, each batch as long as its longest
            longest = max(part.shape[1] for part in parts)
            parts = [torch.cat([p, p.new_zeros(len(p), longest - p.shape[1], *p.shape[2:])], 1) for p in parts]
        return torch.cat(parts).numpy()

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, target: Columns | None = None) -> float:
        """How well rows are described: more is better."""
        raise NotImplementedError


del Estimator.kinds["Unsupervised"]  # which is no task of its own
