"""Graphs as files: written, read again, run, and compared with the estimator they came from."""

import contextlib
import importlib.util
import io
import json
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import DataError, DataWarning, FileError, SettingError, did_you_mean, missing_extra
from ..estimators.fitting.intake import count_rows, inputs_of, take_rows
from ..files import replacing
from ..layers.real_systems import in_real_numbers
from ..train.randomness import kept_random
from ..version import __version__
from .examples import made_up
from .graph import PLACED, WRITTEN, Feeds, Graph, checked, graph_of
from .picture_graph import pictures_to_try
from .series_graph import windows_of
from .text_graph import beside, texts_to_try

if TYPE_CHECKING:
    from ..estimators.base import Estimator

TRIED = 64  # rows that a file is tried on
INT8 = ("dynamic", "static")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # of a terminal, in messages
Net = Callable[[Feeds], np.ndarray]
TOLERANCE = 1e-4  # of an answer, beyond which a file of 32-bit numbers is refused


@dataclass(frozen=True)
class Exported:
    """A file that was written and tried: where it is, and the largest difference from the estimator's answers."""

    path: Path
    kind: str  # "onnx", "onnx int8 dynamic", "program", ...
    difference: float
    n_rows: int  # it was tried on
    n_bytes: int
    inputs: dict[str, Any]
    output: dict[str, Any]

    def __str__(self) -> str:
        takes = "; ".join(f"{name}: {told['holds']}" for name, told in self.inputs.items())
        return (
            f"{self.path} ({self.kind}, {self.n_bytes:,} bytes): takes {takes}; answers {self.output['holds']}, within "
            f"{self.difference:.2g} of the estimator's on {self.n_rows} rows"
        )


def to_onnx(
    estimator: "Estimator", path: str | os.PathLike, *, X: Any = None, int8: str | None = None, codes: bool = False
) -> Exported:
    """Write a fitted estimator as ONNX with a free number of rows; it is run and compared.

    Of a Classifier, Regressor, Forecaster, LanguageModel (ids -> logits), Tagger (scores of tags), Segmenter
    (probabilities at pixels), KeypointFinder (places) or Detector (boxes before suppression); of an Autoencoder, RBM
    or another Density what `transform` answers; of a mixture ln of each component's weight times its density.

    Parameters
    ----------
    X : raw rows to try the file on, at most 64 of them; without any, rows are made up from what `fit` saw. Of a
        forecaster it is series, whose windows are tried; without any, those of `fit`. With int8="static" the ranges of
        activities are taken from all of them.
    int8 : "dynamic" holds weights in 8 bits and measures activities as they come (dense layers); "static" fixes their
        ranges by X (convolutions too). How far answers move is said, and `weigh` shows what it costs in score.
    codes : of a Classifier (a DBN too) or Regressor, its features instead of its answers: the net without its head.

    Raises
    ------
    SettingError : the model cannot be written as a graph, or the file answers otherwise than the estimator.
    MissingExtra : the packages of the extra "export" are not installed.
    """
    if int8 is not None and int8 not in INT8:
        raise SettingError(f"int8={int8!r}; {did_you_mean(int8, INT8)}, or None for 32-bit numbers")
    if int8 == "static" and X is None:
        raise DataError("int8='static' measures the ranges of activities on rows; give X, some hundred of them")
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise missing_extra(package, "export", "writing ONNX")
    rows = rows_to_try(estimator, X)
    graph, path = graph_of(estimator, tried(rows), codes=codes), Path(path)
    with scratch() as folder:
        whole = folder / "model.onnx"
        write_onnx(graph, graph.inlet.feeds(tried(rows)), whole)
        made = whole if int8 is None else quantized(whole, int8, graph.inlet.feeds(rows))
        told = described(made, estimator, graph)
        session = session_of(made)
        run: Net = lambda feeds: session.run(None, taken_by(session, feeds))[0]  # noqa: E731
        difference = distance(estimator, graph, run, tried(rows), tolerance=None if int8 else TOLERANCE)
        spared = whole.stat().st_size - made.stat().st_size
        with replacing(path) as part:
            part.write_bytes(made.read_bytes())
    if int8 is not None and spared <= 0:
        warnings.warn(
            f"{path}: with int8={int8!r} the file is {-spared:,} bytes longer than with 32-bit numbers; layers get "
            "operators and scales of their own, which pay for layers of some thousand weights; leave int8=None",
            DataWarning,
            stacklevel=2,
        )
    kind = "onnx" if int8 is None else f"onnx int8 {int8}"
    size = path.stat().st_size
    return Exported(path, kind, difference, count_rows(tried(rows)), size, told["inputs"], told["output"])


