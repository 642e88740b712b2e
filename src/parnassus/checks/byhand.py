"""Hand-written gradients and the automatic-differentiation engine against torch, and closed forms."""

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from ..byhand import capacity, convolution, recurrence
from ..byhand.autodiff import Variable, conv2d, gradients, jacobian, log_softmax, max_pool2d, nets, relu, tanh
from ..byhand.gradients import gradient_error, numeric_gradient
from ..byhand.mlp import MLP
from ..byhand.regression import logistic_point
from . import check, gap

Array = NDArray[np.float64]


def _worst(found: list[Array], tensors: list[torch.Tensor]) -> float:
    wanted = [t.grad.numpy() for t in tensors if t.grad is not None]
    return max(gap(f, w) for f, w in zip(found, wanted, strict=True))


def _tensors(*arrays: Array) -> list[torch.Tensor]:
    return [torch.tensor(a, requires_grad=True) for a in arrays]


@check("conv-backward", oracle="torch", tolerance=1e-10)
def convolution_backward_against_autograd() -> float:
    """Slopes by input, kernel and bias, in the direct form and with the turned kernel: strides, padding, dilation."""
    rng, worst = np.random.default_rng(0), 0.0
    for stride, padding, dilation in itertools.product((1, 2, 3), (0, 1, 2), (1, 2)):
        x, w, b = rng.normal(size=(2, 3, 9, 8)), rng.normal(size=(4, 3, 3, 2)), rng.normal(size=4)
        tensors = _tensors(x, w, b)
        z = F.conv2d(tensors[0], tensors[1], tensors[2], stride=stride, padding=padding, dilation=dilation)
        delta = rng.normal(size=z.shape)
        z.backward(torch.from_numpy(delta))
        for form in (convolution.correlate_backward, convolution.correlate_backward_rot180):
            slopes = form(delta, x, w, stride=stride, padding=padding, dilation=dilation)
            worst = max(worst, _worst([slopes.by_x, slopes.by_w, slopes.by_b], tensors))
    return worst


