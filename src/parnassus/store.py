"""One safetensors file: a JSON manifest in one metadata key, tensors beside it. Knows no class, unpickles nothing."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .errors import DataError, FileError
from .files import replacing

KEY = "parnassus"
FORMAT = 1
MODEL = "model.parnassus"  # what the file is called in the folder of a run
PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in (2, 3, 4, 5))  # as they begin
LONGEST = 100_000_000  # bytes of a header of safetensors, whose number is what its file begins with
LARGE = 1_000_000  # bytes of JSON or of one text above which it becomes a uint8 tensor: readers refuse long headers


def save(path: str | os.PathLike, tree: Mapping[str, Any]) -> None:
    """Write nested dicts and lists of JSON values and tensors, in one piece or not at all.

    Equal trees give equal bytes. Tensors that share memory, shape and strides are stored once and are one again after
    `load`. Texts over 1 MB become tensors. Keys must be strings.
    """
    tensors: dict[str, torch.Tensor] = {}
    packed = json.dumps(_pack(tree, "", tensors, {}), sort_keys=True)
    if len(packed) > LARGE:
        tensors["$tree"] = _bytes(packed)
        packed = json.dumps({"$json": "$tree"})
    manifest = f'{{"digest": "{_digest(json.loads(packed), tensors)}", "format": {FORMAT}, "tree": {packed}}}'
    try:
        with replacing(path) as part:
            save_file(tensors, part, metadata={KEY: manifest})
    except SafetensorError as error:
        raise FileError(f"{path}: cannot be written: {error}") from error


def load(path: str | os.PathLike) -> dict[str, Any]:
    """The tree that `save` wrote; tensors that were one tensor are one again."""
    manifest, tensors = _read(Path(path))
    if manifest["format"] > FORMAT:
        raise DataError(
            f"{path}: written in format {manifest['format']}, and this version reads up to {FORMAT}; "
            f"upgrade parnassus, or save the model again with this version"
        )
    tree = manifest["tree"]
    if manifest.get("digest", ...) not in (..., _digest(tree, tensors)):  # the first files had none
        raise FileError(f"{path}: its contents are not those that were written; the file is damaged, copy it again")
    try:
        if tree.keys() == {"$json"}:
            tree = json.loads(bytes(tensors[tree["$json"]].numpy()))
        return _unpack(tree, tensors)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise FileError(f"{path}: its manifest does not fit its tensors ({error}); the file is damaged") from error


def manifest_of(path: str | os.PathLike) -> dict[str, Any]:
    """The manifest alone, with tensors as their names: what a file holds, without reading its weights."""
    return _read(Path(path), tensors=False)[0]


def _read(path: Path, *, tensors: bool = True) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    path = path / MODEL if (path / MODEL).is_file() else path
    if path.is_dir() or not path.exists():
        wrong = f"is a folder without {MODEL}" if path.is_dir() else "there is no such file"
        raise FileError(f"{path}: {wrong}; give a saved model, or the folder of a run that ended")
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            names = file.keys() if tensors else ()
            found = {name: file.get_tensor(name).clone() for name in names}  # else they would lie in the file itself,
            # and whatever is written over it later would be their numbers
    except (SafetensorError, OSError, ValueError) as error:
        raise FileError(f"{path}: not a whole safetensors file ({error}); {_kind(path)}") from error
    if KEY not in metadata:
        raise FileError(
            f"{path}: a safetensors file, but not one that parnassus saved (no {KEY!r} in its metadata); others' "
            "weights are read by pn.hub.load, and the net that it gives may start a training"
        )
    try:
        manifest = json.loads(metadata[KEY])
        if not isinstance(manifest["format"], int) or not isinstance(manifest["tree"], dict):
            raise ValueError("format or tree is of another kind")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(f"{path}: its manifest cannot be read ({error}); the file is damaged") from error
    return manifest, found


def _kind(path: Path) -> str:
    """What a file is that was not read, by its first bytes, and what to give instead."""
    try:
        with path.open("rb") as file:
            begin = file.read(8)
    except OSError:
        return "cut short, or of another kind; give a file that save wrote"
    pickled = begin[:2] in PICKLES and int.from_bytes(begin, "little") > LONGEST
    if pickled or begin[:4] == b"PK\3\4":
        return "a pickle, or a file of torch.save, is never opened, for it may run code; give a file that save wrote"
    return "cut short, or of another kind; copy it again, or give a file that save wrote"


def _digest(tree: Any, tensors: Mapping[str, torch.Tensor]) -> str:
    """A digest of all that a file holds: one flipped bit of a weight would otherwise answer wrongly without a word."""
    digest = hashlib.blake2b(json.dumps(tree, sort_keys=True).encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _bytes(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(text.encode(errors="surrogatepass")), dtype=torch.uint8)


def _pack(tree: Any, at: str, tensors: dict[str, torch.Tensor], seen: dict) -> Any:
    if isinstance(tree, torch.Tensor):
        tensor = tree.detach()
        place = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype) if tensor.numel() else at
        if place not in seen:
            seen[place] = at
            tensors[at] = tensor.cpu().clone(memory_format=torch.contiguous_format)
        return {"$tensor": seen[place]}
    if isinstance(tree, Mapping):
        if not all(isinstance(k, str) and not k.startswith("$") for k in tree):
            where = at or "the tree"
            raise DataError(f"{where} has keys that are no strings, {list(tree)[:3]}; JSON would change them")
        return {k: _pack(v, f"{at}/{k}" if at else k, tensors, seen) for k, v in tree.items()}
    if isinstance(tree, list | tuple):
        return [_pack(v, f"{at}/{i}", tensors, seen) for i, v in enumerate(tree)]
    if isinstance(tree, np.generic):
        return tree.item()
    if isinstance(tree, str) and len(tree) > LARGE:
        tensors[at] = _bytes(tree)
        return {"$text": at}
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    raise DataError(f"{at}: cannot save a {type(tree).__name__}; a saved model holds JSON values and tensors")


def _unpack(tree: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(tree, list):
        return [_unpack(v, tensors) for v in tree]
    if not isinstance(tree, dict):
        return tree
    if tree.keys() == {"$tensor"}:
        return tensors[tree["$tensor"]]
    if tree.keys() == {"$text"}:
        return bytes(tensors[tree["$text"]].numpy()).decode(errors="surrogatepass")
    return {k: _unpack(v, tensors) for k, v in tree.items()}
