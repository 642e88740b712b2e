"""N-gram models of texts: how likely the next word or character is after the last few."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal, Self

from ..errors import DataError, SettingError

END = "</s>"
Token = str
Context = tuple[Token, ...]


class NGrams:
    """p(token | the last order - 1 tokens), from counts.

    Parameters
    ----------
    order : tokens that are looked at together: 2 looks at the one before.
    unit : "words" or "characters".
    smoothing : "witten_bell" mixes each context with the shorter one, which weighs as much as there are kinds of
        tokens after it; "add_k" adds k to every count of the full context.
    k : what "add_k" adds.

    The texts' tokens and the end are the vocabulary; all tokens outside it share the place of one.

    Source: Witten and Bell 1991, method C; Lidstone 1920 for k.

    >>> model = NGrams(2, unit="words").fit(["one two", "one three"])
    >>> round(math.exp(model.log_prob("one", ())), 3), model.log_prob("two", ("one",)) > model.log_prob("one", ("one",))
    (0.28, True)
    """

    def __init__(
        self,
        order: int = 3,
        *,
        unit: Literal["words", "characters"] = "words",
        smoothing: Literal["witten_bell", "add_k"] = "witten_bell",
        k: float = 0.1,
    ) -> None:
        if order < 1 or k <= 0:
            raise SettingError(f"NGrams: order is at least 1 and k above 0; got {order} and {k}")
        if unit not in ("words", "characters") or smoothing not in ("witten_bell", "add_k"):
            raise SettingError(
                "NGrams: unit is 'words' or 'characters' and smoothing 'witten_bell' or 'add_k'; got "
                f"{unit!r} and {smoothing!r}"
            )
        self.order, self.unit, self.smoothing, self.k = order, unit, smoothing, k
        self.counts: dict[Context, Counter[Token]] = {}
        self.vocabulary: list[Token] = []

    def split(self, text: str) -> list[Token]:
        """A text's tokens."""
        return text.split() if self.unit == "words" else list(text)

    def fit(self, texts: Iterable[str]) -> Self:
        """Count the texts."""
        counts: dict[Context, Counter[Token]] = defaultdict(Counter)
        n_texts = 0
        for text in texts:
            tokens, n_texts = [*self.split(text), END], n_texts + 1
            for i, token in enumerate(tokens):
                for n in range(min(self.order - 1, i) + 1):
                    counts[tuple(tokens[i - n : i])][token] += 1
        if not n_texts:
            raise DataError("there are no texts to count; give at least one")
        self.counts = dict(counts)
        self.vocabulary = sorted(counts[()])
        return self

    def context(self, tokens: Sequence[Token]) -> Context:
        """The longest end of tokens that was seen before something: all that the next token depends on."""
        if not self.counts:
            raise SettingError("this NGrams has counted nothing; call fit(texts) first")
        if self.order == 1:
            return ()
        found = tuple(tokens[-(self.order - 1) :])
        while found not in self.counts:
            found = found[1:]
        return found

    def log_prob(self, token: Token, context: Sequence[Token]) -> float:
        """log p(token | context); `END` is the end of a text."""
        return math.log(self._share(token, self.context(context)))

    def _share(self, token: Token, context: Context) -> float:
        n_kinds, seen = len(self.vocabulary) + 1, self.counts[context]
        if self.smoothing == "add_k":
            return (seen[token] + self.k) / (seen.total() + self.k * n_kinds)
        shorter = self._share(token, context[1:]) if context else 1 / n_kinds  # an end of what was seen was seen
        return (seen[token] + len(seen) * shorter) / (seen.total() + len(seen))

    def score(self, text: str) -> float:
        """log p(text), its end included."""
        tokens = [*self.split(text), END]
        return sum(self.log_prob(token, tokens[:i]) for i, token in enumerate(tokens))

    def perplexity(self, texts: Sequence[str]) -> float:
        """exp of minus the mean log probability of a token, ends included."""
        n = sum(len(self.split(text)) + 1 for text in texts)
        return math.exp(-sum(map(self.score, texts)) / n)
