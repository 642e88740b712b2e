"""Gaussian processes against scikit-learn: the evidence, its slope by the settings, and scores of classes."""

import numpy as np
import torch

from ..functional.bayes.kernel_sums import KernelSum
from ..functional.bayes.laplace_process import binary_factor, binary_mode, binary_scores
from ..functional.bayes.process_evidence import by_settings, noisy_evidence
from . import check, gap


@check("gaussian-process", oracle="scikit-learn", tolerance=1e-8)
def the_evidence_of_a_process_and_its_slope() -> float:
    """Log evidence of 30 numbers and its slope by variance, two scales and noise."""
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels

    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2))
    y = np.sin(2 * x[:, 0]) + 0.1 * rng.normal(size=30)
    theirs = kernels.ConstantKernel(1.3) * kernels.Matern([0.7, 2.0], nu=2.5) + kernels.WhiteKernel(0.2)
    fitted = GaussianProcessRegressor(theirs, alpha=0, optimizer=None).fit(x, y)
    value, slope = fitted.log_marginal_likelihood(theirs.theta, eval_gradient=True)
    evidence = noisy_evidence(torch.from_numpy(y)[:, None], torch.ones(30, dtype=torch.float64))
    function = by_settings(KernelSum("matern52", 2, ard=True), torch.from_numpy(x), evidence)
    ours = function(torch.from_numpy(theirs.theta))
    return max(gap(ours[0], value), gap(ours[1], slope))


@check("gaussian-process", oracle="scikit-learn", tolerance=1e-5)
def a_process_of_two_classes() -> float:
    """Laplace's approximation of the evidence, and the scores of 5 new rows with their variances."""
    from sklearn.gaussian_process import GaussianProcessClassifier, kernels

    rng = np.random.default_rng(0)
    x, new = rng.normal(size=(30, 2)), rng.normal(size=(5, 2))
    y = ((x**2).sum(1) + 0.4 * rng.normal(size=30) > 1.4).astype(int)
    theirs = GaussianProcessClassifier(kernels.ConstantKernel(3.0) * kernels.RBF(0.9), optimizer=None).fit(x, y)
    settings, rows = torch.tensor([3.0, 0.9], dtype=torch.float64), torch.from_numpy(x)
    kernel, weight = KernelSum("rbf", 2), torch.ones(30, dtype=torch.float64)
    table = kernel(settings, rows, rows)
    mode = binary_mode(table, torch.from_numpy(y).double(), weight=weight)
    root = (mode.p * (1 - mode.p)).sqrt()[:, 0]
    across = kernel(settings, rows, torch.from_numpy(new))
    factor = binary_factor(table, root)
    found = binary_scores(across, torch.full((5,), 3.0).double(), pull=mode.pull[:, 0], root=root, factor=factor)
    expected = theirs.latent_mean_and_variance(new)
    return max(gap(mode.value, theirs.log_marginal_likelihood_value_), *map(gap, found, expected))
