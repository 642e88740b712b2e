"""What several annotators of unknown skill say of items together: votes, and Dawid and Skene's model.

Answers are triples: `item`, `annotator` and `label` (answers,) count from 0. An item may have any number of answers,
from the same annotator too.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

UNLIKELY = 1e-300  # stands for a probability of zero in a logarithm


class Skills(NamedTuple):
    """A Dawid-Skene model: what items are, how annotators err, and how common labels are.

    posterior (items, labels), confusion (annotators, true labels, answers), prior (labels,), log_likelihood of each
    step, and whether the last step changed it by less than was asked.
    """

    posterior: Floats
    confusion: Floats
    prior: Floats
    log_likelihood: list[float]
    converged: bool


def votes(item: Integers, label: Integers, n_items: int, n_labels: int) -> Floats:
    """How many answers each item has of each label, (items, labels).

    >>> votes(np.array([0, 0, 1]), np.array([1, 1, 0]), 2, 2).tolist()
    [[0.0, 2.0], [1.0, 0.0]]
    """
    return np.bincount(item * n_labels + label, minlength=n_items * n_labels).reshape(n_items, -1).astype(np.float64)


def dawid_skene(
    item: Integers,
    annotator: Integers,
    label: Integers,
    shape: tuple[int, int, int],
    *,
    smoothing: float = 0.01,
    max_iterations: int = 200,
    tol: float = 1e-8,
) -> Skills:
    """The true labels and the annotators' confusions that make the answers likeliest, by EM from the votes.

    Given the true label j of item i, annotator a answers l with probability pi_a[j, l], each answer on its own:
    posterior[i, j] ~ prior[j] prod over answers of pi_a[j, l]; prior and pi are then the posterior's means.

    shape : how many items, annotators and labels there are.
    smoothing : answers added to every entry of a confusion, so that few answers prove nothing; 0 is the published rule,
        in which an annotator who was never asked about a label is taken to guess there.

    Source: Dawid and Skene (1979), Applied Statistics 28(1).

    >>> said = np.array([[0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 0, 1], [1, 1, 0]])  # the third guesses
    >>> item, who = np.indices(said.shape)
    >>> found = dawid_skene(item.ravel(), who.ravel(), said.ravel(), (6, 3, 2))
    >>> found.posterior.argmax(1).tolist()
    [0, 1, 0, 1, 0, 1]
    """
    from scipy.sparse import csr_matrix

    n_items, n_annotators, n_labels = shape
    column = annotator * n_labels + label
    given = csr_matrix((np.ones(len(item)), (item, column)), shape=(n_items, n_annotators * n_labels))
    posterior = votes(item, label, n_items, n_labels)
    posterior /= posterior.sum(1, keepdims=True)
    history: list[float] = []
    converged = False
    for _ in range(max_iterations):
        prior = posterior.mean(0)
        counts = (given.T @ posterior).reshape(n_annotators, n_labels, n_labels).transpose(0, 2, 1) + smoothing
        asked = counts.sum(2, keepdims=True)
        confusion = np.divide(counts, asked, out=np.full_like(counts, 1 / n_labels), where=asked > 0)
        logs = np.log(np.maximum(confusion, UNLIKELY)).transpose(0, 2, 1).reshape(-1, n_labels)
        joint = given @ logs + np.log(np.maximum(prior, UNLIKELY))
        top = joint.max(1, keepdims=True)
        posterior = np.exp(joint - top)
        total = posterior.sum(1, keepdims=True)
        posterior /= total
        history.append(float((top + np.log(total)).sum()))
        if len(history) > 1 and abs(history[-1] - history[-2]) <= tol * max(1.0, abs(history[-1])):
            converged = True
            break
    return Skills(posterior, confusion, prior, history, converged)
