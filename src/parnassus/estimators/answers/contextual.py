"""Vectors of tokens in their contexts, and of texts as the means of them, from Transformers that model language."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ...data.text.broken_spans import BrokenSpans
from ...errors import DataWarning, SettingError
from ...models.text.bert import BERTWithHead
from ...models.text.gpt import GPT
from ...models.text.t5 import T5
from ...train.randomness import kept_random
from ..fitting.assembly import device_under
from ..fitting.training import threads_for
from ..protocol import fitted
from .generation import windows
from .masked import TOGETHER

if TYPE_CHECKING:
    from ..language_model import LanguageModel

READERS = (BERTWithHead, GPT, T5)
Part = tuple[int, list[int], int, int]  # the text, ids to read, the first and the last place whose vectors are its


def token_vectors(estimator: "LanguageModel", texts: list[str]) -> list[np.ndarray]:
    """What the net's last layer has at each token of each text: (tokens, width) float32 a text."""
    objective: Any = fitted(estimator).objective_.eval()
    net = getattr(objective, "model", None)
    if not isinstance(net, READERS):
        raise SettingError(f"vectors in context are of 'bert', 'gpt' and 't5'; this is a {estimator.model_name!r}")
    device, parts = device_under(objective), _parts(estimator, texts)
    found: list[list[np.ndarray]] = [[] for _ in texts]
    order = sorted(range(len(parts)), key=lambda k: len(parts[k][1]))
    vectors: list[Any] = [None] * len(parts)
    with torch.inference_mode(), threads_for(objective, TOGETHER), kept_random(device, estimator.seed, "use"):
        for first in range(0, len(order), TOGETHER):
            chosen = order[first : first + TOGETHER]
            rows = [torch.tensor(parts[k][1]) for k in chosen]
            lengths = torch.tensor([len(row) for row in rows], device=device)
            x = nn.utils.rnn.pad_sequence(rows, batch_first=True).to(device)
            for k, h in zip(chosen, _read(net, x, lengths).float().cpu().numpy(), strict=True):
                vectors[k] = h[parts[k][2] : parts[k][3]]
    for (i, *_), own in zip(parts, vectors, strict=True):
        found[i].append(own)
    return [np.concatenate(each) for each in found]  # an empty text has its marks alone, and a part of no vector


def text_vectors(estimator: "LanguageModel", texts: list[str]) -> np.ndarray:
    """The mean vector of each text's tokens (texts, width) float32; zeros where there is none, with a warning."""
    each = token_vectors(estimator, texts)
    empty = [i for i, own in enumerate(each) if not len(own)]
    if empty:
        warnings.warn(
            f"{len(empty)} of {len(texts)} texts hold no token and stand at 0 (first row {empty[0]})",
            DataWarning,
            stacklevel=3,
        )
    return np.stack([own.mean(0) if len(own) else np.zeros(own.shape[1], np.float32) for own in each])


def _parts(estimator: "LanguageModel", texts: list[str]) -> list[Part]:
    """What is read of each text: windows that overlap by half from the left, pieces side by side both ways."""
    codec = estimator.codec_
    if isinstance(estimator.objective_.model, GPT):
        rows, size = codec.rows(texts), codec.context
        return [
            (i, row[start:end].tolist(), max(new, 1) - start, end - start)
            for i, row in enumerate(rows)
            for start, end, new in windows(len(row) - 1, size, max(size // 2, 1))
        ]
    known, spans, parts = codec.tokenizer, isinstance(codec, BrokenSpans), []
    for i, row in enumerate(known.rows(texts)):
        for j in range(0, max(len(row), 1), codec.room):
            piece = list(row[j : j + codec.room])
            ids = [*piece, known.end] if spans else [known.cls, *piece, known.sep]
            parts.append((i, ids, 0 if spans else 1, len(piece) + (0 if spans else 1)))
    return parts


def _read(net: Any, x: Tensor, lengths: Tensor) -> Tensor:
    if isinstance(net, GPT):
        return net.states(x)  # what fills a row stands behind it, where nothing looks
    return net.encode(x, lengths)[0] if isinstance(net, T5) else net.body(x, lengths)
