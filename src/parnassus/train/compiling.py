"""Nets compiled by `torch.compile` while they are trained, and a clean way back where that cannot be done."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ..errors import SettingError, did_you_mean

MODES = ("default", "reduce-overhead", "max-autotune")


def check_mode(mode: object, *, parallelism: str = "data", deterministic: bool = False) -> None:
    """Refuses what is no mode of compiling, and what compiling cannot stand beside."""
    if mode is None:
        return
    if mode not in MODES:
        raise SettingError(f"compile={mode!r}; {did_you_mean(str(mode), MODES)}, or None to leave nets as they are")
    if parallelism != "data":
        raise SettingError(f"compile={mode!r} with parallelism={parallelism!r}: divided weights are not compiled")
    if deterministic:
        raise SettingError(
            f"compile={mode!r} with deterministic=True: a compiled net draws dropout in its own order; choose one"
        )


@contextmanager
def compiled(objective: nn.Module, mode: str | None) -> Iterator[None]:
    """Inside, the nets that an objective calls are compiled; where one cannot be, it goes on as it was, said once.

    Plain dense stacks keep their own gradient (`Supervised.closed_form`), which calls no net and is faster.

    Parameters
    ----------
    mode : None leaves all as it is; "default" fuses what it can; "reduce-overhead" records CUDA graphs besides, where
        the device is CUDA; "max-autotune" also tries several kernels for each product.
    """
    nets = [] if mode is None else [m for m in objective.children() if next(m.parameters(), None) is not None]
    for net in nets:
        net._compiled_call_impl = _Attempt(net, mode)  # what calling a module looks at first
    try:
        yield
    finally:
        for net in nets:
            net._compiled_call_impl = None


class _Attempt:
    """A net's compiled call, which becomes its plain one at the first error of the compiler."""

    def __init__(self, net: nn.Module, mode: str | None) -> None:
        self.net, self.call = net, torch.compile(net._call_impl, mode=mode)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        try:
            return self.call(*args, **keywords)
        except Exception as error:
            if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor", "torch._functorch")):
                raise
            self.net._compiled_call_impl = None
            said = str(error).strip().partition("\n")[0]
            warnings.warn(
                f"{type(self.net).__name__} could not be compiled and is trained as it is: {said}", stacklevel=2
            )
            return self.net._call_impl(*args, **keywords)