def to_program(estimator: "Estimator", path: str | os.PathLike, *, X: Any = None, codes: bool = False) -> Exported:
    """Write a fitted estimator as a torch.export program with a free number of rows; see `to_onnx`."""
    rows = tried(rows_to_try(estimator, X))
    graph, path = graph_of(estimator, rows, codes=codes), Path(path)
    feeds = graph.inlet.feeds(rows)
    program, made = traced(graph, feeds), io.BytesIO()  # torch ends the process where a disk is full
    with unwritable(graph):
        torch.export.save(program, made, extra_files=beside(estimator.codec_))
        read = torch.export.load(io.BytesIO(made.getvalue())).module()
    difference = distance(estimator, graph, run_by(read, graph), rows, tolerance=TOLERANCE)
    with replacing(path) as part:
        part.write_bytes(made.getvalue())
    told, output = graph.inlet.told, graph.output
    return Exported(path, "program", difference, count_rows(rows), path.stat().st_size, told, output)


def rows_to_try(estimator: Any, X: Any) -> Any:
    """The rows given, or some made up; none at all are refused. Of a forecaster windows of X, or of its own series."""
    if checked(estimator, WRITTEN).task == "forecaster":
        graph_of(estimator, None)  # which refuses what has no net before windows are cut
        return windows_of(estimator, X)
    if estimator.task in ("language_model", "tagger"):
        return texts_to_try(estimator, X)
    if X is None:
        return made_up(estimator)
    rows = pictures_to_try(estimator, X) if estimator.task in PLACED else inputs_of(X, estimator.target_name_)
    if not count_rows(rows):
        raise DataError("X holds no rows to try the file on; give some, or leave X out")
    return rows


def tried(rows: Any) -> Any:
    """At most 64 of some rows; two at least, so that their number is free in a graph."""
    n = count_rows(rows)
    return take_rows(rows, np.arange(max(min(n, TRIED), 2)) % n)


def tensors_of(graph: Graph, feeds: Feeds) -> tuple[torch.Tensor, ...]:
    """Feeds as tensors, in the graph's order."""
    return tuple(torch.from_numpy(np.ascontiguousarray(feeds[name])) for name in graph.inlet.names)


