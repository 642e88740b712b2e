"""A fitted estimator as a service: what comes in, what goes out, and what explains it."""

import hashlib
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ..data.conditions import Conditions
from ..data.text.token_stream import TokenStream
from ..errors import FileError, ParnassusError, SettingError
from ..estimators.protocol import fitted
from ..functional.threads import one_thread
from ..objectives.text.language import NGramCounting
from . import answers
from .chains import of_contact_predictor
from .explaining import explainer_of
from .inputs import TEXT, Input, Json, Options, between, chosen, input_of, numbers, whole
from .rebuilding import of_autoencoder
from .refusal import invalid
from .settings import Settings

LONGEST, FURTHEST, MOST_SAMPLES = 2_000, 10_000, 64
TRIED, LONG, CLEARLY = 16, 0.3, 1.3  # inputs of a trial, seconds of one beyond which none is made, times faster


class Service:
    """One version of a model: `take` and `answer`, with the schemas of both.

    Attributes: `input`, `answer_schema`, `task`, `model`, `version`, `explain` (None where nothing explains).
    """

    def __init__(self, estimator: Any, settings: Settings, version: str = "memory") -> None:
        self.estimator, self.version = estimator, version
        self.task = getattr(estimator, "task", type(estimator).__name__.lower())
        named = getattr(getattr(estimator, "model", None), "name", None)  # of a spec its name, without its options
        self.model = str(named or getattr(estimator, "model_name", type(estimator).__name__))
        self.input, (self._answer, self.answer_schema) = parts_of(estimator, settings)
        self.explain = explainer_of(estimator, self.input, self.answer)
        self.single = False

    def answer(self, items: list[Any]) -> list[Json]:
        """The answers to inputs that were read, in order."""
        with one_thread() if self.single else nullcontext():
            return self._answer(self.input.stack(items))

    def try_out(self) -> None:
        """Answer an example once; a refusal in our words is no fault, since the example is a guess."""
        begun = time.perf_counter()
        try:
            found = self.answer([self.input.example()])
        except ParnassusError:
            return
        if len(found) != 1:
            raise FileError(f"the model answers one input with {len(found)} answers")
        if time.perf_counter() - begun < LONG:
            self._choose_threads([self.input.example()] * TRIED)

    def _choose_threads(self, items: list[Any]) -> None:
        """One thread, unless several are clearly faster here: small nets wait for each other longer than they work.

        The server's other threads need the cores too, and a thread that has to wait for its core holds up the rest.
        """
        spent = {}
        for single in (True, False):
            self.single = single
            spent[single] = min(timed(self.answer, items) for _ in range(3))
        self.single = spent[False] > spent[True] / CLEARLY

    def told(self) -> Json:
        """What the page is built from."""
        told: Json = {"task": self.task, "model": self.model, "version": self.version, "input": self.input.told()}
        return told | {"explains": self.explain is not None}


def parts_of(estimator: Any, settings: Settings) -> tuple[Input, tuple[answers.Answer, Json]]:
    """The input and the answers of an estimator, or a refusal in plain words."""
    from ..ensembles.base import Ensemble
    from ..estimators.conformal import Conformal

    if isinstance(estimator, Conformal):
        return input_of(estimator.estimator_.codec_, settings), answers.of_conformal(estimator)
    if isinstance(estimator, Ensemble):
        codecs = {id(m): getattr(m, "codec_", None) for m in estimator.members_}
        first = next(iter(codecs.values()))
        if first is None:
            raise SettingError("an ensemble is served where its members are estimators of ours; this one's are not")
        made = answers.of_classifier if hasattr(estimator, "predict_proba") else answers.of_regressor
        return input_of(first, settings), made(estimator)
    task = getattr(estimator, "task", None)
    if task in SERVED:
        fitted(estimator)
    if task in SPECIAL:
        return SPECIAL[task](estimator)
    if task == "image_translator":
        return _image_translator(estimator, settings), answers.of_image_translator(estimator)
    if task not in BY_TASK:
        name = str(task or type(estimator).__name__).replace("_", " ")
        raise SettingError(f"this {name} is not served; these are: {', '.join(sorted(SERVED))}")
    return input_of(estimator.codec_, settings), BY_TASK[task](estimator)


# --- estimators that are asked by an object of settings -------------------------------------------


def _prompt(estimator: Any) -> tuple[Json, Any]:
    """A text that the context has room for; one that is longer is refused where it is read, by its own place."""
    codec, (schema, plain) = estimator.codec_, TEXT
    if not isinstance(codec, TokenStream) or isinstance(estimator.objective_, NGramCounting):
        return TEXT
    room = codec.context - 1

    def read(value: Any, where: str) -> str:
        text = str(plain(value, where))
        n = len(codec.rows([text])[0]) - 2
        if n > room:
            raise invalid(f"{where} has {n:,} tokens, and the model has room for {room:,}; send a shorter one", where)
        return text

    return schema, read


