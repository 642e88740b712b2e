"""Agreement and crowds against scikit-learn and statsmodels, and a published example."""

import numpy as np

from ..functional.crowds import dawid_skene
from ..functional.metrics import cohens_kappa, krippendorff_alpha
from . import check, gap


@check("cohens-kappa", oracle="scikit-learn", tolerance=1e-12)
def kappa_of_two_annotators() -> float:
    """Cohen's kappa, plain and weighted by the squared distance of labels, of 80 items."""
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(0)
    a = rng.integers(0, 4, 80)
    b = np.where(rng.random(80) < 0.6, a, rng.integers(0, 4, 80))
    return max(
        gap(cohens_kappa(a, b, weights=w), cohen_kappa_score(a, b, weights=w)) for w in (None, "linear", "quadratic")
    )


@check("annotation-workflow", oracle="(published)", tolerance=5e-4)
def alpha_of_four_observers() -> float:
    """Krippendorff's alpha of his own example of 2011, at four levels of measurement."""
    rows = ["123321412000", "123322412503", "033323422510", "123324412510"]
    said = np.array([[int(c) for c in row] for row in rows])
    counts = np.stack([(said == k).sum(0) for k in range(1, 6)], 1)
    published = {"nominal": 0.743, "ordinal": 0.815, "interval": 0.849, "ratio": 0.797}
    found = [krippendorff_alpha(counts, level=level, values=range(1, 6)) for level in published]  # type: ignore[arg-type]
    return gap(found, list(published.values()))


@check("annotation-workflow", oracle="(closed form)", tolerance=1e-9)
def crowds_by_products_written_out() -> float:
    """Posteriors of Dawid and Skene's model, from its own skills, by a product over the answers to each item."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 30)
    item, who = (v.ravel() for v in np.indices((30, 3)))
    said = np.where(rng.random(90) < np.array([0.9, 0.7, 0.6])[who], truth[item], 1 - truth[item])
    found = dawid_skene(item, who, said, (30, 3, 2), tol=0, max_iterations=400)
    worst = 0.0
    for i in range(30):
        joint = found.prior.copy()
        for a, k in zip(who[item == i], said[item == i], strict=True):
            joint *= found.confusion[a, :, k]
        worst = max(worst, gap(joint / joint.sum(), found.posterior[i]))
    return worst
