"""Rows that are there, drawn anew by a diffusion: where they have holes, or whole, from part of the way into noise."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...data.codec import Codec
from ...data.images.image import Image
from ...data.rows import Rows
from ...data.tables.holed import HoledTable
from ...data.tables.table import Table
from ...errors import DataError, SettingError
from ...objectives.generative.diffusion import Diffusion
from ...train.randomness import kept_random, seed_of, seeded
from ..fitting.assembly import device_under
from ..fitting.conditions import asked_of
from ..fitting.intake import inputs_of, is_path
from ..fitting.training import threads_for
from ..protocol import fitted
from .drawing import AT_ONCE
from .imputing import HoledRows, PicturesWithHoles, TableWithHoles

if TYPE_CHECKING:
    from ..generator import Generator

Making = Callable[[Diffusion, Tensor, Tensor, Tensor | None, torch.Generator], Tensor]


def diffusion_of(estimator: "Generator", verb: str) -> Diffusion:
    """The diffusion that an estimator has learned."""
    made = fitted(estimator).objective_
    if not isinstance(made, Diffusion):
        raise SettingError(
            f"{verb} goes back into noise and out of it, as diffusions do: fit Generator with 'ddpm', 'dit' or "
            f"'latent_diffusion'; this is {estimator.model_name!r}"
        )
    return made


def holed_codec(codec: Codec) -> Codec:
    """A codec of the same rows that takes holes, and says which entries are observed."""
    if isinstance(codec, Image):
        made = codec.with_holes()
        made.usual = codec.mean.expand(codec.shape)
        return made
    if isinstance(codec, Table):
        options: dict[str, Any] = {**codec.options, "missing": "mean"}
        table = HoledTable(**options)
        vars(table).update({name: value for name, value in vars(codec).items() if name != "options"})
        return table
    raise SettingError(f"holes are those of tables and pictures, and this model reads {type(codec).__name__}")


def made_of(estimator: "Generator", codec: Codec, rows: Rows, making: Making, condition: Any, seed: int) -> Tensor:
    """What `making` makes of encoded rows (n, ...), on the CPU."""
    objective = diffusion_of(estimator, "this")
    device, generator, parts = device_under(objective), seeded(seed), []
    told = asked_of(estimator, condition, len(rows))
    objective.eval()
    with torch.inference_mode(), threads_for(objective, AT_ONCE), kept_random(device, seed, "draw"):
        for start, stop in _cuts(len(rows)):
            taken = {k: v.to(device) for k, v in rows.take(torch.arange(start, stop)).items()}
            batch = codec.prepare(taken, estimator.view_)
            x, here = batch["x"], None if told is None else told[start:stop].to(device)
            observed = batch.get("observed", torch.ones_like(x))
            parts.append(making(objective, x, observed, here, generator).cpu())
    return torch.cat(parts)


def _cuts(n: int) -> list[tuple[int, int]]:
    """Where rows are cut that are made at once."""
    return [(start, min(start + AT_ONCE, n)) for start in range(0, n, AT_ONCE)]


def refilled(
    estimator: "Generator", X: Any, *, missing: Any, n_draws: int | None, condition: Any, n_again: int, seed: int | None
) -> Any:
    """Rows whose holes a diffusion has filled by draws; see `Generator.impute`."""
    diffusion_of(estimator, "impute")
    for name, value in (("n_draws", 1 if n_draws is None else n_draws), ("n_again", n_again)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise SettingError(f"impute: {name} is a whole number of at least 1; got {value!r}")
    codec = holed_codec(estimator.codec_)
    given: HoledRows
    if isinstance(codec, Image):
        given = PicturesWithHoles(codec, X, missing)
    else:
        given = TableWithHoles(inputs_of(X, estimator.target_name_) if is_path(X) else X, missing)
    rows, made = codec.encode(given.raw), []

    def making(model: Diffusion, x: Tensor, observed: Tensor, told: Tensor | None, draws: torch.Generator) -> Tensor:
        return model.filled(x, observed, told, draws, int(n_again))

    for i in range(n_draws or 1):
        at = seed_of("impute", estimator.seed if seed is None else seed, i)
        x = made_of(estimator, codec, rows, making, condition, at)
        made.append(given.filled(estimator._said_drawn(x)))
    return made[0] if n_draws is None else made


def varied(estimator: "Generator", X: Any, *, strength: float, condition: Any, seed: int | None) -> Any:
    """Rows near rows X; see `Generator.vary`."""
    diffusion_of(estimator, "vary")
    if isinstance(strength, bool) or not isinstance(strength, int | float | np.floating) or not 0 < strength <= 1:
        raise SettingError(
            f"vary: strength is the share of the steps into noise, above 0 and up to 1; got {strength!r}"
        )
    rows = estimator._rows(X)
    if not len(rows):
        raise DataError("vary draws rows near those of X, and X holds none")

    def making(model: Diffusion, x: Tensor, observed: Tensor, told: Tensor | None, draws: torch.Generator) -> Tensor:
        return model.varied(x, told, float(strength), draws)

    at = seed_of("vary", estimator.seed if seed is None else seed)
    return estimator._said_drawn(made_of(estimator, estimator.codec_, rows, making, condition, at))
