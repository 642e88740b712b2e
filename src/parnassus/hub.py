"""Folders in the layout of Hugging Face, `config.json` beside `model.safetensors`, read and written.

Nothing comes from the network unless `fetch`, or `load(..., download=True)`, is asked for it.

A file of a model family may define `KEYS`: for a model's name, tables of pairs (theirs, ours), one table for each
foreign way to name its weights (see `layouts`). `OPTIONS` may say, for a model's name, which key of a foreign
configuration is which option here, and `ASSUMED` which values of other keys are the only ones that the model here
computes. `BUILT_WITH` holds the options of the net that weights under foreign names are of, one mapping for all
tables or one for each, and `SPARE` expressions of foreign names that are left out, as they say nothing in use. Nets
with heads (BERT, GPT-2, T5, ViT, ResNet, ...) register a `Layout` instead, which is read and written.
"""

import json
import os
import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .errors import DataError, DataWarning, FileError, SettingError, did_you_mean
from .fetching import CONFIG, SHARDS, WEIGHTS, fetch
from .files import write_text
from .layouts import (
    FOLDERS,
    LAYOUTS,
    Keys,
    Layout,
    Tensors,
    check_fit,
    few,
    foreign_table,
    in_our_names,
    of_timm,
    parted,
    same_tensor,
    translate,
    whole,
)
from .registry import Builder, Spec, model
from .train.randomness import kept_random

TARGETS = "target_tokenizer.json"  # of a net that cuts what it writes otherwise than what it reads
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
THEIR_FACTS = {"num_labels": "n_outputs", "num_channels": "in_channels", "vocab_size": "vocab_size"}
LANGUAGE = ("ForCausalLM", "LMHeadModel")

__all__ = ["fetch", "load", "read", "save_pretrained", "spec_of", "translate", "write"]


def read(folder: str | os.PathLike) -> tuple[dict[str, Any], Tensors]:
    """The configuration and the weights by name, of one safetensors file or of shards with an index.

    The path of a safetensors file alone gives an empty configuration.

    Raises
    ------
    FileError : a file is absent, damaged, or a pickle (which could run code, and is never opened).
    """
    folder = Path(folder)
    if folder.is_file() and folder.suffix == ".safetensors":
        return {}, _tensors(folder)
    if folder.is_file() and folder.suffix in PICKLES:
        raise _pickled(folder.parent, [folder.name])
    if not folder.is_dir():
        raise FileError(
            f"{folder}: {'is a file' if folder.exists() else 'there is no such folder'}; give a folder that holds "
            f"{CONFIG} and {WEIGHTS}; a published model is fetched by pn.hub.fetch('owner/model'), and only then"
        )
    config = _json(folder / CONFIG)
    tensors: Tensors = {}
    for path in _weight_files(folder):
        tensors |= _tensors(path)
    return config, tensors


def _tensors(path: Path) -> Tensors:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise FileError(f"{path}: not a whole safetensors file ({error}); fetch it again") from error


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


def load(
    folder: str | os.PathLike,
    spec: Spec | None = None,
    *,
    task: str | None = None,
    head: str | None = None,
    download: bool = False,
    **facts: Any,
) -> nn.Module:
    """The module that a folder holds the weights of, in evaluation mode: its names may be ours or those of a table.

    Parameters
    ----------
    folder : holds config.json and model.safetensors; or a safetensors file alone, with `spec` and facts; or
        model_index.json and the parts of Stable Diffusion 1, for `models.generative.stable_diffusion.StableDiffusion`.
    spec : what to build, such as `pn.model("lenet", activation="relu")`; None takes the name that the configuration
        has as `model_type`, and the options that stand beside it.
    task : whose builder of that name is meant; None is "language_model" where the configuration's `architectures` say
        so (MambaForCausalLM), else "classifier".
    head : for BERT, DistilBERT and ViT another head than the folder's ("none", "sequence", "token", "span", ...), whose
        own weights start anew; a warning says which.
    download : a `folder` that does not exist is the name of a published model, which `fetch` brings.
    **facts : what the configuration does not say, such as `n_outputs=10`.
    """
    _layouts()
    if download and not Path(folder).exists():
        folder = fetch(str(folder))
    for index, of_parts in FOLDERS.items():
        if (Path(folder) / index).is_file():
            return of_parts(Path(folder))
    config, tensors = read(folder)
    config = of_timm(config)
    if not config and spec is None:
        raise SettingError(f"{folder} holds weights alone: name the model, such as pn.model('resnet18'), and its facts")
    layout = _layouts().get(str(config.get("model_type"))) if spec is None and "architecture" not in config else None
    if layout is not None:
        config, tensors = (config, tensors) if layout.seen is None else layout.seen(config, tensors)
        return _headed(Path(folder), layout, config, tensors, head, facts)
    if head is not None:
        raise SettingError(f"head={head!r}: the layouts with heads are {', '.join(sorted(LAYOUTS))}; leave it out")
    if task is None:
        named = map(str, config.get("architectures") or ())
        task = "language_model" if any(n.endswith(LANGUAGE) for n in named) else "classifier"
    if spec is None:
        spec = _spec_of(config, Path(folder), task)
    builder, known = _builder_of(spec, task, config, facts)
    with kept_random(torch.device("cpu")):
        module = builder.make(**known, **spec.get_params(task=task))
    own = module.state_dict()
    table = foreign_table(tensors, own, tables_of(builder))
    if table is not None:
        tensors = _of_use(folder, tensors, builder, spec.get_params(task=task), table)
    ours = in_our_names(tensors, own, table or [(name, name) for name in own])
    check_fit(folder, ours, own, repr(spec))
    module.load_state_dict(ours)
    return module.eval()


