"""Word vectors learned pair by pair, by a compiled kernel or by its twin in NumPy: the same draws, the same order.

A `Learner` holds what foretells, what is foretold and how; `learn` goes once over texts and changes its tables in
place. With one worker equal seeds give equal bits; the twin's differ from the kernel's by the rounding of sums.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ... import kernels
from ...errors import SettingError
from .counts import check_window
from .huffman import Paths

Mode = Literal["skip_gram", "cbow", "document_bag", "document_mean"]
MODES = ("skip_gram", "cbow", "document_bag", "document_mean")
GOLDEN, MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1


class Noise(NamedTuple):
    """Walker's tables: place k stays k with probability own[k] (n,) float64, else it becomes other[k] (n,) int32."""

    own: Tensor
    other: Tensor


def noise_table(p: Tensor) -> Noise:
    """Tables from which a word is drawn with probability p (n,) by one number, however many words there are.

    Source: Walker 1977; Vose 1991.

    >>> table = noise_table(torch.tensor([0.5, 0.25, 0.25]))
    >>> kept = table.own.clone().index_add_(0, table.other.long(), 1 - table.own)
    >>> (kept / 3).tolist()
    [0.5, 0.25, 0.25]
    """
    scaled = (p.double() / p.double().sum() * len(p)).tolist()
    own, other = [1.0] * len(p), list(range(len(p)))
    small = [i for i, s in enumerate(scaled) if s < 1]
    large = [i for i, s in enumerate(scaled) if s >= 1]
    while small and large:
        low, high = small.pop(), large[-1]
        own[low], other[low] = scaled[low], high
        scaled[high] -= 1 - scaled[low]
        if scaled[high] < 1:
            small.append(large.pop())
    return Noise(torch.tensor(own, dtype=torch.float64), torch.tensor(other, dtype=torch.int32))


@dataclass
class Learner:
    """Tables, and how they are moved.

    Parameters
    ----------
    inputs : the rows that foretell (rows, d): words, then what else there is (runs of characters, documents).
    outputs : the rows that are compared with them: words, or the inner nodes of `paths`.
    keep : how likely an occurrence of each word is kept (n_words,) float64; see `keep_probability`.
    noise : what negatives are drawn from; of no use with `paths`.
    paths : a tree over the words in place of negatives.
    parts : the rows of inputs that each word is the mean of, int32 end to end, and where each word's begin, int64
        (n_words + 1,); None takes the word's own row.
    mode : "skip_gram" (a word foretells each word around it), "cbow" (their mean foretells the word), "document_bag"
        (a document's row foretells each of its words), "document_mean" (it joins the mean of cbow).
    first_tag : the row of the first document.
    window : words on each side. `shrink` draws a width from 1 to the window for each centre, so that near words count
        more.
    n_negative : rows drawn from the noise for each pair; one that is the word itself is passed over.
    moves_words, moves_outputs : False holds words, or outputs, as they are: for documents that come later.

    The rows of a mean each move by the mean's gradient over their number, which is the exact gradient (early programs
    left that out for CBOW); with `parts` each moves by the whole, as in fastText.

    Source: Mikolov et al. 2013; Le and Mikolov 2014 (documents); Bojanowski et al. 2017 (parts); Irsoy, Benton and
    Stratos 2021 (the division).
    """

    inputs: Tensor
    outputs: Tensor
    keep: Tensor
    noise: Noise | None = None
    paths: Paths | None = None
    parts: tuple[Tensor, Tensor] | None = None
    mode: Mode = "skip_gram"
    first_tag: int = 2**31 - 1
    window: int = 5
    shrink: bool = True
    n_negative: int = 5
    moves_words: bool = True
    moves_outputs: bool = True

    def __post_init__(self) -> None:
        check_window(self.window)
        if self.mode not in MODES:
            raise SettingError(f"mode is one of {', '.join(MODES)}; got {self.mode!r}")
        if self.paths is None and (self.noise is None or self.n_negative < 1):
            raise SettingError("a pair is judged beside negatives (n_negative of at least 1) or along a tree")

    def learn(
        self,
        ids: Tensor,
        lengths: Tensor,
        state: Tensor,
        *,
        rates: tuple[float, float],
        tags: Tensor | None = None,
        n_workers: int = 1,
    ) -> tuple[float, int]:
        """Sum of the losses of all pairs, and their number, of one pass over texts; the tables move as it goes.

        ids (words,) int32 are texts end to end, lengths (texts,) how many each has, tags (texts,) the documents'
        numbers. `state` (1,) int64 is where draws go on. The step size goes from the first of `rates` to the last; 0
        measures and moves nothing. Several workers are faster, and never give the same numbers twice.
        """
        tags = torch.zeros(0, dtype=torch.int64) if tags is None else tags
        on_cpu = self.inputs.device.type == "cpu"
        kernel = kernels.load("word2vec") if on_cpu else None
        if kernel is None:
            return _Twin(self, state, rates).run(ids, lengths, tags)
        noise = self.noise or Noise(torch.zeros(0, dtype=torch.float64), torch.zeros(0, dtype=torch.int32))
        whole = torch.zeros(0, dtype=torch.int64)
        paths = self.paths or Paths(whole, whole.int(), whole.int())
        rows, starts = self.parts or (whole.int(), whole)
        totals = torch.zeros(2, dtype=torch.float64)
        kernel.learn(
            self.inputs, self.outputs, state, totals, ids.int().contiguous(), lengths.contiguous(), tags.contiguous(),
            self.keep, *noise, *paths, starts, rows, self.first_tag, MODES.index(self.mode),
            self.window, self.n_negative, self.shrink, self.moves_words, self.moves_outputs, *rates, n_workers,
        )  # fmt: skip
        return float(totals[0]), int(totals[1])