@check("bptt", oracle="torch", tolerance=1e-10)
def elman_through_time_against_autograd() -> float:
    """Every gradient of a 12-step Elman net against torch.nn.functional operations, step by step."""
    rng = np.random.default_rng(0)
    x, by_h = rng.normal(size=(3, 12, 4)), rng.normal(size=(3, 12, 5))
    weights = [rng.normal(size=s) / 2 for s in ((4, 5), (5, 5), (5,))]
    cell = recurrence.Elman(*weights)
    slopes = cell.backward(cell.forward(x), by_h)
    tensors = _tensors(x, *weights)
    h, total = torch.zeros(3, 5, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for t in range(12):
        h = torch.tanh(tensors[0][:, t] @ tensors[1] + h @ tensors[2] + tensors[3])
        total = total + (h * torch.from_numpy(by_h[:, t])).sum()
    total.backward()
    return _worst([slopes.by_x, *slopes.by_weight.values()], tensors)


@check("lstm-bptt", oracle="torch", tolerance=1e-10)
def lstm_through_time_against_autograd() -> float:
    """Every gradient of a 12-step LSTM against autograd through torch's sigmoid and tanh."""
    rng = np.random.default_rng(0)
    x, by_h = rng.normal(size=(3, 12, 4)), rng.normal(size=(3, 12, 5))
    weights = [rng.normal(size=s) / 2 for s in ((4, 20), (5, 20), (20,))]
    cell = recurrence.LSTM(*weights)
    slopes = cell.backward(cell.forward(x), by_h)
    tensors = _tensors(x, *weights)
    h = c = torch.zeros(3, 5, dtype=torch.float64)
    total = torch.zeros((), dtype=torch.float64)
    for t in range(12):
        i, f, g, o = (tensors[0][:, t] @ tensors[1] + h @ tensors[2] + tensors[3]).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        total = total + (h * torch.from_numpy(by_h[:, t])).sum()
    total.backward()
    return _worst([slopes.by_x, *slopes.by_weight.values()], tensors)


@check("autodiff-engine", oracle="torch", tolerance=1e-10)
def the_engine_against_autograd() -> float:
    """Gradients of a small convolutional net with a softmax, on the engine and in torch."""
    rng = np.random.default_rng(0)
    x, w, v, b = (rng.normal(size=s) for s in ((2, 1, 6, 6), (3, 1, 3, 3), (12, 4), (4,)))
    own = [Variable(a) for a in (x, w, v, b)]
    h = max_pool2d(relu(conv2d(own[0], own[1])), 2).reshape(2, -1)
    found = gradients(-log_softmax(nets.mlp(h, [own[2]], [own[3]]))[[0, 1], [2, 0]].mean(), own)
    tensors = _tensors(x, w, v, b)
    z = F.max_pool2d(torch.relu(F.conv2d(tensors[0], tensors[1])), 2).flatten(1) @ tensors[2] + tensors[3]
    F.cross_entropy(z, torch.tensor([2, 0])).backward()
    return _worst(found, tensors)


@check("jacobian", oracle="torch", tolerance=1e-10)
def the_jacobian_against_autograd() -> float:
    """The 4 x 5 Jacobian of a layer of tanh units."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=5), rng.normal(size=(5, 4))
    wanted = torch.autograd.functional.jacobian(lambda t: torch.tanh(t @ torch.from_numpy(w)), torch.from_numpy(x))
    return gap(jacobian(lambda v: tanh(v @ w), x), wanted)


@check("xor-networks", oracle="(closed form)", tolerance=1e-4)
def xor_by_hand() -> float:
    """Both hand-built nets against the truth table."""
    built = (capacity.xor_by_sigmoids(), capacity.xor_by_relus())
    return max(gap(n.trace(capacity.CORNERS, capacity.XOR).outputs, capacity.XOR) for n in built)


@check("linear-stack-collapse", oracle="(closed form)", tolerance=1e-10)
def a_linear_stack_against_one_layer() -> float:
    """A 3-7-5-2 net without activations against the one layer it is."""
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=s), rng.normal(size=s[1])) for s in ((3, 7), (7, 5), (5, 2))]
    net = MLP.of(*layers, hidden="identity", output="squared_error")
    return gap(capacity.collapse_error(net, rng.normal(size=(20, 3))), 0)


@check("weight-space-symmetry", oracle="(closed form)", tolerance=1e-12)
def permuted_units_against_the_net_itself() -> float:
    """Outputs of all 3! x 3! orders of a 2-3-3-1 net's hidden units against its own."""
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=s), rng.normal(size=s[1])) for s in ((2, 3), (3, 3), (3, 1))]
    net, x = MLP.of(*layers, hidden="tanh", output="squared_error"), rng.normal(size=(9, 2))
    wanted = net.forward(x)[0][-1]
    orders = list(itertools.permutations(range(3)))
    others = [capacity.permuted(net, a, b).forward(x)[0][-1] for a in orders for b in orders]
    assert len(others) == capacity.n_symmetries(3, 3)
    return max(gap(other, wanted) for other in others)


@check("universal-approximation", oracle="(closed form)", tolerance=0)
def straight_lines_within_their_bound() -> float:
    """How far nets of ReLUs joining points of a sine exceed max|f''| h^2 / 8, for 4 to 256 units."""
    worst = 0.0
    for n_units in (4, 16, 64, 256):
        net = capacity.hinges(np.sin, low=0, high=6, n_units=n_units)
        error, bound = capacity.sup_error(net, np.sin, low=0, high=6), (6 / n_units) ** 2 / 8
        worst = max(worst, gap(np.maximum(error, bound), bound))
    return worst


@check("gradient-check", "multilabel-sigmoid-net", oracle="torch", tolerance=1e-7)
def slopes_of_several_labels_three_ways() -> float:
    """Binary cross-entropy of three labels a row: by hand, by autograd and by central differences."""
    rng = np.random.default_rng(0)
    x, t, w, b = rng.normal(size=(20, 4)), rng.integers(0, 2, (20, 3)), rng.normal(size=(4, 3)), rng.normal(size=3)
    point = logistic_point(x, t.astype(float), w, b)
    tensors = _tensors(w, b)
    with torch.enable_grad():
        logits = torch.from_numpy(x) @ tensors[0] + tensors[1]
        loss = F.binary_cross_entropy_with_logits(logits, torch.from_numpy(t).double(), reduction="sum") / 20
        loss.backward()
    numeric = numeric_gradient(lambda a: logistic_point(x, t.astype(float), a, b).loss, w)
    told = gradient_error(lambda a: logistic_point(x, t.astype(float), a, b).loss, point.by_w, w)
    by_autograd = _worst([point.by_w, point.by_b], tensors)
    return max(by_autograd, gap(point.loss, loss), gap(numeric, point.by_w), gap(told, 0))
