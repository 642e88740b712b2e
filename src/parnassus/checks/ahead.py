"""Series learned from and forecast: windows, nets, many series at once, odd steps, against torch, pandas and scipy."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..data.timeseries.series import Reading, read_panel
from ..estimators.anomaly_detector import AnomalyDetector
from ..estimators.forecaster import Forecaster
from ..evaluation.choosing import choose_sequence_model
from ..functional.linear import as_signs
from ..objectives.sequence.random_convolutions import RandomConvolutions
from ..registry import model, optimizer
from ..train.randomness import kept_random
from . import check, gap, relative_gap

windows = np.lib.stride_tricks.sliding_window_view


def wave(n: int, seed: int = 0) -> np.ndarray:
    """A slow wave with noise."""
    return 5 + np.sin(np.arange(n) / 3) + 0.3 * np.random.default_rng(seed).normal(size=n)


@check("rnn-window-forecaster", oracle="torch", tolerance=1e-5)
def a_recurrent_net_on_windows_by_a_loop() -> float:
    """Weights after four epochs on windows that numpy cuts and scales, and the two steps ahead, by torch's own loop."""
    y = wave(40)
    given: dict[str, Any] = {"horizon": 2, "history": 6, "calendar": (), "batch_size": 64, "seed": 0}
    spec = model("rnn", hidden=5)
    start = Forecaster(spec, epochs=1, optimizer=optimizer("sgd", lr=1e-12), **given).fit(
        y
    )  # as its weights were drawn
    ours = Forecaster(spec, epochs=4, optimizer=optimizer("sgd", lr=0.1), **given).fit(y)
    body, head = nn.RNN(1, 5, batch_first=True), nn.Linear(5, 2)
    weights = [*body.parameters(), *head.parameters()]
    for mine, first in zip(weights, start.objective_.parameters(), strict=True):
        mine.data.copy_(first.data)
    seen, coming = windows(y, 8)[:, :6], windows(y, 8)[:, 6:]
    centre, spread = seen.mean(1, keepdims=True), seen.std(1, keepdims=True)
    x, due = (torch.from_numpy(((part - centre) / spread).astype(np.float32)) for part in (seen, coming))
    move = torch.optim.SGD(weights, lr=0.1)
    with torch.enable_grad():
        for _ in range(4):
            move.zero_grad()
            F.mse_loss(head(body(x[:, :, None])[0][:, -1]), due).backward()
            move.step()
    last = y[-6:]
    row = torch.from_numpy(((last - last.mean()) / last.std()).astype(np.float32))[None, :, None]
    said = head(body(row)[1][0])[0].detach().numpy() * last.std() + last.mean()
    pairs = zip(ours.objective_.parameters(), weights, strict=True)
    return max(gap(ours.predict(), said), *(gap(a.detach(), b.detach()) for a, b in pairs))


@check("lstm-forecaster", oracle="torch", tolerance=1e-5)
def an_lstm_forecasts_by_torchs_layer() -> float:
    """What a fitted LSTM says after new values, by torch's own layer with its weights on a window that numpy scales."""
    y, new = wave(50), wave(30, seed=1)
    ours = Forecaster(model("lstm", hidden=4), horizon=3, history=8, calendar=(), epochs=2, seed=0).fit(y)
    net: Any = ours.objective_.model
    peer, head = nn.LSTM(1, 4, batch_first=True), [m for m in net.modules() if isinstance(m, nn.Linear)][-1]
    peer.load_state_dict(next(m for m in net.modules() if isinstance(m, nn.LSTM)).state_dict())
    last = new[-8:]
    row = torch.from_numpy(((last - last.mean()) / last.std()).astype(np.float32))[None, :, None]
    with torch.no_grad():
        said = head(peer(row)[1][0][0])[0].numpy() * last.std() + last.mean()
    return gap(ours.predict(X=new), said)


@check("global-forecasting", "forecasting", oracle="scikit-learn", tolerance=1e-4)
def one_line_through_the_windows_of_all_series() -> float:
    """Forecasts of three series, and errors from three origins, by one LinearRegression on all windows put together."""
    from sklearn.linear_model import LinearRegression

    Y = np.stack([wave(50, seed) * (seed + 1) for seed in range(3)], 1)

    def line(until: int) -> np.ndarray:
        cut = np.concatenate([windows(Y[:until, k], 7) for k in range(3)])
        return LinearRegression().fit(cut[:, :5], cut[:, 5:]).predict(Y[until - 5 : until].T).T

    ours = Forecaster("linear", horizon=2, history=5, scaling="none", calendar=()).fit(Y)
    errors = np.concatenate([np.abs(line(end) - Y[end : end + 2]) for end in (44, 46, 48)])
    return max(gap(ours.predict(), line(50).T), gap(ours.backtest(3).evaluation["mae"].value, errors.mean()))


