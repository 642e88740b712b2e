"""The books' series by recurrent nets and by attention: a made wave, passengers, odd days of a price."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import registry
from ..data.book_sets import BookSet
from ..estimators.anomaly_detector import AnomalyDetector
from ..estimators.autoencoder import Autoencoder
from ..estimators.regressor import Regressor
from ..insight.style import MUTED, SERIES, canvas, styled
from . import Size, Table, recipe
from .drawn import curves
from .forecasting import AIRLINE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = list[tuple[Any, ...]]
Pair = tuple[np.ndarray, np.ndarray]


def wave(n: int, *, noise: float = 0.1, seed: int = 0) -> np.ndarray:
    """cos(pi t / 6) + cos(pi t / 3) / 2 + cos(2 pi t / 3) / 2 with noise: a period of 12 (Martinez-Ramon eq. 5.24)."""
    t = np.arange(n)
    clean = np.cos(np.pi * t / 6) + np.cos(np.pi * t / 3) / 2 + np.cos(2 * np.pi * t / 3) / 2
    return clean + noise * np.random.default_rng(seed).normal(size=n)


def windows(y: np.ndarray, width: int) -> Pair:
    """Every stretch of `width` values, (n, width), and the value after it."""
    every = np.lib.stride_tricks.sliding_window_view(y, width + 1)
    return every[:, :-1].astype(np.float32), every[:, -1]


def linear(train: Pair, new: np.ndarray) -> np.ndarray:
    """What least squares on the windows foretells."""
    ones = np.ones((len(train[0]), 1))
    weight = np.linalg.lstsq(np.hstack([train[0], ones]), train[1], rcond=None)[0]
    return np.hstack([new, np.ones((len(new), 1))]) @ weight


@recipe(
    "wave-by-a-recurrent-net",
    source="Martinez-Ramon example 5.3.1",
    figure="curves of training and of the test part",
    experiments="martinez-ramon-32",
)
def wave_by_a_recurrent_net(size: Size) -> Table:
    """The next value of a noisy wave of period 12 by 100 recurrent units, a line, and the value of a period ago."""
    n_seeds, epochs = (1, 5) if size == "tiny" else (2, 500)
    rows: Rows = []
    losses: dict[str, Any] = {}
    for width in (6, 12, 24):
        found: dict[str, list[float]] = {"recurrent": [], "line": [], "a period ago": []}
        for seed in range(n_seeds):
            y = wave(200, seed=seed)
            low, high = y[:150].min(), y[:150].max()
            y = (y - low) / (high - low)
            train, test = windows(y[:150], width), windows(y[150 - width :], width)
            net = registry.model("rnn", hidden=100)
            made = Regressor(net, epochs=epochs, batch_size=len(train[0]), lr=1e-3, seed=seed, progress=False)
            said = made.fit(train[0][..., None], train[1]).predict(test[0][..., None])
            found["recurrent"].append(float(((said - test[1]) ** 2).mean()))
            found["line"].append(float(((linear(train, test[0]) - test[1]) ** 2).mean()))
            if width >= 12:
                found["a period ago"].append(float(((test[0][:, -12] - test[1]) ** 2).mean()))
            losses[f"window {width}"] = (range(1, epochs + 1), [e["loss"] for e in made.history_])
        floor = (0.1 / (high - low)) ** 2
        rows += [(width, name, float(np.mean(v)), float(max(v)), floor) for name, v in found.items() if v]
    notes = [
        "Mean squared errors on the 50 values after the 150 of training, scaled as the book scales them; the last "
        "column "
        "is the noise alone. The book names no window and prints curves. Its 0 <= t <= 200 are 201 values.",
        "Without noise the wave follows from any six values exactly, by a line; the recurrent net earns its place only "
        "if it comes near the line with enough values to average the noise.",
    ]
    pictures = {"Training loss by window.": partial(curves, losses, across="epoch", up="loss", log="y")}
    columns = ("window", "model", "test MSE", "worst seed", "noise alone")
    settings = {"epochs": epochs, "seeds": n_seeds, "seed": 0}
    return Table("A wave by a recurrent net", columns, rows, notes, settings, pictures=pictures)


@recipe(
    "passengers-under-a-ceiling",
    source="Martinez-Ramon example 5.7.1",
    figure="curves of training and of the test part",
    experiments="martinez-ramon-34",
    reads="flights",
)
def passengers_under_a_ceiling(size: Size, data: BookSet | None = None) -> Table:
    """Four LSTM cells on the airline passengers with a tanh and with a linear output, beside what needs no training."""
    epochs = 5 if size == "tiny" else 600
    y = AIRLINE if data is None else np.asarray(data.y, dtype=float)
    known, test = y[:126], y[126:]
    low, high = known.min(), known.max()
    scaled = (y - low) / (high - low)
    rows: Rows = [
        ("the month before", 1, "", _rmse(y[125:-1], test), float(y[125:-1].max())),
        ("the same month a year before", 12, "", _rmse(y[114 : len(y) - 12], test), float(y[114 : len(y) - 12].max())),
        ("the best under a tanh", "", "", _rmse(np.minimum(test, high), test), float(high)),
    ]
    lines: dict[str, Any] = {"passengers": (range(126, len(y)), test)}
    for width in (1, 12):
        train, new = windows(scaled[:126], width), windows(scaled[126 - width :], width)
        for head in ("tanh", "linear"):
            net = registry.model("lstm", hidden=4)
            answers = np.arctanh(np.clip(train[1], -0.999, 0.999)) if head == "tanh" else train[1]
            made = Regressor(net, epochs=epochs, lr=0.01, batch_size=32, seed=0, progress=False)
            said = made.fit(train[0][..., None], answers).predict(new[0][..., None])
            said = low + (high - low) * (np.tanh(said) if head == "tanh" else said)
            rows.append((f"LSTM of 4 cells, {head} output", width, epochs, _rmse(said, test), float(said.max())))
            lines[f"{head}, window {width}"] = (range(126, len(y)), said)
    notes = [
        "Root of the mean squared error in thousands of passengers on the last 18 months; months 1 to 126 are scaled "
        "to "
        f"0 and 1, and {int((test > high).sum())} of the last 18 lie above 1, where no tanh reaches. The tanh is "
        "learned through its inverse.",
        "A linear output may go above, and yet has never seen a year as high: the growth is what is missing, which "
        "logarithms and differences bring (see `parnassus reproduce forecasts`). The book's window is not named.",
    ]
    pictures = {"The last 18 months and what each net says.": partial(curves, lines, across="month", up="passengers")}
    columns = ("model", "window", "epochs", "RMSE", "largest value said")
    return Table("Passengers under a ceiling", columns, rows, notes, {"lr": 0.01, "seed": 0}, pictures=pictures)


def _rmse(said: np.ndarray, true: np.ndarray) -> float:
    return float(np.sqrt(((np.asarray(said) - true) ** 2).mean()))


@recipe(
    "wave-by-attention",
    source="Martinez-Ramon example 6.3.2",
    figure="curves over 100 epochs",
    experiments="martinez-ramon-44",
)
def wave_by_attention(size: Size) -> Table:
    """The next value of the same wave by blocks of attention, beside recurrent cells and a line, on more of it."""
    n, epochs, width = (300, 1, 24) if size == "tiny" else (3000, 15, 24)
    y = wave(n + 600)
    train, test = windows(y[:n], width), windows(y[n - width :], width)
    nets: dict[str, Any] = {
        "attention, 2 blocks of 2 heads": registry.model("transformer", hidden=32, n_layers=2, n_heads=2),
        "LSTM": registry.model("lstm", hidden=64),
    }
    rows: Rows = [("a line", width + 1, float(((linear(train, test[0]) - test[1]) ** 2).mean()))]
    for name, net in nets.items():
        made = Regressor(net, epochs=epochs, lr=1e-3, batch_size=64, seed=0, progress=False)
        said = made.fit(train[0][..., None], train[1]).predict(test[0][..., None])
        weights = sum(p.numel() for p in made.objective_.parameters())
        rows.append((name, weights, float(((said - test[1]) ** 2).mean())))
    rows.append(("the value of a period ago", 0, float(((test[0][:, -12] - test[1]) ** 2).mean())))
    rows.append(("noise alone", 0, 0.01))
    notes = [
        f"{n} values for training where the book takes 25,000, the next 600 for the test, {width} of them at a time. "
        "The "
        "book prints curves and no other model; the wave is a line in its past but for the noise, of which a line "
        "takes in the noise of 24 values; a net that tells where in the period it is can come nearer to the last row.",
    ]
    columns = ("model", "weights", "test MSE")
    return Table("A wave by attention", columns, rows, notes, {"epochs": epochs, "values": n, "seed": 0})


@recipe(
    "odd-days-of-a-price",
    source="Martinez-Ramon example 7.4.1, figures 7.5 to 7.7",
    figure="pictures of a price with its odd days",
    experiments="martinez-ramon-51",
    reads="prices",
)
def odd_days_of_a_price(size: Size, data: BookSet | None = None) -> Table:
    """Days of a price that an LSTM autoencoder cannot rebuild: those put in on purpose, and how many others."""
    n, epochs = (400, 1) if size == "tiny" else (1500, 25)
    rng = np.random.default_rng(0)
    if data is None:
        returns = rng.normal(0.0004, 0.012, n)
        put_in = np.linspace(0.73 * n, 0.97 * n, 5).astype(int)
        returns[put_in] = rng.choice([-1, 1], 5) * 0.12
        price = 100 * np.exp(returns.cumsum())
    else:
        price, put_in = np.asarray(data.y, dtype=float), np.array([], dtype=int)
    cut = int(0.7 * len(price))
    values = {"prices": price, "daily changes": np.diff(np.log(price), prepend=np.log(price[0]))}
    rows: Rows = []
    pictures: dict[str, Any] = {}
    for name, series in values.items():
        coder = Autoencoder(registry.model("lstm_ae", hidden=32), epochs=epochs, batch_size=32, seed=0, progress=False)
        found = AnomalyDetector(coder, window=30, quantile=1.0, seed=0).fit(series[:cut])
        odd = np.flatnonzero(found.predict(series[cut:])) + cut
        hit = [int(day) for day in put_in if (np.abs(odd - day) <= 1).any()]
        rows.append((name, len(put_in) or "", len(hit) if len(put_in) else "", len(odd), len(series) - cut))
        pictures[f"Odd days by {name}."] = partial(_marked, price, odd, put_in)
    notes = [
        "Learned from the first 70 % of the days; odd is what is rebuilt worse than any day of training, as in the "
        "book. "
        "The book shows pictures of one share over 26 years; here a price is made whose changes are normal but for "
        "five "
        "jumps of 12 % in the last part."
        if data is None
        else "The book shows pictures only.",
        "A price that grows leaves the range of training, and then many days are odd that nobody touched: its changes "
        "are what to look at.",
    ]
    columns = ("looked at", "jumps put in", "found, to a day", "days called odd", "days looked at")
    return Table(
        "Odd days of a price", columns, rows, notes, {"window": 30, "epochs": epochs, "seed": 0}, pictures=pictures
    )


@styled
def _marked(price: np.ndarray, odd: np.ndarray, put_in: np.ndarray) -> "Figure":
    figure, (ax,) = canvas(width=6.4, height=3.0, label="A price and its odd days")
    ax.plot(price, color=MUTED, linewidth=1)
    ax.scatter(odd, price[odd], s=9, color=SERIES[1], label="called odd")
    ax.scatter(put_in, price[put_in], s=40, facecolors="none", edgecolors=SERIES[0], label="put in")
    ax.set(xlabel="day", ylabel="price")
    ax.legend()
    return figure


@recipe(
    "passengers-by-year",
    source="Martinez-Ramon example 3.7.1",
    figure="boxes, violins, strips and swarms",
    experiments="martinez-ramon-21",
    reads="flights",
)
def passengers_by_year(size: Size, data: BookSet | None = None) -> Table:
    """Passengers by year as boxes, violins and swarms, and what a box's edges and whiskers are."""
    y = AIRLINE if data is None else np.asarray(data.y, dtype=float)
    years = {1949 + k: y[12 * k : 12 * k + 12] for k in range(len(y) // 12)}
    rows: Rows = []
    for year, months in years.items():
        first, middle, third = np.quantile(months, (0.25, 0.5, 0.75)).tolist()
        reach = 1.5 * (third - first)
        inside = months[(months >= first - reach) & (months <= third + reach)]
        rows.append((year, float(months.min()), float(inside.min()), first, middle, third, float(inside.max()),
                     float(months.max())))  # fmt: skip
    notes = [
        "The book says that whiskers end at the least and the largest value. They end at the last value within 1.5 "
        "boxes of the box, which is the same unless a month lies farther out, and points beyond are drawn one by one; "
        "and the box's upper edge is the third quartile. The cars of its other pictures come from a download.",
    ]
    pictures = {"Boxes, violins, and every month beside its neighbours.": partial(_groups, years)}
    columns = (
        "year",
        "least",
        "lower whisker",
        "first quartile",
        "median",
        "third quartile",
        "upper whisker",
        "largest",
    )
    return Table("Passengers by year", columns, rows, notes, {"seed": "none"}, pictures=pictures)


@styled
def _groups(years: dict[int, np.ndarray]) -> "Figure":
    figure, axes = canvas(1, 3, width=12.0, height=3.2, label="Passengers by year")
    groups = list(years.values())
    axes[0].boxplot(groups)
    axes[1].violinplot(groups, showmedians=True)
    for k, months in enumerate(groups, 1):
        place: dict[int, list[float]] = {}
        for value in np.sort(months):
            near = place.setdefault(int(value // 12), [])
            near.append(float(value))
            axes[2].scatter(k + 0.16 * (len(near) - 1) * (-1) ** len(near), value, s=7, color=SERIES[0])
    for ax in axes:
        ax.set(xlabel="year from 1949")
    axes[0].set(ylabel="passengers")
    return figure
