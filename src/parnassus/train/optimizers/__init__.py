"""Optimizers over flat blocks, by name. A builder takes the blocks of one player and returns something with `step`.

`step(closure, factor)` calls the closure, which fills the gradients and returns the loss, then moves the values with
the learning rate times `factor`. Where torch has a fused kernel it is called directly: the first object of
`torch.optim` imports a compiler stack that takes one to two seconds.
"""

from . import adaptive, curvature, descent, line_search, moments, sampling
from .base import Optimizer

__all__ = ["Optimizer", "adaptive", "curvature", "descent", "line_search", "moments", "sampling"]
