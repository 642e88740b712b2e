"""Weights under other people's names: tables of keys, and what a model's file tells the hub of a foreign layout.

A table is pairs (theirs, ours); in a pair `*` stands for any run of characters, the same on both sides, so that a table
is read in both directions. Behind our name `[i]` marks part i of a matrix that is one here, `^T` one that is turned.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from .errors import DataError, SettingError

SHOWN = 8

Keys = Iterable[tuple[str, str]]
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Layout:
    """One `model_type` of the foreign layout.

    Attributes
    ----------
    model_type : as config.json has it.
    heads : our name of a head by the name of their class, the class of a bare body first.
    make : our module from (configuration, head, facts); facts are what the caller says beside it.
    config_of : the configuration that their class would be built from, of our module.
    head_of : our name of the head of our module.
    keys : the table of a head. keys_of : that of (our module, head), where names of parts depend on how many there are.
    kinds : our classes.
    prefix : before the names of a body; files of bare bodies lack it.
    older : (expression, replacement) for names in older files.
    unused : expressions of names that hold nothing learned, or a second time. spare : of what has no place here.
    headed : what our names of heads' weights begin with.
    assumed : the values of other keys of the configuration that our module computes.
    options : those of the model of this name, of a configuration; None where no model has this name.
    model_name : that name, where it is not `model_type`; or the name for a configuration, None where none fits.
    seen : the configuration with what only the weights tell, and the weights that are read.
    """

    model_type: str
    heads: Mapping[str, str]
    make: Callable[[Mapping[str, Any], str, Mapping[str, Any]], Any]
    config_of: Callable[[Any], dict[str, Any]]
    head_of: Callable[[Any], str]
    keys: Callable[[str], Keys]
    kinds: tuple[type, ...]
    prefix: str = ""
    older: tuple[tuple[str, str], ...] = ()
    unused: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()
    headed: tuple[str, ...] = ("head",)
    assumed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    options: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    model_name: str | Callable[[Mapping[str, Any]], str | None] | None = None
    keys_of: Callable[[Any, str], Keys] | None = None
    seen: Callable[[Mapping[str, Any], Mapping[str, Tensor]], tuple[dict[str, Any], Tensors]] | None = None

    def table(self, module: Any, head: str) -> list[tuple[str, str]]:
        """The pairs of names of a module of ours with a head."""
        return list(self.keys(head) if self.keys_of is None else self.keys_of(module, head))

    def sorted_out(self, tensors: Mapping[str, Tensor], module: Any, head: str) -> "tuple[Tensors, list[str]]":
        """The tensors under names that a table may know, and the names of those that belong to other heads."""
        for before, after in self.older:
            tensors = {re.sub(before, after, name): tensor for name, tensor in tensors.items()}
        outside = [pattern(theirs, theirs) for h in self.heads.values() for theirs, _ in self.table(module, h)]
        if self.prefix and not any(name.startswith(self.prefix) for name in tensors):
            added = {name: f"{self.prefix}{name}" for name in tensors}
            tensors = {
                longer if any(p.fullmatch(longer) for p in outside) else name: tensors[name]
                for name, longer in added.items()
            }
        tensors = {n: t for n, t in tensors.items() if not any(re.fullmatch(p, n) for p in self.unused)}
        own = [pattern(theirs, theirs) for theirs, _ in self.table(module, head)]
        elsewhere = [*outside, *map(re.compile, self.spare)]
        spare = sorted(
            name
            for name in tensors
            if not any(p.fullmatch(name) for p in own) and any(p.fullmatch(name) for p in elsewhere)
        )
        return {name: tensor for name, tensor in tensors.items() if name not in spare}, spare


LAYOUTS: dict[str, Layout] = {}
TIMM: tuple[tuple[str, Callable[[re.Match[str]], dict[str, Any]]], ...] = (  # architectures there, models here
    (
        r"(?:vit|deit)_(tiny|small|base|large|huge)_patch(\d+)_\d+",
        lambda m: {"model_type": f"vit_{'ti' if m[1] == 'tiny' else m[1][0]}", "patch_size": int(m[2])},
    ),
    (r"convnext_(tiny|small|base|large)", lambda m: {"model_type": f"convnext_{m[1][0]}"}),
    (r"efficientnet_b[0-7]", lambda m: {"model_type": m[0], "origin": "torch"}),
    (r"tf_(efficientnet_b[0-7])", lambda m: {"model_type": m[1], "origin": "tensorflow"}),
    (r"vgg(11|13|16|19)(_bn)?", lambda m: {"model_type": f"vgg{m[1]}", "norm": bool(m[2])}),
    (r"inception_v3", lambda m: {"model_type": m[0], "origin": "torch"}),
    (r"(?:legacy_)?(xception)", lambda m: {"model_type": m[1]}),
    (r"resnetv2_(50|101|152)x(\d)_bit", lambda m: {"model_type": f"bit_resnet{m[1]}", "width": float(m[2])}),
    (r"mobilenetv1_(\d+)", lambda m: {"model_type": "mobilenet_v1", "width": int(m[1]) / 100, "origin": "timm"}),
    (r"mobilenetv2_(\d+)", lambda m: {"model_type": "mobilenet_v2", "width": int(m[1]) / 100}),
)
FOLDERS: dict[str, Callable[[Path], Any]] = {}  # by the file that tells them: folders of several nets, each in its own


def register(layout: Layout) -> Layout:
    """Enter a layout under its model_type."""
    LAYOUTS[layout.model_type] = layout
    return layout


def of_timm(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration of timm in the words of transformers; any other as it is."""
    if "architecture" not in config or "model_type" in config:
        return config
    channels, *size = config.get("pretrained_cfg", {}).get("input_size", [3, 224, 224])
    name = config["architecture"].partition(".")[0]
    found = (make(match) for expression, make in TIMM if (match := re.fullmatch(expression, name)))
    told = next(found, {"model_type": name}) | {"num_channels": channels, "image_size": size, "architecture": name}
    return told | ({"num_labels": config["num_classes"]} if "num_classes" in config else {})


