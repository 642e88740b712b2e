"""Frames and discriminative criteria against numpy, scipy, autograd and sums over all hypotheses."""

import numpy as np
import torch

from ..functional import discriminative
from ..functional.signal import framing, normalization
from . import check, gap

RNG = np.random.default_rng(0)


@check("framing", oracle="numpy", tolerance=1e-12)
def frames_against_numpys_windows() -> float:
    """Frames of 25 every 10 samples against numpy's sliding windows, and laid over each other again."""
    x = RNG.normal(size=203)
    wanted = np.lib.stride_tricks.sliding_window_view(x, 25)[::10]
    found = framing.frames(torch.from_numpy(x), 25, 10)
    whole = framing.overlap_add(torch.from_numpy(wanted.copy()), 10).numpy()
    times = framing.overlap_add(torch.ones_like(found), 10).numpy()
    return max(gap(found, wanted), gap(whole / times, x[: len(whole)]))


@check("cepstral-mean-normalisation", oracle="scipy", tolerance=1e-6)
def cepstra_without_their_channel() -> float:
    """Each coefficient less its mean, and over its deviation, by scipy's z-scores of the frames that are there."""
    from scipy.stats import zscore

    x = torch.from_numpy(RNG.normal(2, 3, (2, 30, 4)))
    lengths = torch.tensor([30, 17])
    centred, scaled = normalization.cepstral_mean(x, lengths), normalization.standardized(x, lengths)
    real = x[1, :17].numpy()
    return max(
        gap(centred[1, :17], real - real.mean(0)),
        gap(scaled[1, :17], zscore(real, axis=0)),
        gap(centred[1, 17:], 0),
    )


@check("mmi-training", "mpe-criteria", "mce-risk-decoding", "hybrid-nn-hmm", oracle="numpy", tolerance=1e-12)
def criteria_over_five_hypotheses() -> float:
    """Conditional likelihoods, expected accuracies, smoothed errors and least risks as sums over five sentences."""
    joint = RNG.normal(size=(6, 5)) * 3
    right = RNG.integers(0, 5, 6)
    accuracy, risk = RNG.random((6, 5)), RNG.random((5, 5))
    p = np.exp(joint) / np.exp(joint).sum(1, keepdims=True)
    own = joint[np.arange(6), right]
    others = np.array([np.delete(row, k) for row, k in zip(joint, right, strict=True)])
    rival = np.log(np.exp(2 * others).mean(1)) / 2
    given, at = torch.from_numpy(joint), torch.from_numpy(right)
    prior = torch.log_softmax(given[0], -1)
    return max(
        gap(discriminative.mmi(given, at), np.log(p[np.arange(6), right])),
        gap(discriminative.expected_accuracy(given, torch.from_numpy(accuracy)), (p * accuracy).sum(1)),
        gap(discriminative.mce(given, at, sharpness=2.0), 1 / (1 + np.exp(own - rival))),
        gap(discriminative.minimum_risk(given, torch.from_numpy(risk)), (p @ risk.T).argmin(1)),
        gap(discriminative.scaled_likelihood(given, prior), joint - prior.numpy()),
    )


@check("extended-baum-welch", oracle="(closed form)", tolerance=0)
def updates_that_raise_the_criterion() -> float:
    """Of 20 draws of two Gaussians, no update with its own smoothing lowers MMI or leaves a variance at or below 0."""
    wrong = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = torch.from_numpy(rng.normal(size=(80, 1)) + np.repeat([[-0.7], [0.7]], 40, axis=0))
        y = torch.arange(80) // 40
        means, variances = torch.tensor([[-0.2], [0.9]]).double(), torch.tensor([[1.5], [0.6]]).double()

        def joint(means: torch.Tensor, variances: torch.Tensor, x: torch.Tensor = x) -> torch.Tensor:
            return torch.distributions.Normal(means.T, variances.T.sqrt()).log_prob(x)

        share = joint(means, variances).softmax(1)
        hard = torch.nn.functional.one_hot(y, 2).double()
        counts = [(w.sum(0), w.T @ x, w.T @ x.square()) for w in (hard, share)]
        new = discriminative.extended_baum_welch(means, variances, counts[0], counts[1])
        before = discriminative.mmi(joint(means, variances), y).mean()
        after = discriminative.mmi(joint(new.means, new.variances), y).mean()
        wrong += not (after >= before - 1e-12 and (new.variances > 0).all())
    return float(wrong)
