"""Checkpoints of which every rank writes its part: torch.distributed.checkpoint, safetensors files, a JSON manifest.

Every tensor goes by the name of the weight that it belongs to, not by block or rank, so that a training goes on with
any number of ranks. `last` is whole once its manifest is there, which is written after all parts; the one before it is
kept as `previous`.
"""

import contextlib
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed.checkpoint as dcp
from torch import Tensor, nn
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.tensor import DTensor

from ...errors import DataError, DataWarning, FileError
from ..blocks import Block
from ..checkpoint import check_same
from ..distributed import Ranks
from ..record import Losses

if TYPE_CHECKING:
    from ..trainer import Trainer

FORMAT = 1
MANIFEST = "manifest.json"
LAST, PREVIOUS, PART = "last", "previous", "part"


# --- what there is to keep ------------------------------------------------------------------------


def tensors_of(trainer: "Trainer") -> dict[str, Tensor]:
    """Every tensor of a training's state by name, in the trainer's own memory: what is read into them is taken up."""
    objective = trainer.objective
    names = {id(p): name for name, p in objective.named_parameters()}
    found: dict[str, Tensor] = {}

    def add(kind: str, block: Block, vector: Tensor) -> None:
        for p, part in zip(block.params, block.parts(vector), strict=True):
            found[f"{kind}/{names[id(p)]}"] = part

    for block in trainer.distinct:
        add("weights", block, block.values)
        if block.average is not None:
            add("averages", block, block.average)
    for phase, optimizer in trainer.optimizers.items():
        for block, kept in zip(optimizer.blocks, optimizer.kept, strict=True):
            for kind, vector in kept.items():
                add(f"optimizers/{phase}/{kind}", block, vector)
    best = trainer.best["state"] if trainer.best else {}
    return unmoved(objective, names) | found | {f"best/{name}": tensor for name, tensor in best.items()}


def unmoved(objective: nn.Module, names: Mapping[int, str]) -> dict[str, Tensor]:
    """Parameters, of which some phase may move some, and buffers."""
    found = {}
    for name, tensor in objective.state_dict(keep_vars=True).items():
        whose = names.get(id(tensor))
        found[f"weights/{whose}" if whose else f"buffers/{name}"] = tensor.detach()
    return found


def state_of(trainer: "Trainer") -> dict[str, Any]:
    """What is no tensor, or a single number: the same on every rank, and JSON."""
    best = trainer.best and {k: v for k, v in trainer.best.items() if k != "state"}
    return {
        "identity": trainer.identity,
        "written": trainer.strategy.written,
        "step": trainer.step,
        "stopped": trainer.stopped,
        "history": [dict(h) for h in trainer.history],
        "best": best,
        "losses": {k: _told(s) for k, s in trainer.losses.items()},
        "optimizers": {
            k: {"count": o.count, "memory": {n: t.tolist() for n, t in o.memory().items()}}
            for k, o in trainer.optimizers.items()
        },
    }


def _told(losses: Losses) -> dict[str, Any]:
    return {k: v.tolist() if isinstance(v, Tensor) else v for k, v in losses.state_dict().items()}


def _heard(state: Mapping[str, Any]) -> dict[str, Any]:
    return {k: torch.tensor(v, dtype=torch.float64) if isinstance(v, list) else v for k, v in state.items()}


def take_up(trainer: "Trainer", state: Mapping[str, Any]) -> None:
    """What `state_of` said; `best` gets room for the weights that are still to be read."""
    check_same(
        state["identity"] | {"layout": state["written"]}, trainer.identity | {"layout": trainer.strategy.written}
    )
    trainer.step, trainer.stopped = state["step"], state["stopped"]
    trainer.history = [dict(h) for h in state["history"]]
    trainer.schedule.observe(trainer.history)
    for name, losses in trainer.losses.items():
        losses.load_state_dict(_heard(state["losses"][name]))
    for name, optimizer in trainer.optimizers.items():
        told = state["optimizers"][name]
        optimizer.count = told["count"]
        for steps in optimizer.steps:
            steps.fill_(told["count"])
        optimizer.remember({k: torch.tensor(v, device=trainer.device) for k, v in told["memory"].items()})
    trainer.best = None
    if state["best"]:
        room = {k: v.clone() for k, v in trainer.objective.state_dict().items()}
        trainer.best = state["best"] | {"state": room}


# --- files ----------------------------------------------------------------------------------------


