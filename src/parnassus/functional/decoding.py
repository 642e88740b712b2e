"""From a model's logits to what is said: what is left out, what is drawn, and the search for the likeliest whole.

Filters take logits (rows, n_ids) and give logits with -inf for what may not be said. Temperature divides logits and so
comes before those filters that look at probabilities. What follows is asked of a `Follower`, a model that was given its
prompts.
"""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor

from ..errors import SettingError, did_you_mean

Normalization = Literal["length", "gnmt"]
Logits = Tensor
NEVER = -float("inf")


class Follower(Protocol):
    """A model that has read something: rows of it go on side by side."""

    def step(self, ids: Tensor) -> Tensor:
        """Logits (rows, n_ids) of what follows, after the newest ids (rows,)."""

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order; a row may be kept more than once."""


class Attentive(Follower, Protocol):
    """A follower that knows where it looked."""

    def covered(self) -> Tensor:
        """`coverage` of what each row has looked at so far (rows,), for what `step` told last included."""


def length_divisor(length: int, penalty: float, normalization: Normalization = "length") -> float:
    """What ln p of a text is divided by: "length" is length^penalty, "gnmt" is ((5 + length) / 6)^penalty.

    Source: Wu et al. 2016, eq. 14.

    >>> length_divisor(7, 1.0), length_divisor(7, 1.0, "gnmt"), length_divisor(7, 0.0)
    (7.0, 2.0, 1.0)
    """
    if normalization not in get_args(Normalization):
        raise SettingError(f"normalization={normalization!r}; {did_you_mean(normalization, get_args(Normalization))}")
    return float(length if normalization == "length" else (5 + length) / 6) ** penalty


def coverage(looked: Tensor, heard: Tensor) -> Tensor:
    """sum_i ln min(sum_j p_ij, 1) over the heard sources i, at most 0: how much of a source was looked at.

    looked (..., n): the weights that each source had, summed over all steps j; heard (..., n): which sources there are.

    Source: Wu et al. 2016, eq. 14.

    >>> float(coverage(torch.tensor([[1.5, 0.5, 0.0]]), torch.tensor([[True, True, False]])).exp())
    0.5
    """
    each = looked.clamp(min=torch.finfo(looked.dtype).tiny, max=1.0).log()
    return torch.where(heard, each, 0.0).sum(-1)


def temperature(logits: Logits, t: float) -> Logits:
    """z / t: below 1 the likely becomes likelier, above 1 all become more alike.

    Systems: temperature-sampling
    Source: Martinez-Ramon 6.5.1 (A6.27).

    >>> temperature(torch.tensor([[1.0, 3.0]]), 2.0).tolist()
    [[0.5, 1.5]]
    """
    if not t > 0:
        raise SettingError(f"temperature is above 0; got {t}: for the likeliest each time, search greedily")
    return logits / t


def top_k(logits: Logits, k: int) -> Logits:
    """The k largest logits, and those equal to the last of them.

    Systems: top-k-sampling
    Source: Fan et al. 2018; Martinez-Ramon 6.5.1.

    >>> top_k(torch.tensor([[1.0, 3.0, 2.0]]), 2).tolist()
    [[-inf, 3.0, 2.0]]
    """
    if k < 1:
        raise SettingError(f"top_k is at least 1; got {k}")
    least = logits.topk(min(k, logits.shape[-1]), -1).values[:, -1:]
    return logits.masked_fill(logits < least, NEVER)


def top_p(logits: Logits, p: float) -> Logits:
    """The smallest set of ids, likeliest first, whose probabilities reach p.

    Systems: nucleus-sampling
    Source: Holtzman et al. 2020; Martinez-Ramon 6.5.1.

    >>> top_p(torch.tensor([[0.5, 0.3, 0.2]]).log(), 0.7).exp().round(decimals=3).tolist()
    [[0.5, 0.30000001192092896, 0.0]]
    """
    if not 0 < p <= 1:
        raise SettingError(f"top_p is in (0, 1]; got {p}")
    ascending, order = logits.sort(-1)
    out = ascending.softmax(-1).cumsum(-1) <= 1 - p
    out[:, -1] = False
    return logits.masked_fill(torch.zeros_like(out).scatter(1, order, out), NEVER)


def min_p(logits: Logits, p: float) -> Logits:
    """The ids with at least p times the probability of the likeliest.

    Source: Nguyen et al. 2024.
    """
    if not 0 <= p <= 1:
        raise SettingError(f"min_p is in [0, 1]; got {p}")
    shares = logits.softmax(-1)
    out = shares < p * shares.amax(-1, keepdim=True)
    return logits.masked_fill(out & (logits < logits.amax(-1, keepdim=True)), NEVER)


def typical(logits: Logits, p: float) -> Logits:
    """The ids whose surprise -ln p is nearest to the entropy, the nearest first, until their probabilities reach p.

    Source: Meister et al. 2023.
    """
    if not 0 < p <= 1:
        raise SettingError(f"typical_p is in (0, 1]; got {p}")
    log_p = logits.log_softmax(-1)
    entropy = -(log_p * log_p.exp()).nansum(-1, keepdim=True)
    far, order = (-log_p - entropy).abs().sort(-1)
    mass = logits.gather(1, order).softmax(-1).cumsum(-1)
    last = (mass < p).sum(1).clamp(max=logits.shape[-1] - 1)
    out = far > far.gather(1, last[:, None])
    out[:, 0] = False
    return logits.masked_fill(torch.zeros_like(out).scatter(1, order, out), NEVER)


def repetition_penalty(logits: Logits, said: Tensor, penalty: float) -> Logits:
    """Logits of ids that were said (where `said` is not 0) divided by the penalty, multiplied where they are negative.

    Source: Keskar et al. 2019.
    """
    if not penalty > 0:
        raise SettingError(f"a repetition penalty is above 0, and 1 changes nothing; got {penalty}")
    return torch.where(said > 0, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def draw(logits: Logits, u: Tensor) -> Tensor:
    """One id a row from softmax(logits), by where u in [0, 1) falls among the summed probabilities.

    A row's id depends on its own logits and number alone, whatever stands beside it.

    >>> draw(torch.tensor([[0.2, 0.5, 0.3]]).log(), torch.tensor([0.6])).tolist()
    [1]
    """
    mass = logits.double().softmax(-1).cumsum(-1)
    at = torch.searchsorted(mass, u.double()[:, None] * mass[:, -1:], right=True)[:, 0]
    return at.clamp(max=logits.shape[-1] - 1)


def greedy_search(first: Logits, follower: Follower, *, n_tokens: int, end: int | None = None) -> Tensor:
    """The likeliest id each time, until every row said `end` or n_tokens are there; behind its end a row repeats it.

    Systems: greedy-search
    Source: Hifny eq. 11.21; Martinez-Ramon 5.7.6.
    """
    logits, found = first, list[Tensor]()
    done = torch.zeros(len(first), dtype=torch.bool, device=first.device)
    for i in range(n_tokens):
        if i:
            logits = follower.step(found[-1])
        ids = logits.argmax(-1)
        if end is not None:
            ids = torch.where(done, end, ids)
            done = done | (ids == end)
        found.append(ids)
        if end is not None and bool(done.all()):
            break
    return torch.stack(found, 1) if found else torch.zeros(len(first), 0, dtype=torch.long, device=first.device)


def beam_search(
    first: Logits,
    follower: Follower,
    *,
    beam: int,
    n_tokens: int,
    end: int | None = None,
    length_penalty: float = 1.0,
    n_best: int = 1,
    normalization: Normalization = "length",
    coverage_penalty: float = 0.0,
) -> list[list[tuple[list[int], float]]]:
    """For each row the n best continuations with their scores, best first; `end` is the last id of those that ended.

    Each step keeps the `beam` likeliest beginnings of a row that have not ended, of all that one more id makes. Those
    among the first `beam` that end go into a pool of `beam`, scored ln p / length^length_penalty (0 is the sum, 1 the
    mean; an end counts), or as `normalization` has it. Where the follower is `Attentive`, coverage_penalty times its
    `coverage` is added: sources that no step looked at cost. The search is over when no beginning could still beat the
    worst of the pool, or at n_tokens, where what has not ended is scored alike.

    Systems: beam-search
    Source: Hifny eq. 11.22 (the sum); Martinez-Ramon 6.5.1 (A6.27). Its 5.7.6 keeps k ids at every node, a
    tree of k^t paths and no beam: `tree_search`. Wu et al. 2016, eq. 14 ("gnmt", coverage).
    """
    if not 1 <= n_best <= beam:
        raise SettingError(f"beam is at least 1 and at least n_best; got {beam} and {n_best}")
    n, n_ids = first.shape
    if coverage_penalty and not hasattr(follower, "covered"):
        raise SettingError("a coverage penalty is for models that look at their source by attention; leave it at 0")
    if not coverage_penalty >= 0:
        raise SettingError(f"coverage_penalty is at least 0; got {coverage_penalty}")
    divisors = [length_divisor(k, length_penalty, normalization) for k in range(1, n_tokens + 1)]
    search = _Search(n, beam, n_tokens, divisors, end, first)
    logits = first.repeat_interleave(beam, 0)
    for i in range(n_tokens):
        if i:
            logits = follower.step(search.ids[:, :, i - 1].flatten())
        if coverage_penalty:
            covered: Tensor = follower.covered()  # type: ignore[attr-defined]
            search.unseen = coverage_penalty * covered.view(n, -1).expand(n, beam).to(first.dtype)
        rows = search.extend(logits.log_softmax(-1).view(n, beam, n_ids), i)
        if search.over(i):
            break
        follower.select(rows // beam if not i else rows)  # the first time there is one row of each
    return search.best(n_best)


class _Search:
    """Beginnings (rows, beam, n_tokens) with their ln p, and the pool of what has ended."""

    def __init__(
        self, n: int, beam: int, n_tokens: int, divisors: Sequence[float], end: int | None, like: Tensor
    ) -> None:
        self.n, self.beam, self.n_tokens, self.divisors, self.end = n, beam, n_tokens, divisors, end
        self.unseen: Tensor | None = None  # what each beginning loses for sources that it never looked at
        self.ids = torch.zeros(n, beam, n_tokens, dtype=torch.long, device=like.device)
        self.log_p = torch.full((n, beam), NEVER, dtype=like.dtype, device=like.device)
        self.log_p[:, 0] = 0.0  # the first beginnings are all alike, and one of each is enough
        self.pool, self.pooled = self.ids.clone(), torch.full_like(self.log_p, NEVER)
        self.lengths = torch.zeros(n, beam, dtype=torch.long, device=like.device)

    def extend(self, log_p: Tensor, i: int) -> Tensor:
        """Take the best of all beginnings with one more id; which row (of rows * beam) each of the kept comes from."""
        n_ids = log_p.shape[-1]
        whole = (log_p + self.log_p[..., None]).flatten(1)
        score, at = whole.topk(min(2 * self.beam, whole.shape[1]), 1)
        source, ids = at // n_ids, at % n_ids
        spelled = self.ids.gather(1, source[..., None].expand(-1, -1, self.n_tokens)).clone()
        spelled[:, :, i] = ids
        ended = torch.full_like(ids, i == self.n_tokens - 1, dtype=torch.bool)
        if self.end is not None:
            ended = ended | (ids == self.end)
        final = score / self.divisors[i]
        if self.unseen is not None:
            final = final + self.unseen.gather(1, source)
        self._settle(torch.where(ended, final, NEVER)[:, : self.beam], spelled[:, : self.beam], i + 1)
        alive = torch.where(ended, NEVER, score)
        self.log_p, kept = alive.topk(min(self.beam, alive.shape[1]), 1)
        if kept.shape[1] < self.beam:  # a vocabulary so small that there are fewer beginnings
            short = self.beam - kept.shape[1]
            kept = torch.cat([kept, kept[:, :1].expand(-1, short)], 1)
            self.log_p = torch.cat([self.log_p, torch.full_like(self.log_p[:, :1], NEVER).expand(-1, short)], 1)
        self.ids = spelled.gather(1, kept[..., None].expand(-1, -1, self.n_tokens))
        first = torch.arange(self.n, device=at.device)[:, None] * self.beam
        return (source.gather(1, kept) + first).flatten()

    def _settle(self, score: Tensor, spelled: Tensor, length: int) -> None:
        scores = torch.cat([self.pooled, score], 1)
        self.pooled, kept = scores.topk(self.beam, 1)
        self.pool = torch.cat([self.pool, spelled], 1).gather(1, kept[..., None].expand(-1, -1, self.n_tokens))
        self.lengths = torch.cat([self.lengths, torch.full_like(score, length, dtype=torch.long)], 1).gather(1, kept)

    def over(self, i: int) -> bool:
        """Whether nothing that has not ended could still enter the pool."""
        largest = max(self.divisors[i], self.divisors[-1])  # they rise or fall; what is not covered only costs
        return bool((self.log_p[:, 0] / largest <= self.pooled[:, -1]).all())

    def best(self, n_best: int) -> list[list[tuple[list[int], float]]]:
        """The pool's first, without those that nothing stands for."""
        rows = zip(self.pool.tolist(), self.lengths.tolist(), self.pooled.tolist(), strict=True)
        return [
            [(ids[:k], s) for ids, k, s in list(zip(row, ks, scores, strict=True))[:n_best] if s > NEVER]
            for row, ks, scores in rows
        ]


def tree_search(
    following: Callable[[Sequence[int]], Sequence[float]], *, k: int, n_tokens: int, end: int
) -> tuple[list[int], float]:
    """The ids with the least mean -ln p among all paths that take one of the k likeliest ids at every node, and ln p.

    `following` gives ln p of every id after some ids. Paths are k^t: for small tables.

    Source: Martinez-Ramon 5.7.6, which calls this a beam search.
    """
    paths: list[tuple[list[int], float]] = [([], 0.0)]
    finished: list[tuple[list[int], float]] = []
    for _ in range(n_tokens):
        grown: list[tuple[list[int], float]] = []
        for ids, log_p in paths:
            each = following(ids)
            for i in sorted(range(len(each)), key=lambda j: -each[j])[:k]:
                (finished if i == end else grown).append(([*ids, i], log_p + each[i]))
        paths = grown
    return max(finished + paths, key=lambda path: path[1] / len(path[0]))
