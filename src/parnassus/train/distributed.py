"""The processes that train together: started by `torchrun`, joined by torch's own process group.

One process is `ALONE`, whose methods give back what they are given. Several add up, agree and tell each other by the
methods here; nothing else in the library talks to another process.
"""

import atexit
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from ..errors import DataError, SettingError
from .environment import Place, is_first, place

GONE = (
    "parnassus: another process of this training ended; what was saved last is in the run's folder, if it has one, "
    "and resume goes on from there"
)
HOST = torch.device("cpu")


@dataclass(frozen=True)
class Ranks:
    """This process's number among `size`, and the device on which what they tell each other lies."""

    rank: int = 0
    size: int = 1
    device: torch.device = HOST

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes and prints."""
        return self.rank == 0

    def add(self, *tensors: Tensor) -> None:
        """Every rank's tensors become their sums over the ranks, in place; all are under way at once."""
        if self.size > 1:
            waiting = [dist.all_reduce(t, async_op=True) for t in tensors]
            for work in waiting:
                work.wait()

    def tell(self, tensors: Iterable[Tensor]) -> None:
        """Every rank's tensors become those of the first."""
        if self.size > 1:
            for t in tensors:
                whole = t.detach().to(self.device).contiguous()
                dist.broadcast(whole, 0)
                t.detach().copy_(whole)

    def gathered(self, tensor: Tensor) -> Tensor:
        """The tensors of all ranks, in order: (size, ...)."""
        if self.size == 1:
            return tensor[None]
        own = tensor.detach().to(self.device).contiguous()
        found = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(found, own)
        return torch.stack(found).to(tensor.device)

    def any(self, asked: bool) -> bool:
        """Whether it is so on any rank."""
        return asked if self.size == 1 else bool(self.gathered(torch.tensor([asked], dtype=torch.uint8)).any())

    def agree(self, **facts: Any) -> None:
        """Refuses ranks that differ in what all must share."""
        if self.size == 1:
            return
        digests = [hashlib.blake2b(repr(v).encode(), digest_size=7).digest() for v in facts.values()]
        held = self.gathered(torch.tensor([int.from_bytes(d, "big") for d in digests]))
        for name, column in zip(facts, held.T, strict=True):
            if (column != column[0]).any():
                raise DataError(
                    f"the {self.size} ranks differ in their {name} (here, on rank {self.rank}: {facts[name]!r:.200}); "
                    f"give every rank the same data, settings and run folder"
                )


ALONE = Ranks()
_joined: list[Ranks] = []


def join(device: torch.device) -> Ranks:
    """The ranks that this process is one of; the group is started at the first call, if `torchrun` started the process.

    A script that started torch's default process group by itself is taken at its word.
    """
    if _joined:
        return _joined[0]
    here = place()
    if here is None and not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return ALONE
    if device.type == "mps":
        raise SettingError("several processes cannot share device='mps'; train with one, or with device='cpu'")
    if not dist.is_initialized():
        _start(here or Place(0, 1, 0), device)
    own = device if device.type == "cuda" else HOST
    _joined.append(Ranks(dist.get_rank(), dist.get_world_size(), own))
    return _joined[0]


def device_here(device: torch.device) -> torch.device:
    """The CUDA device of this process's own number, where `torchrun` gave it one and none was named by number."""
    here = place()
    if here is None or device.type != "cuda" or device.index is not None:
        return device
    if here.local_rank >= torch.cuda.device_count():
        raise SettingError(
            f"this machine has {torch.cuda.device_count()} CUDA devices and a rank {here.local_rank}; "
            f"start no more processes than devices (--nproc-per-node), or train with device='cpu'"
        )
    return torch.device("cuda", here.local_rank)


def _start(here: Place, device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    seconds = float(os.environ.get("PARNASSUS_RANK_TIMEOUT", "1800"))
    timeout = timedelta(seconds=seconds)
    told, _, _ = next(iter(dist.rendezvous("env://", here.rank, here.size, timeout=timeout)))
    store = dist.PrefixStore(f"parnassus/{here.n_restarts}", told)  # or a restart finds addresses of those who are gone
    dist.init_process_group(backend, store=store, rank=here.rank, world_size=here.size, timeout=timeout)
    before = sys.excepthook

    def said(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if not speaks(error):
            return
        if gone(error):
            print(GONE, file=sys.stderr, flush=True)
        else:
            before(kind, error, trace)

    sys.excepthook = said
    atexit.register(_leave)


def first_writes(path: str | os.PathLike, write: Callable[[], Any]) -> None:
    """Let the first rank write; the others wait until it did, and go on where only the first was asked to."""
    if not _joined or _joined[0].size == 1:
        if is_first():
            write()
        return
    store, here = dist.distributed_c10d._get_default_store(), place()
    _written[str(path)] = _written.get(str(path), 0) + 1
    key = f"parnassus/written/{here.n_restarts if here else 0}/{_written[str(path)]}/{path}"
    if not _joined[0].first:
        store.wait([key])
        return
    try:
        write()
    finally:
        store.set(key, "1")


_written: dict[str, int] = {}
_fallen: list[BaseException] = []


def _leave() -> None:
    """Leave the group, unless this process failed: others may be waiting for it, and `torchrun` ends them.

    gloo's threads outlive the group where a mesh was made of it, and a thread that lets go of the last tensor while the
    interpreter ends aborts the process, its work done: they are given a moment, in which they can have the interpreter.
    """
    if not _fallen and dist.is_initialized():
        dist.destroy_process_group()
        time.sleep(0.1)


def speaks(error: BaseException) -> bool:
    """Whether this rank is to say what went wrong: the first that fails, for all; others fail with it or because of it.

    It is the torchrun agent's store that remembers, so that the word of a rank that is gone still counts.
    """
    _fallen.append(error)
    here = place()
    if here is None:
        return True
    try:
        return int(_told(here).add("parnassus/failed", 1)) == 1
    except RuntimeError:  # nobody keeps it: it went with the rank that did and spoke first, or was not begun
        return not dist.is_initialized()


def _told(here: Place) -> dist.Store:
    """Where ranks leave each other words: the group's, or, before there is one, that of the torchrun agent."""
    if dist.is_initialized():
        return dist.distributed_c10d._get_default_store()
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    found = dist.TCPStore(host, port, is_master=False, timeout=timedelta(seconds=10), wait_for_workers=False)
    return dist.PrefixStore("default_pg", dist.PrefixStore(f"parnassus/{here.n_restarts}", found))


def gone(error: BaseException) -> bool:
    """Whether an error says no more than that another rank is no longer there."""
    words = ("connection closed by peer", "connection reset", "timed out waiting", "broken pipe", "socket closed")
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)


class Summed(torch.autograd.Function):
    """The sum of a tensor over ranks; the gradient of one rank's part is the sum of all ranks' gradients."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        return Summed.apply(slope.contiguous())


def merged(ranks: Ranks, tensors: Sequence[Tensor]) -> None:
    """Tensors that ranks wrote apart become one: means where they hold fractions, else the largest; shapes agree."""
    for t in tensors if ranks.size > 1 else ():
        held = ranks.gathered(t)
        if not torch.equal(held, held[:1].expand_as(held)):
            t.copy_(held.mean(0) if t.is_floating_point() else held.amax(0))
