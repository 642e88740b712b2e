"""Texts written on by a language model: what may be said, what is drawn, when it ends, and what is told on the way."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.text.token_stream import TokenStream
from ...errors import DataError, SettingError, check_count
from ...evaluation.language import perplexity
from ...functional import decoding
from ...models.text.followers import following
from ...models.text.gpt import GPT
from ...train.randomness import seeded

NEVER = -float("inf")


@dataclass(frozen=True)
class Manner:
    """How ids are chosen; see `LanguageModel.generate`."""

    n_tokens: int
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repetition_penalty: float | None = None
    beam: int | None = None
    length_penalty: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | tuple[int, ...] = 0  # of all prompts, or one of each

    def __post_init__(self) -> None:
        check_count("n_tokens", self.n_tokens, least=0)
        for name in ("beam", "top_k"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        if not self.temperature >= 0:
            raise SettingError(f"temperature is at least 0, and 0 takes the likeliest; got {self.temperature}")
        if math.isnan(self.length_penalty):
            raise SettingError("length_penalty is a number: 0 sums ln p, 1 takes its mean; got nan")
        for seed in self.seed if isinstance(self.seed, tuple) else (self.seed,):
            if isinstance(seed, bool) or not isinstance(seed, Integral):
                raise SettingError(f"seed is a whole number, or one for each prompt; got {seed!r}")
        drawn = ("temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty", "stop")
        odd = [
            n for n in drawn if self.beam is not None and getattr(self, n) != type(self).__dataclass_fields__[n].default
        ]
        if odd:
            raise SettingError(f"a beam search draws nothing: leave out {', '.join(odd)}, or the beam")
        if any(not isinstance(one, str) for one in self.stop):
            raise SettingError(f"stop is a string, or a list of them; got {self.stop}")
        if any(not one for one in self.stop):
            raise SettingError("stop holds an empty string, which every text holds; leave it out")

    def numbers(self, n: int) -> Tensor:
        """Numbers of U(0, 1) to draw by (n, n_tokens); of seeds of their own, each prompt's are those it has alone."""
        seeds, rows = (self.seed, 1) if isinstance(self.seed, tuple) else ((self.seed,), n)
        if isinstance(self.seed, tuple) and len(seeds) != n:
            raise SettingError(f"there are {n} prompts and {len(seeds)} seeds; give one seed, or one for each prompt")
        shape = (rows, max(self.n_tokens, 1))
        return torch.cat([torch.rand(shape, generator=seeded(seed), dtype=torch.float64) for seed in seeds])

    def choose(self, logits: Tensor, said: Tensor, u: Tensor) -> Tensor:
        """One id a row: the likeliest at temperature 0, else drawn by the numbers u from what the filters leave."""
        if self.repetition_penalty is not None:
            logits = decoding.repetition_penalty(logits, said, self.repetition_penalty)
        if self.temperature == 0:
            return logits.argmax(-1)
        logits = decoding.temperature(logits, self.temperature)
        filters: tuple[tuple[Callable[..., Tensor], float | None], ...] = (
            (decoding.top_k, self.top_k),
            (decoding.top_p, self.top_p),
            (decoding.min_p, self.min_p),
            (decoding.typical, self.typical_p),
        )
        for narrow, value in filters:
            if value is not None:
                logits = narrow(logits, value)
        return decoding.draw(logits, u)


@dataclass
class Draft:
    """A text under way: ids of the prompt and of what follows, and how much of it was told."""

    prompt: list[int]
    codec: TokenStream
    stop: tuple[str, ...]
    spaced: bool = False  # whether the prompt ends with a space, which tokens of words would write again
    ids: list[int] = field(default_factory=list)
    done: bool = False
    told: int = 0

    def __post_init__(self) -> None:
        self.before = len(self.codec.tokenizer.text(self.prompt))
        self.spaced = self.spaced and self.codec.adds_spaces

    def text(self) -> str:
        """What follows the prompt, up to a stop string where there is one."""
        whole = self.codec.tokenizer.text(self.prompt + self.ids)[self.before :]
        if self.spaced:
            whole = whole.removeprefix(" ")
        places = [at for at in (whole.find(one) for one in self.stop) if at >= 0]
        if places:
            self.done = True
        return whole[: min(places)] if places else whole

    def news(self) -> str:
        """What has not been told, but for an end that may yet turn into a stop string or another letter."""
        text = self.text()
        held = 0 if self.done else max((len(one) - 1 for one in self.stop), default=0)
        upto = max(len(text) - held, self.told)
        if not self.done:
            upto = max(len(text[:upto].rstrip("\ufffd")), self.told)
        piece, self.told = text[self.told : upto], upto
        return piece


