"""Series of electric load, appliances, heartbeats and bases: regression on features, classes, clusters, patterns."""

from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score

from .. import registry
from ..data.timeseries.synthetic_series import load_profile
from ..estimators.classifier import Classifier
from ..estimators.forecaster import Forecaster
from ..estimators.regressor import Regressor
from ..functional.metrics import mae
from ..patterns.clusters import cluster_series
from ..patterns.matching import match_pattern
from ..patterns.repeats import find_motifs
from . import Size, Table, recipe
from .drawn import curves

# --- load ---------------------------------------------------------------------------------------------------------


def load_and_weather(n_days: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Hourly load and temperature: a day's and a week's course, and more load the further from 18 degrees it is."""
    rng, hour = np.random.default_rng(seed), np.arange(24 * n_days)
    spell = np.convolve(rng.normal(size=len(hour) + 71), np.ones(72) / 72, "valid") * 6
    warm = (
        12 + 10 * np.sin(2 * np.pi * (hour / 24 - 100) / 365) + 5 * np.sin(2 * np.pi * (hour % 24 - 9) / 24) + 3 * spell
    )
    return load_profile(n_days, noise=0.04, seed=seed) + 0.02 * np.abs(warm - 18), warm


@recipe(
    "load-from-features",
    source="Baker 6.2.1 and 6.3.6",
    figure="lags of a day and a week, calendar and weather as columns; no figure",
    experiments="baker-15",
)
def load_features(size: Size) -> Table:
    """Tomorrow's hourly load from calendar, weather and lags, by least squares and a dense net, on later days."""
    n_days, epochs = (60, 2) if size == "tiny" else (540, 25)
    y, warm = load_and_weather(n_days)
    start = 24 * 8
    hour = np.arange(len(y))[start:]
    calendar = np.concatenate([np.eye(24)[hour % 24], np.eye(7)[hour // 24 % 7]], 1)
    weather = np.stack([warm[start:], np.abs(warm[start:] - 18)], 1)
    lags = np.stack([y[start - k : len(y) - k] for k in (24, 48, 168)], 1)
    sets = {
        "calendar": [calendar],
        "calendar, weather": [calendar, weather],
        "lags": [lags],
        "all of them": [calendar, weather, lags],
    }
    target, cut = y[start:], int(0.7 * len(hour))
    rows: list[tuple] = [
        (f"as {name} before", "", float(mae(target[cut:], y[start - k : len(y) - k][cut:])), "")
        for name, k in (("a day", 24), ("a week", 168))
    ]
    for name, parts in sets.items():
        X = np.concatenate(parts, 1)
        for model in ("linear", "mlp"):
            made = Regressor(model, progress=False, **({"epochs": epochs} if model == "mlp" else {})).fit(
                X[:cut], target[:cut]
            )
            mixed = np.random.default_rng(0).permutation(len(X))
            other = Regressor(model, progress=False, **({"epochs": epochs} if model == "mlp" else {})).fit(
                X[mixed[:cut]], target[mixed[:cut]]
            )
            shuffled = float(mae(target[mixed[cut:]], other.predict(X[mixed[cut:]])))
            rows.append((name, model, float(mae(target[cut:], made.predict(X[cut:]))), shuffled))
    notes = [
        "Load is made here: a day's course, less at weekends, and 2 % of a unit for each degree away from 18. The "
        f"noise's own mean size is {0.04 * np.sqrt(2 / np.pi):.4f}. The temperature of the hour is taken as known.",
        "The last column tests on hours drawn from among those of training, as a table of lags invites to. "
        "In a series that drifts it flatters; this one does not drift, and both agree.",
    ]
    columns = ("columns", "model", "mean absolute error, later days", "mixed days")
    return Table("Load from features", columns, rows, notes, {"days": n_days, "epochs": epochs, "seed": 0})


# --- appliances and tones -----------------------------------------------------------------------------------------


def traces(n: int, *, seed: int, n_steps: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Power of a fridge, a kettle, a washing machine or a lamp over time, (n, steps, 1), at any place and size."""
    rng, t = np.random.default_rng(seed), np.arange(n_steps)
    kind, X = rng.integers(0, 4, n), np.zeros((n, n_steps))
    for i, k in enumerate(kind):
        begin = rng.integers(0, 40)
        if k == 0:
            X[i] = 0.15 * (((t + begin) // rng.integers(8, 12)) % 2)
        elif k == 1:
            X[i, begin : begin + rng.integers(3, 7)] = 2.0
        elif k == 2:
            X[i, begin : begin + 10], X[i, begin + 10 : begin + 40] = 2.0, 0.3 + 0.15 * (t[:30] % 6 < 3)
        else:
            X[i, begin : begin + rng.integers(20, 50)] = 0.1
    return (X * rng.uniform(0.8, 1.2, (n, 1)) + 0.05 * rng.normal(size=X.shape))[..., None].astype(np.float32), kind


def notes_played(n: int, *, seed: int, n_steps: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Sounds of four kinds at any pitch, (n, steps, 1): pure, with overtones, rising, and trembling."""
    rng, t = np.random.default_rng(seed), np.arange(n_steps) / 1000
    kind, X = rng.integers(0, 4, n), np.zeros((n, n_steps))
    for i, k in enumerate(kind):
        turn = 2 * np.pi * rng.uniform(30, 80) * t + rng.uniform(0, 6)
        X[i] = (
            np.sin(turn), np.sin(turn) + 0.6 * np.sin(2 * turn) + 0.4 * np.sin(3 * turn),
            np.sin(turn * (1 + 3 * t)), np.sin(turn) * (1 + np.sin(2 * np.pi * 20 * t)),
        )[k]  # fmt: skip
    return (X + 0.3 * rng.normal(size=X.shape))[..., None].astype(np.float32), kind


@recipe("power-and-sound-classes", source="Baker 6.2.2", figure="none", experiments="baker-16")
def sequence_classes(size: Size) -> Table:
    """Appliances by their power and sounds by their waves: sequence nets beside a classifier on summaries."""
    n, epochs = (60, 1) if size == "tiny" else (500, 12)
    rows = []
    for name, draw in (("power of four appliances", traces), ("four kinds of sounds", notes_played)):
        (X, y), (new, truth) = draw(n, seed=0), draw(n, seed=1)
        told = Classifier("logistic", epochs=40, progress=False).fit(_summary(X), y)
        rows.append((name, "logistic, on mean, spread, extremes", told.score(_summary(new), truth)))
        nets = {"conv1d": registry.model("conv1d"), "gru": registry.model("gru", hidden=32, pooling="mean")}
        for net, model in nets.items():
            made = Classifier(model, epochs=epochs, lr=3e-3, progress=False).fit(X, y)
            rows.append((name, net, made.score(new, truth)))
    return Table(
        "Classes of sequences",
        ("sequences", "model", "accuracy, unseen"),
        rows,
        ["Made here; chance is .25."],
        {"rows": n, "epochs": epochs, "seed": 0},
    )


def _summary(X: np.ndarray) -> np.ndarray:
    return np.concatenate([f(X, axis=1) for f in (np.mean, np.std, np.min, np.max)], 1)


# --- profiles -----------------------------------------------------------------------------------------------------


@recipe("load-profiles", source="Baker 6.2.3", figure="clusters of daily load", experiments="baker-17")
def profiles(size: Size) -> Table:
    """Daily profiles of three kinds of firms put into groups by shape: how well by k-means, k-shape and warping."""
    n = 12 if size == "tiny" else 60
    rng, t = np.random.default_rng(0), np.arange(24)
    shapes = {
        "one shift": np.exp(-0.5 * ((t - 11) / 3.0) ** 2),
        "two peaks": np.exp(-0.5 * ((t - 8) / 1.5) ** 2) + np.exp(-0.5 * ((t - 19) / 2.0) ** 2),
        "at night": np.exp(-0.5 * (((t + 12) % 24 - 12) / 3.0) ** 2),
    }  # fmt: skip
    kinds = np.repeat(np.arange(3), n)
    days = [list(shapes.values())[k] for k in kinds]
    rows, centres = [], {}
    for moved in (0, 2):
        series = [
            rng.uniform(1, 10) * (np.roll(d, rng.integers(-moved, moved + 1)) + 0.15 * rng.normal(size=24))
            for d in days
        ]
        for method in ("kmeans", "kshape", "dtw") if size == "full" else ("kmeans",):
            found = cluster_series(series, 3, method=method, n_init=3)
            rows.append(
                (moved, method, float(adjusted_rand_score(kinds, found.labels)), np.bincount(found.labels).tolist())
            )
            centres[moved, method] = found.centres
    notes = [
        "Made here: firms of any size, whose day may begin up to so many hours earlier or later. An adjusted Rand "
        "index of 1 is the true grouping, 0 chance."
    ]
    shown = {
        "The three centres by k-means.": lambda: curves(
            {str(i): (t, c) for i, c in enumerate(centres[0, "kmeans"])}, across="hour", up="load, standardised"
        )
    }
    columns = ("hours moved", "method", "adjusted Rand index", "sizes")
    return Table(
        "Groups of load profiles",
        columns,
        [(*r[:3], str(r[3])) for r in rows],
        notes,
        {"days": 3 * n, "seed": 0},
        pictures=shown,
    )


# --- beats and bases ----------------------------------------------------------------------------------------------


def heartbeats(
    n_beats: int, *, odd: tuple[int, ...], widths: tuple[float, ...], seed: int = 0
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """A trace of beats of changing length, one beat as it should be, and where the odd ones, of other widths, begin."""
    rng, t = np.random.default_rng(seed), np.linspace(0, 1, 80)

    def beat(width: float) -> np.ndarray:
        return (
            np.exp(-((t - 0.4) ** 2) / width)
            - 0.25 * np.exp(-((t - 0.47) ** 2) / 4e-4)
            + 0.2 * np.exp(-((t - 0.7) ** 2) / 6e-3)
        )

    parts, places, at = [], [], 0
    for k in range(n_beats):
        part = beat(widths[odd.index(k)] if k in odd else 5e-4) * rng.uniform(0.8, 1.2)
        part = np.concatenate([part, np.zeros(rng.integers(0, 12))])
        places += [at] if k in odd else []
        parts.append(part)
        at += len(part)
    trace = np.concatenate(parts)
    return trace + 0.02 * rng.normal(size=len(trace)), beat(5e-4), places


def discords_near(trace: np.ndarray, places: list[int]) -> int:
    """How many of the places lie at one of as many discords of the matrix profile."""
    found = find_motifs(trace, window=80, n=1, n_discords=len(places)).discords
    return sum(any(abs(int(p) - q) < 80 for p in found) for q in places)


@recipe(
    "patterns-in-beats-and-bases",
    source="Baker 6.2.4 to 6.2.6",
    figure="a pattern found, a motif that comes again, a sensor that does something odd; no figures",
    experiments="baker-18",
)
def beats_and_bases(size: Size) -> Table:
    """Beats found by one beat, odd beats by the matrix profile, and a motif among bases: what is found of all."""
    n_beats, n_bases = (20, 400) if size == "tiny" else (120, 20_000)
    odd = (5, 13) if size == "tiny" else (17, 63, 101)
    alike, own = (8e-3,) * len(odd), (8e-3, 2.5e-3, 2.5e-2)[: len(odd)]
    trace, beat, places = heartbeats(n_beats, odd=odd, widths=own)
    found = match_pattern(trace, beat, n=n_beats - len(odd))
    good = sum(min(abs(int(p) - q) for q in places) > 40 for p in found.places)
    profile = find_motifs(trace, window=80, n=1, n_discords=len(odd))
    near = discords_near(trace, places)
    twins, _, twin_places = heartbeats(n_beats, odd=odd, widths=alike)
    rng = np.random.default_rng(0)
    bases, motif = rng.choice(list("ACGT"), n_bases), "TATAAAGC"
    put = np.sort(rng.choice(n_bases // 20, 8, replace=False)) * 20
    for p in put:
        bases[p : p + 8] = list(motif)
    words = np.array(["".join(bases[i : i + 8]) for i in range(n_bases - 7)])
    names, counts = np.unique(words, return_counts=True)
    asked, n_odd, best = n_beats - len(odd), len(odd), counts.argmax()
    rows = [
        ("beats like a given beat", f"{asked} asked for, {n_odd} odd ones there", f"{good} of the right kind"),
        ("odd beats, each in its own way, as discords", f"{n_odd} there", f"{near} among the first {n_odd}"),
        ("odd beats, all alike", f"{n_odd} there", f"{discords_near(twins, twin_places)} among the first {n_odd}"),
        ("commonest eight bases", f"{motif}, put in 8 times of {n_bases:,}", f"{names[best]}, {counts[best]} times"),
        ("eight bases by chance, expected", "", f"{(n_bases - 7) / 4**8:.2f} times"),
    ]
    notes = ["Made here: beats of changing length and height in noise, some of them of other widths; bases at random. "
             "Odd beats that are alike are each other's nearest neighbours, and so hardly discords."]  # fmt: skip
    shown = {"The trace, its motif and its discords.": profile.plot}
    settings, columns = {"beats": n_beats, "seed": 0}, ("what", "there", "found")
    return Table("Patterns in beats and bases", columns, rows, notes, settings, pictures=shown)


NETS: dict[str, dict[str, Any]] = {
    "seasonal_naive": {},
    "ridge": {},
    "mlp": {},
    "tcn": {"channels": (16, 16, 16)},
    "wavenet": {"channels": 16},
}
MEAN_OF = ("mlp", "tcn", "wavenet")


@recipe("dilated-nets", source="Baker 6.5", figure="none", experiments="baker-20")
def dilated(size: Size) -> Table:
    """WaveNet, a temporal convolutional net and their mean on made-up tones and on sunspots, beside naive forecasts."""
    n, epochs, cuts = (160, 1, (1,)) if size == "tiny" else (600, 30, (6, 5, 4, 3, 2, 1))
    t, rng = np.arange(n), np.random.default_rng(0)
    tones = np.sin(2 * np.pi * t / 12) + 0.6 * np.sin(2 * np.pi * t / 31) + 0.2 * rng.normal(size=n)
    sets: dict[str, tuple[np.ndarray, int]] = {"two tones in noise": (tones, 12)}
    if size == "full":
        from statsmodels import datasets

        sets["sunspots"] = datasets.sunspots.load_pandas().data["SUNACTIVITY"].to_numpy(dtype=np.float64), 11
    rows = []
    for name, (y, season) in sets.items():
        ends = [len(y) - season * k for k in cuts]
        truth = np.concatenate([y[c : c + season] for c in ends])
        said = {model: foretold(model, y, ends, season, epochs=epochs) for model in NETS}
        said["mean of the three nets"] = np.mean([said[m] for m in MEAN_OF], axis=0)
        base = float(mae(truth, said["seasonal_naive"]))
        rows += [(name, model, float(mae(truth, v)), float(mae(truth, v)) / base) for model, v in said.items()]
    notes = [
        "Trained on what comes before the first origin, then asked at origins a season apart; a ratio below 1 beats "
        "the season before."
    ]
    columns = ("series", "model", "mean absolute error", "by seasonal naive")
    return Table("Dilated nets", columns, rows, notes, {"epochs": epochs, "seed": 0})


def foretold(model: str, y: np.ndarray, ends: list[int], season: int, *, epochs: int) -> np.ndarray:
    """A season's values after each end, one after another, by a model fitted on what comes before the first."""
    training: dict[str, Any] = {"epochs": epochs, "lr": 3e-3} if model in MEAN_OF else {}
    made = Forecaster(
        registry.model(model, **NETS[model]), horizon=season, season=season, history=4 * season, progress=False,
        **training,
    ).fit(y[: ends[0]])  # fmt: skip
    return np.concatenate([np.asarray(made.predict(X=y[:c]), dtype=np.float64).ravel() for c in ends])
