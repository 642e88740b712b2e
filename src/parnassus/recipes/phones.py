"""Words of phones that sound alike: trained for phones or for words, and phones that sound like their neighbours."""

import math

import numpy as np
import torch
from torch import Tensor

from .. import registry
from ..data.audio.speech import Speech
from ..estimators.speech_recognizer import SpeechRecognizer
from ..functional.discriminative import expected_accuracy, mmi
from ..functional.edit_distance import error_rate
from . import Size, Table, recipe

N_PHONES, N_WORDS, N_SPOKEN = 8, 12, 2  # phones, words of three of them, and words in an utterance


def word_list(seed: int) -> np.ndarray:
    """Words of three phones, (12, 3), many of them a phone apart."""
    rng, found = np.random.default_rng(seed), set[tuple[int, ...]]()
    while len(found) < N_WORDS:
        found.add(tuple(rng.integers(0, N_PHONES, 3).tolist()))
    return np.array(sorted(found))


def utterances(n: int, centres: np.ndarray, words: np.ndarray, *, seed: int) -> tuple[Tensor, Tensor]:
    """A number pair a phone, (n, 6, 2), and which of all pairs of words was said; noise has long tails on one side."""
    rng = np.random.default_rng(seed)
    said = rng.integers(0, len(words), (n, N_SPOKEN))
    phones = words[said].reshape(n, -1)
    noise = rng.exponential(1.0, (n, phones.shape[1], 2)) - 1
    return torch.from_numpy(centres[phones] + noise), torch.from_numpy(said[:, 0] * len(words) + said[:, 1])


def every_pair(words: np.ndarray) -> np.ndarray:
    """The phones of every pair of words, (144, 6)."""
    first, second = np.divmod(np.arange(len(words) ** 2), len(words))
    return np.concatenate([words[first], words[second]], 1)


class Judge:
    """Utterances scored against every pair of words, and what a pair has right of each other: phones and words."""

    def __init__(self, words: np.ndarray) -> None:
        pairs = every_pair(words)
        self.pairs = torch.from_numpy(pairs)
        self.phones = torch.from_numpy((pairs[:, None] == pairs[None]).sum(-1)).double()
        first, second = np.divmod(np.arange(len(pairs)), len(words))
        both = (first[:, None] == first).astype(float) + (second[:, None] == second)
        self.words = torch.from_numpy(both)

    def scores(self, x: Tensor, means: Tensor, scale: Tensor) -> Tensor:
        """ln p(x, pair) to a constant, (n, 144)."""
        by_phone = -0.5 * (x[:, :, None] - means).square().sum(-1) / scale.exp() - scale
        return torch.stack([by_phone[:, k, self.pairs[:, k]] for k in range(x.shape[1])]).sum(0)

    def errors(self, x: Tensor, y: Tensor, means: Tensor, scale: Tensor) -> tuple[float, float]:
        """Shares of wrong phones and of wrong words."""
        best = self.scores(x, means, scale).argmax(1)
        right = self.phones[best, y].mean() / x.shape[1], self.words[best, y].mean() / N_SPOKEN
        return 1 - float(right[0]), 1 - float(right[1])


def trained(
    judge: Judge, x: Tensor, y: Tensor, start: Tensor, criterion: str, *, n_steps: int
) -> tuple[Tensor, Tensor]:
    """Means (8, 2) and the log variance by gradient steps on a criterion, from those of greatest likelihood."""
    means, scale = start.clone().requires_grad_(), torch.zeros((), dtype=torch.float64, requires_grad=True)
    mover = torch.optim.Adam([means, scale], lr=0.02)
    for _ in range(n_steps):
        scores = judge.scores(x, means, scale)
        if criterion == "MMI":
            gain = mmi(scores, y).mean()
        else:
            gain = expected_accuracy(scores, (judge.phones if criterion == "MPE" else judge.words)[y]).mean()
        mover.zero_grad()
        (-gain).backward()
        mover.step()
    return means.detach(), scale.detach()