def telling(stream: Callable[..., None] | None, alone: bool) -> Callable[[int, str], None] | None:
    """What tells `stream` of new pieces: with the prompt's number, unless it is alone."""
    if stream is None:
        return None
    if not callable(stream):
        raise SettingError(f"stream is a function that is told each piece of text; got {stream!r}")
    return (lambda _, piece: stream(piece)) if alone else (lambda row, piece: stream(piece, row))


class _Allowed:
    """A follower that never says what is forbidden."""

    def __init__(self, follower: Any, never: list[int]) -> None:
        self.follower, self.never = follower, never
        self.first = self._masked(follower.first)

    def _masked(self, logits: Tensor) -> Tensor:
        logits = logits.clone()
        logits[:, self.never] = NEVER
        return logits

    def step(self, ids: Tensor) -> Tensor:
        return self._masked(self.follower.step(ids))

    def select(self, rows: Tensor) -> None:
        self.follower.select(rows)


def continued(
    made: torch.nn.Module,
    codec: TokenStream,
    prompts: Sequence[str],
    ids: Sequence[list[int]],
    manner: Manner,
    tell: Callable[[int, str], None] | None = None,
) -> list[str]:
    """Prompts and what follows their ids."""
    drafts = write(made, codec, ids, manner, spaced=[one[-1:].isspace() for one in prompts], tell=tell)
    return [before + draft.text() for before, draft in zip(prompts, drafts, strict=True)]


def write(
    made: torch.nn.Module,
    codec: TokenStream,
    prompts: Sequence[list[int]],
    manner: Manner,
    *,
    spaced: Sequence[bool],
    tell: Callable[[int, str], None] | None = None,
) -> list[Draft]:
    """Drafts of what follows prompts of ids; prompts of one length go together.

    A GPT takes all together where none comes to the end of the context: its cache would slide for all rows at once, and
    a text would depend on the others.
    """
    drafts = [Draft(list(p), codec, manner.stop, space) for p, space in zip(prompts, spaced, strict=True)]
    lengths = [len(p) for p in prompts]
    fits = max(lengths, default=0) + 1 + manner.n_tokens <= codec.context
    together = fits and isinstance(getattr(made, "model", made), GPT)
    groups = [list(range(len(prompts)))] if together else [
        [i for i, n in enumerate(lengths) if n == length] for length in sorted(set(lengths))
    ]  # fmt: skip
    numbers = manner.numbers(len(prompts))
    for rows in groups:
        if manner.beam is not None:
            _search(made, [(i, drafts[i]) for i in rows], manner, tell)
        else:
            _say(made, [(i, drafts[i]) for i in rows], manner, numbers[rows], tell)
    return drafts


def _followed(made: torch.nn.Module, drafts: Sequence[Draft]) -> _Allowed:
    """The model after it read the prompts, an end before each."""
    codec = drafts[0].codec
    rows = [torch.tensor([codec.start, *draft.prompt]) for draft in drafts]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(row) for row in rows])
    device = next((p.device for p in made.parameters()), torch.device("cpu"))
    return _Allowed(following(made, ids.to(device), lengths.to(device), context=codec.context), codec.never)


def _search(
    made: torch.nn.Module,
    drafts: Sequence[tuple[int, Draft]],
    manner: Manner,
    tell: Callable[[int, str], None] | None,
) -> None:
    """The likeliest whole texts, each told in one piece, since its beginning is not settled before its end."""
    follower, end = _followed(made, [d for _, d in drafts]), drafts[0][1].codec.end
    assert manner.beam is not None
    found = decoding.beam_search(
        follower.first, follower, beam=manner.beam, n_tokens=manner.n_tokens, end=end,
        length_penalty=manner.length_penalty,
    )  # fmt: skip
    for (row, draft), best in zip(drafts, found, strict=True):
        draft.ids, draft.done = [i for i in best[0][0] if i != end] if best else [], True
        if tell is not None and (whole := draft.news()):
            tell(row, whole)


