"""Rows made up from what a codec learned, to try a file on where none were given."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..data.text.pieces import Pieces
from ..data.text.tags import TokenList
from ..errors import DataError
from ..estimators.protocol import fitted

if TYPE_CHECKING:
    from ..estimators.base import Estimator

N_ROWS = 16
N_STEPS = 32  # of rows of tokens


def made_up(estimator: "Estimator") -> Any:
    """Raw rows of the kind that `fit` saw: tables, pictures, videos, sequences, tokens, texts; others must be given."""
    codec: Any = fitted(estimator).codec_
    draw = np.random.default_rng(0)
    if codec.kind == "table":
        x = np.zeros((N_ROWS, codec.n_numbers + codec.n_hot))
        x[:, : len(codec.kept)] = draw.normal(size=(N_ROWS, len(codec.kept))).clip(-2, 2)
        for j, start in zip(codec.grouped, codec.offsets.tolist(), strict=True):
            x[np.arange(N_ROWS), start + draw.integers(len(codec.schema.specs[j]["levels"]), size=N_ROWS)] = 1
        return codec.decode(x)
    if codec.kind in ("image", "video"):
        channels, height, width = codec.shape
        frames = (codec.options["n_frames"],) if codec.kind == "video" else ()
        pixels = draw.integers(256, size=(N_ROWS, *frames, height, width, channels), dtype=np.uint8)
        return pixels[..., 0] if channels == 1 else pixels
    if codec.kind == "sequences":
        steps = codec.n_steps or min(codec.max_length, 32)
        if not codec.n_features:
            return [draw.integers(codec.vocab_size, size=steps) for _ in range(N_ROWS)]
        return codec.decode(torch.from_numpy(draw.normal(size=(N_ROWS, steps, codec.n_features))))
    if codec.kind == "text":
        words = codec.tokenizer.names[:500] or ["text", "row"]
        return [" ".join(draw.choice(words, size=min(codec.max_length, 12))) for _ in range(N_ROWS)]
    if codec.kind == "tokens":
        return TokenList(draw.choice(codec.words, size=N_STEPS).tolist() for _ in range(N_ROWS))
    if codec.kind == "token_stream":
        said = np.setdiff1d(np.arange(codec.n_ids), [*codec.never, *codec.between])
        return codec.decode(torch.from_numpy(draw.choice(said, size=(N_ROWS, codec.context))))
    if type(codec) is Pieces:
        known = np.setdiff1d(np.arange(codec.tokenizer.n_ids), codec.tokenizer.special)
        columns = [codec.decode(torch.from_numpy(draw.choice(known, size=(N_ROWS, 6)))) for _ in range(codec.n_columns)]
        return columns[0] if codec.n_columns == 1 else list(zip(*columns, strict=True))
    raise DataError(f"rows of kind {codec.kind!r} cannot be made up; give X, some rows to try the file on")
