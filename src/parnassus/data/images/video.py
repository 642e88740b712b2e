"""Videos: frames as bytes, clips of a fixed number of frames."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import DataError, check_count
from ..codec import Codec, State
from ..rows import Batch, Ragged, Rows, Stream
from .pictures import checked_size
from .video_files import is_video_path, read_video

MEMORY_BUDGET = 8 << 30  # bytes of frames that are held
BLOCK = 1 << 22  # numbers that are added up at a time


class Video(Codec):
    """Videos as uint8 arrays (time, height, width[, channels]), as one array (n, time, ...), or paths of files.

    Parameters
    ----------
    n_frames : frames of a clip, which is what a model sees.
    stride : every so many frames one is taken: 2 makes 15 frames a second of 30.
    size : (height, width), or one number, to which frames are stretched; None takes the common size.
    memory : bytes of frames that may be held; of more each video is read again whenever it is needed.

    In training a clip begins at a place drawn anew each time; in use it lies in the middle. Videos shorter than a clip
    stand still at their last frame. Pixels are held as bytes and become (x - mean) / std by channel.

    The view "clips" has x (batch, channels, frames, height, width); "frames" has each frame as a step of a sequence;
    "vector" all numbers in a row.

    Systems: video-tensor
    Source: Hifny 3.4.1 (A3.26).
    """

    kind = "video"
    form = "videos"

    shape: tuple[int, int, int]  # channels, height, width
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        n_frames: int = 16,
        stride: int = 1,
        size: int | Sequence[int] | None = None,
        memory: int = MEMORY_BUDGET,
    ) -> None:
        check_count("Video: n_frames", n_frames)
        check_count("Video: stride", stride)
        size = None if size is None else checked_size("Video", size)
        self.options = {"n_frames": n_frames, "stride": stride, "size": size, "memory": memory}
        self._decoded: tuple[Any, list[Tensor]] | None = None

    def fit(self, raw: Any) -> Self:
        first = _frames(raw[0], 0)
        height, width = self.options["size"] or first.shape[1:3]
        self.shape = (first.shape[3], height, width)
        self._measure(self._kept(raw))
        return self

    def _kept(self, raw: Any) -> Iterator[Tensor]:
        """Every video in turn; those that memory may hold together are kept for `encode`."""
        parts: list[Tensor] = []
        room = self.options["memory"]
        for part in self._each(raw):
            room -= part.nbytes
            parts = [*parts, part] if room >= 0 else []
            yield part
        self._decoded = (raw, parts) if room >= 0 else None

    def _measure(self, parts: Iterable[Tensor]) -> None:
        """Mean and standard deviation of each channel over all pixels; bytes are added up as whole numbers, exactly."""
        total, squares, n = torch.zeros(self.shape[0]).long(), torch.zeros(self.shape[0]).long(), 0
        for part in parts:
            for frames in part.split(max(BLOCK // (part[0].numel() or 1), 1)):
                wide = frames.transpose(0, 1).flatten(1).long()
                total, squares, n = total + wide.sum(1), squares + wide.square().sum(1), n + wide.shape[1]
        mean = total.double() / n
        std = (squares.double() / n - mean.square()).clamp(min=0).sqrt()
        self.mean = mean.float().view(-1, 1, 1, 1)
        self.std = torch.where(std > 1e-6, std, 1.0).float().view(-1, 1, 1, 1)

    def views(self) -> dict[str, dict[str, Any]]:
        channels, height, width = self.shape
        n = self.options["n_frames"]
        return {
            "clips": {"in_channels": channels, "frames": n, "image_size": (height, width)},
            "frames": {"step_features": channels * height * width},
            "vector": {"in_features": n * channels * height * width},
        }

    def encode(self, raw: Any) -> Rows:
        if self._decoded is not None and self._decoded[0] is raw:
            (_, parts), self._decoded = self._decoded, None
            return end_to_end(parts)
        parts, room = [], self.options["memory"]
        for part in self._each(raw):
            parts.append(part)
            room -= part.nbytes
            if room < 0 and len(raw) > 1:
                return Stream(raw, lambda asked: end_to_end(list(self._each(asked))))
        return end_to_end(parts)

    def _each(self, raw: Any) -> Iterator[Tensor]:
        """The frames of each video, (time, channels, height, width) uint8."""
        if not len(raw):
            raise DataError("X holds no videos; give at least one")
        for i in range(len(raw)):
            yield self._one(_frames(raw[i], i), i)

    def _one(self, frames: np.ndarray, i: int) -> Tensor:
        found = torch.from_numpy(np.ascontiguousarray(frames[:: self.options["stride"]])).permute(0, 3, 1, 2)
        if found.shape[1] != self.shape[0]:
            raise DataError(
                f"video {i} has {found.shape[1]} channels, and training had {self.shape[0]}; make them alike"
            )
        if self.options["size"] is None and found.shape[2:] != self.shape[1:]:
            raise DataError(
                f"video {i} has frames of {found.shape[2]} x {found.shape[3]}, and the first {self.shape[1]} x "
                f"{self.shape[2]}; give codec=pn.Video(size=(height, width)), which takes any"
            )
        return self.stretched(found)

    def stretched(self, frames: Tensor) -> Tensor:
        """Frames (time, channels, height, width) uint8 at the height and width of training."""
        if frames.shape[2:] == self.shape[1:]:
            return frames.contiguous()
        wide = F.interpolate(frames.float(), self.shape[1:], mode="bilinear", antialias=True)
        return wide.round().clamp(0, 255).to(torch.uint8)

    def prepare(self, batch: Batch, view: str, *, training: bool = False) -> Batch:
        rest = {k: v for k, v in batch.items() if k != "lengths"}
        return rest | {"x": self.scaled(self.clips(batch, training=training), view)}

    def clips(self, batch: Batch, *, training: bool = False) -> Tensor:
        """The frames of each video that a model sees, (batch, n_frames, channels, height, width) uint8."""
        n, lengths = self.options["n_frames"], batch["lengths"]
        spare = (lengths - n).clamp(min=0)
        if training and bool(spare.any()):
            start = (torch.rand(len(lengths), device=lengths.device) * (spare + 1)).long().clamp(max=spare)
        else:
            start = spare // 2
        at = torch.minimum(start[:, None] + torch.arange(n, device=lengths.device), lengths[:, None] - 1)
        return batch["x"][torch.arange(len(lengths), device=lengths.device)[:, None], at]

    def scaled(self, clips: Tensor, view: str) -> Tensor:
        """Clips as a view has them, less the mean and over the standard deviation of each channel."""
        x = clips.transpose(1, 2).float().sub_(self.mean).div_(self.std)
        if view == "frames":
            x = x.transpose(1, 2).flatten(2)
        elif view == "vector":
            x = x.permute(0, 2, 3, 4, 1).flatten(1)
        return x.contiguous()

    def decode(self, x: Tensor) -> np.ndarray:
        """uint8 clips (n, time, height, width, channels) of the view "clips" or "vector"."""
        channels, height, width = self.shape
        if x.ndim == 2:
            x = x.view(len(x), -1, height, width, channels).permute(0, 4, 1, 2, 3)
        pixels = (x.detach() * self.std.to(x.device) + self.mean.to(x.device)).round().clamp(0, 255)
        return pixels.to(torch.uint8).permute(0, 2, 3, 4, 1).cpu().numpy()

    def state(self) -> State:
        return {"options": dict(self.options), "shape": list(self.shape), "mean": self.mean, "std": self.std}

    @classmethod
    def from_state(cls, state: State) -> Self:
        codec = cls(**state["options"])
        codec.shape, codec.mean, codec.std = tuple(state["shape"]), state["mean"], state["std"]
        return codec


def end_to_end(parts: list[Tensor]) -> Ragged:
    """Videos as one tensor of frames and the length of each."""
    return Ragged(torch.cat(parts), torch.tensor([len(part) for part in parts]))


def _frames(one: Any, i: int) -> np.ndarray:
    """One video as uint8 (time, height, width, channels)."""
    if is_video_path(one):
        return read_video(one)
    x = one.numpy(force=True) if isinstance(one, Tensor) else np.asarray(one)
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4 or not x.size or x.shape[3] not in (1, 2, 3, 4):
        raise DataError(
            f"video {i} has shape {x.shape}; a video is (time, height, width) or (time, height, width, channels), with "
            f"1 to 4 channels, and none of them 0"
        )
    if x.dtype != np.uint8:
        raise DataError(f"video {i} holds {x.dtype}; frames are bytes from 0 to 255: give (x * 255).astype('uint8')")
    return x
