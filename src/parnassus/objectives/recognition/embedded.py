"""Embedded Baum-Welch: units are learned from whole transcribed utterances, without any segmentation."""

import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...data.audio.lexicon import Lexicon
from ...errors import DataError, DataWarning, Diverged
from ..probabilistic.baum_welch import SLACK
from .acoustic import Acoustic
from .topology import SILENCE, Network
from .tying import Sums, add_contexts, tie

BLOCK = 8192  # frames that are scored at a time


class Utterance(NamedTuple):
    """Frames (time, features), the words of the transcript, and how much the utterance counts."""

    frames: Tensor
    words: list[str]
    weight: float = 1.0


class Plan(NamedTuple):
    """How a training goes on: steps with one Gaussian, then splits (and tying), each followed by some steps.

    `first` steps come before anything else, `between` after each growth; `n_tied` of 0 leaves states free of context.
    """

    first: int
    between: int
    n_mixtures: int
    n_tied: int
    min_count: float

    def growths(self) -> dict[int, tuple[str, int]]:
        """What is done after which step: tie states, or split to a number of Gaussians."""
        found, step, n = {}, self.first, 1
        if self.n_tied:
            found[step] = ("tie", self.n_tied)
            step += self.between
        while n < self.n_mixtures:
            n = min(2 * n, self.n_mixtures)
            found[step] = ("split", n)
            step += self.between
        return found

    @property
    def n_steps(self) -> int:
        return max(self.growths(), default=self.first - self.between) + self.between


class Embedded:
    """The steps of embedded training of an acoustic model.

    `begin` cuts every utterance evenly among the states of its transcript (a flat start), `expect` adds up counts over
    all ways through the transcript's graph, `maximize` sets parameters, and grows the model where the plan says so.

    After each growth the likelihood is compared anew, and it is not compared where a variance was held at its floor.

    Raises
    ------
    DataError : a word outside the lexicon, a transcript without words, an utterance with fewer frames than states.
    Diverged : the likelihood fell between growths.

    Systems: baum-welch
    Source: Hifny A13.22; Young, Odell and Woodland 1994.
    """

    def __init__(self, acoustic: Acoustic, plan: Plan, *, tol: float) -> None:
        self.acoustic, self.plan, self.tol = acoustic, plan, tol
        self.step, self.previous = 0, -math.inf
        self.gained = 0.0
        self._growths = plan.growths()
        self.clear()

    def clear(self) -> None:
        """Forget the sums of a step."""
        self._sums: list[Tensor] | None = None
        self._contexts: Sums = {}
        self.likelihood, self.frames, self.n_rows = 0.0, 0.0, 0

    def begin(self, utterances: Sequence[Utterance], description: dict[str, Any]) -> None:
        """Units from the lexicon, and first densities from even cuts."""
        self.step, self.previous = 0, -math.inf
        self.acoustic.arrange(description)
        topology = self.acoustic.topology
        parts = []
        for row, (x, words, _) in enumerate(utterances):
            check_words(topology.lexicon, words, row)
            states = [topology.offset[u] + s for u in self._flat(words) for s in range(topology.states_of(u))]
            inner = states[topology.n_silence : len(states) - topology.n_silence]
            states = states if len(states) <= len(x) else inner
            refuse_short(topology.sentence(words), len(x), words, row)
            at = torch.arange(len(x)) * len(states) // len(x)
            parts.append(torch.tensor(states)[at])
        x = torch.cat([one.frames for one in utterances])
        gamma = torch.nn.functional.one_hot(torch.cat(parts), topology.n_positions).double().to(x.device)
        self.acoustic.begin(x, gamma)

    def _flat(self, words: Sequence[str]) -> list[str]:
        said = [unit for word in words for unit in self.acoustic.topology.lexicon[word][0]]
        return [SILENCE, *said, SILENCE]

    def expect(self, utterances: Sequence[Utterance]) -> float:
        """Minus the log likelihood a frame; adds up what the step needs."""
        topology = self.acoustic.topology
        loss, frames, row = 0.0, 0.0, self.n_rows
        for block in blocks(utterances):
            networks = []
            for i, one in enumerate(block):
                check_words(topology.lexicon, one.words, row + i)
                networks.append(topology.sentence(one.words))
            x, lengths = torch.cat([one.frames for one in block]), [len(one.frames) for one in block]
            weights = [one.weight for one in block]
            log_probs, sums = self.acoustic.count(x, lengths, [n.graph for n in networks], weights)
            for i, found in enumerate(log_probs):
                if not math.isfinite(found):
                    refuse_short(networks[i], lengths[i], block[i].words, row + i)
                    raise DataError(f"row {row + i} has no path through its transcript; its features are not numbers")
            if self._growths.get(self.step + 1, ("", 0))[0] == "tie":
                add_contexts(self.acoustic, x, lengths, networks, self._contexts)
            self._sums = sums if self._sums is None else [a + b for a, b in zip(self._sums, sums, strict=True)]
            loss -= sum(w * p for w, p in zip(weights, log_probs, strict=True))
            frames += sum(w * n for w, n in zip(weights, lengths, strict=True))
            row += len(block)
        self.likelihood, self.frames, self.n_rows = self.likelihood - loss, self.frames + frames, row
        return loss / frames

    def maximize(self) -> list[str]:
        """Set parameters, grow where it is time; what had to be repaired."""
        assert self._sums is not None
        reached = self.likelihood / self.frames
        if reached < self.previous - SLACK * max(abs(self.previous), 1.0) - 1e-6:
            raise Diverged(
                f"the log likelihood a frame fell from {self.previous:.8g} to {reached:.8g} in a step of Baum-Welch, "
                "which only raises it; a variance floor or a probability's bound holds too much: lower floor="
            )
        repairs = self.acoustic.update(self._sums)
        self.step += 1
        self.previous = -math.inf if repairs else reached
        kind, n = self._growths.get(self.step, ("", 0))
        if kind == "tie":
            self.gained = tie(self.acoustic, self._contexts, n_tied=n, min_count=self.plan.min_count)
        elif kind == "split":
            self.acoustic.split(n)
        if kind:
            self.previous = -math.inf
        self.clear()
        return repairs


