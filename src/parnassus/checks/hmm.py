"""Hidden Markov models against hmmlearn and against all paths written out."""

import itertools
import warnings

import numpy as np
import torch

from ..estimators.hmm import HMM
from ..functional import chains
from . import check, gap

START = np.array([0.6, 0.3, 0.1])
STEP = np.array([[0.8, 0.1, 0.1], [0.1, 0.85, 0.05], [0.2, 0.1, 0.7]])
MEANS = np.array([[0.0, 0.0], [2.0, 2.0], [-2.0, 2.0]])


def _sequences() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 2)) + MEANS[np.arange(n) // 7 % 3] for n in (31, 12, 50, 9)]


@check("forward-algorithm", "backward-algorithm", "viterbi", oracle="(closed form)", tolerance=1e-10)
def recursions_against_all_paths() -> float:
    """log p(x) of 7 frames in 3 states with an exit, and the best path's score, against 3^7 paths."""
    g = torch.Generator().manual_seed(0)
    logs = torch.randn(7, 3, generator=g, dtype=torch.float64)
    start, step, leave = (torch.rand(*s, generator=g, dtype=torch.float64).log() for s in ((3,), (3, 3), (3,)))
    scores = torch.stack(
        [
            start[p[0]]
            + leave[p[-1]]
            + sum(step[a, b] for a, b in itertools.pairwise(p))
            + logs[range(7), list(p)].sum()
            for p in itertools.product(range(3), repeat=7)
        ]
    )
    total = torch.logsumexp(scores, 0)
    found = [
        chains.forward(start, step, logs, log_exit=leave)[1],
        chains.backward(start, step, logs, log_exit=leave)[1],
    ]
    best = chains.viterbi(start, step, logs, log_exit=leave).score
    return max(*(gap(f, total) for f in found), gap(best, scores.max()))


@check("hmm", "baum-welch", oracle="hmmlearn", tolerance=1e-8)
def five_em_steps_of_gaussians() -> float:
    """Means, transitions and posteriors after five steps of EM on ragged sequences, against GaussianHMM."""
    from hmmlearn.hmm import GaussianHMM

    X = _sequences()
    flat, lengths = np.concatenate(X), [len(x) for x in X]
    theirs = GaussianHMM(3, "diag", n_iter=5, tol=-np.inf, init_params="", covars_prior=0.0, min_covar=0.0)
    theirs.startprob_, theirs.transmat_, theirs.means_ = START, STEP, MEANS
    theirs.covars_ = np.ones((3, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(flat, lengths)
    first = {"start": START, "transitions": STEP, "means": MEANS, "covariances": np.ones((3, 2))}
    ours = HMM(n_states=3, initial=first, epochs=5, tol=0.0, progress=False).fit(X)
    means = ours.objective_.emissions.means.numpy()  # type: ignore[operator]
    return max(
        gap(means, theirs.means_),
        gap(ours.chain_.transitions, theirs.transmat_),
        gap(np.concatenate(ours.posterior(X)), theirs.predict_proba(flat, lengths)),
    )


@check("nbest-lattice", oracle="(closed form)", tolerance=1e-10)
def the_best_paths_of_all() -> float:
    """The 12 most probable of the 3^5 paths through 5 frames, in order, with their scores."""
    g = torch.Generator().manual_seed(3)
    logs = torch.randn(5, 3, generator=g, dtype=torch.float64)
    start, step = (torch.rand(*s, generator=g, dtype=torch.float64).log() for s in ((3,), (3, 3)))
    scores = {
        p: float(start[p[0]] + sum(step[a, b] for a, b in itertools.pairwise(p)) + logs[range(5), list(p)].sum())
        for p in itertools.product(range(3), repeat=5)
    }
    found = chains.n_best(start, step, logs, n=12)
    wanted = sorted(scores, key=scores.__getitem__, reverse=True)[:12]
    wrong = sum(tuple(path.states.tolist()) != due for path, due in zip(found, wanted, strict=True))
    return max(float(wrong), *(gap(path.score, scores[due]) for path, due in zip(found, wanted, strict=True)))