class _Twin:
    """The kernel's pass, in NumPy."""

    def __init__(self, learner: Learner, state: Tensor, rates: tuple[float, float]) -> None:
        self.own, self.state, self.rates = learner, state, rates
        self.inputs, self.outputs = learner.inputs.numpy(), learner.outputs.numpy()
        self.now = int(state[0]) & MASK
        self.rate, self.loss, self.n_pairs = 0.0, 0.0, 0

    def run(self, ids: Tensor, lengths: Tensor, tags: Tensor) -> tuple[float, int]:
        ends = lengths.cumsum(0).tolist()
        for t, (end, n) in enumerate(zip(ends, lengths.tolist(), strict=True)):
            tag = self.own.first_tag + (int(tags[t]) if len(tags) else 0)
            kept = [w for w in ids[end - n : end].tolist() if self._keeps(w)]
            for i in range(len(kept)):
                done = (end - n + i) / max(len(ids), 1)
                self.rate = self.rates[0] + (self.rates[1] - self.rates[0]) * done
                for rows, word, share in self._questions(kept, i, tag):
                    self._foretell(rows, word, share)
        self.state[0] = self.now - (1 << 64) if self.now >> 63 else self.now
        return self.loss, self.n_pairs

    def _next(self) -> int:
        self.now = (self.now + GOLDEN) & MASK
        z = self.now
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def _keeps(self, word: int) -> bool:
        p = float(self.own.keep[word])
        return p >= 1 or (self._next() >> 11) * 2.0**-53 < p

    def _rows(self, word: int) -> list[int]:
        if self.own.parts is None:
            return [word]
        rows, starts = self.own.parts
        return rows[int(starts[word]) : int(starts[word + 1])].tolist()

    def _questions(self, kept: list[int], i: int, tag: int) -> Iterator[tuple[list[int], int, float]]:
        """Which rows foretell which word, and what part of the change each takes."""
        own = self.own
        if own.mode == "document_bag":
            yield [tag], kept[i], 1.0
            return
        reach = own.window - ((self._next() >> 32) * own.window >> 32) if own.shrink else own.window
        around = [j for j in range(max(i - reach, 0), min(i + reach, len(kept) - 1) + 1) if j != i]
        if own.mode == "skip_gram":
            for j in around:
                yield self._rows(kept[i]), kept[j], 1.0
            return
        rows = [row for j in around for row in self._rows(kept[j])] + ([tag] if own.mode == "document_mean" else [])
        if rows:
            yield rows, kept[i], 1.0 if own.parts is not None else 1.0 / len(rows)

    def _foretell(self, rows: list[int], word: int, share: float) -> None:
        own, kind = self.own, self.inputs.dtype.type
        h = self.inputs[rows].sum(0) * kind(1 / len(rows)) if len(rows) > 1 else self.inputs[rows[0]].copy()
        change = np.zeros_like(h)
        for row, yes in self._judged(word):
            u = self.outputs[row]
            p = 1 / (1 + np.exp(-(h @ u)))
            self.loss -= float(np.log(max(p if yes else 1 - p, 1e-30)))
            size = kind(self.rate) * kind(yes - p)
            change += size * u
            if own.moves_outputs:
                u += size * h
        self.n_pairs += 1
        for row in rows:
            if own.moves_words or row >= own.first_tag:
                self.inputs[row] += kind(share) * change

    def _judged(self, word: int) -> Iterator[tuple[int, int]]:
        """Rows of the outputs, and whether they should say yes."""
        if self.own.paths is not None:
            starts, nodes, turns = self.own.paths
            at = slice(int(starts[word]), int(starts[word + 1]))
            yield from zip(nodes[at].tolist(), turns[at].tolist(), strict=True)
            return
        assert self.own.noise is not None
        yield word, 1
        for _ in range(self.own.n_negative):
            z = self._next()
            k = (z >> 32) * len(self.own.noise.own) >> 32
            other = k if (z & 0xFFFFFFFF) * 2.0**-32 < float(self.own.noise.own[k]) else int(self.own.noise.other[k])
            if other != word:
                yield other, 0


