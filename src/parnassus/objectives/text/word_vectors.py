"""Vectors of words as objectives: counted at once, or foretold pair by pair."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...errors import DataError, SettingError
from ...functional.threads import one_thread
from ...functional.word_vectors import (
    GloveTables,
    Learner,
    Paths,
    cooccurrence,
    glove_sweep,
    glove_weight,
    huffman_paths,
    keep_probability,
    noise_distribution,
    noise_table,
    ppmi,
    subword_rows,
    truncated_svd,
    window_pairs,
)
from ...functional.word_vectors.counts import Counts, added
from ...train.phase import Batch, Objective, Phase

SHOWN = 2_000_000  # words that training shows where nobody says how many epochs
CHUNK = 4_000_000  # scores that a full softmax holds at once


class WordVectors(Objective):
    """A table of words' vectors; `know` tells what the vocabulary is before training, and after loading."""

    vectors: Tensor  # (n_words, d)
    n_documents = 0  # that have vectors of their own

    def know(self, words: list[str], counts: Tensor, epochs: int | None) -> None:
        """The words, how often each was seen, and how many epochs there will be (None: as the objective says)."""

    def weight(self, batch: Batch) -> float | Tensor:
        return len(batch["lengths"])

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        raise SettingError("this model has no loss on other texts; leave validation and patience out")

    def documents(self, ids: Tensor, lengths: Tensor) -> Tensor | None:
        """Vectors of texts as the model itself sees them (texts, d); None where a mean of words serves."""
        return None


class Counted(WordVectors):
    """Rows of counts: "one_hot", "cooccurrence" or "ppmi", whole or in the strongest directions of their SVD.

    With `n_dimensions` d the vectors are U sqrt(S), which share the singular values between words and contexts.
    Source: Jaiswal J124, J125; Levy, Goldberg and Dagan 2015 for the root.
    """

    full_batch = True
    epochs = 1

    def __init__(self, vocab_size: int, *, kind: str, n_dimensions: int | None, **options: Any) -> None:
        super().__init__()
        self.vocab_size, self.kind, self.options = vocab_size, kind, options
        self.shift, self.smoothing = options.pop("shift", 1.0), options.pop("smoothing", 1.0)
        self.n_dimensions = n_dimensions
        self.register_buffer("vectors", torch.zeros(vocab_size, n_dimensions or vocab_size))
        self._parts: list[tuple[Tensor, Tensor]] = []

    def phases(self) -> Sequence[Phase]:
        return [Phase("count", self.add, after=self.finish)]

    def add(self, batch: Batch) -> Tensor:
        """Count the neighbours of more texts; there is no loss to lower."""
        if self.kind != "one_hot":
            part = cooccurrence(batch["x"].cpu(), batch["lengths"].cpu(), n_words=self.vocab_size, **self.options)
            self._parts.append((part.rows * self.vocab_size + part.columns, part.values))
        return torch.zeros(())

    def finish(self) -> None:
        """The vectors of what was counted."""
        if self.kind == "one_hot":
            self.vectors.copy_(torch.eye(self.vocab_size))
            return
        counts = added(self._parts, (self.vocab_size, self.vocab_size))
        self._parts = []
        refuse_no_pairs(counts)
        if self.kind == "ppmi":
            counts = ppmi(counts, shift=self.shift, smoothing=self.smoothing)
        if self.n_dimensions is None:
            self.vectors.copy_(counts.dense())
        else:
            found = truncated_svd(counts, self.n_dimensions)
            self.vectors.copy_(found.left * found.values.sqrt())


def refuse_no_pairs(counts: Counts) -> None:
    """Refuses texts in which no word stands near another."""
    if not len(counts.values):
        raise DataError("no text has two words of the vocabulary near each other; give longer texts, or min_count=1")


