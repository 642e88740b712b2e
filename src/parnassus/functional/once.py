"""Functions with slopes of their own, which have no second ones."""

import functools
from collections.abc import Callable
from typing import Any

import torch

from ..errors import SettingError

Backward = Callable[..., Any]


def once(backward: Backward) -> Backward:
    """A backward pass that refuses where slopes of its slopes are asked for, which would be taken for 0 unsaid."""

    @functools.wraps(backward)
    def checked(ctx: Any, *slopes: Any) -> Any:
        if torch.is_grad_enabled():  # as it is in a backward pass of create_graph=True alone
            raise SettingError(
                "slopes of slopes are asked for, and this net's recurrence has first ones alone; choose an optimizer "
                "of first order, such as 'adam' or 'lbfgs'"
            )
        return backward(ctx, *slopes)

    return checked
