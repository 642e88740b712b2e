"""Language models that read both ways: how likely each subword is where it stands, and what a gap may hold."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...data.text.broken_spans import BrokenSpans
from ...data.text.hidden_pieces import HiddenPieces
from ...data.text.pieces import SHORTEST
from ...errors import DataError, SettingError, check_count
from ...objectives.text.masked_language import MaskedLanguage
from ...objectives.text.translation import Translation
from ...registry import Spec
from ...train.randomness import kept_random
from ..fitting.assembly import device_under, reads_pieces
from ..fitting.training import threads_for
from ..protocol import fitted

if TYPE_CHECKING:
    from ..language_model import LanguageModel

TOGETHER = 64  # rows that are read at a time
LONGEST = 12  # ids that are written for a gap
MASK = "[MASK]"
BOTH_WAYS = (MaskedLanguage, Translation)


def kind_of_gaps(estimator: "LanguageModel") -> type[HiddenPieces] | type[BrokenSpans] | None:
    """The codec of models that foretell what is hidden, subwords ("bert") or spans ("t5"); None of all others."""
    if reads_pieces(estimator):
        return HiddenPieces
    given = asked_model(estimator)
    if not isinstance(given, str | Spec):
        return None
    builders = estimator.spec("model", given).builders(estimator.task)
    return BrokenSpans if all("source_vocab_size" in builder.facts for builder in builders) else None


def asked_model(estimator: "LanguageModel") -> Any:
    """The model that was given, or that of the start; None where there is neither."""
    from ..fitting.transfer import model_from_start

    return estimator.model if estimator.model is not None else model_from_start(estimator)


def codec_of_gaps(estimator: "LanguageModel") -> HiddenPieces | BrokenSpans:
    """The codec of raw texts for a model that foretells what is hidden."""
    if kind_of_gaps(estimator) is BrokenSpans:
        if estimator.unit not in (None, "pieces"):
            raise SettingError(f"{estimator.model!r} reads subwords of its own; leave unit={estimator.unit!r} out")
        return BrokenSpans(
            lower=estimator.lower, max_words=estimator.max_words or 4_000, max_length=estimator.room,
            seed=int(estimator.seed),
        )  # fmt: skip
    if estimator.unit not in (None, "wordpiece"):
        raise SettingError(f"{estimator.model!r} reads subwords; leave unit={estimator.unit!r} out")
    if estimator.room < SHORTEST:
        raise SettingError(f"context is at least {SHORTEST}, [CLS] and [SEP] among them; got {estimator.room}")
    options = estimator.spec("model", estimator.model).get_params(task=estimator.task)
    return HiddenPieces(
        lower=estimator.lower, max_words=estimator.max_words or 4_000, min_count=estimator.min_count,
        max_length=estimator.room, next_sentence=options.get("next_sentence", False), seed=int(estimator.seed),
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


def written_scores(estimator: "LanguageModel", rows: list[list[int]], given: list[int]) -> torch.Tensor:
    """ln p of every id behind the ids given, for each row that is read (rows, n_ids), float64; rows of one length."""
    objective: Any = fitted(estimator).objective_.eval()
    device, found = device_under(objective), []
    with torch.inference_mode(), threads_for(objective, TOGETHER), kept_random(device, estimator.seed, "use"):
        for x in torch.tensor(rows).split(TOGETHER):
            lengths = torch.full((len(x),), x.shape[1], device=device)
            before = torch.tensor(given, device=device).expand(len(x), -1)
            found.append(objective.net(x.to(device), before, lengths)[:, -1].double().log_softmax(-1).cpu())
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
    if isinstance(estimator.codec_, BrokenSpans):
        first = known.sentinels[0]
        read = [[*row[:i], first, *row[i + 1 :], known.end] for i in range(n)]
        return written_scores(estimator, read, [known.start, first])[torch.arange(n), torch.tensor(row)].numpy()
    ids = torch.tensor([known.cls, *row, known.sep]).repeat(n, 1)
    places = torch.arange(1, n + 1)
    ids[torch.arange(n), places] = known.mask
    return scores_of(estimator, ids, places)[torch.arange(n), torch.tensor(row)].numpy()


def fill(estimator: "LanguageModel", text: str, n: int) -> list[tuple[str, float]]:
    """The n likeliest subwords for the one [MASK] of a text (spans where spans are foretold), with probabilities."""
    if not isinstance(fitted(estimator).objective_, BOTH_WAYS):
        raise SettingError(
            f"{estimator.model_name!r} reads from left to right and fills no gaps; take the model 'bert' or 't5'"
        )
    if not isinstance(text, str) or text.count(MASK) != 1:
        raise DataError(f"text holds {MASK} once, where something is missing; got {text!r:.80}")
    check_count("n", n)
    codec = estimator.codec_
    known, spans = codec.tokenizer, isinstance(codec, BrokenSpans)
    row = known.rows([text.replace(MASK, known.name(known.sentinels[0])) if spans else text])[0]
    if len(row) > codec.room:
        raise DataError(f"the text has {len(row)} subwords, and a row has room for {codec.room}; give a shorter one")
    if spans:
        return filled_spans(estimator, [*row, known.end], n)
    ids = torch.tensor([[known.cls, *row, known.sep]])
    log_p = scores_of(estimator, ids, (ids == known.mask).int().argmax(1))[0, : known.n_ids]
    best = log_p.topk(min(n, len(log_p)))
    return [(known.name(i), float(np.exp(p))) for i, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)]


def filled_spans(estimator: "LanguageModel", row: list[int], n: int) -> list[tuple[str, float]]:
    """The n likeliest spans for the first sentinel of a row, and the probabilities of the answers that hold them."""
    objective: Any = fitted(estimator).objective_.eval()
    known, device = estimator.codec_.tokenizer, device_under(objective)
    batch = {"x": torch.tensor([row], device=device), "lengths": torch.tensor([len(row)], device=device)}
    with torch.inference_mode(), threads_for(objective, 1), kept_random(device, estimator.seed, "use"):
        (answers,) = objective.translate(
            batch, n_tokens=LONGEST, beam=2 * n, n_best=2 * n, length_penalty=0.0, never=[known.pad, known.unknown]
        )
    shares: dict[str, float] = {}
    ends = {known.end, *known.sentinels[1:]}
    for ids, log_p in answers:
        stop = next((i for i, one in enumerate(ids) if one in ends), len(ids))
        span = known.text(ids[:stop])
        shares[span] = shares.get(span, 0.0) + float(np.exp(log_p))
    return sorted(shares.items(), key=lambda pair: -pair[1])[:n]


def refuse_writing(estimator: "LanguageModel") -> None:
    """Refuses to write on from a beginning, for models that read both ways."""
    if isinstance(fitted(estimator).objective_, BOTH_WAYS):
        raise SettingError(
            f"{estimator.model_name!r} reads both ways and does not write on; ask fill('... {MASK} ...'), or take 'gpt'"
        )
