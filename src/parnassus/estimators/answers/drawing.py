"""Rows drawn by a generator, while it learns and afterwards."""

from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...data.images.image import Image
from ...errors import DataError, SettingError
from ...functional.metrics.latent_space import Path, between
from ...objectives.generative.generating import Generating
from ...train.randomness import kept_random, seeded
from ...train.record import pictures_in
from ...train.trainer import Trainer
from ..fitting.assembly import device_under
from ..fitting.intake import Examples

if TYPE_CHECKING:
    from ..generator import Generator

AT_ONCE = 256  # rows
OPPOSITE = 1e-6  # length of the sum of two directions below which no great circle is the one through both
STAGED, STAGED_COLUMNS = 16, 4  # pictures of a grid that is drawn while a net learns
SHOWN = 6  # such grids in a report
BESIDE, MANY, COLUMNS = 24, 1000, 6  # pictures, rows, and columns that a report sets beside those drawn


def drawn(made: Generating, n: int, condition: Tensor | None, seed: int, noise: Tensor | None = None) -> Tensor:
    """Rows (n, ...) as the model has them, on the CPU: of these noises, or of those that belong to the seed."""
    device, generator, parts = device_under(made), seeded(seed), []
    with kept_random(device, seed, "draw"):
        for start in range(0, n, AT_ONCE):
            here = slice(start, min(start + AT_ONCE, n))
            told = None if condition is None else condition[here].to(device)
            if noise is None:
                parts.append(made.drawn(here.stop - start, told, generator).cpu())
            else:
                parts.append(made.rows_of(noise[here], told).cpu())
    return torch.cat(parts)


# --- noises -------------------------------------------------------------------------------------------


def noise_shape_of(estimator: "Generator") -> tuple[int, ...]:
    """The shape of a row's noise, where noise decides the row."""
    made = estimator.objective_
    shape = made.noise_shape if isinstance(made, Generating) else None
    if shape is None:
        raise SettingError(
            f"{estimator.model_name} draws on its way from noise to a row, so that no noise is a row's own; take "
            "'gan', 'dcgan', 'flow_matching', or 'ddpm' with sampler='ddim'"
        )
    return shape


def first_noises(shape: tuple[int, ...], n: int, seed: int) -> Tensor:
    """The noises (n, *shape) that n rows of this seed begin as."""
    generator = seeded(seed)
    sizes = [min(AT_ONCE, n - start) for start in range(0, n, AT_ONCE)]
    return torch.cat([torch.randn(size, *shape, generator=generator) for size in sizes])


def noises_given(estimator: "Generator", given: Any, *, name: str = "noise", one: bool = False) -> Tensor:
    """Noises of a user as (n, *shape) float32; with `one`, a single noise may come without its first axis."""
    shape = noise_shape_of(estimator)
    try:
        values = np.asarray(given, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} is an array of numbers, such as noises(4) gives; got {type(given).__name__}"
        ) from error
    if one and values.shape == shape:
        values = values[None]
    if values.shape[1:] != shape or not len(values) or (one and len(values) > 1):
        wanted = f"one noise of shape {shape}" if one else f"noises of shape (n, {', '.join(map(str, shape))})"
        raise DataError(f"{name} is {wanted}, such as noises(4) gives; got shape {values.shape}")
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise DataError(f"{name} {row} holds a number that is not finite; give normal noises, such as noises(4)")
    return torch.from_numpy(values)