@check("series-anomaly", oracle="scipy", tolerance=1e-4)
def odd_steps_by_their_residuals() -> float:
    """Residuals of a line on five lags over their robust spread by scipy, and the 0.95 quantile by numpy."""
    from scipy.stats import median_abs_deviation
    from sklearn.linear_model import LinearRegression

    y = wave(120)
    y[70] += 4
    by = Forecaster("linear", horizon=1, history=5, scaling="none", calendar=())
    ours = AnomalyDetector(by, quantile=0.95).fit(y)
    X, due = windows(y, 6)[:, :5], y[5:]
    errors = due - LinearRegression().fit(X, due).predict(X)
    score = np.abs(errors - np.median(errors)) / median_abs_deviation(errors, scale="normal")
    threshold = np.quantile(score, 0.95)
    return max(
        gap(ours.anomaly_score(y)[5:], score),
        gap(ours.threshold_, threshold),
        gap(ours.predict(y)[5:], score > threshold),
        gap(ours.find(y).peaks[0], 70),
    )


@check("sequence-data-model", oracle="pandas", tolerance=1e-12)
def series_on_one_grid_by_pandas() -> float:
    """Two series of a long frame with holes, missing days and days that come twice, by pandas' resample and filling."""
    import pandas as pd

    rng = np.random.default_rng(0)
    days = pd.date_range("2024-02-20", periods=30)
    parts = []
    for name in ("a", "b"):
        kept = np.sort(np.r_[0, 29, rng.choice(np.arange(1, 29), 20, replace=False), 0, 29])
        values = np.where(np.isin(kept, [0, 29]) | (rng.random(24) < 0.8), rng.normal(size=24), np.nan)
        parts.append(pd.DataFrame({"name": name, "day": days[kept], "value": values}))
    frame, worst = pd.concat(parts, ignore_index=True), 0.0
    for missing, fill in (("linear", pd.Series.interpolate), ("last", pd.Series.ffill)):
        columns: dict[str, Any] = {"target": ("value",), "time": "day", "series": "name", "frequency": "D"}
        found = read_panel(frame, Reading(**columns, missing=missing, duplicates="mean"))
        for track in found.tracks:
            own = frame[frame["name"] == track.name].groupby("day")["value"].mean()
            worst = max(worst, gap(track.y, fill(own.resample("D").mean())))
    return worst


@check("sequence-classification", oracle="scikit-learn", tolerance=1e-4)
def random_convolutions_and_a_ridge() -> float:
    """Largest values and shares above 0 by numpy's dilated sums, and scikit-learn's ridge of +1 and -1 on them."""
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 40, 2)), rng.integers(0, 2, 30)
    x[:, :, 0] += np.sin(np.arange(40) / 2) * y[:, None]
    with kept_random(torch.device("cpu"), 0):
        rule = RandomConvolutions(2, 1, 40, n_kernels=25, l2=0.01, targets=lambda t: as_signs(t, n_outputs=1))
    wanted = np.zeros((30, 50))
    for k, (length, dilation, padded) in enumerate(rule.kinds.tolist()):
        weight, bias = rule.kernels[k].double().numpy(), float(rule.biases[k])
        around = (length - 1) * dilation // 2 if padded else 0
        wide = np.pad(x, ((0, 0), (around, around), (0, 0)))
        n = wide.shape[1] - (length - 1) * dilation
        h = sum(wide[:, i * dilation : i * dilation + n] @ weight[:, i] for i in range(length)) + bias
        wanted[:, k], wanted[:, 25 + k] = h.max(1), (h > 0).mean(1)
    batch = {"x": torch.from_numpy(x).float(), "y": torch.from_numpy(y).float()[:, None]}
    rule.add(batch)
    rule.solve()
    varied = wanted.std(0) > 1e-9
    rows = (wanted[:, varied] - wanted[:, varied].mean(0)) / wanted[:, varied].std(0)
    peer = Ridge(alpha=0.01 * 30 * 25).fit(rows, 2 * y - 1)
    return max(gap(rule.inputs(batch), wanted), gap(rule.outputs(batch)[:, 0], peer.predict(rows)))


@check("sequence-model-chooser", oracle="torch", tolerance=1e-9)
def what_layers_of_sequences_cost() -> float:
    """Multiplications of torch's own layers, as torch counts them, against the costs that the rules weigh."""
    from torch.utils.flop_counter import FlopCounterMode

    n, d = 24, 16
    x, state = torch.randn(n, 1, d), (torch.zeros(1, d), torch.zeros(1, d))

    def stepped(cell: nn.Module, start: Any) -> None:
        for row in x:
            start = cell(row, start)

    attention = nn.MultiheadAttention(d, 4)
    work: dict[str, Any] = {
        "gru": lambda: stepped(nn.GRUCell(d, d), state[0]),
        "lstm": lambda: stepped(nn.LSTMCell(d, d), state),
        "transformer": lambda: attention(x, x, x),
        "tcn": lambda: F.conv1d(F.pad(x.permute(1, 2, 0), (2, 0)), torch.randn(d, d, 3)),
    }
    told = {choice.name: choice.cost for choice in choose_sequence_model(length=n, n_rows=100, width=d).ranked}
    worst = 0.0
    for name, run in work.items():
        with kept_random(torch.device("cpu"), 0), FlopCounterMode(display=False) as counter, torch.enable_grad():
            run()
        worst = max(worst, relative_gap(counter.get_total_flops() / 2, told[name]))
    return worst