def blocks(utterances: Sequence[Utterance]) -> Iterator[list[Utterance]]:
    """Runs of utterances of about as many frames as are scored at a time."""
    own: list[Utterance] = []
    frames = 0
    for one in utterances:
        if own and frames + len(one.frames) > BLOCK:
            yield own
            own, frames = [], 0
        own.append(one)
        frames += len(one.frames)
    if own:
        yield own


def check_words(lexicon: Lexicon, words: Sequence[str], row: int) -> None:
    """Refuse a transcript without words, and words outside the lexicon."""
    if not words:
        raise DataError(f"row {row} has an empty transcript; leave it out, or write what is said in it")
    lexicon.check(words, where=f"row {row}")


def refuse_short(network: Network, n_frames: int, words: Sequence[str], row: int) -> None:
    """Refuse an utterance with fewer frames than its transcript has states."""
    least = network.graph.shortest()
    if n_frames < least:
        raise DataError(
            f"row {row} has {n_frames} frames, and its transcript {' '.join(words)[:60]!r} takes at least {least}; "
            "check the pair, give units fewer states (n_states), or leave it out"
        )


def spoken_lexicon(lexicon: Lexicon, sentences: Sequence[Sequence[str]]) -> Lexicon:
    """The words of a lexicon whose units all occur in training; the others are left out, with a warning.

    Raises
    ------
    DataError : a word of a transcript that the lexicon does not have.
    """
    for row, words in enumerate(sentences):
        check_words(lexicon, words, row)
    heard = {u for words in sentences for word in words for way in lexicon[word] for u in way}
    kept = {w: [way for way in lexicon[w] if heard.issuperset(way)] for w in lexicon}
    lost = [w for w, ways in kept.items() if not ways]
    if lost:
        unheard = sorted({u for w in lost for way in lexicon[w] for u in way} - heard)
        warnings.warn(
            f"{len(lost)} words of the lexicon have units that no transcript of training has "
            f"({', '.join(unheard[:8])}): {', '.join(lost[:8])}; they cannot be recognised and are left out",
            DataWarning,
            stacklevel=2,
        )
    return Lexicon({w: ways for w, ways in kept.items() if ways})
