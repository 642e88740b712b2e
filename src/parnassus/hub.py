"""Folders in the layout of Hugging Face, `config.json` beside `model.safetensors`, read and written. No download.

A file of a model family may define `KEYS`: for a model's name, tables of pairs (theirs, ours), one table for each
foreign way to name its weights. In a pair `*` stands for any run of characters, the same on both sides, so that a
table is read in both directions. `OPTIONS` may say, for a model's name, which key of a foreign configuration is which
option here, and `ASSUMED` which values of other keys are the only ones that the model here computes.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .errors import DataError, FileError, SettingError
from .registry import Builder, Spec, model
from .train.randomness import kept_random

CONFIG, WEIGHTS, SHARDS = "config.json", "model.safetensors", "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
THEIR_FACTS = {"num_labels": "n_outputs", "num_channels": "in_channels", "vocab_size": "vocab_size"}
LANGUAGE = ("ForCausalLM", "LMHeadModel")
SHOWN = 8

Keys = Iterable[tuple[str, str]]
Tensors = dict[str, Tensor]


def read(folder: str | os.PathLike) -> tuple[dict[str, Any], Tensors]:
    """The configuration and the weights by name, of one safetensors file or of shards with an index.

    Raises
    ------
    FileError : a file is absent, damaged, or a pickle (which could run code, and is never opened).
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileError(
            f"{folder}: {'is a file' if folder.exists() else 'there is no such folder'}; "
            f"give a folder that holds {CONFIG} and {WEIGHTS}"
        )
    config = _json(folder / CONFIG)
    tensors: Tensors = {}
    for path in _weight_files(folder):
        try:
            tensors |= load_file(path)
        except (SafetensorError, OSError) as error:
            raise FileError(f"{path}: not a whole safetensors file ({error}); fetch it again") from error
    return config, tensors


