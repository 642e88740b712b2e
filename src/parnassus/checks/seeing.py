"""What is read off a net: kernels, units, gates, memory, slopes, curves, against torch, numpy and closed forms."""

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..estimators.classifier import Classifier
from ..functional.surfaces import quadratic
from ..insight.curves import activation_curves
from ..insight.gates import cell_gates
from ..insight.memory import state_slopes
from ..insight.summary import summarize
from ..insight.trajectories import values_at
from ..insight.units import exciting_picture, feature_maps, filters, hidden_units, layers_of
from ..layers import cells
from ..registry import model
from ..train.randomness import kept_random
from . import check, gap


def seeded(make: Any, *given: Any, **options: Any) -> Any:
    """A module with first weights that are the same each time, in float64."""
    with kept_random(torch.device("cpu"), 0):
        return make(*given, **options).double().requires_grad_(False)


def drawn(*shape: int) -> Tensor:
    """Normal numbers, float64."""
    return torch.from_numpy(np.random.default_rng(0).normal(size=shape))


@functools.cache
def fitted() -> tuple[Classifier, np.ndarray]:
    """A small net of pictures, and pictures."""
    pictures = np.random.default_rng(0).integers(0, 255, (24, 8, 8)).astype(np.uint8)
    spec = model("cnn", channels=(4,), hidden=6, norm="none")
    return Classifier(spec, epochs=1, seed=0).fit(pictures, pictures[:, 0, 0] > 127), pictures


@check("filter-visualisation", "hidden-unit-map", oracle="torch", tolerance=1e-5)
def what_layers_hold_and_say() -> float:
    """Kernels and maps of a fitted net by torch's own convolution, and its units with their correlations by numpy."""
    net, pictures = fitted()
    parts: Any = net.objective_.model
    first, dense = parts.features[0], parts.head[1]
    x = net.codec_.prepare(net.codec_.encode(pictures).take(torch.arange(24)), net.view_)["x"]
    with torch.no_grad():
        maps = torch.nn.functional.conv2d(x, first.weight, first.bias, padding=1)
        flat = torch.max_pool2d(maps.relu(), 2).flatten(1)
        units = (flat @ dense.weight.T + dense.bias).relu().double().numpy()
    found = hidden_units(net, pictures)
    alive = units.std(0) > 1e-9
    return max(
        gap(filters(net), first.weight.detach()),
        gap(feature_maps(net, pictures), maps),
        gap(found.values, units),
        gap(found.correlation[np.ix_(alive, alive)], np.corrcoef(units[:, alive].T)),
    )


@check("activation-maximisation", oracle="(closed form)", tolerance=0)
def the_picture_that_excites_one_place() -> float:
    """One place of the first maps is linear in nine pixels: white where the kernel is above 0, else black."""
    net, _ = fitted()
    layer = next(name for name, kind in layers_of(net).items() if kind == "Conv2d")
    still: dict[str, Any] = {"blur": 0.0, "l2": 0.0, "jitter": 0}
    found = exciting_picture(net, layer=layer, channel=2, place=(3, 4), **still)[2:5, 3:6]
    return gap(found, np.where(filters(net)[2, 0] > 0, 255, 0))


@check("gate-activity-trace", oracle="torch", tolerance=1e-6)
def gates_make_torchs_states() -> float:
    """States rebuilt from the gates of an LSTM and a GRU, h = o tanh(c) and h = (1 - z) n + z h, are torch's."""
    x = drawn(3, 7, 2)
    ours = seeded(cells.LSTM, 2, 4), seeded(cells.GRU, 2, 4)
    (lstm, gru), (of_lstm, of_gru) = (cell.inner for cell in ours), (cell_gates(cell, x) for cell in ours)
    before = torch.cat([torch.zeros(3, 1, 4).double(), gru(x)[0][:, :-1]], 1)
    return max(
        gap(of_lstm["output"] * of_lstm["cell"].tanh(), lstm(x)[0]),
        gap(of_lstm["cell"][:, -1], lstm(x)[1][1][0]),
        gap((1 - of_gru["update"]) * of_gru["new"] + of_gru["update"] * before, gru(x)[0]),
    )


@check("rnn-gradient-analysis", oracle="torch", tolerance=1e-10)
def slopes_of_states_by_earlier_ones() -> float:
    """Spectral norms of dh_t/dh_(t-k) for two cells against autograd through the whole run, and 0.9^100 in one unit."""
    x, worst = drawn(2, 6, 2), 0.0
    for make in (cells.Elman, cells.GRU):
        cell = seeded(make, 2, 3)
        found = state_slopes(cell, x)
        for lag in (1, 3, 5):
            start = cell.run(x[:, : 6 - lag])[1][0]
            end = functools.partial(lambda cell, lag, h: cell.run(x[:, 6 - lag :], (h,))[1][0], cell, lag)
            slopes = torch.autograd.functional.jacobian(end, start)
            for row in range(2):
                worst = max(worst, gap(found[row, lag], torch.linalg.matrix_norm(slopes[row, :, row], ord=2)))
    one = seeded(cells.IndRNN, 1, 1)
    one.u.data[:], one.of_x.bias.data[:] = 0.9, 1.0
    return max(worst, gap(state_slopes(one, torch.zeros(1, 100, 1).double())[0, 100], 0.9**100))


@check("model-summary-diagram", oracle="torch", tolerance=0)
def a_table_of_layers() -> float:
    """Weights of a net, and its multiply-adds as half of the operations that torch counts."""
    from torch.utils.flop_counter import FlopCounterMode

    with kept_random(torch.device("cpu"), 0):
        net = nn.Sequential(nn.Conv2d(2, 5, 3, groups=1), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 36, 7))
    x = torch.zeros(1, 2, 8, 8)
    found = summarize(net, lambda: net(x))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(x)
    products = sum(layer.n_products for layer in found.layers)
    size = sum(p.numel() for p in net.parameters())
    return gap([found.n_parameters, 2 * products], [size, counter.get_total_flops()])


@check("activation-plots", "contour-trajectory-plot", oracle="torch", tolerance=1e-5)
def what_is_drawn() -> float:
    """Curves of activations with their slopes, and heights of a bowl below its paths, read back from the pictures."""
    worst = 0.0
    for name, function in (("sigmoid", torch.sigmoid), ("tanh", torch.tanh), ("softplus", nn.functional.softplus)):
        values, slopes = (np.array(ax.get_lines()[0].get_xydata()).T for ax in activation_curves([name]).axes)
        z = torch.from_numpy(np.array(values[0])).requires_grad_()
        with torch.enable_grad():
            y = function(z)
            (slope,) = torch.autograd.grad(y.sum(), z)
        worst = max(worst, gap(values[1], y.detach()), gap(slopes[1], slope))
    places = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 4, 2)))
    heights = torch.stack([quadratic(p) for p in places.flatten(0, 1)]).reshape(5, 4)
    return max(worst, gap(values_at(quadratic, places), heights))
