"""Which kind of model suits a task on sequences: rules of thumb, applied in the open."""

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import SettingError


@dataclass(frozen=True)
class Choice:
    """One kind of model for a task on sequences.

    Attributes
    ----------
    name : "features", "tcn", "gru", "lstm", "transformer" or "mamba".
    fits : whether no rule speaks against it.
    cost : multiplications of one layer and one sequence.
    why : what speaks for it, and against.
    """

    name: str
    fits: bool
    cost: float
    why: tuple[str, ...]


@dataclass(frozen=True)
class Choices:
    """Kinds of models, best first; prints as a list with reasons."""

    ranked: tuple[Choice, ...]

    @property
    def best(self) -> str:
        """The name of the first."""
        return self.ranked[0].name

    def __str__(self) -> str:
        lines = []
        for place, choice in enumerate(self.ranked, 1):
            mark = "" if choice.fits else "  (not here)"
            lines += [f"{place}. {choice.name}{mark}", *(f"     {reason}" for reason in choice.why)]
        return "\n".join(lines)


@dataclass(frozen=True)
class _Kind:
    """What the rules know of a kind: how far back it sees, what a layer costs, how many rows it wants."""

    reach: Callable[[int], float]
    cost: Callable[[int, int], float]
    rows: int
    steps: str
    looks_up: bool = False


KERNEL = 3  # of a convolution over time
FADES = 200  # steps after which little of a gated recurrent net's gradient is left
SQUARE = 4096  # steps from which attention's length x length is the larger part of its cost
KINDS = {
    "gru": _Kind(lambda n: FADES, lambda n, d: 6 * n * d * d, 500, "one step after the other"),
    "lstm": _Kind(lambda n: FADES, lambda n, d: 8 * n * d * d, 500, "one step after the other"),
    "transformer": _Kind(lambda n: n, lambda n, d: 2 * n * n * d + 4 * n * d * d, 10_000, "all steps at once", True),
    "mamba": _Kind(lambda n: n, lambda n, d: 6 * n * d * d + 32 * n * d, 5_000, "a scan over all steps"),
    "tcn": _Kind(lambda n: n, lambda n, d: KERNEL * n * d * d, 500, "all steps at once"),
    "features": _Kind(lambda n: n, lambda n, d: n * d, 50, "made by hand, for a table model"),
}
MODERATE = ("gru", "lstm", "transformer", "mamba", "tcn", "features")
LONG = ("transformer", "mamba", "tcn", "features", "gru", "lstm")
VERY_LONG = ("mamba", "transformer", "tcn", "features", "gru", "lstm")
CHEAP = ("tcn", "gru", "mamba", "lstm", "transformer", "features")


def choose_sequence_model(
    *,
    length: int,
    n_rows: int,
    dependency: int | None = None,
    width: int = 128,
    budget: float | None = None,
    looks_up: bool = False,
) -> Choices:
    """Kinds of models for sequences, ranked, with the rules that ranked them.

    Parameters
    ----------
    length : steps of a sequence.
    n_rows : sequences to learn from.
    dependency : how many steps back an answer may hang on; None takes `length`.
    width : numbers a step inside a layer.
    budget : multiplications that a layer may take for one sequence; None sets no limit.
    looks_up : whether answers hang on single distant steps (a word, an event), not on a summary of them.

    What fewer rules speak against comes first; among equals, recurrent nets where dependencies are moderately long
    (their gradients fade: 200 steps are taken as the limit), attention where they are longer, a scan where attention's
    length x length becomes the larger part, and convolutions where there is a budget. Features made by hand come
    first where rows are few.
    They are rules of thumb and no measurement: `pn.compare` measures.

    >>> choose_sequence_model(length=100, n_rows=80).best
    'features'
    >>> choose_sequence_model(length=60, n_rows=5000, budget=4e6).best
    'tcn'

    Systems: sequence-model-chooser
    Source: Baker A150 and section 6.3.6; costs by Vaswani et al. 2017, table 1.
    """
    for name, value in (("length", length), ("n_rows", n_rows), ("width", width), ("dependency", dependency)):
        if value is not None and value < 1:
            raise SettingError(f"choose_sequence_model: {name} is at least 1; got {value!r}")
    check_budget(budget)
    back = length if dependency is None else dependency
    if back > length:
        raise SettingError(f"choose_sequence_model: dependency={back} goes back further than length={length}")
    order = CHEAP if budget is not None else MODERATE if back <= FADES else LONG if length < SQUARE else VERY_LONG
    found = [_rated(name, length, n_rows, back, width, budget, looks_up) for name in order]
    return Choices(tuple(sorted(found, key=lambda choice: len(choice.why))))


def check_budget(budget: float | None) -> None:
    """Refuses a budget that nothing could keep to."""
    if budget is not None and not budget > 0:
        raise SettingError(f"budget is a number of multiplications above 0, or None; got {budget!r}")


def _rated(name: str, length: int, n_rows: int, back: int, width: int, budget: float | None, looks_up: bool) -> Choice:
    """A kind with what the rules say of it."""
    kind = KINDS[name]
    reach, cost = kind.reach(length), kind.cost(length, width)
    against = []
    if reach < back:
        against.append(f"it forgets: about {reach:.0f} steps back, and {back} matter")
    if budget is not None and cost > budget:
        against.append(f"a layer costs {cost:.2g} multiplications a sequence, over the budget of {budget:.2g}")
    if n_rows < kind.rows:
        against.append(f"{n_rows:,} sequences are few for it; {kind.rows:,} or more are usual")
    if looks_up and not kind.looks_up:
        against.append("it keeps a summary of the past, and single steps must be looked up")
    why = (f"{kind.steps}; {cost:.2g} multiplications a layer and sequence", *(f"against: {r}" for r in against))
    return Choice(name, not against, cost, why)