def _say(
    made: torch.nn.Module,
    drafts: Sequence[tuple[int, Draft]],
    manner: Manner,
    numbers: Tensor,
    tell: Callable[[int, str], None] | None,
) -> None:
    follower = _followed(made, [d for _, d in drafts])
    logits, end = follower.first, drafts[0][1].codec.end
    said = torch.zeros(logits.shape, dtype=torch.long, device=logits.device)
    for row, (_, draft) in enumerate(drafts):
        said[row, draft.prompt] = 1
    for i in range(manner.n_tokens):
        ids = manner.choose(logits, said, numbers[:, i].to(logits.device))
        said.scatter_(1, ids[:, None], 1)
        for (row, draft), new in zip(drafts, ids.tolist(), strict=True):
            _hear(draft, new, end, row, tell)
        if all(draft.done for _, draft in drafts) or i == manner.n_tokens - 1:
            break
        logits = follower.step(ids)
    for row, draft in drafts:
        draft.done = True
        if tell is not None and (rest := draft.news()):
            tell(row, rest)


def _hear(draft: Draft, new: int, end: int, row: int, tell: Callable[[int, str], None] | None) -> None:
    """Add one id to a draft that is not done."""
    if draft.done:
        return
    if new == end:
        draft.done = True
        return
    draft.ids.append(new)
    if tell is not None and (piece := draft.news()):
        tell(row, piece)
    elif draft.stop and tell is None:
        draft.text()


def prompted(codec: TokenStream, prompts: list[str], long_prompt: str, *, cut: bool) -> list[list[int]]:
    """The ids of prompts; with `cut` none may be longer than the context has room for."""
    if long_prompt not in ("refuse", "slide"):
        raise SettingError(f"long_prompt is 'refuse' or 'slide'; got {long_prompt!r}")
    rows, room = [row[1:-1].tolist() for row in codec.rows(prompts)], codec.context - 1
    for i, row in enumerate(rows):
        if len(row) <= room or not cut:
            continue
        if long_prompt == "refuse":
            raise DataError(
                f"prompt {i} has {len(row)} tokens, and the context has room for {room}; give a shorter one, "
                "long_prompt='slide' to look at its end only, or fit with a larger context"
            )
        rows[i] = row[-room:]
    return rows


def windows(n: int, context: int, stride: int) -> list[tuple[int, int, int]]:
    """Where windows begin and end over n targets, and the first target that each scores.

    The first window scores all its targets; each other begins `stride` further and scores those that none before it
    did, so that a target has at least context - stride ids before it, or all there are.

    >>> windows(10, 6, 3)
    [(0, 6, 0), (3, 9, 6), (6, 10, 9)]
    """
    found, scored, start = [], 0, 0
    while scored < n:
        end = min(start + context, n)
        found.append((start, end, scored))
        scored, start = end, start + stride
    return found


def net_scores(net: Any, rows: Sequence[np.ndarray], *, context: int, stride: int, batch: int = 32) -> list[np.ndarray]:
    """ln p of each id behind the first of each row, by windows; (length - 1,) float64 a row."""
    found = [np.zeros(len(row) - 1) for row in rows]
    pieces = [(i, *w) for i, row in enumerate(rows) for w in windows(len(row) - 1, context, stride)]
    pieces.sort(key=lambda p: p[2] - p[1])
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    for first in range(0, len(pieces), batch):
        part = pieces[first : first + batch]
        x = [torch.from_numpy(rows[i][start:end]) for i, start, end, _ in part]
        y = [torch.from_numpy(rows[i][start + 1 : end + 1]) for i, start, end, _ in part]
        inputs, targets = (torch.nn.utils.rnn.pad_sequence(t, batch_first=True).to(device) for t in (x, y))
        log_p = net(inputs).float().log_softmax(-1).gather(2, targets[..., None])[..., 0].double().cpu().numpy()
        for (i, start, end, scored), row in zip(part, log_p, strict=True):
            found[i][scored:end] = row[scored - start : end - start]
    return found


def least_expected(
    codec: Any, texts: list[str], each: list[np.ndarray], n: int
) -> list[tuple[int, str, str, str, str, dict[str, str]]]:
    """The texts whose mean ln p is least: row, text, its least likely token, perplexity, its name."""
    means = np.array([-row.mean() if len(row) else 0.0 for row in each])
    rows = codec.rows(texts)
    found: list[tuple[int, str, str, str, str, dict[str, str]]] = []
    for i in np.argsort(-means, kind="stable")[:n].tolist():
        if not len(each[i]):
            continue
        odd = int(rows[i][1 + int(each[i].argmin())])
        name = "the end" if odd == codec.end else codec.tokenizer.name(odd)
        shown = f"{perplexity(-means[i], 1):.4g}"
        found.append((i, texts[i][:80], f"did not expect {name!r}", shown, "perplexity", {}))
    return found