def traced(graph: Graph, feeds: Feeds) -> torch.export.ExportedProgram:
    """The graph as a torch.export program, its rows (and steps, where rows have lengths) free where the net lets them.

    Whether the rows are free in number is seen when the file is run on fewer.
    """
    free = torch.export.Dim.AUTO
    stepped = steps_of(feeds)
    shapes = [{0: free, 1: free} if name == stepped else {0: free} for name in graph.inlet.names]
    with unwritable(graph):
        return torch.export.export(graph, tensors_of(graph, feeds), dynamic_shapes=(tuple(shapes),), strict=False)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder for files on their way; what the system says of the disk that it lies on is said of that disk."""
    with TemporaryDirectory() as folder:
        try:
            yield Path(folder)
        except OSError as error:
            if error.errno is None:  # said in our words already
                raise
            raise FileError(
                f"{Path(folder).parent}: files on their way cannot be written there: {error.strerror}; make room, or "
                "set TMPDIR to a folder that has some"
            ) from error


@contextlib.contextmanager
def unwritable(graph: Graph) -> Iterator[None]:
    """What torch says of a net that is no graph, as a mistake in what was asked."""
    try:
        with kept_random(torch.device("cpu")), torch.no_grad(), warnings.catch_warnings(), quiet():
            warnings.simplefilter("ignore")
            yield
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk, and not of the net
        name = type(getattr(graph.objective, "model", graph.objective)).__name__
        raise SettingError(
            f"{name} cannot be written as a graph ({why_of(error)}); a net whose work depends on the numbers in a "
            "row, or that needs what the format has not, stays with this library: see `parnassus serve`"
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps the exporter's own remarks off the screen."""
    names = ("torch.onnx", "onnxscript", "torch.export", "torch._export", "torch.fx", "root")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def write_onnx(graph: Graph, feeds: Feeds, path: Path) -> None:
    """The graph as an ONNX file, weights inside."""
    with in_real_numbers(graph, tensors_of(graph, feeds)):
        program = traced(graph, feeds)
    with unwritable(graph):
        torch.onnx.export(
            program,
            f=str(path),
            input_names=list(graph.inlet.names),
            output_names=["answers"],
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    stepped = steps_of(feeds)
    free = stepped is not None and takes_other(path, feeds, stepped)
    tidy(path, fixed=feeds[stepped].shape[1] if stepped and not free else None, free=free)


def steps_of(feeds: Feeds) -> str | None:
    """The input whose second dimension are steps that may be free in number."""
    return "ids" if "ids" in feeds else "x" if "lengths" in feeds else None


def takes_other(path: Path, feeds: Feeds, stepped: str) -> bool:
    """Whether the file takes another number of steps: the exporter calls free what some nets fix.

    One more, to which rows are filled up; of ids, whose context is full, the last is left out.
    """
    session, x = session_of(path), feeds[stepped]
    onward = stepped == "ids"
    other = x[:, :-1] if onward else np.pad(x, [(0, 0), (0, 1), *[(0, 0)] * (x.ndim - 2)])
    own = session.run(None, taken_by(session, feeds))[0]
    try:
        said = session.run(None, taken_by(session, feeds | {stepped: other}))[0]
        n = min(own.shape[1], said.shape[1]) if own.ndim == 3 else None
        return bool(np.allclose(said[:, :n], own[:, :n], atol=TOLERANCE))
    except Exception:  # ONNX Runtime's errors have no common class of their own; what it cannot run it does not take
        return False


def tidy(path: Path, *, fixed: int | None, free: bool) -> None:
    """Takes this machine's paths and stale shapes out of a file, and calls what is free "rows" and "steps".

    fixed : the number of steps of a net that takes no other; free : whether any number of them is taken.
    """
    import onnx

    model = onnx.load(path)
    for node in model.graph.node:
        del node.metadata_props[:]  # where in the sources it came from
    del model.graph.value_info[:]  # the exporter's optimizer leaves shapes of weights that it has since turned
    for value in (*model.graph.input, *model.graph.output):
        for dimension, name in zip(value.type.tensor_type.shape.dim, ("rows", "steps"), strict=False):
            if dimension.dim_param:
                dimension.dim_param = name
            if fixed and name == "steps" and value in model.graph.input:
                dimension.dim_value = fixed
    for value in model.graph.output if free else ():
        if len(value.type.tensor_type.shape.dim) == 3:  # answers of each step
            value.type.tensor_type.shape.dim[1].dim_param = "steps"
    onnx.save(model, path)


def described(path: Path, estimator: "Estimator", graph: Graph) -> dict[str, Any]:
    """Writes what the file takes and answers into it, under the key "parnassus", and returns it.

    What makes ids of texts is written beside it, such as a tokenizer.json.
    """
    import onnx

    shapes = {given.name: [given.type, *given.shape] for given in session_of(path).get_inputs()}
    inputs = {name: held | {"type_and_shape": shapes.get(name)} for name, held in graph.inlet.told.items()}
    told = {
        "parnassus": __version__,
        "task": estimator.task,
        "model": estimator.model_name,
        "inputs": inputs,
        "output": graph.output,
        "data": estimator.data_.get("fingerprint"),
    }
    model = onnx.load(path)
    for key, text in {"parnassus": json.dumps(told), **beside(estimator.codec_)}.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, text
    onnx.save(model, path)
    return told


def session_of(path: Path, *, n_threads: int = 0) -> Any:
    """ONNX Runtime with the file, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, n_threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of many classes, without one in common
        raise FileError(f"{path} cannot be read as ONNX: {why_of(error)}; give a file that to_onnx wrote") from error


def run_by(module: Callable[..., torch.Tensor], graph: Graph) -> Net:
    """A module that takes the graph's tensors, as a function of feeds."""

    def net(feeds: Feeds) -> np.ndarray:
        with torch.inference_mode():
            return module(*tensors_of(graph, feeds)).numpy()

    return net


def taken_by(session: Any, feeds: Feeds) -> Feeds:
    """Those of the feeds that the file asks for: an input that no answer depends on is left out of it."""
    return {given.name: feeds[given.name] for given in session.get_inputs()}


def quantized(whole: Path, how: str, feeds: Feeds) -> Path:
    """The file with weights of 8 bits, beside it."""
    from onnxruntime import quantization

    made, ready = whole.with_name("int8.onnx"), whole.with_name("ready.onnx")
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantization.quant_pre_process(str(whole), str(ready), skip_symbolic_shape=True)
        if how == "dynamic":
            quantization.quantize_dynamic(str(ready), str(made), weight_type=quantization.QuantType.QInt8)
            return made
        names = {i.name for i in session_of(ready).get_inputs()}
        reader = Pieces({k: v for k, v in feeds.items() if k in names})
        quantization.quantize_static(str(ready), str(made), reader, per_channel=True)
    return made


class Pieces:
    """Feeds, a piece at a time, as ONNX Runtime's calibration reads them."""

    def __init__(self, feeds: Feeds) -> None:
        n = len(next(iter(feeds.values())))
        self.pieces = iter([{k: v[i : i + TRIED] for k, v in feeds.items()} for i in range(0, n, TRIED)])

    def get_next(self) -> Feeds | None:
        """The next piece, or None after the last."""
        return next(self.pieces, None)


def distance(estimator: Any, graph: Graph, run: Net, rows: Any, *, tolerance: float | None) -> float:
    """The largest difference from what the estimator answers to all rows, to three, and to one.

    Beyond `tolerance` of the answers' size the file is refused, and so is one whose number of rows is not free. Of a
    graph that jumps nine in ten answers are held to it.
    """
    far, beyond, size = 0.0, 0.0, 1.0
    for n in sorted({count_rows(rows), 3, 1}, reverse=True):
        some = take_rows(rows, np.arange(n) % count_rows(rows))
        own = graph.due(estimator, some)
        try:
            answers = run(graph.inlet.feeds(some))
        except Exception as error:
            raise SettingError(
                f"the written file does not take {n} rows like these ({why_of(error)}): its net fixes their number, or "
                "that of their steps; it was not kept"
            ) from error
        own = np.asarray(own, dtype=np.float64).reshape(answers.shape)
        away = np.abs(own - answers)
        far, size = max(far, float(away.max())), max(size, float(np.abs(own).max()))
        beyond = max(beyond, float(np.quantile(away, 0.9) if graph.jumps else away.max()))
    if tolerance is not None and not beyond <= tolerance * size:
        raise SettingError(f"the written file answers up to {far:.3g} away from the estimator; it was not kept")
    return far


def why_of(error: BaseException) -> str:
    """The first line of what lies at the bottom of an error."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in COLOURS.sub("", str(error)).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