class GloveTables(NamedTuple):
    """Words and contexts (n_words, d + 1), the bias last, and the squares of all steps so far, which begin at 1."""

    words: Tensor
    contexts: Tensor
    word_squares: Tensor
    context_squares: Tensor


def glove_sweep(
    tables: GloveTables, order: Tensor, rows: Tensor, columns: Tensor, logs: Tensor, weights: Tensor, *, rate: float
) -> float:
    """J over all counts, each measured before its own step of AdaGrad; the tables move, count by count in `order`.

    rows, columns, logs = ln X and weights = f(X) are (counts,). A step s = rate dJ is divided by the root of 1 and the
    sum of all earlier s^2: the paper's AdaGrad as its program has it.

    Source: Pennington, Socher and Manning 2014; Duchi, Hazan and Singer 2011.
    """
    kernel = kernels.load("word2vec") if tables.words.device.type == "cpu" else None
    if kernel is not None:
        return float(kernel.sweep(*tables, order, rows, columns, logs, weights, rate))
    words, contexts, word_squares, context_squares = (table.numpy() for table in tables)
    loss, kind = 0.0, words.dtype.type
    f, target, i, j = weights.numpy(), logs.numpy(), rows.numpy(), columns.numpy()
    for e in order.tolist():
        w, c = words[i[e]], contexts[j[e]]
        gap = w[:-1] @ c[:-1] + w[-1] + c[-1] - target[e]
        loss += float(f[e] * gap * gap)
        pull = kind(2) * kind(rate) * f[e] * gap
        of_w, of_c = pull * c, pull * w
        of_w[-1] = of_c[-1] = pull
        w -= of_w / np.sqrt(word_squares[i[e]])
        c -= of_c / np.sqrt(context_squares[j[e]])
        word_squares[i[e]] += of_w * of_w
        context_squares[j[e]] += of_c * of_c
    return loss