@recipe(
    "phone-or-word-errors",
    source="Hifny 13.4.2, quoting the literature",
    figure="minimum phone error is slightly better than minimum word error",
    experiments="hifny-21",
)
def phone_or_word(size: Size) -> Table:
    """Phones by likelihood, MMI, MPE and MWE: phone and word errors on unseen utterances, over several languages."""
    n_runs, n_train, n_steps = (1, 60, 5) if size == "tiny" else (8, 800, 100)
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in ("likelihood", "MMI", "MPE", "MWE")}
    for run in range(n_runs):
        words, centres = word_list(run), 1.2 * np.random.default_rng(100 + run).normal(size=(N_PHONES, 2))
        judge = Judge(words)
        x, y = utterances(n_train, centres, words, seed=run)
        new, answers = utterances(3000 if n_runs > 1 else 200, centres, words, seed=1000 + run)
        phones = judge.pairs[y]
        ml = torch.stack([x[phones == k].mean(0) if (phones == k).any() else x.mean((0, 1)) for k in range(N_PHONES)])
        for name in found:
            means, scale = (
                (ml, torch.zeros((), dtype=x.dtype))
                if name == "likelihood"
                else trained(judge, x, y, ml, name, n_steps=n_steps)
            )
            found[name].append((*judge.errors(new, answers, means, scale), judge.errors(x, y, means, scale)[1]))
    rows = [(name, *map(float, np.mean(errors, axis=0))) for name, errors in found.items()]
    gap = np.array(found["MWE"])[:, 1] - np.array(found["MPE"])[:, 1]
    wins, mean = int((gap > 0).sum()), float(gap.mean())
    error = float(gap.std(ddof=1) / math.sqrt(n_runs)) if n_runs > 1 else 0.0
    notes = [
        f"MPE has fewer wrong words than MWE in {wins} of {n_runs} languages; the mean difference is {100 * mean:.2f} "
        f"+- {100 * error:.2f} points of word error"
        f"{', as the literature has it' if mean > 0 else ': the literature has it the other way round'}.",
        "Twelve words of three phones, two in an utterance; every pair of words is a hypothesis, so that no lattice is "
        "cut. Phones are modelled as round Gaussians, and their noise is not round.",
    ]
    columns = ("trained by", "wrong phones, unseen", "wrong words, unseen", "wrong words, training")
    return Table(
        "Trained for phones or for words", columns, rows, notes, {"languages": n_runs, "utterances": n_train, "seed": 0}
    )


# --- phones that sound like their neighbours --------------------------------------------------------------------------

RATE, UNIT, PAUSE = 8_000, 0.09, 0.06  # samples a second, seconds of a phone and of the silence between words
PITCH = {"a": 400.0, "b": 700.0, "c": 1100.0, "d": 1600.0}
WORDS = ("aba", "abc", "acb", "bac", "bcd", "cab", "cda", "dba", "dcb", "bdc", "adc", "cbd")


def tones(n: int, *, seed: int) -> tuple[list[np.ndarray], list[str]]:
    """Words sung: a phone is a tone that begins near the phone before it and ends near the one behind it."""
    rng, waves, texts = np.random.default_rng(seed), [], []
    for _ in range(n):
        said = [WORDS[i] for i in rng.integers(0, len(WORDS), rng.integers(2, 5))]
        voice = np.exp(0.12 * rng.normal())
        pause = np.zeros(int(RATE * PAUSE))
        parts = [pause, *(part for word in said for part in (sung(word, voice, rng), pause))]
        wave = np.concatenate(parts)
        waves.append((wave + 0.3 * rng.normal(size=len(wave))).astype(np.float32))
        texts.append(" ".join(said))
    return waves, texts


def sung(word: str, voice: float, rng: np.random.Generator) -> np.ndarray:
    """The samples of one word."""
    pitches = voice * np.array([PITCH[c] for c in word])
    padded, course = np.concatenate([pitches[:1], pitches, pitches[-1:]]), []
    for before, own, behind in zip(padded[:-2], padded[1:-1], padded[2:], strict=True):
        k = int(RATE * UNIT * rng.uniform(0.8, 1.2))
        course.append(np.interp(np.linspace(0, 1, k), [0, 0.5, 1], [(before + own) / 2, own, (own + behind) / 2]))
    return 0.3 * np.sin(2 * np.pi * np.cumsum(np.concatenate(course)) / RATE)


@recipe(
    "phones-by-their-neighbours",
    source="Hifny 13.4.1, quoting the literature",
    figure="more states, and states that depend on the neighbours, raise the accuracy by much",
    experiments="hifny-22",
)
def neighbours(size: Size) -> Table:
    """Word error rates of phones with one and three states, alike everywhere or as their neighbours make them."""
    n_train, n_test = (30, 5) if size == "tiny" else (300, 150)
    train, test = tones(n_train, seed=0), tones(n_test, seed=1)
    choices = [(1, "none"), (3, "none"), (1, "triphone"), (3, "triphone")]
    rows = []
    for n_states, context in choices if size == "full" else choices[:2]:
        model = registry.model("gmm_hmm", context=context, n_states=n_states, n_mixtures=1, n_tied=60, min_count=30.0)
        codec = Speech(sample_rate=RATE, features="mfcc", deltas=1, normalize="utterance")
        made = SpeechRecognizer(model, codec=codec, progress=False).fit(*train)
        heard = error_rate(test[1], made.predict(test[0]))
        rows.append((n_states, "yes" if context == "triphone" else "no", heard.rate, heard.n_reference))
    notes = [
        "Made here: four phones are tones that glide from and to those beside them, in noise; a dozen words "
        "of three phones, any after any, with silence between. A phone sounds otherwise beside another neighbour.",
    ]
    columns = ("states a phone", "by its neighbours", "word error rate, unseen", "words")
    return Table("Phones by their neighbours", columns, rows, notes, {"recordings": n_train, "seed": 0})
