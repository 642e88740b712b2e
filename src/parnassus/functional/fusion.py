"""What else a decoder knows of texts, as automata over its units: n-gram models, words that are hot.

A scorer has a state for what was written so far. `begin()` is the first, `step(state, unit) -> (state, gain)` what
writing a unit adds to the score, `end(state)` what ending there adds. `tables` writes a scorer out for the kernels.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from ..errors import SettingError
from .ngrams import END, Context, NGrams

State = Hashable
ENTRIES = 8_000_000  # of a table that is written out: 64 MB


class Scorer(ABC):
    """A gain for each unit that is written, by what was written before."""

    @abstractmethod
    def begin(self) -> State:
        """The state before anything is written."""

    @abstractmethod
    def step(self, state: Any, unit: int) -> tuple[State, float]:
        """The state after writing a unit, and what it adds to the score."""

    @abstractmethod
    def end(self, state: Any) -> float:
        """What ending in this state adds."""


class OfUnits(Scorer):
    """An n-gram model whose tokens are the decoder's units: `weight` times its log probability, and `bonus` a unit."""

    def __init__(self, model: NGrams, names: Sequence[str], *, weight: float, bonus: float) -> None:
        self.model, self.names, self.weight, self.bonus = model, names, weight, bonus

    def begin(self) -> State:
        return self.model.context(())

    def step(self, state: Any, unit: int) -> tuple[State, float]:
        token = self.names[unit]
        gain = self.weight * self.model.log_prob(token, state) + self.bonus
        return self.model.context((*state, token)), gain

    def end(self, state: Any) -> float:
        return self.weight * self.model.log_prob(END, state)


class WordsOfCharacters(Scorer):
    """An n-gram model of words over units that are characters: a word is scored when the space after it is written.

    A state is the words before, and the beginning of the word under way; a beginning that no known word has is None.
    """

    def __init__(self, model: NGrams, names: Sequence[str], *, weight: float, bonus: float) -> None:
        self.model, self.names, self.weight, self.bonus = model, names, weight, bonus
        words = [w for w in model.vocabulary if w != END]
        self.known = set(words)
        self.beginnings = {word[:n] for word in words for n in range(len(word) + 1)}

    def begin(self) -> State:
        return self.model.context(()), ""

    def step(self, state: Any, unit: int) -> tuple[State, float]:
        context, start = state
        character = self.names[unit]
        if character == " ":
            return self._written(context, start)
        grown = None if start is None or start + character not in self.beginnings else start + character
        return (context, grown), 0.0

    def _written(self, context: Context, start: str | None) -> tuple[tuple[Context, str], float]:
        if start == "":
            return (context, ""), 0.0
        word = start if start in self.known else "\0"  # which no text holds: outside the vocabulary
        gain = self.weight * self.model.log_prob(word, context) + self.bonus
        return (self.model.context((*context, word)), ""), gain

    def end(self, state: Any) -> float:
        (context, _), gain = self._written(*state)
        return gain + self.weight * self.model.log_prob(END, context)


class HotWords(Scorer):
    """Words or phrases that are made likelier: each unit of one gains its share, which is lost when it breaks off.

    Parameters
    ----------
    words : what each gains when it is written whole, by its units' ids.
    space : the id of the space, where units are characters: words then begin after a space, and end before one.
    """

    def __init__(self, words: Mapping[tuple[int, ...], float], *, space: int | None) -> None:
        self.words, self.space = words, space
        self.beginnings = {word[:n] for word in words for n in range(len(word) + 1)}

    def begin(self) -> State:
        return ()

    def step(self, state: Any, unit: int) -> tuple[State, float]:
        held = self._held(state)
        if self.space is None:
            if state in self.words:
                state, held = (), 0.0  # it is written whole, and what it gained stays
            grown = (*state, unit)
            while grown and grown not in self.beginnings:
                grown = grown[1:]
            return grown, self._held(grown) - held
        if unit == self.space and (state is None or (*state, unit) not in self.beginnings):
            return (), 0.0 if state in self.words else -held
        following = None if state is None or (*state, unit) not in self.beginnings else (*state, unit)
        return following, self._held(following) - held

    def _held(self, state: Any) -> float:
        """What the beginning of a word has gained so far: the most that a word it begins gives for so many units."""
        if not state:
            return 0.0
        n = len(state)
        return max(gain * n / len(word) for word, gain in self.words.items() if word[:n] == state)

    def end(self, state: Any) -> float:
        return 0.0 if state in self.words else -self._held(state)


