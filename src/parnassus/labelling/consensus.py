"""One label an item, from the answers of several annotators."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FileError
from ..functional.crowds import dawid_skene

if TYPE_CHECKING:
    from .answers import Answers


@dataclass(frozen=True)
class Consensus:
    """What the items are, as the answers tell.

    Attributes
    ----------
    items : their names; label : the label of each, None where a vote is tied; probability : that of the label (of a
        vote, its share); n_answers : how many each has.
    posterior : the probability of every label, (items, labels); of a vote, the shares.
    confusion : annotator -> (true labels, answers), how likely he answers what; empty for a vote.
    """

    items: list[Any]
    labels: list[Any]
    label: list[Any]
    probability: np.ndarray
    n_answers: np.ndarray
    posterior: np.ndarray
    confusion: dict[Any, np.ndarray]

    @property
    def ties(self) -> list[Any]:
        """The items on which a vote is tied."""
        return [i for i, label in zip(self.items, self.label, strict=True) if label is None]

    def skill(self) -> dict[Any, float]:
        """Annotator -> how likely he is right about an item of the population, the least likely first."""
        prior = self.posterior.mean(0)
        found = {name: float(prior @ np.diag(table)) for name, table in self.confusion.items()}
        return dict(sorted(found.items(), key=lambda one: one[1]))

    def write(self, path: str | os.PathLike) -> Path:
        """Write a label file: a CSV of item, label, probability and n_answers; a tie has an empty label."""
        target = Path(path)
        if not target.parent.is_dir():
            raise FileError(f"there is no folder {str(target.parent)!r}; make it first")
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["item", "label", "probability", "n_answers"])
            for item, label, p, n in zip(self.items, self.label, self.probability, self.n_answers, strict=True):
                writer.writerow([item, "" if label is None else label, f"{p:.4f}", int(n)])
        return target


def by_vote(answers: "Answers") -> Consensus:
    """The label that most annotators gave; None where several are level."""
    counts = answers.counts
    share = counts / counts.sum(1, keepdims=True)
    tied = (counts == counts.max(1, keepdims=True)).sum(1) > 1
    label = [None if t else answers.labels[k] for t, k in zip(tied, counts.argmax(1), strict=True)]
    return Consensus(answers.items, answers.labels, label, share.max(1), counts.sum(1), share, {})


def by_model(answers: "Answers", **options: Any) -> Consensus:
    """The label that is likeliest under Dawid and Skene's model."""
    shape = (len(answers.items), len(answers.annotators), len(answers.labels))
    found = dawid_skene(answers.item, answers.annotator, answers.label, shape, **options)
    label = [answers.labels[k] for k in found.posterior.argmax(1)]
    confusion = dict(zip(answers.annotators, found.confusion, strict=True))
    counts = np.bincount(answers.item, minlength=shape[0])
    return Consensus(answers.items, answers.labels, label, found.posterior.max(1), counts, found.posterior, confusion)
