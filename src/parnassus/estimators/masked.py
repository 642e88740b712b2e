"""A language model that reads both ways: how likely each subword is where it stands, and what a gap may hold."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..data.hidden_pieces import HiddenPieces
from ..data.pieces import SHORTEST
from ..errors import DataError, SettingError
from ..objectives.masked_language import MaskedLanguage
from ..train.randomness import kept_random
from .assembly import device_under
from .protocol import fitted
from .training import threads_for

if TYPE_CHECKING:
    from .language_model import LanguageModel

TOGETHER = 64  # rows that are read at a time
MASK = "[MASK]"


def codec_of_gaps(estimator: "LanguageModel") -> HiddenPieces:
    """The codec of raw texts for a model that foretells hidden subwords."""
    if estimator.unit not in (None, "wordpiece"):
        raise SettingError(f"{estimator.model!r} reads subwords; leave unit={estimator.unit!r} out")
    if estimator.context < SHORTEST:
        raise SettingError(f"context is at least {SHORTEST}, [CLS] and [SEP] among them; got {estimator.context}")
    options = estimator.spec("model", estimator.model).get_params(task=estimator.task)
    return HiddenPieces(
        lower=estimator.lower, max_words=estimator.max_words or 4_000, min_count=estimator.min_count,
        max_length=estimator.context, next_sentence=options.get("next_sentence", False), seed=int(estimator.seed),
    )  # fmt: skip


def scores_of(estimator: "LanguageModel", ids: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """ln p of every id at one place of each row (rows, n_ids), float64; rows are of one length."""
    objective: Any = fitted(estimator).objective_.eval()
    device, found = device_under(objective), []
    with torch.inference_mode(), threads_for(objective, TOGETHER), kept_random(device, estimator.seed, "use"):
        for part, at in zip(ids.split(TOGETHER), places.split(TOGETHER), strict=True):
            x = part.to(device)
            lengths = torch.full((len(x),), x.shape[1], device=device)
            scores = objective.outputs({"x": x, "lengths": lengths, "segments": torch.zeros_like(x)})
            found.append(scores[torch.arange(len(x)), at.to(device)].double().log_softmax(-1).cpu())
    return torch.cat(found)


def gap_log_probs(estimator: "LanguageModel", texts: list[str]) -> list[np.ndarray]:
    """ln p of each subword of each text, given all others of its row: each is hidden in turn.

    Their sum is the pseudo log-likelihood, which is no probability of the text, and compares models of this kind alone.

    Source: Salazar et al. 2020.
    """
    codec, found = estimator.codec_, []
    for row in codec.tokenizer.rows(texts):
        parts = [_row_log_probs(estimator, row[i : i + codec.room]) for i in range(0, len(row), codec.room)]
        found.append(np.concatenate(parts) if parts else np.zeros(0))
    return found


def _row_log_probs(estimator: "LanguageModel", row: list[int]) -> np.ndarray:
    known, n = estimator.codec_.tokenizer, len(row)
    ids = torch.tensor([known.cls, *row, known.sep]).repeat(n, 1)
    places = torch.arange(1, n + 1)
    ids[torch.arange(n), places] = known.mask
    return scores_of(estimator, ids, places)[torch.arange(n), torch.tensor(row)].numpy()


def fill(estimator: "LanguageModel", text: str, n: int) -> list[tuple[str, float]]:
    """The n likeliest subwords for the one [MASK] of a text, and their probabilities."""
    if not isinstance(fitted(estimator).objective_, MaskedLanguage):
        raise SettingError(
            f"{estimator.model_name!r} reads from left to right and fills no gaps; take the model 'bert'"
        )
    if not isinstance(text, str) or text.count(MASK) != 1:
        raise DataError(f"text holds {MASK} once, where something is missing; got {text!r:.80}")
    codec = estimator.codec_
    known = codec.tokenizer
    row = known.rows([text])[0]
    if len(row) > codec.room:
        raise DataError(f"the text has {len(row)} subwords, and a row has room for {codec.room}; give a shorter one")
    ids = torch.tensor([[known.cls, *row, known.sep]])
    log_p = scores_of(estimator, ids, (ids == known.mask).int().argmax(1))[0, : known.n_ids]
    best = log_p.topk(min(n, len(log_p)))
    return [(known.name(i), float(np.exp(p))) for i, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)]


def refuse_writing(estimator: "LanguageModel") -> None:
    """Refuses to write on from a beginning, for models that read both ways."""
    if isinstance(fitted(estimator).objective_, MaskedLanguage):
        raise SettingError(
            f"{estimator.model_name!r} reads both ways and does not write on; ask fill('... {MASK} ...'), or take 'gpt'"
        )