def write(folder: str | os.PathLike, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a folder that `read`, and what else knows the layout, can read; tensors may share memory."""
    folder = Path(folder)
    own = {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    try:
        text = json.dumps(dict(config), indent=2, sort_keys=True) + "\n"
    except TypeError as error:
        raise DataError(f"{folder / CONFIG}: {error}; a configuration holds JSON values") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(own, folder / WEIGHTS, metadata={"format": "pt"})
        (folder / CONFIG).write_text(text, encoding="utf-8")
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error


def translate(
    tensors: Mapping[str, Tensor],
    keys: Keys,
    *,
    to: Literal["ours", "theirs"] = "ours",
    expected: Iterable[str] | None = None,
) -> Tensors:
    """The same tensors under the other side's names.

    Parameters
    ----------
    tensors : by name.
    keys : pairs (theirs, ours); `*` stands for any run of characters.
    to : whose names come back.
    expected : the names that must come back, all of them and no others.

    Raises
    ------
    DataError : a name that no pair knows, that two names turn into, or that is missing; both sides are shown.

    >>> list(translate({"net.0.weight": torch.zeros(1)}, [("net.*", "*")]))
    ['0.weight']
    >>> list(translate({"0.weight": torch.zeros(1)}, [("net.*", "*")], to="theirs"))
    ['net.0.weight']
    """
    if to not in ("ours", "theirs"):
        raise SettingError(f"to is 'ours' or 'theirs'; got {to!r}")
    pairs = [(theirs, ours) if to == "ours" else (ours, theirs) for theirs, ours in keys]
    patterns = [(_pattern(before, after), after) for before, after in pairs]
    found: Tensors = {}
    left_over = []
    for name, tensor in tensors.items():
        renamed = _renamed(name, patterns)
        if renamed is None or renamed in found:
            left_over.append(name if renamed is None else f"{name} (a second {renamed})")
        else:
            found[renamed] = tensor
    missing = sorted(set(expected) - found.keys()) if expected is not None else []
    surplus = sorted(found.keys() - set(expected)) if expected is not None else []
    if left_over or missing or surplus:
        parts = {"without a place": left_over, "missing": missing, "not expected": surplus}
        said = "; ".join(f"{words}: {_few(names)}" for words, names in parts.items() if names)
        raise DataError(
            f"the names of the weights do not fit: {said}. Given: {_few(tensors)}. Table: "
            f"{_few(f'{a} -> {b}' for a, b in pairs)}; give the table of this layout, or the right model"
        )
    return found


def load(folder: str | os.PathLike, spec: Spec | None = None, *, task: str | None = None, **facts: Any) -> nn.Module:
    """The module that a folder holds the weights of, in evaluation mode: its names may be ours or those of a table.

    Parameters
    ----------
    folder : holds config.json and model.safetensors.
    spec : what to build, such as `pn.model("lenet", activation="relu")`; None takes the name that the configuration
        has as `model_type`, and the options that stand beside it.
    task : whose builder of that name is meant; None is "language_model" where the configuration's `architectures` say
        so (MambaForCausalLM), else "classifier".
    **facts : what the configuration does not say, such as `n_outputs=10`.
    """
    config, tensors = read(folder)
    if task is None:
        named = map(str, config.get("architectures") or ())
        task = "language_model" if any(n.endswith(LANGUAGE) for n in named) else "classifier"
    if spec is None:
        spec = _spec_of(config, Path(folder), task)
    builder, known = _builder_of(spec, task, config, facts)
    with kept_random(torch.device("cpu")):
        module = builder.make(**known, **spec.get_params(task=task))
    own = module.state_dict()
    ours = _in_our_names(tensors, own, tables_of(builder))
    for name, tensor in ours.items():
        if tensor.shape != own[name].shape:
            raise DataError(
                f"{folder}: {name} is {tuple(tensor.shape)}, and {spec!r} has {tuple(own[name].shape)} "
                f"there; give the options or facts that these weights were trained with"
            )
    module.load_state_dict(ours)
    return module.eval()


def tables_of(builder: Builder) -> tuple[Keys, ...]:
    """The tables that the file of a builder defines for its name."""
    return tuple(_defined(builder, "KEYS"))


def _defined(builder: Builder, table: str) -> Any:
    return getattr(sys.modules[builder.make.__module__], table, {}).get(builder.name, ())


def _in_our_names(tensors: Tensors, own: Mapping[str, Tensor], tables: tuple[Keys, ...]) -> Tensors:
    """By the first table that knows a name; by none where the names are ours already. Tied weights may come once."""
    fitting = next((t for t in tables if any(_renamed(n, [(_pattern(*p), p[1]) for p in t]) for n in tensors)), None)
    table = fitting or [(name, name) for name in own]
    patterns = [(_pattern(*pair), pair[1]) for pair in table]
    given = {_renamed(name, patterns) for name in tensors}
    twins = {name: [other for other in own if other != name and _same(own[other], own[name])] for name in own}
    absent = {name for name in own if name not in given and any(other in given for other in twins[name])}
    ours = translate(tensors, table, expected=own.keys() - absent)
    for name, others in twins.items():
        apart = [other for other in others if {name, other} <= ours.keys() and not torch.equal(ours[name], ours[other])]
        if apart:
            raise DataError(
                f"{name} and {apart[0]} are one tensor in this model, and differ in these weights; untie it"
            )
    return ours | {name: ours[next(other for other in twins[name] if other in ours)] for name in absent}


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two names stand for one tensor."""
    return one.data_ptr() == other.data_ptr() and one.shape == other.shape


def _spec_of(config: Mapping[str, Any], folder: Path, task: str) -> Spec:
    name = config.get("model_type")
    if name not in model.names():
        raise DataError(
            f"{folder / CONFIG}: model_type is {name!r}, which is no model here; name one, such as pn.model('lenet')"
        )
    spec = model(name)
    builders = spec.builders(task)
    for key, allowed in {k: v for b in builders for k, v in dict(_defined(b, "ASSUMED")).items()}.items():
        if key in config and config[key] not in allowed:
            known = ", ".join(map(repr, allowed))
            raise DataError(
                f"{folder / CONFIG}: {key} is {config[key]!r}, and the model {name!r} here computes {known}"
            )
    theirs = {
        ours: config[key] for b in builders for key, ours in dict(_defined(b, "OPTIONS")).items() if key in config
    }
    said = {k: v for k, v in config.items() if k in spec.defaults(task)} | theirs
    return spec.set_params(**{k: v for k, v in said.items() if v != "auto"})


def _builder_of(
    spec: Spec, task: str, config: Mapping[str, Any], facts: Mapping[str, Any]
) -> tuple[Builder, dict[str, Any]]:
    """The builder whose facts are known, and those facts."""
    known = {ours: config[theirs] for theirs, ours in THEIR_FACTS.items() if theirs in config}
    if "id2label" in config:
        known.setdefault("n_outputs", len(config["id2label"]))
    builders = spec.builders(task)
    wanted = {name for builder in builders for name in builder.facts}
    known |= {k: v for k, v in config.items() if k in wanted} | dict(facts)
    if isinstance(known.get("image_size"), int):
        known["image_size"] = known["image_size"], known["image_size"]
    fed = sorted((b for b in builders if b.facts <= known.keys()), key=lambda b: -len(b.facts))
    if not fed:
        needs = " or ".join(", ".join(sorted(b.facts - known.keys())) for b in builders)
        raise SettingError(f"{spec!r} for a {task} needs {needs}, which {CONFIG} does not say; give it by keyword")
    return fed[0], {k: tuple(v) if isinstance(v, list) else v for k, v in known.items() if k in fed[0].facts}


def _weight_files(folder: Path) -> list[Path]:
    if (folder / WEIGHTS).exists():
        return [folder / WEIGHTS]
    if (folder / SHARDS).exists():
        names = sorted(set(_json(folder / SHARDS).get("weight_map", {}).values()))
        outside = [name for name in names if Path(name).name != name]
        absent = [name for name in names if name not in outside and not (folder / name).exists()]
        if outside or absent or not names:
            raise FileError(
                f"{folder / SHARDS}: {_few(outside or absent) or 'it'} names no file of this folder; "
                f"fetch the folder again"
            )
        return [folder / name for name in names]
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        raise FileError(
            f"{folder}: {_few(pickles)} is a pickle, which can run code when it is opened, and is not read here; "
            f"convert it where you trust it: safetensors.torch.save_file(torch.load(path, weights_only=True), "
            f"{WEIGHTS!r})"
        )
    raise FileError(f"{folder}: holds no {WEIGHTS}; give the folder of a model")


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileError(f"{path}: there is no such file; the layout has {CONFIG} beside {WEIGHTS}") from None
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(found, dict):
        raise FileError(f"{path}: holds a {type(found).__name__}; expected a JSON object")
    return found


def _pattern(before: str, after: str) -> re.Pattern[str]:
    if before.count("*") != after.count("*"):
        raise SettingError(f"the pair ({before!r}, {after!r}) has different numbers of *")
    return re.compile("(.+)".join(map(re.escape, before.split("*"))))


def _renamed(name: str, patterns: Iterable[tuple[re.Pattern[str], str]]) -> str | None:
    for pattern, after in patterns:
        match = pattern.fullmatch(name)
        if match:
            parts = after.split("*")
            return parts[0] + "".join(a + b for a, b in zip(match.groups(), parts[1:], strict=True))
    return None


def _few(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
