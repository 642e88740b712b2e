"""A fitted estimator as one module of tensors: what comes in raw, scaling, the net, and what is answered.

What the codec does with tensors lies inside the graph, so that whoever runs the file need not do it again: of a table
the scaling and filling of numbers, of pictures the normalisation of bytes, of sequences the standardising. What it does
with text, files and dates stays outside; `feeds` says what the graph takes of raw data, and `Inlet.told` says it in
words, which are written into the file, as the tokenizer of texts is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data.images.video import Video
from ..data.rows import Batch
from ..data.tables.columns import read_frame
from ..data.tables.table import Table
from ..data.targets import Labels, Multilabel, Numbers
from ..data.timeseries.sequences import Sequences
from ..errors import SettingError
from ..estimators.answers.using import outputs_of
from ..estimators.fitting.assembly import device_under
from ..estimators.protocol import fitted

if TYPE_CHECKING:
    from ..estimators.base import Estimator

SERVED = ("classifier", "regressor")
PLACED = ("segmenter", "keypoint_finder", "detector")
CODED = ("autoencoder", "density")  # tasks whose files answer what `transform` does
WRITTEN = (*SERVED, "forecaster", *PLACED, "language_model", "tagger", *CODED)
Feeds = dict[str, np.ndarray]


@dataclass(frozen=True)
class Inlet:
    """What the graph takes: `feeds` makes it of raw data, `batch` makes of it, inside, what encoded rows would be."""

    names: tuple[str, ...]
    feeds: Callable[[Any], Feeds]
    batch: Callable[[Batch], Batch]
    told: dict[str, Any]  # a name -> what it holds, as JSON
    prepared: bool = False  # whether `batch` makes what the net takes, and nothing is left to the codec


def inlet_of(estimator: "Estimator", X: Any) -> Inlet:
    """The inlet for the estimator's codec; X are some raw rows."""
    codec = estimator.codec_
    if type(codec) is Table and not codec.options["unit_rows"] and not len(codec.scaler.ranked):
        return table_inlet(codec)
    if type(codec) is Sequences and codec.n_features and codec.options["standardize"]:
        return sequence_inlet(codec, whole=estimator.view_ == "vector")
    if type(codec) is Video:
        return video_inlet(codec, estimator.view_)
    rows = codec.encode(X)
    names = tuple(rows.take(torch.arange(1)))

    def feeds(raw: Any) -> Feeds:
        encoded = codec.encode(raw)
        return filled_up({k: t.numpy(force=True) for k, t in encoded.take(torch.arange(len(encoded))).items()}, codec)

    told: dict[str, Any] = {name: {"holds": f"what the codec {codec!r} makes of raw data"} for name in names}
    if "lengths" in told:
        told["lengths"] = {"holds": "how many steps of each row count"}
    if codec.kind == "text" and codec.options["unit"] != "hashed":
        cleaned = f" of texts cleaned by {', '.join(codec.options['clean'])}" if codec.options["clean"] else ""
        told["x"] = {"holds": f"ids by the tokenizer.json inside{cleaned}, 0 behind a text's end"}
        told["lengths"] = {"holds": "how many ids of each row count"}
    if codec.kind == "pieces":
        told["x"] = {"holds": "subwords by the tokenizer.json inside, and their segments: 1 in a second text"}
        told["lengths"] = {"holds": "how many subwords of each row count"}
    if codec.kind == "image":
        channels, height, width = codec.shape  # type: ignore[attr-defined]
        shape, how = [channels, height, width], codec.options["resize"] or "crop"
        told = {"x": {"holds": "pixels from 0 to 255, channels first", "shape": shape, "resize": how}}
    return Inlet(names, feeds, lambda given: given, told)


def filled_up(feeds: Feeds, codec: Any) -> Feeds:
    """Steps filled up with zeros to the longest row of training, whose number a recurrent net fixes in its graph."""
    lacking = getattr(codec, "max_length", 0) - feeds["x"].shape[1] if "lengths" in feeds else 0
    if lacking <= 0:
        return feeds
    around = [(0, 0), (0, lacking), *[(0, 0)] * (feeds["x"].ndim - 2)]
    return feeds | {"x": np.pad(feeds["x"], around)}


