"""Topics of texts: latent semantic analysis and latent Dirichlet allocation as objectives."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import DataError, DataWarning
from ...functional.topics import DocumentTopics, document_topics
from ...functional.word_vectors import Counts, lsa, term_document
from ...train.phase import Batch, Phase
from .word_vectors import WordVectors


class Topics(WordVectors):
    """What has topics: `topics` (n_topics, n_words) says how much each word is of each."""

    topics: Tensor


class LSATopics(Topics):
    """Latent semantic analysis: words U S, documents X^T U of the TF-IDF matrix; a topic is a direction."""

    full_batch = True
    epochs = 1

    def __init__(self, vocab_size: int, n_documents: int, *, n_dimensions: int) -> None:
        super().__init__()
        self.asked, self.k = n_dimensions, min(n_dimensions, vocab_size, n_documents)
        self.register_buffer("left", torch.zeros(vocab_size, self.k, dtype=torch.float64))
        self.register_buffer("values", torch.zeros(self.k, dtype=torch.float64))
        self.register_buffer("idf", torch.zeros(vocab_size, dtype=torch.float64))
        self._parts: list[tuple[Tensor, Tensor]] = []

    left: Tensor
    values: Tensor
    idf: Tensor

    @property
    def vectors(self) -> Tensor:  # type: ignore[override]
        """U S, a row a word."""
        return self.left * self.values

    @property
    def topics(self) -> Tensor:  # type: ignore[override]
        """The directions, a row each."""
        return self.left.mT

    def phases(self) -> Sequence[Phase]:
        return [Phase("count", self.add, after=self.finish)]

    def add(self, batch: Batch) -> Tensor:
        """Keep the texts; there is no loss to lower."""
        self._parts.append((batch["x"].cpu(), batch["lengths"].cpu()))
        return torch.zeros(())

    def finish(self) -> None:
        """The directions of what was kept."""
        ids, lengths = (torch.cat(part) for part in zip(*self._parts, strict=True))
        self._parts = []
        if self.k < self.asked:
            told = f"{len(lengths)} texts of {len(self.left)} words have at most {self.k} directions"
            warnings.warn(f"{told}: n_dimensions={self.asked} becomes {self.k}", DataWarning, stacklevel=2)
        counts = term_document(ids, lengths, n_words=len(self.left))
        found = lsa(counts, self.k)
        if not bool(found.idf.any()):
            raise DataError(
                "every word is in every text, so that none weighs anything; give more and different texts, "
                "or take 'ppmi'"
            )
        self.left.copy_(found.left)
        self.values.copy_(found.values)
        self.idf.copy_(found.idf)

    def documents(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Where texts stand among the directions (texts, k)."""
        text = torch.arange(len(lengths)).repeat_interleave(lengths)
        weighted = self.left[ids.long()] * self.idf[ids.long(), None]
        return torch.zeros(len(lengths), self.k, dtype=torch.float64).index_add_(0, text, weighted)


class LDATopics(Topics):
    """Latent Dirichlet allocation by variational EM; the loss is -ln p of a word under its document's mixture.

    Systems: topic-modelling
    Source: Blei, Ng and Jordan 2003; Hoffman, Blei and Bach 2010; Baker 1 (topic modelling by name only).
    """

    full_batch = True
    epochs = 30

    def __init__(self, vocab_size: int, *, n_topics: int, topic_prior: float | None, word_prior: float | None) -> None:
        super().__init__()
        self.topic_prior = 1 / n_topics if topic_prior is None else topic_prior
        self.word_prior = 1 / n_topics if word_prior is None else word_prior
        # a gamma of shape 100 is a normal one of deviation 1 / 10 around 1, but for its tail
        first = torch.randn(n_topics, vocab_size, dtype=torch.float64).mul_(0.1).add_(1).clamp_(min=0.1)
        self.register_buffer("components", first)
        self._sums: Tensor | None = None

    components: Tensor

    @property
    def vectors(self) -> Tensor:  # type: ignore[override]
        """p(topic | word), a row a word, all topics being equally likely beforehand."""
        share = self.topics
        return (share / share.sum(0)).mT

    @property
    def topics(self) -> Tensor:  # type: ignore[override]
        """p(word | topic), a row a topic."""
        return self.components / self.components.sum(1, keepdim=True)

    def weight(self, batch: Batch) -> float | Tensor:
        return max(len(batch["x"]), 1)

    def phases(self) -> Sequence[Phase]:
        return [Phase("em", self.expect, after=self.maximise)]

    def expect(self, batch: Batch) -> Tensor:
        """Add up what texts say of the topics."""
        found = self._asked(batch["x"], batch["lengths"])
        self._sums = found.sums if self._sums is None else self._sums + found.sums
        return -(found.log_p.sum() / self.weight(batch)).float()

    def maximise(self) -> None:
        """The topics that the sums make."""
        assert self._sums is not None
        self.components.copy_(self.word_prior + self._sums)
        self._sums = None

    def evaluate(self, batch: Batch) -> dict[str, Tensor]:
        found = self._asked(batch["x"], batch["lengths"])
        return {"loss": -(found.log_p.sum() / self.weight(batch)).float()}

    def _asked(self, ids: Tensor, lengths: Tensor) -> DocumentTopics:
        counts = term_document(ids.cpu(), lengths.cpu(), n_words=self.components.shape[1])
        order = (counts.columns * counts.shape[0] + counts.rows).argsort()
        turned = Counts(counts.columns[order], counts.rows[order], counts.values[order], counts.shape[::-1])
        return document_topics(turned, self.components, prior=self.topic_prior)

    def documents(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """The mean share of each topic in each text (texts, n_topics)."""
        gamma = self._asked(ids, lengths).gamma
        return gamma / gamma.sum(1, keepdim=True)
