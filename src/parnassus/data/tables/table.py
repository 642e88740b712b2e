"""Tables: columns of any kind, learned from training rows, as vectors of numbers."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError, DataWarning, SettingError, check_count, did_you_mean
from ..answers import shown
from ..codec import Codec, State
from ..packing import packed, unpacked
from ..rows import Batch, Dense, Rows
from ..spilled import spill
from .chunks import Chunks
from .columns import Frame, read_frame
from .scaling import FILLS, Moments, Scaler, check_scaling, is_bins, unit_rows
from .schema import (
    Schema,
    keep_features,
    learn_schema,
    refuse_giant,
    refuse_overflow,
    summary,
)

BLOCK = 16_384  # rows worked on at a time: bounds memory, fixes rounding
FAR = 1e5  # deviations from 0 at which unscaled 32-bit numbers have lost a hundredth of a deviation


class Table(Codec):
    """Columns of numbers, booleans, categories, ordered categories, dates and texts, as one vector a row.

    Parameters
    ----------
    scaling : how numbers are scaled: "standard", "minmax", "log", "quantile", ("bins", n), "none", a range (low, high);
        or a mapping from column to one of these (others are standardised). See `scaling.Scaler`. None is what suits the
        task: "none" for rows without answers and for naive Bayes, whose results are in the columns' own units, else
        "standard".
    missing : "refuse", or what stands for a missing value: "mean", "median", "mode", "constant" (`fill_value`).
        A missing category takes the unknown slot, or the commonest category for "mode". With "log" the mean is that
        of the logarithms.
    fill_value : the number for missing="constant".
    missing_indicator : add a 0/1 feature for each column with missing values in training.
    categories : "onehot", or "embedding", which offers the view "columns" (ids beside the numbers) first, for modules
        of your own; models such as "entity_embedding", which ask for ids, get them either way.
    max_categories : the most frequent ones that are kept, for each column; the others share the unknown slot.
    max_words : of a column of prose beside others the words of the most texts that are counted, each by how often it
        comes and how rare it is (tf-idf); 0 takes each text for a category.
    unit_rows : divide the scaled numbers of each row by their Euclidean norm, which `decode` cannot undo.

    Numbers are scaled once, in `encode`, and held as float32; categories are held as int32 ids (0 is unknown) and
    become unit vectors in `prepare`, on the device. Ordered categories are thermometer codes; dates are the eight
    numbers of `encodings.date_parts`. Columns that never vary are dropped with a DataWarning. NaN is refused unless
    `missing` says otherwise, infinity always.

    Attributes: `feature_names` (or None), `n_columns` (given), `columns` (a summary of each), `vector_names`.

    Systems: tabular-schema
    Source: Hifny A3.1: column roles are learned from training rows and applied unchanged to new ones.
    """

    kind = "table"
    form = "table"
    gaps = ""  # of categories, where they are not as options["missing"] says

    schema: Schema
    scaler: Scaler
    n_rows: int
    kept: np.ndarray  # the features that vary
    fill: np.ndarray

    def __init__(
        self,
        *,
        scaling: Any = None,
        missing: str = "refuse",
        fill_value: float = 0.0,
        missing_indicator: bool = False,
        categories: str = "onehot",
        max_categories: int = 256,
        max_words: int = 256,
        unit_rows: bool = False,
    ) -> None:
        check_scaling("standard" if scaling is None else scaling)
        if missing not in FILLS:
            raise SettingError(f"Table: missing={missing!r}; {did_you_mean(missing, FILLS)}")
        if categories not in ("onehot", "embedding"):
            raise SettingError(f"Table: categories={categories!r}; {did_you_mean(categories, ('onehot', 'embedding'))}")
        if max_categories < 1:
            raise SettingError(f"Table: max_categories is at least 1; got {max_categories}")
        check_count("Table: max_words", max_words, least=0)
        self.options = {
            "scaling": scaling,
            "missing": missing,
            "fill_value": float(fill_value),
            "missing_indicator": missing_indicator,
            "categories": categories,
            "max_categories": max_categories,
            "max_words": max_words,
            "unit_rows": unit_rows,
        }

    # --- fit --------------------------------------------------------------------------------------

    def fit(self, raw: Any) -> Self:
        most = {name: self.options[name] for name in ("max_categories", "max_words")}
        self.schema = learn_schema(_frames(raw), **most, filled=self._fills_gaps)
        moments, kinds = self._measure(raw)
        self.n_rows = moments.n_rows
        self.kept = keep_features(self.schema, moments)
        self.scaler = Scaler([kinds[i] for i in self.kept.tolist()]).fit(moments.narrowed(self.kept))
        refuse_overflow(self.schema, self.kept, self.scaler.center, self.scaler.scale)
        self._refuse_lost_digits(moments.narrowed(self.kept), [kinds[i] for i in self.kept.tolist()])
        if self.options["missing"] == "constant":  # in the user's units, so that its logarithm is taken too
            self.fill = self.scaler.before(np.full((1, len(self.kept)), self.options["fill_value"]))[0]
        else:
            self.fill = moments.narrowed(self.kept).middle(self.options["missing"] if self._fills_gaps else "mean")
        self._index()
        if not self.n_numbers and not self.n_hot:
            raise DataError(f"no column of X varies over its {self.n_rows} rows; there is nothing to learn from")
        return self

    def _refuse_lost_digits(self, moments: Moments, kinds: Sequence[Any]) -> None:
        """Refuses unscaled numbers whose spread 32 bits cannot tell from their size: timestamps, large ids."""
        spread = np.sqrt(moments.squares / np.maximum(moments.count, 1))
        lost = (np.abs(moments.mean) > FAR * spread) & (spread > 0)
        bad = [i for i, kind in enumerate(kinds) if kind == "none" and lost[i]]
        if bad:
            i = bad[0]
            column, _ = self.schema.features[int(self.kept[i])]
            raise DataError(
                f"{self.schema.where(column)} of X lies around {moments.mean[i]:.6g} and varies by {spread[i]:.3g}, "
                f"which unscaled 32-bit numbers cannot hold; subtract an offset, or give "
                f"codec=pn.Table(scaling='standard')"
            )

    def _measure(self, raw: Any) -> tuple[Moments, list[Any]]:
        """Moments of every feature, logarithms taken where they are asked for, and each feature's scaling."""
        features, scaling = self.schema.features, self._scaling_of_columns()
        kinds = [scaling[j] if part in ("value", "days", "year") else "none" for j, part in features]
        before, start = Scaler(kinds).before, 0
        ranked = any(kind == "quantile" or is_bins(kind) for kind in kinds)
        moments = Moments(len(features), sampled=ranked or self.options["missing"] in ("median", "mode"))
        for frame in _frames(raw):
            moments.add(before(self.schema.expand(frame, start, filled=self._fills_gaps)))
            start += frame.n_rows
        return moments, kinds

    @property
    def _fills_gaps(self) -> bool:
        return self.options["missing"] != "refuse"

    def _scaling_of_columns(self) -> list[Any]:
        scaling, names = self.options["scaling"], self.schema.names
        scaling = "standard" if scaling is None else scaling
        if not isinstance(scaling, Mapping):
            return [scaling] * len(names)
        given = {str(k): v for k, v in scaling.items()}
        for name in sorted(given.keys() - set(names)):
            raise SettingError(
                f"Table: scaling names the column {name!r}, which X has not; {did_you_mean(name, names)}"
            )
        return [given.get(name, "standard") for name in names]

    def in_own_units(self) -> "Table":
        """The same codec, its columns unscaled where nothing was said of their scaling."""
        return Table(**{**self.options, "scaling": "none"}) if self.options["scaling"] is None else self

    def _index(self) -> None:
        """What `encode` and `prepare` look up: flagged columns, columns of categories, offsets of unit vectors."""
        specs, features = self.schema.specs, self.schema.features
        owners = {j: i for i, (j, _) in reversed(list(enumerate(features)))}
        flags = self.options["missing_indicator"]
        self.flagged = [i for j, i in owners.items() if flags and 0 < specs[j]["missing"] < self.n_rows]
        self.grouped = self.schema.grouped
        self.n_numbers = len(self.kept) + len(self.flagged)
        self.sizes = tuple(len(specs[j]["levels"]) for j in self.grouped)
        self.n_hot, before = sum(self.sizes), [sum(self.sizes[:i]) for i in range(len(self.sizes))]
        self.offsets = self.n_numbers + torch.tensor(before, dtype=torch.int64)

    # --- encode -----------------------------------------------------------------------------------

    def views(self) -> dict[str, dict[str, Any]]:
        told = {"unit_vectors": self.sizes} if self.sizes else {}
        vector = {"vector": {"in_features": self.n_numbers + self.n_hot, **told}}
        cardinalities = tuple(n + 1 for n in self.sizes)
        # Ids without categories too, so that a model of columns takes every table.
        ids: dict[str, dict[str, Any]] = {"columns": {"in_features": self.n_numbers, "cardinalities": cardinalities}}
        return ids | vector if self.grouped and self.options["categories"] == "embedding" else vector | ids

    def encode(self, raw: Any) -> Rows:
        if isinstance(raw, Chunks):
            return spill(raw, self.encode)
        frame = read_frame(raw)
        self.schema.check(frame)
        x = np.empty((frame.n_rows, self.n_numbers), dtype=np.float32)
        ids = np.empty((frame.n_rows, len(self.grouped)), dtype=np.int32)
        unseen: dict[str, set] = {}
        for start in range(0, frame.n_rows, BLOCK):
            part, stop = frame.part(start, start + BLOCK), min(start + BLOCK, frame.n_rows)
            self._write(x[start:stop], part, start)
            for i, j in enumerate(self.grouped):
                ids[start:stop, i], new = self.schema.ids(part, j, start, missing=self.options["missing"])
                unseen.setdefault(self.schema.where(j), set()).update(new)
        named = "; ".join(f"{name}: {shown(sorted(values, key=str))}" for name, values in unseen.items() if values)
        if named:
            warnings.warn(f"categories that fit has not seen count as unknown: {named}", DataWarning, stacklevel=2)
        given = {"columns": torch.from_numpy(ids)} if self.grouped else {}
        return Dense(x=torch.from_numpy(x), **given)

    def _write(self, out: np.ndarray, frame: Frame, start: int) -> None:
        """Numbers of some rows, filled and scaled, into `out`."""
        block = self.schema.expand(frame, start, filled=self._fills_gaps)
        missing = np.isnan(block) if self._fills_gaps else None
        if len(self.kept) < block.shape[1]:
            block = block[:, self.kept]
        block = self.scaler.before(block)
        if missing is not None:
            block = np.where(missing[:, self.kept], self.fill, block)
            out[:, len(self.kept) :] = missing[:, self.flagged]
        with np.errstate(over="ignore"):
            out[:, : len(self.kept)] = self.scaler.forward(block)
        if self.options["unit_rows"]:
            out[:] = unit_rows(out)
        if not np.isfinite(out).all():
            row, i = (int(k) for k in np.argwhere(~np.isfinite(out))[0])
            refuse_giant(self.schema, start + row, int(self.kept[i]))

    # --- prepare and decode -----------------------------------------------------------------------

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        if view == "columns":
            ids = batch["columns"].long() if self.grouped else batch["x"].new_empty(batch["x"].shape[0], 0).long()
            return batch | {"columns": ids}
        if not self.grouped:
            return batch
        ids, numbers = batch["columns"].long(), batch["x"]
        x = numbers.new_zeros(ids.shape[0], self.n_numbers + self.n_hot)
        x[:, : self.n_numbers] = numbers
        # Id 0, unknown, writes 0 where the first category would write 1.
        x.scatter_(1, self.offsets + (ids - 1).clamp_(min=0), (ids > 0).to(x.dtype))
        return {k: v for k, v in batch.items() if k != "columns"} | {"x": x}

    def decode(self, x: Tensor | np.ndarray, *, whole: bool = False) -> Any:
        """Vectors in the user's units: an array of numbers, else a frame; `whole` rounds columns that were whole."""
        x = np.asarray(x.detach().cpu() if isinstance(x, Tensor) else x, dtype=np.float64)
        full = np.zeros((len(x), len(self.schema.features)))
        full[:, self.kept] = self.scaler.back(x[:, : len(self.kept)].copy())
        found = zip(self.grouped, self.offsets.tolist(), self.sizes, strict=True)
        hot = {j: x[:, start : start + n] for j, start, n in found}
        missing = self.gaps or self.options["missing"]  # what zeros of categories mean
        return self.schema.decode(full, hot, set(self.kept.tolist()), missing=missing, whole=whole)

    # --- what was learned -------------------------------------------------------------------------

    @property
    def feature_names(self) -> list[str] | None:
        """The columns' names, or None where the table had none."""
        return self.schema.feature_names

    @property
    def n_columns(self) -> int:
        """How many columns `fit` was given."""
        return len(self.schema.specs)

    @property
    def columns(self) -> list[dict[str, Any]]:
        """A summary of each column, for a report."""
        return [summary(spec) for spec in self.schema.specs]

    @property
    def vector_names(self) -> list[str]:
        """The name of each feature of the view "vector"."""
        names, features = self.schema.names, self.schema.features
        parts = [features[i] for i in self.kept.tolist()]
        numbers = [names[j] + ("" if part in ("value", "bit") else f": {part}") for j, part in parts]
        flags = [f"{names[features[i][0]]}: missing" for i in self.flagged]
        return (
            numbers + flags + [f"{names[j]}={level}" for j in self.grouped for level in self.schema.specs[j]["levels"]]
        )

    def state(self) -> State:
        told = {
            "options": self.options,
            "specs": self.schema.specs,
            "feature_names": self.feature_names,
            "n_rows": self.n_rows,
            "kinds": self.scaler.kinds,
        }
        arrays = {
            "center": self.scaler.center,
            "scale": self.scaler.scale,
            "knots": self.scaler.knots,
            "fill": self.fill,
            "kept": self.kept,
        }
        return {"told": packed(told), **{k: torch.from_numpy(v) for k, v in arrays.items()}}

    @classmethod
    def from_state(cls, state: State) -> Self:
        told = unpacked(state["told"])
        codec = cls(**told["options"])
        codec.schema, codec.n_rows = Schema(told["specs"], told["feature_names"]), told["n_rows"]
        arrays = {k: v.cpu().numpy() for k, v in state.items() if k != "told"}
        codec.scaler = Scaler(told["kinds"])
        codec.scaler.center, codec.scaler.scale, codec.scaler.knots = (arrays[k] for k in ("center", "scale", "knots"))
        codec.fill, codec.kept = arrays["fill"], arrays["kept"]
        codec._index()
        return codec


def _frames(raw: Any) -> Iterator[Frame]:
    """The rows of a table or of a source of chunks, `BLOCK` at a time, so that both give the same statistics."""
    for chunk in raw if isinstance(raw, Chunks) else [raw]:
        frame = read_frame(chunk)
        yield from frame.blocks(BLOCK) if frame.n_rows else [frame]