def table_inlet(codec: Table) -> Inlet:
    """Numbers in their own units, NaN where one is missing, and ids of categories."""
    schema, scaler, n_kept = codec.schema, codec.scaler, len(codec.kept)
    kept, flagged = torch.from_numpy(codec.kept), torch.tensor(codec.flagged, dtype=torch.int64)
    center, scale, fill = (torch.from_numpy(np.array(v)) for v in (scaler.center, scaler.scale, codec.fill))
    logged = torch.from_numpy(scaler.logged)

    def feeds(raw: Any) -> Feeds:
        frame = read_frame(raw)
        schema.check(frame)
        given = {"numbers": schema.expand(frame, 0, filled=codec._fills_gaps)}
        if codec.grouped:
            asked = {"missing": codec.options["missing"]}
            given["categories"] = np.stack([schema.ids(frame, j, 0, **asked)[0] for j in codec.grouped], 1)
        return given

    def batch(given: Batch) -> Batch:
        block = given["numbers"].index_select(1, kept)
        x = torch.where(logged, block.sign() * torch.log(1 + block.abs()), block) if scaler.logged.any() else block
        if codec._fills_gaps:
            x = torch.where(block.isnan(), fill, x)
        x = ((x - center) / scale).float()
        if codec.n_numbers > n_kept:
            x = torch.cat([x, given["numbers"].index_select(1, flagged).isnan().float()], 1)
        return {"x": x} | ({"columns": given["categories"]} if codec.grouped else {})

    names = [schema.names[j] + ("" if part in ("value", "bit") else f": {part}") for j, part in schema.features]
    told: dict[str, Any] = {"numbers": {"holds": "numbers in their own units, NaN where missing", "columns": names}}
    if codec.grouped:
        levels = {schema.names[j]: [str(v) for v in schema.specs[j]["levels"]] for j in codec.grouped}
        told["categories"] = {"holds": "1 + the place of the category among the levels; 0 unknown", "levels": levels}
    return Inlet(tuple(told), feeds, batch, told)


def sequence_inlet(codec: Sequences, *, whole: bool) -> Inlet:
    """Steps in their own units, filled up behind, and how many steps of each row count; `whole` rows are as long all.

    A view of all steps in one vector takes them without lengths.
    """
    mean, deviation = codec.mean.cpu(), codec.deviation.cpu()
    dtype = codec.encode(np.zeros((1, max(codec.n_steps, 1), codec.n_features))).take(torch.arange(1))["x"].dtype

    def feeds(raw: Any) -> Feeds:
        encoded = codec.encode(raw)
        batch = encoded.take(torch.arange(len(encoded)))
        given = {"x": codec.decode(batch["x"])}
        return given if whole else filled_up(given | {"lengths": batch["lengths"].numpy(force=True)}, codec)

    def batch(given: Batch) -> Batch:
        x = ((given["x"] - mean) / deviation).to(dtype)
        if whole:
            return {"x": x.flatten(1).float()}
        at = torch.arange(given["x"].shape[1]) < given["lengths"][:, None]
        return {"x": torch.where(at[:, :, None], x, torch.zeros((), dtype=dtype)), "lengths": given["lengths"]}

    steps = {"holds": "steps in their own units, anything behind the end", "features": codec.n_features}
    told = {"x": steps} | ({} if whole else {"lengths": {"holds": "how many steps of each row count"}})
    return Inlet(tuple(told), feeds, batch, told, prepared=whole)


def video_inlet(codec: Video, view: str) -> Inlet:
    """Clips of bytes, the frames that the codec picks of a video; their scaling lies inside."""
    channels, height, width = codec.shape

    def feeds(raw: Any) -> Feeds:
        encoded = codec.encode(raw)
        return {"x": codec.clips(encoded.take(torch.arange(len(encoded)))).numpy(force=True)}

    n, stride = codec.options["n_frames"], codec.options["stride"]
    said = f"{n} frames from the middle of a video, each {stride} after the last, the last again where they end"
    told = {"x": {"holds": f"{said}; pixels from 0 to 255", "shape": [n, channels, height, width]}}
    return Inlet(("x",), feeds, lambda given: {"x": codec.scaled(given["x"], view)}, told, prepared=True)


class Graph(nn.Module):
    """`forward(*inputs)`, as the inlet names them -> (rows, classes) probabilities, or (rows, outputs) numbers.

    A classifier of scores alone (a perceptron) answers its scores.
    """

    jumps = False  # whether the last digit of a number inside may decide what is answered around it

    def __init__(self, estimator: "Estimator", inlet: Inlet) -> None:
        super().__init__()
        self.objective = estimator.objective_
        self.inlet, self.codec, self.view = inlet, estimator.codec_, estimator.view_
        self.answer, self.output = answer_of(estimator)

    def forward(self, *given: Tensor) -> Tensor:
        batch = self.inlet.batch(dict(zip(self.inlet.names, given, strict=True)))
        ready = batch if self.inlet.prepared else self.codec.prepare(batch, self.view)
        return self.answer(self.objective.outputs(ready).float())

    def due(self, estimator: Any, rows: Any) -> np.ndarray:
        """What the estimator says of raw rows."""
        said = {"probabilities": "predict_proba", "numbers": "predict"}.get(self.output["holds"])
        return getattr(estimator, said)(rows) if said else outputs_of(estimator, rows).numpy()


