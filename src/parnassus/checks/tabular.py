"""Table models, quantiles, ordered classes, calibration and conformal quantiles against other packages."""

import math

import numpy as np
import torch
from torch import nn

from ..functional.calibration import platt, with_platt
from ..functional.conformal import conformal_quantile
from ..functional.ordinal import ordinal_nll
from ..functional.quantiles import pinball
from ..layers.tabular import TokenAttention
from ..train.randomness import kept_random
from . import check, gap, relative_gap

LEVELS = (0.1, 0.5, 0.9)


@check(oracle="torch", tolerance=1e-12)
def column_attention_is_multihead_attention() -> float:
    """Attention of an FT-Transformer's tokens against torch.nn.MultiheadAttention with its weights, float64."""
    with kept_random(torch.device("cpu"), 0), torch.no_grad():
        ours = TokenAttention(8, 2).double().eval()
        theirs = nn.MultiheadAttention(8, 2, batch_first=True).double().eval()
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, torch.ones(8), ours.value.bias]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
        h = torch.randn(3, 5, 8, dtype=torch.float64)
        return gap(ours(h), theirs(h, h, h)[0])


@check(oracle="scikit-learn", tolerance=1e-12)
def pinball_loss_of_quantiles() -> float:
    """The pinball loss of three quantiles against mean_pinball_loss."""
    from sklearn.metrics import mean_pinball_loss

    rng = np.random.default_rng(0)
    y, outputs = rng.normal(size=50), rng.normal(size=50)
    levels = torch.tensor(LEVELS, dtype=torch.float64)
    found = pinball(torch.from_numpy(outputs)[:, None], torch.from_numpy(y)[:, None], levels).mean(0).tolist()
    return max(gap(f, mean_pinball_loss(y, outputs, alpha=q)) for f, q in zip(found, LEVELS, strict=True))


@check(oracle="statsmodels", tolerance=1e-7)
def ordered_classes_with_even_steps_are_proportional_odds() -> float:
    """The likelihood of cumulative logits with constant steps against OrderedModel's, relative."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 1)), np.tile([0, 1, 2, 3], 15)
    steps = np.array([0.3, -0.2])
    theirs = -OrderedModel(y, x, distr="logit").loglikeobs(np.array([0.7, -0.4, *np.log(np.log1p(np.exp(steps)))]))
    z = np.concatenate([0.7 * x + 0.4, np.tile(steps, (60, 1))], 1)
    return relative_gap(ordinal_nll(torch.from_numpy(z), torch.from_numpy(y)), theirs)


@check(oracle="scikit-learn", tolerance=1e-5)
def platts_sigmoid_is_scikit_learns() -> float:
    """Probabilities by Platt's map against scikit-learn's sigmoid calibration of the same scores."""
    from sklearn.calibration import _SigmoidCalibration

    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 200)
    scores = 4 * (truth - 0.5) + rng.normal(0, 3, 200)
    theirs = _SigmoidCalibration().fit(scores, truth).predict(scores)
    return gap(with_platt(scores, *platt(scores, truth)), theirs)


@check(oracle="(closed form)", tolerance=0.005)
def conformal_coverage_is_beta_distributed() -> float:
    """Mean and spread of the coverage over 4,000 draws of 30 rows against Beta(k, n + 1 - k), k = 28."""
    found = conformal_quantile(np.random.default_rng(0).uniform(size=(30, 4000)), 0.9)
    a, b = 28, 3
    spread = math.sqrt(a * b / (a + b + 1)) / (a + b)
    return max(gap(found.mean(), a / (a + b)), gap(found.std(), spread))