def spec_of(folder: str | os.PathLike) -> Spec | None:
    """The model by name, with the options that the folder's configuration says; None where it has no name here."""
    config = _json(Path(folder) / CONFIG) if (Path(folder) / CONFIG).exists() else {}
    layout = _layouts().get(str(config.get("model_type")))
    if "architecture" in config:  # of timm
        told = of_timm(config)
        return _spec_of(told, Path(folder), "classifier") if told["model_type"] in model.names() else None
    if layout is None or layout.options is None:
        return None
    if layout.seen is not None:
        config, _ = layout.seen(*read(folder))
    try:
        name = layout.model_name(config) if callable(layout.model_name) else layout.model_name or layout.model_type
        return None if name is None else model(name, **layout.options(config))
    except KeyError as error:
        raise FileError(f"{os.fspath(folder)}/{CONFIG}: says no {error}, which a {layout.model_type} has") from None


def save_pretrained(module: Any, folder: str | os.PathLike) -> None:
    """Write a net of a known layout as a folder that `load`, and transformers' from_pretrained, can read.

    BERT, DistilBERT, GPT-2, T5, Marian, ViT, ResNet, ConvNeXt, BiT, MobileNet and EfficientNet have one. Of a fitted
    estimator the net is written, and the tokenizer.json of its units where it has them.
    """
    codec = getattr(module, "codec_", None)
    tokenizer = getattr(codec, "pieces", getattr(codec, "tokenizer", None))
    target: Any = getattr(getattr(module, "target_", None), "tokenizer", None)
    if hasattr(module, "objective_"):
        module = module.objective_.model
    known = [layout for layout in _layouts().values() if isinstance(module, layout.kinds)]
    layout = next((one for one in known if one.head_of(module)), None)
    if layout is None:
        names = ", ".join(sorted(LAYOUTS))
        raise SettingError(f"a {type(module).__name__} has no foreign layout here ({names} have); keep it by pn's save")
    head = layout.head_of(module)
    table, config = layout.table(module, head), layout.config_of(module)
    own = module.state_dict()
    once = {n: t for i, (n, t) in enumerate(own.items()) if not any(same_tensor(t, o) for o in list(own.values())[:i])}
    theirs = translate(parted(once, table), table, to="theirs")
    config["architectures"] = [next(name for name, ours in layout.heads.items() if ours == head)]
    if head == "none":
        theirs = {name.removeprefix(layout.prefix): tensor for name, tensor in theirs.items()}
    write(folder, config | getattr(tokenizer, "config", {}) | {"model_type": layout.model_type}, theirs)
    if tokenizer is not None and not hasattr(tokenizer, "written"):
        warnings.warn(
            f"{folder} holds the net without its units, which have no tokenizer.json here: fit a Translator with "
            "unit='pieces' for a folder that can be read again, or keep it by save",
            DataWarning,
            stacklevel=2,
        )
    elif tokenizer is not None:
        write_tokenizer(folder, tokenizer)
        (Path(folder) / TARGETS).unlink(missing_ok=True)
        if hasattr(target, "written") and target.written() != tokenizer.written():
            write_text(Path(folder) / TARGETS, target.written())