class Foretold(WordVectors):
    """Skip-gram, CBOW, fastText and doc2vec: one pass of `Learner` over the texts of each step.

    The loss is the mean over pairs of a centre and a context (over centres for CBOW and documents).
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        n_dimensions: int,
        mode: str,
        output: str,
        rate: float,
        threshold: float,
        power: float,
        n_documents: int = 0,
        n_buckets: int = 0,
        shortest: int = 3,
        longest: int = 6,
        n_workers: int = 1,
        **options: Any,
    ) -> None:
        super().__init__()
        self.vocab_size, self.mode, self.output, self.options = vocab_size, mode, output, options
        self.rate, self.threshold, self.power = rate, threshold, power
        self.n_documents, self.n_workers = n_documents, n_workers
        self.n_buckets, self.runs = n_buckets, {"shortest": shortest, "longest": longest}
        n_rows = vocab_size + n_buckets + n_documents
        self.register_buffer("inputs", torch.empty(n_rows, n_dimensions).uniform_(-0.5, 0.5).div_(n_dimensions))
        self.register_buffer("targets", torch.zeros(vocab_size, n_dimensions))
        self.register_buffer("state", torch.randint(2**62, (1,)))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.learner: Learner | None = None

    inputs: Tensor
    targets: Tensor
    state: Tensor
    seen: Tensor

    def know(self, words: list[str], counts: Tensor, epochs: int | None) -> None:
        n = int(counts.sum())
        self.epochs = epochs or min(50, max(5, -(-SHOWN // n)))
        self.n_words = n * self.epochs
        self.counts = counts.cpu()
        first = self.vocab_size
        self.parts = subword_rows(words, n_buckets=self.n_buckets, first=first, **self.runs) if self.n_buckets else None
        if self.parts is not None:
            self.parts = _with_own(*self.parts)

    def _learner(self, inputs: Tensor | None = None, **more: Any) -> Learner:
        """What learns on these tables; made anew where they moved elsewhere."""
        given: dict[str, Any] = {
            "inputs": self.inputs if inputs is None else inputs,
            "outputs": self.targets,
            "mode": self.mode,
        }
        given |= {"keep": keep_probability(self.counts, threshold=self.threshold), "parts": self.parts}
        given |= {"first_tag": self.vocab_size + self.n_buckets}
        if self.output == "tree":
            given["paths"] = self._tree()
        else:
            given["noise"] = noise_table(noise_distribution(self.counts, power=self.power))
        return Learner(**given | self.options | more)

    def _tree(self) -> Paths:
        return huffman_paths(self.counts)

    def phases(self) -> Sequence[Phase]:
        return [Phase("pairs", self.step)]

    def step(self, batch: Batch) -> Tensor:
        """Learn from texts; the mean loss of their pairs before each moved the tables."""
        if self.learner is None or self.learner.inputs is not self.inputs:
            self.learner = self._learner()
        n = len(batch["x"])
        first, last = (self.rate * max(1 - (int(self.seen) + k) / max(self.n_words, 1), 1e-4) for k in (0, n))
        self.seen += n
        tags = batch["rows"] if self.n_documents else None
        return self._mean(self._ask(self.learner, batch, (first, last), self.state, tags))

    def _ask(self, learner: Learner, batch: Batch, rates: Any, state: Tensor, tags: Tensor | None) -> tuple[float, int]:
        if self.inputs.device.type != "cpu":
            raise SettingError("word vectors are learned on a processor; give device='cpu'")
        return learner.learn(
            batch["x"], batch["lengths"], state, rates=rates, tags=tags, n_workers=self.n_workers if rates[0] else 1
        )

    def _mean(self, told: tuple[float, int]) -> Tensor:
        return torch.tensor(told[0] / max(told[1], 1))

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        """The mean loss of pairs in other texts, with the same draws every time."""
        if self.n_documents:
            return super().evaluate(batch)
        state = torch.tensor([1])
        return {"loss": self._mean(self._ask(self._learner(), batch, (0.0, 0.0), state, None))}

    @property
    def vectors(self) -> Tensor:  # type: ignore[override]
        """The words' rows; of fastText the mean of a word's own row and those of its runs."""
        if self.parts is None:
            return self.inputs[: self.vocab_size]
        return self._means(*self.parts)

    def _means(self, rows: Tensor, starts: Tensor) -> Tensor:
        lengths = starts.diff()
        word = torch.arange(len(lengths)).repeat_interleave(lengths)
        whole = torch.zeros(len(lengths), self.inputs.shape[1], dtype=self.inputs.dtype)
        return whole.index_add_(0, word, self.inputs[rows.long()]) / lengths.clamp(min=1)[:, None]

    def vectors_of(self, words: list[str]) -> Tensor | None:
        """Vectors of words that training never saw, from their runs; None where words have none."""
        if not self.n_buckets:
            return None
        return self._means(*subword_rows(words, n_buckets=self.n_buckets, first=self.vocab_size, **self.runs))

    def documents(self, ids: Tensor, lengths: Tensor) -> Tensor | None:
        """New documents' vectors: words held as they are, the document's row learned alone, each by itself."""
        if not self.n_documents:
            return None
        found = torch.zeros(len(lengths), self.inputs.shape[1])
        words = self.inputs[: self.vocab_size]
        ends = lengths.cumsum(0).tolist()
        generator = torch.Generator().manual_seed(0)
        start = torch.empty(1, self.inputs.shape[1]).uniform_(-0.5, 0.5, generator=generator) / self.inputs.shape[1]
        table = torch.cat([words, start])
        learner = self._learner(table, moves_words=False, moves_outputs=False, first_tag=self.vocab_size)
        for i, (end, n) in enumerate(zip(ends, lengths.tolist(), strict=True)):
            table[-1], state, epochs = start[0], torch.tensor([1]), max(self.epochs or 1, 20)
            for turn in range(epochs if n else 0):
                first, last = (self.rate * max(1 - (turn + k) / epochs, 1e-4) for k in (0, 1))
                learner.learn(ids[end - n : end], lengths[i : i + 1], state, rates=(first, last))
            found[i] = table[-1] if n else 0
        return found


def _with_own(rows: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    """Every word's own row in front of those of its runs."""
    n = len(starts) - 1
    at = starts[:-1] + torch.arange(n)
    whole = torch.empty(len(rows) + n, dtype=torch.int32)
    own = torch.zeros(len(whole), dtype=torch.bool)
    own[at] = True
    whole[own], whole[~own] = torch.arange(n, dtype=torch.int32), rows
    return whole, starts + torch.arange(n + 1)


