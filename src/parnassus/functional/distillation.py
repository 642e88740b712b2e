"""What a large net knows beyond the right class: soft targets at a temperature."""

import torch
from torch import Tensor
from torch.nn import functional as F


def distillation(outputs: Tensor, teacher: Tensor, *, temperature: float = 2.0) -> Tensor:
    """T^2 KL(softmax(teacher / T) || softmax(outputs / T)) for each row.

    The factor T^2 keeps the size of the slopes, which fall as 1 / T^2. Teacher logits may be shifted by any constant a
    row, so that logarithms of probabilities serve as well.

    Parameters
    ----------
    outputs, teacher : logits (n, n_classes); or (n, 1), the logit of the second of two classes.
    temperature : above 0; larger ones tell more of how alike the wrong classes are.

    Returns (n,).

    Source: Hinton, Vinyals and Dean 2015, section 2; transfer by soft targets.

    >>> distillation(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, -1.0]]), temperature=1.0)
    tensor([0.3278])
    """
    if outputs.shape[-1] == 1:
        outputs, teacher = two_sided(outputs), two_sided(teacher)
    wanted = F.log_softmax(teacher / temperature, -1)
    told = F.log_softmax(outputs / temperature, -1)
    return temperature**2 * (wanted.exp() * (wanted - told)).sum(-1)


def two_sided(logit: Tensor) -> Tensor:
    """One logit (n, 1) as those of both classes, (n, 2): 0 and itself."""
    return torch.cat([torch.zeros_like(logit), logit], -1)
