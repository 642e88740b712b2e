"""What a sampler drew: draws by parameter, what each says, and whether the chains can be believed."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch

from .. import store
from ..errors import FileError
from . import diagnostics, problems

EACH = ("log_p", "acceptance", "energy", "divergent", "n_steps")  # what is known of each draw
COLUMNS = ("mean", "sd", "5%", "95%", "mcse", "bulk ess", "tail ess", "R-hat")


@dataclass(frozen=True)
class Chains:
    """Draws of several chains after warm-up.

    Attributes
    ----------
    draws : name -> (chains, draws, *shape); a plain start is called "theta".
    log_p, acceptance, energy, divergent, n_steps : (chains, draws): log density, how likely each move was to be taken,
        its energy, whether its path left the surface, and how many gradients it took.
    settings : what warm-up learned, such as the step.
    method, seed : as asked.
    state : what `resume` goes on from; empty where points moved together and ended.
    """

    draws: dict[str, np.ndarray]
    log_p: np.ndarray
    acceptance: np.ndarray
    energy: np.ndarray
    divergent: np.ndarray
    n_steps: np.ndarray
    settings: dict[str, float]
    method: str
    seed: int
    n_warmup: int
    state: dict[str, Any] = field(repr=False)

    def __getitem__(self, name: str) -> np.ndarray:
        """All chains' draws of a parameter end to end, (chains * draws, *shape)."""
        found = self.draws[name]
        return found.reshape(-1, *found.shape[2:])

    @property
    def n_chains(self) -> int:
        """How many chains there are."""
        return int(self.log_p.shape[0])

    def columns(self) -> dict[str, np.ndarray]:
        """Every number by name, such as "theta[2]", its draws (chains, draws)."""
        found = {}
        for name, values in self.draws.items():
            shape = values.shape[2:]
            for place in np.ndindex(*shape):
                label = f"{name}[{','.join(map(str, place))}]" if shape else name
                found[label] = values[(slice(None), slice(None), *place)]
        return found

    def summary(self) -> dict[str, dict[str, float]]:
        """Of every number: mean, sd, the 5 % and 95 % quantiles, the mean's standard error, effective sizes, R-hat.

        Systems: mcmc-diagnostics
        """
        with np.errstate(over="ignore", invalid="ignore"):  # of chains that ran away, whose problems say so
            return {name: _summary(values) for name, values in self.columns().items()}

    @property
    def problems(self) -> list[str]:
        """What makes the draws doubtful, in words; empty where nothing does."""
        return problems.of_chains(self)

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("", *COLUMNS)]
        for name, values in self.summary().items():
            rows.append((name, *(_number(k, values[k]) for k in COLUMNS)))
        widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
        lines = [
            "  ".join([f"{r[0]:<{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(r[1:], widths[1:], strict=True))])
            for r in rows
        ]
        chains, draws = self.log_p.shape
        lines.append(f"{chains} chains of {draws} draws by {self.method}, acceptance {self.acceptance.mean():.2f}")
        if "temperature" in self.settings:
            lines.append(f"of the density to the power 1 / {self.settings['temperature']:g}, its temperature")
        if "log evidence" in self.settings:
            error = self.settings["log evidence error"]
            lines.append(f"log evidence {self.settings['log evidence']:.4f} +- {error:.4f}")
        lines += [f"! {problem}" for problem in self.problems]
        return "\n".join(lines)

    def joined(self, later: "Chains") -> "Chains":
        """These draws and those that went on from them, chain by chain."""
        draws = {name: np.concatenate([values, later.draws[name]], 1) for name, values in self.draws.items()}
        both: dict[str, Any] = {n: np.concatenate([getattr(self, n), getattr(later, n)], 1) for n in EACH}
        return replace(later, draws=draws, **both)

    def save(self, path: str | os.PathLike) -> Self:
        """Write one file, from which `Chains.load` and `resume` go on; functions among the options are left out."""
        told = {k: v for k, v in self.state.get("options", {}).items() if not _is_code(v)}
        state = {**self.state, "options": {k: _held(v) for k, v in told.items()}} if self.state else {}
        arrays = {name: torch.from_numpy(getattr(self, name)) for name in EACH}
        facts = {name: getattr(self, name) for name in ("settings", "method", "seed", "n_warmup")}
        draws = [[name, torch.from_numpy(values)] for name, values in self.draws.items()]  # in the order of the start
        store.save(path, {"chains": {"draws": draws, "state": state, **arrays, **facts}})
        return self

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """What `save` wrote."""
        tree = store.load(path).get("chains")
        if tree is None:
            raise FileError(f"{path} holds no chains; a model is read by pn.load")
        draws = {name: values.numpy() for name, values in tree.pop("draws")}
        return cls(draws=draws, **{name: v.numpy() if name in EACH else v for name, v in tree.items()})

    def expectation(self, function: Callable[[dict[str, np.ndarray]], Any]) -> tuple[np.ndarray, np.ndarray]:
        """The mean over all draws of a function of one draw (a dict of arrays), and its standard deviation."""
        values = np.array([
            function({k: v[c, i] for k, v in self.draws.items()})
            for c in range(self.n_chains)
            for i in range(self.log_p.shape[1])
        ])  # fmt: skip
        return values.mean(0), values.std(0)


def _is_code(value: Any) -> bool:
    return callable(value) or (isinstance(value, Mapping) and any(callable(v) for v in value.values()))


def _held(value: Any) -> Any:
    """An option as a file holds it: arrays as tensors."""
    if isinstance(value, Mapping):
        return {name: _held(v) for name, v in value.items()}
    return torch.as_tensor(value) if isinstance(value, np.ndarray) else value


def _summary(values: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(values, (0.05, 0.95))
    return {
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)),
        "5%": float(low),
        "95%": float(high),
        "mcse": diagnostics.mcse(values),
        "bulk ess": diagnostics.bulk_ess(values),
        "tail ess": diagnostics.tail_ess(values),
        "R-hat": diagnostics.split_rhat(values),
    }


def _number(name: str, value: float) -> str:
    if "ess" in name:
        return f"{value:.0f}"
    return problems.rhat_text(value) if name == "R-hat" else f"{value:.4g}"
