"""What a smaller form of a model costs and gains: bytes, speed and score beside the model it came from."""

import os
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.sources import Columns
from ..errors import FileError, SettingError
from ..estimators.answers.using import asked
from ..estimators.fitting.intake import Examples, take_rows
from ..functional.metrics import r2
from .files import Net, run_by, session_of, taken_by, tried
from .graph import Feeds, Graph, checked, graph_of

if TYPE_CHECKING:
    from ..estimators.base import Estimator

ROUNDS = 30  # runs of which a time is the median
BATCH = 64


@dataclass(frozen=True)
class Weight:
    """One form of a model: its bytes on disk, the share of its weights that are not zero, times and score."""

    name: str
    n_bytes: int
    not_zero: float | None  # of weights; None of files, which are not looked into
    one_row: float  # milliseconds, without reading raw data
    rows_a_second: float  # in batches of 64
    score: float | None


@dataclass(frozen=True)
class Weighed:
    """Several forms of a model side by side; print it."""

    rows: list[Weight]
    what: str  # the score is

    def __getitem__(self, name: str) -> Weight:
        return next(row for row in self.rows if row.name == name)

    def table(self) -> str:
        """Aligned text: a row for each form."""
        cells = [("model", "kilobytes", "weights not 0", "ms a row", "rows a second", self.what)]
        for r in self.rows:
            share = "" if r.not_zero is None else f"{r.not_zero:.1%}"
            score = "" if r.score is None else f"{r.score:.4f}"
            size, pace = f"{r.n_bytes / 1000:,.1f}", f"{r.rows_a_second:,.0f}"
            cells.append((r.name, size, share, f"{r.one_row:.3f}", pace, score))
        widths = [max(len(row[i]) for row in cells) for i in range(6)]
        return "\n".join(
            "  ".join([f"{r[0]:<{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(r[1:], widths[1:], strict=True))]).rstrip()
            for r in cells
        )

    __str__ = table


def weigh(models: Mapping[str, Any], X: Any, y: Any = None, *, target: Columns | None = None) -> Weighed:
    """Size, speed and score of fitted estimators and of ONNX files made of the first of them, on rows X with answers y.

    Parameters
    ----------
    models : a name -> a fitted Classifier or Regressor, or the path of an ONNX file that `to_onnx` wrote of the first.

    Times are of the net alone, with one thread's or more as torch and ONNX Runtime are set; they are medians of 30
    runs, and worth comparing only on a quiet machine.
    """
    first = next(iter(models.values()), None)
    if first is None or isinstance(first, str | os.PathLike):
        raise SettingError("weigh: the first model is a fitted estimator, which says how rows become numbers")
    for given in models.values():
        if not isinstance(given, str | os.PathLike):
            checked(given)
    examples = asked(first, X, y, target, None)
    rows, what = [], {"classifier": "accuracy", "regressor": "R squared"}.get(first.task, "score")
    for name, given in models.items():
        rows.append(weight_of(name, given, first, examples))
    return Weighed(rows, what)


def weight_of(name: str, given: Any, first: "Estimator", examples: Examples) -> Weight:
    """One row of the table."""
    graph = graph_of(first, tried(examples.X))
    if isinstance(given, str | os.PathLike):
        path = Path(given)
        if not path.is_file():
            raise FileError(f"{path} does not exist; weigh takes estimators and files that to_onnx wrote")
        session = session_of(path)
        net: Net = lambda feeds: session.run(None, taken_by(session, feeds))[0]  # noqa: E731
        size, not_zero = path.stat().st_size, None
        score = score_of(first, graph, net(graph.inlet.feeds(examples.X)), examples)
    else:
        graph = graph_of(given, tried(examples.X))
        net = run_by(graph, graph)
        held = [p for p in given.objective_.parameters() if p.ndim > 1]
        not_zero = sum(int(p.count_nonzero()) for p in held) / max(sum(p.numel() for p in held), 1)
        size, score = saved_size(given), given.score(examples.X, examples.y, examples.weight)
    one, many = (graph.inlet.feeds(taken(examples.X, n)) for n in (1, BATCH))
    return Weight(name, size, not_zero, 1e3 * seconds(net, one), BATCH / seconds(net, many), score)


def taken(X: Any, n: int) -> Any:
    """n of the rows, some of them again where there are fewer."""
    rows = tried(X)
    return take_rows(rows, np.arange(n) % min(len(rows), n))


def seconds(net: Net, feeds: Feeds) -> float:
    """The median time of a call."""
    found = []
    for _ in range(ROUNDS + 3):
        started = time.perf_counter()
        net(feeds)
        found.append(time.perf_counter() - started)
    return statistics.median(found[3:])


def saved_size(estimator: "Estimator") -> int:
    """The bytes of the file that `save` writes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.parnassus"
        estimator.save(path)
        return path.stat().st_size


def score_of(estimator: "Estimator", graph: Graph, answers: np.ndarray, examples: Examples) -> float | None:
    """Accuracy, or R squared, of what a file answers; None where its answers are not yet answers."""
    target: Any = estimator.target_
    if graph.output["holds"] == "numbers":
        truth = np.asarray(examples.y, dtype=np.float64).reshape(len(answers), -1)
        return float(r2(truth, answers, sample_weight=examples.weight))
    if graph.output["holds"] != "probabilities":
        return None
    said = target.decide(answers.astype(np.float64), threshold=estimator.threshold_)
    if "labels" in graph.output:
        right = (target.multi_hot(said) == target.multi_hot(examples.y)).all(1)
    else:
        right = np.asarray(said) == target.labels_like(examples.y)
    return float(np.average(right, weights=examples.weight))