class Together(Scorer):
    """Several scorers at once; gains add up."""

    def __init__(self, parts: Sequence[Scorer]) -> None:
        self.parts = list(parts)

    def begin(self) -> State:
        return tuple(part.begin() for part in self.parts)

    def step(self, state: Any, unit: int) -> tuple[State, float]:
        found = [part.step(own, unit) for part, own in zip(self.parts, state, strict=True)]
        return tuple(own for own, _ in found), sum(gain for _, gain in found)

    def end(self, state: Any) -> float:
        return sum(part.end(own) for part, own in zip(self.parts, state, strict=True))


class Tables(NamedTuple):
    """A scorer written out: following (states, units) int32, gain (states, units) and end (states,) float64."""

    following: Tensor
    gain: Tensor
    end: Tensor


def tables(scorer: Scorer | None, n_units: int) -> Tables | None:
    """Every state that a scorer can come to, the first in front; unit 0, the blank, is never written.

    None where there would be more than 8 million entries: decoding then asks the scorer itself, and is slower.
    """
    if scorer is None:
        return Tables(
            torch.zeros(1, n_units, dtype=torch.int32), *(torch.zeros(1, n_units).double(), torch.zeros(1).double())
        )
    places: dict[State, int] = {scorer.begin(): 0}
    order: list[State] = [scorer.begin()]
    following: list[list[int]] = []
    gains: list[list[float]] = []
    for state in order:
        found = [scorer.step(state, unit) for unit in range(1, n_units)]
        for one, _ in found:
            if one not in places:
                places[one] = len(order)
                order.append(one)
        if len(order) * n_units > ENTRIES:
            return None
        following.append([0, *(places[one] for one, _ in found)])
        gains.append([0.0, *(gain for _, gain in found)])
    ends = torch.tensor([scorer.end(state) for state in order], dtype=torch.float64)
    return Tables(torch.tensor(following, dtype=torch.int32), torch.tensor(gains, dtype=torch.float64), ends)


def scorer_of(
    names: Sequence[str],
    kind: str,
    *,
    language_model: NGrams | None = None,
    language_weight: float = 0.5,
    bonus: float = 0.0,
    hot_words: Sequence[str] | Mapping[str, float] = (),
) -> Scorer | None:
    """What a decoder of these units adds to its scores; None where there is nothing to add.

    `kind` is that of the units, "characters" or "words". Hot words without a number gain 5 (in log probability).
    """
    parts: list[Scorer] = []
    if language_model is not None:
        if not isinstance(language_model, NGrams):
            raise SettingError(f"language_model is an NGrams(...).fit(texts); got a {type(language_model).__name__}")
        if kind == "words" and language_model.unit == "characters":
            raise SettingError("the recogniser writes words, and the language model counts characters; count words")
        make = OfUnits if language_model.unit == kind else WordsOfCharacters
        parts.append(make(language_model, names, weight=language_weight, bonus=bonus))
    if hot_words:
        parts.append(hot_scorer(names, kind, hot_words))
    return Together(parts) if len(parts) > 1 else parts[0] if parts else None


def hot_scorer(names: Sequence[str], kind: str, hot_words: Sequence[str] | Mapping[str, float]) -> HotWords:
    """Hot words by the ids of their units; a word with a unit that is not there is refused."""
    if isinstance(hot_words, str):
        raise SettingError(f"hot_words is a list of words, or a dict from words to gains; got the text {hot_words!r}")
    given = cast(Mapping[str, float], hot_words) if hasattr(hot_words, "items") else dict.fromkeys(hot_words, 5.0)
    places = {name: i for i, name in enumerate(names) if i}
    found: dict[tuple[int, ...], float] = {}
    for word, gain in given.items():
        units = list(word) if kind == "characters" else word.split()
        strange = [u for u in units if u not in places]
        if strange or not units:
            raise SettingError(f"the hot word {word!r} holds {strange}, which the recogniser cannot write")
        found[tuple(places[u] for u in units)] = float(gain)
    return HotWords(found, space=places.get(" ") if kind == "characters" else None)
