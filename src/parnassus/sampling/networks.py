"""Bayesian networks of discrete variables: tables from counts, and answers by elimination, weighting or Gibbs."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, SettingError, did_you_mean
from ..functional.bayes.factors import Factor, eliminate, restrict

METHODS = ("exact", "weighting", "gibbs")
GIBBS_CHAINS = 200


class BayesianNetwork:
    """p(all) = prod p(variable | parents), each a table.

    Parameters
    ----------
    parents : variable -> its parents, such as {"rain": [], "wet": ["rain"]}; no variable may be its own ancestor.
    states : variable -> its states in order. `fit` takes them from the data where they are left out.
    tables : variable -> p(state | parents), (states of each parent in order..., states), to use it without `fit`.
    prior : Dirichlet's count for every cell, which `fit` adds to what it sees.
    """

    def __init__(
        self,
        parents: Mapping[str, Sequence[str]],
        *,
        states: Mapping[str, Sequence[Any]] | None = None,
        tables: Mapping[str, Any] | None = None,
        prior: float = 1.0,
    ) -> None:
        self.parents = {name: tuple(above) for name, above in parents.items()}
        self.order = _ordered(self.parents)
        if not prior >= 0:
            raise SettingError(f"prior is a count, 0 or more; got {prior}")
        self.prior = prior
        self.states = {k: list(v) for k, v in (states or {}).items()}
        self.tables: dict[str, Tensor] = {}
        if tables is not None:
            if set(tables) != set(self.order) or set(self.states) != set(self.order):
                raise SettingError(f"tables and states are of every variable: {', '.join(self.order)}")
            for name, table in tables.items():
                self.tables[name] = _law(name, torch.as_tensor(table, dtype=torch.float64), self._shape(name))

    # --- from data --------------------------------------------------------------------------------

    def fit(self, table: Any) -> "BayesianNetwork":
        """Tables by the mean of Dirichlet's posterior: (count + prior) / sum. `table` maps names to columns."""
        columns = self._columns(table)
        for name, values in columns.items():
            if name not in self.states:
                self.states[name] = sorted(set(values), key=lambda v: (type(v).__name__, v))
        places = {name: self._places(name, values) for name, values in columns.items()}
        self.log_evidence_ = 0.0
        for name in self.order:
            shape = self._shape(name)
            cell = np.ravel_multi_index([places[n] for n in (*self.parents[name], name)], shape)
            counts = torch.from_numpy(np.bincount(cell, minlength=int(np.prod(shape)))).double().reshape(shape)
            whole = counts + self.prior
            if not bool((whole.sum(-1) > 0).all()):
                raise DataError(f"no row shows some states of the parents of {name!r}; give prior above 0")
            self.tables[name] = whole / whole.sum(-1, keepdim=True)
            if self.prior > 0:
                self.log_evidence_ += _dirichlet_evidence(counts, self.prior)
        return self

    def _columns(self, table: Any) -> dict[str, list[Any]]:
        names = list(table.columns) if hasattr(table, "columns") else list(table)
        columns = {}
        for name in self.order:
            if name not in names:
                raise DataError(f"the table has no column {name!r}; {did_you_mean(name, [str(n) for n in names])}")
            columns[name] = np.asarray(table[name], dtype=object).tolist()
            missing = [i for i, v in enumerate(columns[name]) if v is None or v != v]
            if missing:
                raise DataError(
                    f"column {name!r} has no value in row {missing[0]}; drop such rows or name a state for it"
                )
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) != 1 or not min(lengths.values()):
            raise DataError(f"columns have {lengths} rows; give as many of each, one at least")
        return columns

    def _places(self, name: str, values: Sequence[Any]) -> np.ndarray:
        index = {state: i for i, state in enumerate(self.states[name])}
        for value in values:
            if value not in index:
                known = ", ".join(map(str, self.states[name]))
                raise DataError(f"{name!r} has no state {value!r}; it has {known}")
        return np.array([index[v] for v in values])

    def _shape(self, name: str) -> tuple[int, ...]:
        return tuple(len(self.states[n]) for n in (*self.parents[name], name))

    # --- answers ----------------------------------------------------------------------------------

    def query(
        self,
        names: str | Sequence[str],
        given: Mapping[str, Any] | None = None,
        *,
        method: str = "exact",
        n_draws: int = 10_000,
        seed: int = 0,
    ) -> dict[Any, float]:
        """State -> p(state | given); of several variables tuples of states.

        method : "exact" (variable elimination), "weighting" (draws in order, weighted by what was given), or "gibbs"
            (each variable in turn given its neighbours; wrong where tables hold zeros that cut the states apart).
        """
        wanted = (names,) if isinstance(names, str) else tuple(names)
        seen = self._evidence(given or {})
        for name in wanted:
            if name not in self.parents:
                raise SettingError(f"no variable {name!r}; {did_you_mean(name, self.order)}")
            if name in seen:
                raise SettingError(f"{name!r} is given; ask for others")
        if method not in METHODS:
            raise SettingError(f"no method {method!r}; {did_you_mean(method, METHODS)}")
        if method == "exact":
            joint = eliminate(self._factors(seen), wanted).values
        else:
            generator = torch.Generator().manual_seed(seed)
            draws, log_weights = self._drawn(n_draws if method == "weighting" else GIBBS_CHAINS, seen, generator)
            _possible(float(log_weights.max().exp()), given)
            if method == "gibbs":
                joint = self._gibbs(draws, log_weights, seen, wanted, n_draws, generator)
            else:
                joint = self._tally(draws, log_weights.softmax(0), wanted)
        total = float(joint.sum())
        _possible(total, given)
        answers = (joint / total).flatten().tolist()
        keys = product(*(self.states[n] for n in wanted))
        return {(key[0] if isinstance(names, str) else key): p for key, p in zip(keys, answers, strict=True)}

    def probability(self, given: Mapping[str, Any]) -> float:
        """How probable these states are together, by elimination."""
        return float(eliminate(self._factors(self._evidence(given)), ()).values)

    def sample(self, n: int, *, seed: int = 0) -> dict[str, list[Any]]:
        """Draws of all variables, a table of n rows."""
        draws, _ = self._drawn(n, {}, torch.Generator().manual_seed(seed))
        return {name: [self.states[name][i] for i in draws[name].tolist()] for name in self.order}

    def _evidence(self, given: Mapping[str, Any]) -> dict[str, int]:
        if not self.tables:
            raise SettingError("the network has no tables yet; call fit, or give states and tables")
        for name in given:
            if name not in self.parents:
                raise SettingError(f"no variable {name!r}; {did_you_mean(name, self.order)}")
        return {name: int(self._places(name, [state])[0]) for name, state in given.items()}

    def _factors(self, seen: Mapping[str, int]) -> list[Factor]:
        found = []
        for name in self.order:
            factor = Factor((*self.parents[name], name), self.tables[name])
            for known, place in seen.items():
                factor = restrict(factor, known, place)
            found.append(factor)
        return found

    def _drawn(
        self, n: int, seen: Mapping[str, int], generator: torch.Generator
    ) -> tuple[dict[str, Tensor], Tensor]:  # fmt: skip
        """Draws in order, given variables held, and ln of how probable those were."""
        draws: dict[str, Tensor] = {}
        logs = torch.zeros(n, dtype=torch.float64)
        for name in self.order:
            above = tuple(draws[p] for p in self.parents[name])
            law = self.tables[name][above] if above else self.tables[name].expand(n, -1)
            if name in seen:
                draws[name] = torch.full((n,), seen[name])
                logs = logs + law[:, seen[name]].log()
            else:
                draws[name] = torch.multinomial(law, 1, generator=generator)[:, 0]
        return draws, logs

    def _tally(self, draws: Mapping[str, Tensor], weights: Tensor, wanted: Sequence[str]) -> Tensor:
        found = torch.zeros([len(self.states[n]) for n in wanted], dtype=torch.float64)
        return found.index_put(tuple(draws[n] for n in wanted), weights, accumulate=True)

    def _gibbs(
        self, draws: dict[str, Tensor], log_weights: Tensor, seen: Mapping[str, int], wanted: Sequence[str],
        n_draws: int, generator: torch.Generator,
    ) -> Tensor:  # fmt: skip
        """Chains side by side from weighted draws; the first tenth of their steps is left out."""
        chosen = torch.multinomial(log_weights.softmax(0), GIBBS_CHAINS, replacement=True, generator=generator)
        draws = {name: values[chosen] for name, values in draws.items()}
        factors = [Factor((*self.parents[name], name), self.tables[name].log()) for name in self.order]
        n_steps = max(1, -(-n_draws // GIBBS_CHAINS))
        n_warm, joint = max(20, n_steps // 10), torch.zeros([len(self.states[n]) for n in wanted], dtype=torch.float64)
        for step in range(n_warm + n_steps):
            for name in [n for n in self.order if n not in seen]:
                logs = torch.zeros(GIBBS_CHAINS, len(self.states[name]), dtype=torch.float64)
                for factor in [f for f in factors if name in f.names]:
                    axis = factor.names.index(name)
                    others = tuple(draws[n] for n in factor.names if n != name)
                    values = factor.values.movedim(axis, -1)
                    logs = logs + (values[others] if others else values)
                draws[name] = torch.multinomial(logs.softmax(1), 1, generator=generator)[:, 0]
            if step >= n_warm:
                joint = joint + self._tally(draws, torch.ones(GIBBS_CHAINS, dtype=torch.float64), wanted)
        return joint

    def __str__(self) -> str:
        lines = []
        for name in self.order:
            above = self.parents[name]
            lines.append(f"p({name}{' | ' + ', '.join(above) if above else ''})")
            if name not in self.tables:
                continue
            rows = product(*(range(len(self.states[n])) for n in above))
            for place in rows:
                head = ", ".join(str(self.states[n][i]) for n, i in zip(above, place, strict=True))
                law = zip(self.states[name], self.tables[name][place].tolist(), strict=True)
                lines.append(f"  {head + ': ' if head else ''}" + ", ".join(f"{s} {p:.3f}" for s, p in law))
        return "\n".join(lines)


def _ordered(parents: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Variables, each after its parents."""
    order: list[str] = []
    for name, above in parents.items():
        for parent in above:
            if parent not in parents:
                raise SettingError(f"{name!r} has the parent {parent!r}, which is no variable of the network")
    while len(order) < len(parents):
        ready = [n for n, above in parents.items() if n not in order and all(p in order for p in above)]
        if not ready:
            left = ", ".join(n for n in parents if n not in order)
            raise SettingError(f"the arrows run in a circle among {left}; no variable may be its own ancestor")
        order += ready
    return order


def _law(name: str, table: Tensor, shape: tuple[int, ...]) -> Tensor:
    if tuple(table.shape) != shape or not bool((table >= 0).all()):
        raise DataError(f"the table of {name!r} has shape {tuple(table.shape)}, or numbers below 0; expected {shape}")
    if not torch.allclose(table.sum(-1), torch.ones((), dtype=table.dtype), atol=1e-6):
        raise DataError(f"the table of {name!r} sums to {table.sum(-1).flatten().tolist()[:4]}; each row sums to 1")
    return table


def _possible(total: float, given: Any) -> None:
    if not total > 0:
        raise DataError(f"what is given has probability 0 in this network, or no draw met it: {dict(given or {})}")


def _dirichlet_evidence(counts: Tensor, prior: float) -> float:
    """ln of how probable counts (..., states) in one order are under Dirichlet(prior, ..., prior) rows."""
    k = counts.shape[-1]
    cells = torch.lgamma(counts + prior).sum(-1) - k * torch.lgamma(torch.tensor(prior, dtype=torch.float64))
    whole = torch.lgamma(torch.tensor(k * prior, dtype=torch.float64)) - torch.lgamma(counts.sum(-1) + k * prior)
    return float((cells + whole).sum())
