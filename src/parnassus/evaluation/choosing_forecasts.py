"""Which model suits a forecast: benchmarks, then rules, then tables of features, then nets, by rules in the open."""

from dataclasses import dataclass

from ..errors import check_count
from .choosing import FADES, KINDS, SQUARE, Choice, Choices, check_budget

BENCHMARK = "it is what the others have to beat"
ALONE = 20  # series from which it is a loss that each is learned by itself
FITS = 1000  # fits of single series that are still a matter of minutes


@dataclass(frozen=True)
class _Rule:
    """A model of single series: the seasons and the steps that it wants."""

    seasons: int
    steps: int
    words: str


LOCAL = {
    "holt_winters": _Rule(2, 10, "level, trend and season of each series by itself"),
    "exponential_smoothing": _Rule(0, 10, "a level of each series by itself"),
    "theta": _Rule(2, 5, "a line and smoothing, the season taken out, each series by itself"),
    "ar": _Rule(1, 30, "a straight line on the last steps, each series by itself"),
}
FEATURES = {"ridge": 50, "forest": 200}  # windows
NETS = ("gru", "lstm", "tcn", "transformer", "mamba")
BY_REACH = {  # as for other sequences: gates for what is near, attention for what is far, a scan for very long windows
    "near": ("gru", "lstm", "tcn", "transformer", "mamba"),
    "far": ("transformer", "mamba", "tcn", "gru", "lstm"),
    "very far": ("mamba", "transformer", "tcn", "gru", "lstm"),
    "cheap": ("tcn", "gru", "mamba", "lstm", "transformer"),
}


def choose_forecaster(
    *,
    length: int,
    n_series: int = 1,
    season: int = 1,
    horizon: int = 12,
    history: int | None = None,
    covariates: bool = False,
    densities: bool = False,
    width: int = 32,
    budget: float | None = None,
) -> Choices:
    """Models for `Forecaster`, ranked, with the rules that ranked them.

    Parameters
    ----------
    length : steps of the shortest series.
    n_series : how many series there are.
    season : steps of a season; 1 for none.
    horizon : steps ahead.
    history : steps that a net sees; None takes what `Forecaster` does.
    covariates : whether other columns say something of what comes.
    densities : whether the shape of what may come matters, such as two peaks, not its middle and width alone.
    width : numbers a step inside a net's layer.
    budget : multiplications that a layer may take for one window; None sets no limit.

    Models that fewest rules speak against come first. Among equals the order is rules of single series, tables of lags,
    nets: a simple model has to be beaten before a larger one is looked at. `seasonal_naive` comes first where something
    speaks against everything else, and is otherwise what the others have to beat. Rules of single series suit few
    series with a known season; nets learn across many, take covariates and learn densities. They are rules of thumb
    and no measurement: `Forecaster.backtest` measures.

    >>> choose_forecaster(length=144, season=12).best
    'holt_winters'
    >>> choose_forecaster(length=400, n_series=500, season=7, covariates=True).best
    'ridge'

    Systems: sequence-model-chooser
    Source: Baker A150, A162, A163 and section 6.5 (benchmarks, features, then nets; it names no error: see `backtest`).
    """
    counts = {"length": length, "n_series": n_series, "season": season, "horizon": horizon, "width": width}
    for name, value in counts.items():
        check_count(f"choose_forecaster: {name}", value)
    check_budget(budget)
    seen = max(2 * season, 2 * horizon, 8) if history is None else history
    check_count("choose_forecaster: history", seen)
    n_windows = n_series * max(0, length - seen - horizon + 1)
    odd = "holt_winters" if season == 1 else "exponential_smoothing"
    found = [Choice("seasonal_naive", True, 0.0, ("the last season once more", f"against: {BENCHMARK}"))]
    found += [_local(name, length, n_series, season, covariates, densities) for name in LOCAL if name != odd]
    found += [_features(name, n_windows, seen, densities, budget) for name in FEATURES]
    reach = "cheap" if budget is not None else "near" if seen <= FADES else "far" if seen < SQUARE else "very far"
    found += [_net(name, n_windows, seen, season, width, budget) for name in BY_REACH[reach]]
    return Choices(tuple(sorted(found, key=lambda choice: len(choice.why))))


def _local(name: str, length: int, n_series: int, season: int, covariates: bool, densities: bool) -> Choice:
    rule, against = LOCAL[name], []
    wanted = max(rule.steps, rule.seasons * season)
    if length < wanted:
        against.append(f"it wants {wanted} steps, and there are {length}")
    if covariates:
        against.append("it takes no covariates")
    if n_series >= ALONE:
        against.append(f"{n_series:,} series could learn from each other, and it learns each by itself")
    if n_series > FITS:
        against.append(f"{n_series:,} fits, one a series")
    if densities:
        against.append("its spread is that of its errors, whatever their shape ahead")
    return _choice(name, float(length), rule.words, against)


def _features(name: str, n_windows: int, seen: int, densities: bool, budget: float | None) -> Choice:
    against = []
    if n_windows < FEATURES[name]:
        against.append(f"{n_windows:,} windows are few for it; {FEATURES[name]} or more are usual")
    if densities:
        against.append("its spread is that of its errors, whatever their shape ahead")
    if budget is not None and seen > budget:
        against.append(f"a window has {seen} numbers, over the budget of {budget:.2g} multiplications")
    return _choice(name, float(seen), "a table of lags and of the calendar, one model for all series", against)


def _net(name: str, n_windows: int, seen: int, season: int, width: int, budget: float | None) -> Choice:
    kind = KINDS[name]
    cost, against = kind.cost(seen, width), []
    if kind.reach(seen) < season:
        against.append(f"it forgets: about {kind.reach(seen):.0f} steps back, and a season has {season}")
    if n_windows < kind.rows:
        against.append(f"{n_windows:,} windows are few for it; {kind.rows:,} or more are usual")
    if budget is not None and cost > budget:
        against.append(f"a layer costs {cost:.2g} multiplications a window, over the budget of {budget:.2g}")
    return _choice(name, cost, f"a net on windows of {seen} steps, {kind.steps}, one model for all series", against)


def _choice(name: str, cost: float, words: str, against: list[str]) -> Choice:
    return Choice(name, not against, cost, (words, *(f"against: {reason}" for reason in against)))