def write_tokenizer(folder: str | os.PathLike, tokenizer: Any) -> None:
    """Write the tokenizer.json of subwords (`WordPieces`, a fitted codec's `tokenizer`) beside a net.

    A tokenizer_config.json says that it is taken as it stands, and which of its entries are marks.
    """
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **tokenizer.marks}
    try:
        (Path(folder) / "tokenizer.json").write_text(tokenizer.written(), encoding="utf-8")
        (Path(folder) / "tokenizer_config.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _layouts() -> dict[str, Layout]:
    """All layouts; those who register them are imported with the models."""
    model.names()
    return LAYOUTS


def _headed(
    folder: Path,
    layout: Layout,
    config: Mapping[str, Any],
    tensors: Tensors,
    head: str | None,
    facts: Mapping[str, Any],
) -> nn.Module:
    """A net by its layout, with the folder's head or another."""
    theirs = (config.get("architectures") or [next(iter(layout.heads))])[0]
    if theirs not in layout.heads and head is None:
        raise DataError(f"{folder / CONFIG}: no {theirs} here, but {', '.join(layout.heads)}; or name a head")
    for key, allowed in layout.assumed.items():
        if key in config and config[key] not in allowed:
            raise DataError(
                f"{folder / CONFIG}: {key} is {config[key]!r}; here it is {' or '.join(map(repr, allowed))}"
            )
    head = layout.heads[theirs] if head is None else head
    if head not in layout.heads.values():
        raise SettingError(f"{layout.model_type!r} has no head {head!r}; {did_you_mean(head, layout.heads.values())}")
    with kept_random(torch.device("cpu")):
        module: nn.Module = layout.make(config, head, facts)
    own, table = module.state_dict(), layout.table(module, head)
    named, spare = layout.sorted_out(tensors, module, head)
    ours = whole(translate(named, table))
    tied = {n: o for n in own.keys() - ours.keys() for o in ours.keys() & own.keys() if same_tensor(own[n], own[o])}
    ours |= {name: ours[other] for name, other in tied.items()}
    new = sorted(name for name in own.keys() - ours.keys() if name.startswith(layout.headed))
    anew = new if head != layout.heads.get(theirs) else []
    translate(ours, [(name, name) for name in {*own, *ours}], expected=own.keys() - set(anew))
    for words, names in (("are not used", spare), ("start anew", anew)):
        if names:
            warnings.warn(f"{folder}: {few(names)} {words}", stacklevel=3)
    check_fit(folder, ours, own, f"this {layout.model_type} with head {head!r}")
    module.load_state_dict(ours, strict=not anew)
    return module.eval()


def tables_of(builder: Builder) -> tuple[Keys, ...]:
    """The tables that the file of a builder defines for its name."""
    return tuple(_defined(builder, "KEYS"))


def _defined(builder: Builder, table: str) -> Any:
    return getattr(sys.modules[builder.make.__module__], table, {}).get(builder.name, ())


def _of_use(
    folder: str | os.PathLike, tensors: Tensors, builder: Builder, options: Mapping[str, Any], table: Keys
) -> Tensors:
    """What of foreign weights has a place here; refuses options that the foreign net does not have."""
    due = _defined(builder, "BUILT_WITH") or {}
    due = due if isinstance(due, dict) else due[tables_of(builder).index(table)]
    if any(options[name] != value for name, value in due.items()):
        said = ", ".join(f"{name}={value!r}" for name, value in due.items())
        raise SettingError(
            f"{folder}: these weights have the names of torchvision or timm, and are of {builder.name!r} with {said}; "
            f"give pn.model({builder.name!r}, {said}), or weights under our names"
        )
    spare = [re.compile(expression) for expression in _defined(builder, "SPARE")]
    return {name: t for name, t in tensors.items() if not any(one.fullmatch(name) for one in spare)}


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
                f"{folder / SHARDS}: {few(outside or absent) or 'it'} names no file of this folder; "
                f"fetch the folder again"
            )
        return [folder / name for name in names]
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        raise _pickled(folder, pickles)
    raise FileError(f"{folder}: holds no {WEIGHTS}; give the folder of a model")


def _pickled(folder: Path, names: list[str]) -> FileError:
    return FileError(
        f"{folder}: {few(names)} is a pickle, which can run code when it is opened, and is not read here; "
        f"convert it where you trust it: safetensors.torch.save_file(torch.load(path, weights_only=True), "
        f"{WEIGHTS!r})"
    )


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
