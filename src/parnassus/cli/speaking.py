"""Recordings on the command line: with what is said in them, and by themselves."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ..errors import DataError, FileError, SettingError
from ..files import write_text
from .console import Console, finite, note
from .runs import loaded
from .settings import with_article

if TYPE_CHECKING:
    from ..data.sources import Columns
    from ..estimators.fitting.intake import Examples
    from ..evaluation.alignment import Alignment
    from ..functional.ngrams import NGrams

TASK = "speech_recognizer"
SEARCHERS = {TASK: "transcribe", "translator": "translate", "image_captioner": "caption"}  # by a beam, and n_best


def recorded(
    path: str, target: "Columns | None", drop: Sequence[str], column: str | None, speaker: str | None = None
) -> "Examples":
    """The recordings of a folder, table or list, as paths, with their transcripts.

    `column` is that of the paths, `speaker` that of who speaks.
    """
    from ..data.audio.recordings import recordings
    from ..data.audio.speech import Speech
    from ..estimators.fitting.intake import Examples

    codec = Speech(column=column, speaker=speaker or "speaker")
    X, y, name = recordings(path, None, target=target, codec=codec, drop=drop)
    return Examples(X, list(y) if y is not None else None, target=name)


def unsaid(data: str, examples: "Examples") -> DataError:
    """That nothing tells what is said in the recordings, and where it may stand."""
    return DataError(
        f"{data} has {len(examples)} recordings and no transcripts; name the column that holds them, such as "
        "--target said, or put beside each sound a text file of its name, such as one.txt beside one.wav"
    )


def recordings_alone(estimator: Any, data: Sequence[str], on_error: str) -> tuple[str, list[Any], Any]:
    """(what a row is called, the rows' names, paths) of sounds, folders of them, and tables with a column of paths."""
    from ..data.audio.recordings import recordings
    from ..data.audio.sounds import is_sound_path

    found: list[Any] = []
    for given in data:
        if is_sound_path(given) and (on_error == "skip" or Path(given).is_file()):
            found.append(Path(given))
            continue
        X = recordings(given, (), target=estimator.target_name_, codec=estimator.codec_)[0]
        if not isinstance(X, list):
            if len(data) > 1:
                raise DataError(f"{given}: one file of arrays at a time, or sounds")
            return "row", list(range(len(X))), X
        found += X
    if not found:
        raise FileError(f"{' '.join(data[:5])}: there are no sounds here; give sounds, or a folder of them")
    return "sound", [str(path) for path in found], found


def heard(
    estimator: Any, X: Any, names: Sequence[Any], settings: dict[str, Any], *, heading: str, on_error: str
) -> list[dict[str, Any]]:
    """One record a text that is heard or written: of each row the one, or with `n_best` several with rank and score.

    With `spot` it is one a word that is found, and one without a word where none is.
    """
    if "spot" in settings:
        return _spotted(estimator, X, names, settings, heading=heading, on_error=on_error)
    if "threshold" in settings:
        raise SettingError("--threshold is the least score of words that are looked for; name these by --spot")
    if "language_model" in settings:
        settings = settings | {"language_model": trigrams(estimator, settings["language_model"])}
    beam = settings.get("beam")
    if beam is not None:
        settings = settings | {"beam": int(beam) if float(beam).is_integer() else beam}
    found = getattr(estimator, SEARCHERS[estimator.task])(X, on_error=on_error, **settings)
    reasons = getattr(estimator, "skipped_", {}) if on_error == "skip" else {}
    if "n_best" not in settings:
        rows = [{heading: name, "prediction": text} for name, text in zip(names, found, strict=True)]
        return [row | ({"error": reasons.get(i, "")} if reasons else {}) for i, row in enumerate(rows)]
    records = []
    for i, (name, best) in enumerate(zip(names, found, strict=True)):
        for rank, (text, score) in enumerate(best or [(None, None)], 1):
            record = {heading: name, "rank": rank, "prediction": text, "score": finite(score)}
            records.append(record | ({"error": reasons.get(i, "")} if reasons else {}))
    return records


def trigrams(estimator: Any, path: Path) -> "NGrams":
    """A model of the words of a file's sentences, a line each, written as the recogniser writes."""
    from ..functional.ngrams import NGrams

    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(
            f"--language-model {path} cannot be read ({error}); give a text file in UTF-8 with a sentence a line"
        ) from error
    texts = [text for text in estimator.target_.normalized(lines) if text]
    if not texts:
        raise DataError(f"--language-model {path} holds no sentences; give a text file with a sentence a line")
    return NGrams(3, unit="words").fit(texts)


def _spotted(
    estimator: Any, X: Any, names: Sequence[Any], settings: dict[str, Any], *, heading: str, on_error: str
) -> list[dict[str, Any]]:
    """One record a word that is found, and one without a word where none is."""
    if settings.keys() - {"spot", "threshold"}:
        others = ", ".join(f"--{name.replace('_', '-')}" for name in settings if name not in ("spot", "threshold"))
        raise SettingError(f"--spot looks for words, and writes no texts; leave {others} out")
    found = estimator.spot(X, settings["spot"], threshold=settings.get("threshold"), on_error=on_error)
    reasons = getattr(estimator, "skipped_", {}) if on_error == "skip" else {}
    records = []
    for i, (name, spots) in enumerate(zip(names, found, strict=True)):
        for word, start, end, score in spots or [(None, None, None, None)]:
            record = {heading: name, "word": word, "start": finite(start), "end": finite(end), "score": finite(score)}
            records.append(record | ({"error": reasons.get(i, "")} if reasons else {}))
    return records


# --- when it is said ------------------------------------------------------------------------------


def align(
    model: Annotated[str, Parameter(name="RUN", help="a run's folder, or a saved recogniser")],
    data: Annotated[str, Parameter(help="recordings with transcripts: what `train` takes; with --heard, without")],
    /,
    *,
    to: Annotated[Literal["ctm", "textgrid"], Parameter(help="one file of lines, or one of Praat's a sound")] = "ctm",
    out: Annotated[
        Path | None, Parameter(name=["--out", "-o"], help="the file of ctm, or the folder of textgrid; else the screen")
    ] = None,
    heard: Annotated[bool, Parameter(negative=(), help="align what is heard, and not transcripts")] = False,
    target: Annotated[tuple[str, ...], Parameter(negative=(), help="the column of the transcripts in a table")] = (),
    json: Annotated[bool, Parameter(name="--json", negative=(), help="print JSON, and nothing else")] = False,
) -> int:
    """Say when each word of recordings is said, as CTM or as Praat's TextGrid."""
    from .using import examples_in, one_or_several

    estimator, configuration = loaded(model)
    if estimator.task != TASK:
        raise SettingError(f"only a speech recognizer aligns sounds, and {model} holds {with_article(estimator.task)}")
    recognizer: Any = estimator
    if heard:
        found = recognizer.alignments(recordings_alone(estimator, [data], "raise")[2], heard=True)
    else:
        examples = examples_in(estimator, configuration, data, one_or_several(target))
        if examples.y is None:
            raise DataError(str(unsaid(data, examples)) + "; or align what is heard: --heard")
        found = recognizer.alignments(examples.X, examples.y)
    _written(found, to, out, shown=not json)
    Console(json=json).result([{"sound": a.name, "seconds": a.duration, **a.tiers} for a in found])
    return 0


def _written(found: "list[Alignment]", to: str, out: Path | None, *, shown: bool) -> None:
    """Alignments as files, or on standard output."""
    if to == "textgrid":
        if out is None:
            raise SettingError("TextGrids are a file for each sound; name their folder, such as --out aligned")
        for one in found:
            write_text(out / f"{one.name}.TextGrid", one.textgrid())
        note(f"wrote {len(found):,} TextGrids to {out}")
        return
    lines = "".join(f"{one.ctm()}\n" for one in found if one.ctm())
    if out is not None:
        write_text(out, lines)
        note(f"wrote {len(lines.splitlines()):,} words to {out}")
    elif shown:
        print(lines, end="")