def _language_model(estimator: Any) -> tuple[Input, tuple[answers.Answer, Json]]:
    seed = whole(0, 2**31 - 1)
    fields = {
        "prompt": _prompt(estimator),
        "n_tokens": whole(1, LONGEST),
        "temperature": between(0, 10),
        "top_k": whole(1, 1_000_000),
        "top_p": between(0.001, 1),
        "seed": seed,
    }
    return Options("prompt", fields, {"prompt": "", "n_tokens": 40}), answers.of_language_model(estimator)


def _generator(estimator: Any) -> tuple[Input, tuple[answers.Answer, Json]]:
    fields = {"n": whole(1, MOST_SAMPLES), "seed": whole(0, 2**31 - 1)}
    usual: Json = {"n": 1, "seed": 0}
    classes = estimator.classes_
    if classes is not None:
        known = answers.plain(classes)
        fields, usual = {"condition": chosen(known), **fields}, {"condition": known[0], **usual}
    elif isinstance(estimator.target_, Conditions):
        means = estimator.target_.mean.tolist()
        fields, usual = {"condition": numbers(len(means)), **fields}, {"condition": means, **usual}
    elif estimator.target_ is not None:
        fields, usual = {"condition": TEXT, **fields}, {"condition": "", **usual}
    required = ("condition",) if "condition" in fields else ()
    return Options("draw", fields, usual, required), answers.of_generator(estimator)


def _forecaster(estimator: Any) -> tuple[Input, tuple[answers.Answer, Json]]:
    level = between(0.001, 0.999)

    def levels(value: Any, where: str) -> list[float]:
        found = numbers(1)[1](value, where)
        return sorted({level[1](q, where) for q in found[:20].tolist()})

    fields = {"horizon": whole(1, FURTHEST), "quantiles": (numbers(1)[0], levels)}
    panel = estimator.panel_
    if panel.form == "array" and len(panel.tracks) == 1:
        fields = {"history": numbers(1), **fields}
    usual: Json = {"horizon": int(estimator.horizon)}
    return Options("series", fields, usual), answers.of_forecaster(estimator)


def _anomalies(estimator: Any) -> tuple[Input, tuple[answers.Answer, Json]]:
    usual = {"history": [float(v) for v in estimator.series_[-max(4 * estimator.window_, 100) :]]}
    made = Options("series", {"history": numbers(estimator.window_)}, usual)
    return made, answers.of_anomalies(estimator)


def _image_translator(estimator: Any, settings: Settings) -> Input:
    """Pictures A to be made into B, and B into A where the model learned both ways."""
    from .files import Turning

    known: dict[str, Turning] = {}
    for to in answers.sides_of(estimator):
        Turning(estimator.codec_ if to == "B" else estimator.target_.image, settings, to, known)
    return known["B"]


SPECIAL: dict[str, Callable[[Any], tuple[Input, tuple[answers.Answer, Json]]]] = {
    "language_model": _language_model,
    "generator": _generator,
    "forecaster": _forecaster,
    "anomaly_detector": _anomalies,
}
BY_TASK: dict[str, Callable[[Any], tuple[answers.Answer, Json]]] = {
    "classifier": answers.of_classifier,
    "regressor": answers.of_regressor,
    "clusterer": answers.of_clusterer,
    "density": answers.of_density,
    "autoencoder": of_autoencoder,
    "hmm": answers.of_hmm,
    "tagger": answers.of_tagger,
    "embedder": answers.of_embedder,
    "detector": answers.of_detector,
    "segmenter": answers.of_segmenter,
    "keypoint_finder": answers.of_keypoint_finder,
    "contact_predictor": of_contact_predictor,
    "question_answerer": answers.of_question_answerer,
    "translator": lambda e: answers.of_writer(e.translate),
    "speech_recognizer": lambda e: answers.of_writer(e.transcribe),
    "image_captioner": lambda e: answers.of_writer(e.predict),
}
SERVED = (*SPECIAL, *BY_TASK, "image_translator")


def timed(call: Callable[[list[Any]], Any], items: list[Any]) -> float:
    """Seconds of one call."""
    begun = time.perf_counter()
    call(items)
    return time.perf_counter() - begun


# --- from files -----------------------------------------------------------------------------------


def file_of(path: str | Path) -> Path:
    """The model's file: the one named, or the one in a run's folder."""
    found = Path(path)
    found = found / "model.parnassus" if found.is_dir() else found
    if not found.exists():
        raise FileError(f"{found} does not exist; give a run's folder, or a saved model")
    return found


def loaded(path: Path, settings: Settings) -> Service:
    """The service of a saved model, tried on an example.

    It is loaded from a copy of its own: while it is read the file is mapped to memory, and one that somebody cuts short
    in that moment would end the process.
    """
    from ..ensembles.saving import load

    content = path.read_bytes()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(content)
        try:
            estimator = load(copy)
        except ParnassusError as error:
            raise type(error)(str(error).replace(str(copy), str(path))) from error
    service = Service(estimator, settings, hashlib.sha256(content).hexdigest()[:12])
    service.try_out()
    return service
