"""Recurrent cells against torch's with the same weights, and IndRNN against a filter."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..functional.independent import IndependentScan, independent_scan
from ..functional.recurrence import elman_step, gru_reset_after_step, lstm_step
from ..train.randomness import kept_random
from . import check, gap

D, N, TIME = 3, 5, 9


def run_of(kind: Callable[..., nn.RNNBase], step: Callable[..., Tensor | tuple[Tensor, Tensor]]) -> float:
    """The largest difference of all states of torch's layer and of our step, run over time, with its weights."""
    with kept_random(torch.device("cpu"), 0), torch.no_grad():
        peer = kind(D, N, batch_first=True).double()
        x, h = torch.randn(2, TIME, D, dtype=torch.float64), torch.zeros(2, N, dtype=torch.float64)
        shown, c = [], torch.zeros_like(h)
        for t in range(TIME):
            found = step(x[:, t], h, c, *peer.all_weights[0])
            h, c = (found[0], found[1]) if isinstance(found, tuple) else (found, c)
            shown.append(h)
        return gap(torch.stack(shown, 1), peer(x)[0])


@check("elman-rnn", oracle="torch", tolerance=1e-12)
def elman_against_torch() -> float:
    """States of the Elman equation against torch.nn.RNN's."""
    return run_of(nn.RNN, lambda x, h, c, w_x, w_h, b, b_h: elman_step(x, h, w_x, w_h, b + b_h))


@check("lstm", oracle="torch", tolerance=1e-12)
def lstm_against_torch() -> float:
    """States of the LSTM's equations against torch.nn.LSTM's."""
    return run_of(nn.LSTM, lambda x, h, c, w_x, w_h, b, b_h: lstm_step(x, h, c, w_x, w_h, b + b_h))


@check("gru-reset-after", oracle="torch", tolerance=1e-12)
def gru_against_torch() -> float:
    """States of the GRU's equations, its reset gate after the product, against torch.nn.GRU's."""
    return run_of(nn.GRU, lambda x, h, c, w_x, w_h, b, b_h: gru_reset_after_step(x, h, w_x, w_h, b, b_h))


@check("indrnn", oracle="scipy", tolerance=1e-12)
def indrnn_against_a_filter() -> float:
    """States of units that never sleep (u and inputs from 0 up) against scipy.signal.lfilter, compiled and by scans."""
    from scipy.signal import lfilter

    rates = (0.0, 0.5, 0.97)
    x = torch.rand(1, 200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, begin = torch.tensor(rates, dtype=torch.float64), torch.zeros(1, 3, dtype=torch.float64)
    columns = [torch.from_numpy(lfilter([1.0], [1.0, -rate], x[0, :, i].numpy())) for i, rate in enumerate(rates)]
    wanted = torch.stack(columns, 1)[None]
    return max(gap(independent_scan(x, u), wanted), gap(IndependentScan.apply(x, u, begin), wanted))