# --- Names ----------------------------------------------------------------------------------------------------------


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
    patterns = [(pattern(before, after), after) for before, after in pairs]
    found: Tensors = {}
    left_over = []
    for name, tensor in tensors.items():
        other = renamed(name, patterns)
        if other is None or other in found:
            left_over.append(name if other is None else f"{name} (a second {other})")
        else:
            found[other] = tensor
    missing = sorted(set(expected) - found.keys()) if expected is not None else []
    surplus = sorted(found.keys() - set(expected)) if expected is not None else []
    if left_over or missing or surplus:
        parts = {"without a place": left_over, "missing": missing, "not expected": surplus}
        said = "; ".join(f"{words}: {few(names)}" for words, names in parts.items() if names)
        raise DataError(
            f"the names of the weights do not fit: {said}. Given: {few(tensors)}. Table: "
            f"{few(f'{a} -> {b}' for a, b in pairs)}; give the table of this layout, or the right model"
        )
    return found


def whole(tensors: Mapping[str, Tensor]) -> Tensors:
    """Tensors under marked names of ours, put together: parts `[i]` below each other, `^T` turned."""
    found: Tensors = {}
    parts: dict[str, dict[int, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.endswith("^T"):
            found[name[:-2]] = tensor.T
        elif match := re.fullmatch(r"(.*)\[(\d+)\]", name):
            parts.setdefault(match[1], {})[int(match[2])] = tensor
        else:
            found[name] = tensor
    return found | {name: torch.cat([held[i] for i in sorted(held)]) for name, held in parts.items()}


def parted(tensors: Mapping[str, Tensor], keys: Keys) -> Tensors:
    """Tensors of ours under the marked names of a table: the way back from `whole`."""
    marked = [(re.sub(r"(\[\d+\]|\^T)$", "", ours), ours) for _, ours in keys]
    found: Tensors = {}
    for name, tensor in tensors.items():
        given = [after for before, after in marked if pattern(before, before).fullmatch(name)]
        if given and given[0].endswith("^T"):
            found[f"{name}^T"] = tensor.T
        elif given and given[0].endswith("]"):
            found |= {f"{name}[{i}]": part for i, part in enumerate(tensor.chunk(len(given)))}
        else:
            found[name] = tensor
    return found


def pattern(before: str, after: str) -> re.Pattern[str]:
    """What matches the names of one side of a pair."""
    if before.count("*") != after.count("*"):
        raise SettingError(f"the pair ({before!r}, {after!r}) has different numbers of *")
    return re.compile("(.+)".join(map(re.escape, before.split("*"))))


def renamed(name: str, patterns: Iterable[tuple[re.Pattern[str], str]]) -> str | None:
    """The name on the other side, by the first pattern that knows it; None where none does."""
    for before, after in patterns:
        match = before.fullmatch(name)
        if match:
            parts = after.split("*")
            return parts[0] + "".join(a + b for a, b in zip(match.groups(), parts[1:], strict=True))
    return None


def few(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


# --- weights of a net ---------------------------------------------------------------------------


def foreign_table(tensors: Tensors, own: Mapping[str, Tensor], tables: tuple[Keys, ...]) -> Keys | None:
    """The first table that knows a name; None where the names are ours already."""
    strange = tensors.keys() - own.keys()
    return next((t for t in tables if any(renamed(n, [(pattern(*p), p[1]) for p in t]) for n in strange)), None)


def in_our_names(tensors: Tensors, own: Mapping[str, Tensor], table: Keys) -> Tensors:
    """By a table. Tied weights may come once, and sides of one entry more or less do not count."""
    patterns = [(pattern(*pair), pair[1]) for pair in table]
    given = {renamed(name, patterns) for name in tensors}
    twins = {name: [other for other in own if other != name and same_tensor(own[other], own[name])] for name in own}
    absent = {name for name in own if name not in given and any(other in given for other in twins[name])}
    counts = {n: t for n, t in own.items() if n.endswith("num_batches_tracked") and n not in given}  # of old files
    ours = translate(tensors, table, expected=own.keys() - absent - counts.keys()) | counts
    for name, tensor in ours.items():
        due = own[name].shape
        if tensor.shape != due and (tensor.squeeze().shape == own[name].squeeze().shape or _dense(tensor, due)):
            ours[name] = tensor.reshape(due)
    for name, others in twins.items():
        apart = [other for other in others if {name, other} <= ours.keys() and not torch.equal(ours[name], ours[other])]
        if apart:
            raise DataError(
                f"{name} and {apart[0]} are one tensor in this model, and differ in these weights; untie it"
            )
    return ours | {name: ours[next(other for other in twins[name] if other in ours)] for name in absent}


def _dense(kernel: Tensor, shape: torch.Size) -> bool:
    """Whether a kernel, (n_out, n_in, height, width), over all places at once is the dense layer of this shape."""
    return kernel.ndim > 2 == len(shape) and kernel.flatten(1).shape == shape


def same_tensor(one: Tensor, other: Tensor) -> bool:
    """Whether two names stand for one tensor."""
    return one.data_ptr() == other.data_ptr() and one.shape == other.shape


def check_fit(told: str | os.PathLike, ours: Tensors, own: Mapping[str, Tensor], what: str) -> None:
    """Refuses weights of another shape than a net's own, and such as are no numbers."""
    for name, tensor in ours.items():
        if tensor.shape != own[name].shape:
            raise DataError(
                f"{told}: {name} is {tuple(tensor.shape)}, and {what} has {tuple(own[name].shape)} "
                f"there; give the options or facts that these weights were trained with"
            )
    refuse_unfinite(told, {name: tensor for name, tensor in ours.items() if n_unfinite(own[name]) == 0})


def refuse_unfinite(told: str | os.PathLike, weights: Mapping[str, Tensor]) -> None:
    """Refuses weights that are NaN or infinite, which would make every answer NaN; says which, and how many."""
    wrong = {name: n for name, tensor in weights.items() if (n := n_unfinite(tensor))}
    if wrong:
        each = few(f"{n:,} of {weights[name].numel():,} in {name}" for name, n in wrong.items())
        raise DataError(
            f"{os.fspath(told)}: weights are NaN or infinite ({each}); the training diverged, or the file is damaged: "
            "take others, or fetch it again"
        )


def n_unfinite(tensor: Tensor) -> int:
    """How many numbers of a tensor are NaN or infinite."""
    if not tensor.is_floating_point():
        return 0
    whole = tensor.float() if tensor.element_size() < 2 else tensor  # of float8 torch does not say
    return 0 if bool(whole.isfinite().all()) else int((~whole.isfinite()).sum())