def answer_of(estimator: "Estimator") -> tuple[Callable[[Tensor], Tensor], dict[str, Any]]:
    """What makes answers of a net's outputs, and what they are, in words."""
    target: Any = estimator.target_
    if isinstance(target, Numbers) and type(target) is Numbers:
        center, scale = (torch.from_numpy(np.array(v)) for v in (target.center, target.scale))
        log = target.options["link"] == "log"
        return (lambda z: (z * scale + center).exp() if log else z * scale + center), {"holds": "numbers"}
    if type(target) not in (Labels, Multilabel):
        return (lambda z: z), {"holds": f"outputs before the target {type(target).__name__} decodes them"}
    if not estimator.objective_.probabilistic:
        return (lambda z: z), {"holds": "scores"}
    divisor = temperature_of(estimator)
    if isinstance(target, Multilabel):
        return (lambda z: (z / divisor).sigmoid()), {"holds": "probabilities", "labels": listed(target.labels)}
    told = {"holds": "probabilities", "classes": listed(target.classes)}
    if len(target.classes) == 2:
        return (lambda z: torch.cat([(-z / divisor).sigmoid(), (z / divisor).sigmoid()], 1)), told
    return (lambda z: (z / divisor).softmax(1)), told


def temperature_of(estimator: "Estimator") -> float:
    """What logits are divided by after `calibrate`; other maps are no part of a net and are refused."""
    found = getattr(estimator, "calibration_", {"map": {"how": "temperature", "temperature": 1.0}})["map"]
    if found["how"] != "temperature":
        raise SettingError(
            f"the probabilities were calibrated by {found['how']!r}, which stays outside a net; calibrate with "
            "how='temperature', or fit anew and export without"
        )
    return float(found["temperature"])


def listed(labels: np.ndarray) -> list[Any]:
    """Labels as JSON values."""
    return [v if isinstance(v, str | int | float | bool) else str(v) for v in labels.tolist()]


def checked(estimator: Any, served: tuple[str, ...] = SERVED) -> Any:
    """A fitted estimator of this library, of one of these tasks; anything else is refused."""
    if getattr(estimator, "task", None) not in served or isinstance(estimator, type):
        given = estimator if isinstance(estimator, type) else type(estimator)
        names = ["".join(map(str.capitalize, task.split("_"))) for task in served]
        tasks = " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        raise SettingError(
            f"this takes a fitted {tasks}; got {given.__name__}. `parnassus serve` answers for most other models, and "
            "`pn.hub.save_pretrained` writes nets in layouts of Hugging Face"
        )
    return fitted(estimator)


def graph_of(estimator: Any, X: Any, *, codes: bool = False) -> Any:
    """The graph of a fitted estimator, in evaluation mode, on the CPU; with `codes`, of what it makes for others."""
    checked(estimator, WRITTEN)
    if codes and estimator.task not in (*SERVED, *CODED):
        raise SettingError(f"codes=True writes what features or transform answer, of a {' or '.join(SERVED + CODED)}; "
                           f"this is a {estimator.task}")  # fmt: skip
    if estimator.inference is not None:
        raise SettingError(
            f"inference={estimator.inference!r} answers by many draws of weights, and a file holds one net; fit one "
            "with inference=None, and give it this one as teacher="
        )
    if device_under(estimator.objective_).type != "cpu":
        raise SettingError("export works on the CPU; load the model with device='cpu'")
    if estimator.task == "forecaster":
        from .series_graph import SeriesGraph

        return SeriesGraph(estimator).eval()
    if estimator.task in ("language_model", "tagger"):
        from .text_graph import graph_of_texts

        return graph_of_texts(estimator, X)
    if estimator.task in PLACED:
        from .picture_graph import graph_of_pictures

        return graph_of_pictures(estimator, X)
    if codes or estimator.task in CODED:
        from .codes_graph import CodesGraph

        return CodesGraph(estimator, inlet_of(estimator, X)).eval()
    return Graph(estimator, inlet_of(estimator, X)).eval()
