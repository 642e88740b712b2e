"""How far the annotators of some answers agree, and where they do not."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation.bootstrap import interval
from ..functional.metrics import coincidences, fleiss_kappa, krippendorff_alpha

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .answers import Answers

SHOWN = 10  # annotators that a printed table lists


@dataclass(frozen=True)
class Agreement:
    """Agreement beyond chance: 1 is full, 0 what chance gives; NaN where it cannot be told.

    Attributes
    ----------
    alpha, low, high : Krippendorff's alpha and its 95 % interval over items (None where it has none).
    fleiss : Fleiss' kappa, or None where items have unequal numbers of answers.
    share : the share of pairs of answers to one item that are alike.
    kappa : Cohen's kappa of every two annotators, (annotators, annotators); NaN where they share no item.
    shared : how many items every two annotators share.
    by_annotator : name -> share of his pairs with others that are alike.
    by_label : label -> of the pairs that hold it, the share that is alike.
    """

    annotators: list[Any]
    labels: list[Any]
    alpha: float
    low: float | None
    high: float | None
    fleiss: float | None
    share: float
    kappa: np.ndarray
    shared: np.ndarray
    by_annotator: dict[Any, float]
    by_label: dict[Any, float]

    @property
    def verdict(self) -> str:
        """Krippendorff's rule: rely on alpha from .8 on, draw tentative conclusions from .667 on."""
        if np.isnan(self.alpha):
            return "every answer is the same label: agreement beyond chance cannot be told"
        if self.alpha >= 0.8:
            return "the labels can be relied on (alpha at least .8)"
        if self.alpha >= 0.667:
            return "the labels allow tentative conclusions (alpha between .667 and .8)"
        return "the labels are not reliable (alpha below .667): settle the disputed items and sharpen the scheme"

    def __str__(self) -> str:
        between = "" if self.low is None else f" ({self.low:.3f} to {self.high:.3f})"
        lines = [f"alpha {self.alpha:.3f}{between}; pairs alike {self.share:.1%}; {self.verdict}"]
        ranked = sorted(self.by_annotator.items(), key=lambda one: one[1])
        lines += [f"  {name}: agrees with others in {share:.1%}" for name, share in ranked[:SHOWN]]
        if len(ranked) > SHOWN:
            lines.append(f"  and {len(ranked) - SHOWN} who agree more")
        lines += [f"  label {name!r}: {share:.1%} of its pairs alike" for name, share in self.by_label.items()]
        return "\n".join(lines)

    def plot(self) -> "Figure":
        """A map of Cohen's kappa for every two annotators."""
        from ..insight.labels import kappa_map

        return kappa_map(self.kappa, self.annotators)


def agreement_of(answers: "Answers", *, level: Any, values: Any, n_bootstrap: int, seed: int) -> Agreement:
    """The agreement of some answers."""
    counts = answers.counts
    alpha = krippendorff_alpha(counts, level=level, values=values)
    replicates = _resampled(counts, level, values, n_bootstrap, seed)
    low, high = interval(replicates, 0.95)
    per_item = counts.sum(1)
    pairs = coincidences(counts)
    used = pairs.sum(1)
    kappa, shared = _pairwise(answers)
    return Agreement(
        annotators=answers.annotators,
        labels=answers.labels,
        alpha=alpha,
        low=low,
        high=high,
        fleiss=fleiss_kappa(counts) if per_item.min() == per_item.max() > 1 else None,
        share=float(np.trace(pairs) / used.sum()),
        kappa=kappa,
        shared=shared,
        by_annotator=_by_annotator(answers, counts),
        by_label={k: float(pairs[i, i] / used[i]) for i, k in enumerate(answers.labels) if used[i]},
    )


def _resampled(counts: np.ndarray, level: Any, values: Any, n_bootstrap: int, seed: int) -> np.ndarray:
    """Alpha on items drawn with replacement; items with the same answers are drawn together."""
    kinds, times = np.unique(counts, axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_bootstrap):
        drawn = rng.multinomial(times.sum(), times / times.sum())
        paired = (drawn * (kinds.sum(1) > 1)).any()
        found.append(krippendorff_alpha(kinds, level=level, values=values, sample_weight=drawn) if paired else np.nan)
    return np.array(found)


def _pairwise(answers: "Answers") -> tuple[np.ndarray, np.ndarray]:
    """Cohen's kappa and the number of shared items, of every two annotators."""
    from scipy.sparse import csc_matrix

    n, k = len(answers.annotators), len(answers.labels)
    column = answers.annotator * k + answers.label
    said = csc_matrix((np.ones(len(answers)), (answers.item, column)), shape=(len(answers.items), n * k))
    kappa, shared = np.full((n, n), np.nan), np.zeros((n, n), dtype=int)
    for a in range(n):
        table = (said[:, a * k : (a + 1) * k].T @ said).toarray().reshape(k, n, k).transpose(1, 0, 2)
        total = table.sum((1, 2))
        shared[a] = total
        with np.errstate(invalid="ignore", divide="ignore"):  # nothing shared, or one label alone: NaN
            alike = np.einsum("bkk->b", table) / total
            chance = (table.sum(1) * table.sum(2)).sum(1) / total**2
            kappa[a] = np.where(chance < 1, (alike - chance) / (1 - chance), np.nan)
    np.fill_diagonal(kappa, np.nan)
    return kappa, shared


def _by_annotator(answers: "Answers", counts: np.ndarray) -> dict[Any, float]:
    """Of each annotator's pairs with others, the share that is alike."""
    n = len(answers.annotators)
    alike = counts[answers.item, answers.label] - 1
    others = counts.sum(1)[answers.item] - 1
    sums = [np.bincount(answers.annotator, weights=w, minlength=n) for w in (alike, others)]
    return {name: float(s / t) for name, s, t in zip(answers.annotators, *sums, strict=True) if t}