def way(a: Tensor, b: Tensor, n_steps: int, path: Path) -> Tensor:
    """Noises (n_steps, ...) from a to b (1, ...), ends included, evenly on a straight line or round the origin.

    Round the origin the direction goes along the great circle, and the length from that of a evenly to that of b:
    normal noises of many numbers lie near a sphere, and a straight way leaves it.

    Source: White 2016, section 2.1.

    >>> way(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]]), 3, "spherical")[1].tolist()
    [1.414213..., 1.414213...]
    """
    first, last, t = a.flatten(1).double(), b.flatten(1).double(), torch.linspace(0, 1, n_steps, dtype=torch.float64)
    if path == "spherical":
        lengths = first.norm(), last.norm()
        if not min(lengths) or float((first / lengths[0] + last / lengths[1]).norm()) < OPPOSITE:
            raise DataError("a spherical way goes between two directions, and one noise is 0 or the noises are "
                            "opposite; give others, or path='straight'")  # fmt: skip
        found = between(first, last, t, path) * (lengths[0] + t * (lengths[1] - lengths[0]))[:, None]
    else:
        found = between(first, last, t, path)
    found[0], found[-1] = first[0], last[0]
    return found.to(a.dtype).unflatten(1, a.shape[1:])


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
    from ...insight.generated import tiled

    assert isinstance(estimator.codec_, Image)
    return tiled(np.asarray(estimator.codec_.decode(x)), n_columns=STAGED_COLUMNS)


def stages_of(estimator: "Generator") -> dict[str, str]:
    """Title -> SVG of the grids that the run's folder holds, in a row: the first, the last and some between."""
    found = {} if estimator.out is None or estimator.pictures_every is None else pictures_in(FilePath(estimator.out))
    if not found:
        return {}
    from PIL import Image as Pictures

    from ...insight.generated import plot_stages
    from ...insight.style import svg

    epochs = list(found)
    chosen = dict.fromkeys(epochs[i] for i in np.linspace(0, len(epochs) - 1, SHOWN).round().astype(int))
    pages = {}
    for epoch in chosen:
        with Pictures.open(found[epoch]) as picture:
            pages[epoch] = np.asarray(picture)
    return {"Pictures drawn from the same noises while the net learned.": svg(plot_stages(pages))}


def figures_of(estimator: "Generator", examples: Examples) -> dict[str, str]:
    """Title -> SVG of what a report of a generator shows."""
    from ..judging.reporting import changed_pictures

    shown = _pictures_beside if isinstance(estimator.codec_, Image) else _columns_beside
    return shown(estimator, examples) | stages_of(estimator) | changed_pictures(estimator, examples)


def _pictures_beside(estimator: "Generator", examples: Examples) -> dict[str, str]:
    """Pictures given, and as many drawn, told the same where they are told anything."""
    from ...insight.generated import plot_grid
    from ...insight.style import svg

    some = examples.take(np.arange(min(BESIDE, len(examples))))
    made = estimator.sample(len(some), condition=None if estimator.target_ is None else some.y)
    told = "" if estimator.target_ is None else ", told in the same order what to be"
    codec: Any = estimator.codec_
    given = codec.decode(torch.from_numpy(estimator._asked(estimator._rows(some.X), lambda batch: batch["x"])))
    return {
        "Pictures given.": svg(plot_grid(np.asarray(given))),
        f"Pictures drawn{told}.": svg(plot_grid(np.asarray(made))),
    }


def _columns_beside(estimator: "Generator", examples: Examples) -> dict[str, str]:
    """How the first columns of numbers are spread in rows given and in as many drawn."""
    import pandas as pd

    from ...insight.plots import histogram
    from ...insight.style import svg

    if not isinstance(examples.X, np.ndarray | pd.DataFrame):
        return {}
    some = examples.take(np.arange(min(MANY, len(examples))))
    made = estimator.sample(len(some), condition=None if estimator.target_ is None else some.y)
    given = pd.DataFrame(some.X)
    drawn = pd.DataFrame(made).set_axis(given.columns, axis=1)  # rows of numbers alone are drawn without names
    numbers = [name for name in drawn.columns if pd.api.types.is_numeric_dtype(drawn[name])]
    return {
        f"Column {name}, as given and as drawn.": svg(
            histogram({"given": given[name].dropna(), "drawn": drawn[name].dropna()}, name=str(name))
        )
        for name in numbers[:COLUMNS]
    }