def write(folder: Path, trainer: "Trainer", data: Mapping[str, Any]) -> None:
    """Every rank writes its part; then the first the manifest, and the new checkpoint takes the last one's place."""
    ranks, part = trainer.shards.ranks, folder / PART
    failure: Exception | None = None
    try:
        if ranks.first:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True, exist_ok=True)
        ranks.any(False)  # all wait for the folder
        tensors = {name: _plain(t) for name, t in tensors_of(trainer).items() if _is_here(t)}
        with quiet():
            writer = HuggingFaceStorageWriter(str(part), save_distributed=True)
            dcp.save(tensors, storage_writer=writer, no_dist=ranks.size == 1)
        digests = ranks.gathered(_digest(part, ranks.rank)).tolist()
        if ranks.first:
            manifest = {"format": FORMAT, "digests": digests, "data": dict(data), "trainer": state_of(trainer)}
            _write_text(part / MANIFEST, json.dumps(manifest, sort_keys=True))
            _replace(folder)
    except OSError as error:
        failure = error
    except dcp.CheckpointException as error:
        failure = RuntimeError(str(error))
    if ranks.any(failure is not None):
        why = getattr(failure, "strerror", None) or str(failure or "another process could not").splitlines()[0]
        raise FileError(f"{folder / LAST}: the checkpoint cannot be written: {why}") from failure


def _replace(folder: Path) -> None:
    """The part becomes the last, and the last the previous; at every moment one of them is whole."""
    last, previous = folder / LAST, folder / PREVIOUS
    if (last / MANIFEST).exists():
        shutil.rmtree(previous, ignore_errors=True)
        os.replace(last, previous)
    shutil.rmtree(last, ignore_errors=True)
    os.replace(folder / PART, last)


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _digest(folder: Path, rank: int) -> Tensor:
    """A digest of the file that a rank wrote, as a number; 0 where it wrote none."""
    digest, found = hashlib.blake2b(digest_size=7), sorted(folder.glob(f"shard-{rank + 1:05d}-*.safetensors"))
    for path in found:
        with path.open("rb") as file:
            while piece := file.read(1 << 24):
                digest.update(piece)
    return torch.tensor(int.from_bytes(digest.digest(), "big") if found else 0)


def read(folder: Path, trainer: "Trainer", data: Mapping[str, Any]) -> bool:
    """Take up the newest whole checkpoint in `folder`, each rank its part; False where there is none."""
    ranks = trainer.shards.ranks
    said = ""
    for name in (LAST, PREVIOUS):
        place = folder / name
        manifest, wrong = _manifest(place, ranks)
        if manifest is None:
            said = wrong or said
            continue
        if manifest["data"] != data:
            raise DataError(
                f"{place}: this checkpoint was made on other data ({manifest['data']}, now {dict(data)}); "
                f"resume with the same rows, or start anew in another folder"
            )
        if said and ranks.first:
            step = manifest["trainer"]["step"]
            warnings.warn(f"{said}; going on from the one before it, at step {step}", DataWarning, stacklevel=6)
        take_up(trainer, manifest["trainer"])
        _fill(place, trainer)
        return True
    if said:
        raise FileError(f"{said}, and there is no whole one before it; start anew in another folder")
    return False


def _manifest(place: Path, ranks: Ranks) -> tuple[dict[str, Any] | None, str]:
    """What a checkpoint's manifest says, where its files are those that were written; else what is wrong with it."""
    if not place.is_dir():
        return None, ""
    try:
        manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] > FORMAT:
            raise DataError(f"{place}: written in format {manifest['format']}; upgrade parnassus, which reads {FORMAT}")
        mine = range(ranks.rank, len(manifest["digests"]), ranks.size)
        bad = any(int(_digest(place, i)) != manifest["digests"][i] for i in mine)
    except (OSError, ValueError, KeyError, TypeError):
        manifest, bad = {}, True
    if ranks.any(bad):
        return None, f"{place}: this checkpoint is not whole: its files are not those that were written"
    return manifest, ""


def _fill(place: Path, trainer: "Trainer") -> None:
    """Read every tensor that the trainer keeps, this rank's part of each."""
    homes = {name: t for name, t in tensors_of(trainer).items() if _is_here(t)}
    rooms = {name: _plain(t) for name, t in homes.items()}
    try:
        with quiet():
            dcp.load(
                rooms,
                storage_reader=HuggingFaceStorageReader(str(place)),
                no_dist=trainer.shards.ranks.size == 1,
            )
    except (OSError, RuntimeError, dcp.CheckpointException) as error:
        raise FileError(f"{place}: cannot be read: {str(error).splitlines()[0]}") from error
    for name, home in homes.items():
        if rooms[name].data_ptr() != home.data_ptr():
            home.copy_(rooms[name].view(home.shape))


def _is_here(tensor: Tensor) -> bool:
    """Whether this rank holds anything of it."""
    own = tensor.to_local() if isinstance(tensor, DTensor) else tensor
    return own.numel() > 0


def _plain(tensor: Tensor) -> Tensor:
    """As files take it: dense, with an axis at least."""
    if isinstance(tensor, DTensor):
        return tensor
    tensor = tensor.detach().view(1) if tensor.ndim == 0 else tensor.detach()
    return tensor if tensor.is_contiguous() else tensor.contiguous()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Inside, what torch says of checkpoints in one process is not shown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
