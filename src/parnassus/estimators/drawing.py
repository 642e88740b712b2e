"""Rows drawn by a generator, while it learns and afterwards."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..data.image import Image
from ..errors import SettingError
from ..objectives.generating import Generating
from ..train.randomness import kept_random
from ..train.record import pictures_in
from ..train.trainer import Trainer
from .assembly import device_under
from .intake import Examples

if TYPE_CHECKING:
    from .generator import Generator

AT_ONCE = 256  # rows
STAGED, STAGED_COLUMNS = 16, 4  # pictures of a grid that is drawn while a net learns
SHOWN = 6  # such grids in a report


def drawn(made: Generating, n: int, condition: Tensor | None, seed: int) -> Tensor:
    """Rows (n, ...) as the model has them, on the CPU, a function of the seed."""
    device, generator, parts = device_under(made), torch.Generator().manual_seed(seed), []
    with kept_random(device, seed, "draw"):
        for start in range(0, n, AT_ONCE):
            size = min(AT_ONCE, n - start)
            part = None if condition is None else condition[start : start + size].to(device)
            parts.append(made.drawn(size, part, generator).cpu())
    return torch.cat(parts)


# --- while it learns ----------------------------------------------------------------------------------


def check_stages(estimator: "Generator") -> None:
    """Refuses a `pictures_every` that is no number of epochs, or that has nowhere to write to."""
    every = estimator.pictures_every
    if every is None:
        return
    if isinstance(every, bool) or not isinstance(every, int | np.integer) or every < 1:
        raise SettingError(f"pictures_every is a number of epochs of at least 1, or None; got {every!r}")
    if estimator.out is None:
        raise SettingError("pictures_every writes pictures into the folder of the run; name it by out=")
    if estimator.parallelism != "data":
        raise SettingError(
            f"pictures_every draws on one process, and parallelism={estimator.parallelism!r} divides the weights; "
            "leave it out"
        )


def conditions_shown(estimator: "Generator", y: Any) -> Any:
    """What the pictures of a grid are asked to be of: each class in turn, or the first texts."""
    if estimator.target_ is None:
        return None
    known = estimator.classes_
    return [(list(y) if known is None else known)[i % len(y if known is None else known)] for i in range(STAGED)]


def stage(estimator: "Generator", trainer: Trainer, condition: Tensor | None) -> np.ndarray:
    """A grid of pictures that the net, or its average, draws in the midst of training, which notes nothing of it."""
    made = trainer.objective
    assert isinstance(made, Generating)
    learning = [part for part in made.modules() if part.training]
    made.eval()
    try:
        with torch.no_grad():
            x = trainer.averaged(lambda: drawn(made, STAGED, condition, estimator.seed))
    finally:
        for part in learning:
            part.training = True
    from ..insight.generated import tiled

    assert isinstance(estimator.codec_, Image)
    return tiled(np.asarray(estimator.codec_.decode(x)), n_columns=STAGED_COLUMNS)


def stages_of(estimator: "Generator") -> dict[str, str]:
    """Title -> SVG of the grids that the run's folder holds, in a row: the first, the last and some between."""
    found = {} if estimator.out is None or estimator.pictures_every is None else pictures_in(Path(estimator.out))
    if not found:
        return {}
    from PIL import Image as Pictures

    from ..insight.generated import plot_stages
    from ..insight.style import svg

    epochs = list(found)
    chosen = dict.fromkeys(epochs[i] for i in np.linspace(0, len(epochs) - 1, SHOWN).round().astype(int))
    pages = {}
    for epoch in chosen:
        with Pictures.open(found[epoch]) as picture:
            pages[epoch] = np.asarray(picture)
    return {"Pictures drawn from the same noises while the net learned.": svg(plot_stages(pages))}


def figures_of(estimator: "Generator", examples: Examples) -> dict[str, str]:
    """Title -> SVG of what a report of a generator shows."""
    from .reporting import changed_pictures

    return stages_of(estimator) | changed_pictures(estimator, examples)