class FullSoftmax(WordVectors):
    """Skip-gram with the whole softmax and its exact gradients: each pair costs the whole vocabulary.

    Source: Baker A180 and A182; Jaiswal J128. The gradients are those of `softmax_step`, added up.
    """

    epochs = 20

    def __init__(self, vocab_size: int, *, n_dimensions: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.inputs = torch.nn.Parameter(torch.empty(vocab_size, n_dimensions).uniform_(-0.5, 0.5) / n_dimensions)
        self.targets = torch.nn.Parameter(torch.zeros(vocab_size, n_dimensions))

    @property
    def vectors(self) -> Tensor:  # type: ignore[override]
        """The centres' rows."""
        return self.inputs.detach()

    def phases(self) -> Sequence[Phase]:
        return [Phase("pairs", self.loss, (self.inputs, self.targets), gradient=self.gradient)]

    def weight(self, batch: Batch) -> float | Tensor:
        return max(len(self._pairs(batch)[0]), 1)

    def _pairs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        found = window_pairs(batch["x"], batch["lengths"], window=self.window)
        return found.centers, found.contexts

    def loss(self, batch: Batch) -> Tensor:
        """The mean of -ln P(context | centre) over pairs."""
        centers, contexts = self._pairs(batch)
        if not len(centers):
            return (self.inputs.sum() + self.targets.sum()) * 0
        return torch.nn.functional.cross_entropy(self.inputs[centers] @ self.targets.mT, contexts)

    @torch.no_grad()
    def gradient(self, batch: Batch) -> Tensor:
        """The loss, and both tables' gradients written over what they held; a bounded number of pairs at a time."""
        centers, contexts = self._pairs(batch)
        of_inputs, of_outputs = torch.zeros_like(self.inputs), torch.zeros_like(self.targets)
        loss, n = torch.zeros(()), max(len(centers), 1)
        size = max(CHUNK // len(self.targets), 1)
        for c, o in zip(centers.split(size), contexts.split(size), strict=True):
            v = self.inputs[c]
            log_p = (v @ self.targets.mT).log_softmax(1)
            loss -= log_p.gather(1, o[:, None]).sum() / n
            wrong = log_p.exp()
            wrong[torch.arange(len(o)), o] -= 1
            of_inputs.index_add_(0, c, wrong @ self.targets / n)
            of_outputs += wrong.mT @ v / n
        for table, found in ((self.inputs, of_inputs), (self.targets, of_outputs)):
            if table.grad is None:
                table.grad = found
            else:
                table.grad.copy_(found)
        return loss

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        return {"loss": self.loss(batch)}


class Glove(WordVectors):
    """GloVe: all counts first (`count`), then sweeps of AdaGrad over them in an order drawn anew for each.

    The loss is the mean over counts of the weighted square, each before its own step.
    """

    full_batch = True
    epochs = 30

    def __init__(
        self, vocab_size: int, *, n_dimensions: int, window: int, x_max: float, power: float, rate: float
    ) -> None:
        super().__init__()
        self.vocab_size, self.window, self.x_max, self.power, self.rate = vocab_size, window, x_max, power, rate
        for name in ("words", "contexts"):
            first = torch.empty(vocab_size, n_dimensions + 1).uniform_(-0.5, 0.5) / (n_dimensions + 1)
            self.register_buffer(name, first)
            self.register_buffer(f"{name}_squares", torch.ones(vocab_size, n_dimensions + 1))
        self.register_buffer("turn", torch.randint(2**31, ()))
        self._counts: Counts | None = None
        self._loss: Tensor | None = None

    words: Tensor
    contexts: Tensor
    words_squares: Tensor
    contexts_squares: Tensor
    turn: Tensor

    @property
    def vectors(self) -> Tensor:  # type: ignore[override]
        """The sum of a word's two vectors, without the biases."""
        return (self.words + self.contexts)[:, :-1]

    def count(self, batches: Iterable[Batch]) -> None:
        """X of all texts, pairs k words apart counting 1 / k."""
        parts = []
        for batch in batches:
            part = cooccurrence(
                batch["x"].cpu(), batch["lengths"].cpu(), n_words=self.vocab_size, window=self.window,
                by_distance="inverse",
            )  # fmt: skip
            parts.append((part.rows * self.vocab_size + part.columns, part.values))
        self._counts = added(parts, (self.vocab_size, self.vocab_size))
        refuse_no_pairs(self._counts)
        self._logs = self._counts.values.log().float()
        self._weights = glove_weight(self._counts.values, x_max=self.x_max, power=self.power).float()

    def phases(self) -> Sequence[Phase]:
        return [Phase("sweep", self.sweep, after=self.end)]

    def sweep(self, batch: Batch) -> Tensor:
        """One sweep an epoch, whatever pieces the texts come in."""
        if self._loss is None:
            assert self._counts is not None
            order = torch.randperm(len(self._logs), generator=torch.Generator().manual_seed(int(self.turn)))
            tables = GloveTables(self.words, self.contexts, self.words_squares, self.contexts_squares)
            with one_thread():
                total = glove_sweep(
                    tables, order, self._counts.rows, self._counts.columns, self._logs, self._weights, rate=self.rate
                )
            self._loss = torch.tensor(total / len(order))
        return self._loss

    def end(self) -> None:
        """The sweep is over."""
        self._loss = None
        self.turn += 1
