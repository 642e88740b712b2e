"""How well a language model foretells texts: perplexity and bits a character, with intervals over whole texts."""

import math
from typing import Any

import numpy as np

from .bootstrap import Bootstrap, Statistic, interval
from .result import Evaluation, Metric

LARGEST = 709.0  # nats whose exponential a double holds


def perplexity(log_p: float, n_units: float) -> float:
    """exp(-ln p / units): how many equally likely things each unit was as hard to foretell as; inf where p is 0.

    Systems: perplexity
    Source: Hifny A11.9; Martinez-Ramon Table 6.1.

    >>> round(perplexity(math.log(1 / 9), 3), 7)
    2.0800838
    """
    nats = -log_p / n_units
    return math.exp(nats) if nats < LARGEST else math.inf


def bits(log_p: float, n_units: float) -> float:
    """-ln p / (units ln 2): what each unit costs to write down.

    >>> round(bits(-0.6446, 1), 2)
    0.93
    """
    return -log_p / n_units / math.log(2)


def evaluate_language(
    log_p: np.ndarray, n_tokens: np.ndarray, n_characters: np.ndarray, *, vocab_size: int, seed: int = 0
) -> Evaluation:
    """Perplexity a token and bits a character over texts, each (texts,), beside even chances for every token."""
    tokens, characters = n_tokens.astype(np.float64), np.maximum(n_characters, 1).astype(np.float64)
    never = np.isneginf(log_p)  # texts of probability 0: where one of them counts, so does nothing else

    def of(weights: np.ndarray) -> dict[str, np.ndarray]:
        total = np.where(never @ weights > 0, -math.inf, np.where(never, 0.0, log_p) @ weights)
        nats = -total / (tokens @ weights)
        return {
            "perplexity": np.where(nats < LARGEST, np.exp(np.minimum(nats, LARGEST)), math.inf),
            "bits_per_character": -total / (characters @ weights) / math.log(2),
        }

    point, replicates = Bootstrap(np.ones(len(log_p)), seed=seed).run([Statistic(of)])
    even = {
        "perplexity": float(vocab_size),
        "bits_per_character": float(math.log2(vocab_size) * tokens.sum() / characters.sum()),
    }
    metrics = []
    for name, trivial in even.items():
        low, high = interval(replicates[name], 0.95) if len(log_p) > 1 else (None, None)
        metrics.append(Metric(name, float(point[name]), low, high, trivial, False))
    task: Any = "language"
    return Evaluation(task, metrics, len(log_p), "every token equally likely", replicates=dict(replicates))
