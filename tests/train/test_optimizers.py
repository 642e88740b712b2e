"""Every optimizer against the printed equations, the books' worked numbers and torch's own, step by step."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.functional import optimization as rules
from parnassus.functional.surfaces import beale, quadratic, rosenbrock
from parnassus.train.blocks import Block

BOWL = {"curvatures": (1.0, 10.0)}


def bowl(x):
    """(w1^2 + 10 w2^2) / 2, of 2a:B19."""
    return quadratic(x, curvatures=(1.0, 10.0))


def two_rates(x):
    """(x1 - 2)^2 + 10 (x2 + 3)^2, of 0:B2 and 0:B3."""
    return quadratic(x, curvatures=(2.0, 20.0), centre=(2.0, -3.0))


def walked(function, start, spec, steps=3, **options):
    return pn.optimize(function, start, spec, steps=steps, **options).points


def fed(spec, gradients, *, start=1.0):
    """One parameter that is fed given gradients; its values after each."""
    block = Block([nn.Parameter(torch.tensor([start], dtype=torch.float64))], decays=True)
    mover, seen = spec.make([block]), []
    with torch.no_grad():
        for g in gradients:

            def closure(g=g):
                block.gradients.fill_(g)
                return torch.zeros(())

            mover.step(closure)
            seen.append(float(block.values[0]))
    return seen


# --- the books' numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("sgd", {"lr": 0.1}, [(0.9, 0), (0.81, 0), (0.729, 0)]),
        ("sgd", {"lr": 0.01, "momentum": 0.9}, [(0.99, 0.9), (0.9711, 0.72), (0.944379, 0.486)]),
        ("nesterov", {"lr": 0.01, "momentum": 0.9}, [(0.99, 0.9), (0.97119, 0.729), (0.94471839, 0.51759)]),
        (
            "adagrad",
            {"lr": 0.1, "eps": 1e-8},
            [(0.900000001, 0.9000000001), (0.8331035283, 0.8331035270), (0.7804561831, 0.7804561815)],
        ),
        (
            "rmsprop",
            {"lr": 0.1, "alpha": 0.9},
            [(0.6837722440, 0.6837722350), (0.4988706201, 0.4988706082), (0.3691805674, 0.3691805546)],
        ),
        (
            "adam",
            {"lr": 0.1},
            [(0.900000001, 0.9000000001), (0.8004122297, 0.8004122279), (0.7015862745, 0.7015862717)],
        ),
        (
            "adamax",
            {"lr": 0.1},
            [(0.900000001, 0.9000000001), (0.8051683281, 0.8051683264), (0.7154994747, 0.7154994723)],
        ),
        (
            "nadam",
            {"lr": 0.1, "form": "constant"},
            [(0.8526315804, 0.8526315791), (0.7416971612, 0.7416971589), (0.6406112831, 0.6406112798)],
        ),
        (
            "adadelta",
            {"rho": 0.95, "eps": 1e-6},
            [(0.9955279088, 0.9955278645), (0.9910087481, 0.9910086586), (0.9864645649, 0.9864644295)],
        ),
    ],
)
def test_three_steps_on_martinez_ramons_quadratic(name, options, expected):
    """2a:B19; the Nesterov row is of w + gamma v, the book's own index slip gives (0.9712, 0.73) at the second step."""
    path = walked(bowl, (1.0, 1.0), pn.optimizer(name, **options))
    assert np.allclose(path[1:], expected, atol=2e-9)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        (
            "sgd",
            {"lr": 0.1, "momentum": 0.9, "velocity": "ema"},
            [(0.04, -0.6), (0.1152, -1.62), (0.220576, -2.814)],
        ),
        (
            "adagrad",
            {"lr": 0.5, "eps": 1e-8},
            [(0.49999999875, -0.49999999992), (0.79999999831, -0.82009219971), (1.01636553191, -1.06380112793)],
        ),
        (
            "rmsprop",
            {"lr": 0.1, "alpha": 0.9, "epsilon": "inside"},
            [(0.31622776503, -0.31622776601), (0.52612468517, -0.53317922161), (0.69128213154, -0.70823421127)],
        ),
        (
            "adam",
            {"lr": 0.1},
            [(0.09999999975, -0.09999999998), (0.19983351388, -0.19989729289), (0.29937660795, -0.29961847701)],
        ),
        ("newton", {}, [(2.0, -3.0)] * 3),
    ],
)
def test_three_steps_on_hifnys_quadratic(name, options, expected):
    """0:B3: momentum as an average, eps inside RMSProp's root and outside the others'."""
    path = walked(two_rates, (0.0, 0.0), pn.optimizer(name, **options))
    assert np.allclose(path[1:], expected, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "options", "steps", "expected"),
    [
        ("sgd", {"lr": 0.1, "momentum": 0.9, "velocity": "ema"}, 100, (1.9915437726, -3.0085542334)),
        ("adagrad", {"lr": 0.5, "eps": 1e-8}, 100, (1.9999998856, -2.9993101616)),
        ("adam", {"lr": 0.1}, 200, (1.9999430973, -3.0000530297)),
    ],
)
def test_many_steps_on_hifnys_quadratic(name, options, steps, expected):
    """0:B3, later column."""
    assert np.allclose(walked(two_rates, (0.0, 0.0), pn.optimizer(name, **options), steps)[-1], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("sgd", {"lr": 0.1}, (0.9, 0.85, 0.875)),
        ("sgd", {"lr": 0.1, "momentum": 0.9}, (0.9, 0.76, 0.659)),
        ("sgd", {"lr": 0.1, "momentum": 0.9, "velocity": "rate_inside"}, (0.9, 0.76, 0.659)),
        ("adagrad", {"lr": 0.1, "eps": 1e-8, "epsilon": "inside"}, (0.9, 0.85527864, 0.87710043)),
        ("adagrad", {"lr": 0.1, "eps": 1e-7, "start": 0.1}, (0.904654, 0.861621, 0.882656)),
        ("adadelta", {"rho": 0.9, "eps": 1e-6}, (0.99683774, 0.99475261, 0.99590568)),
        ("rmsprop", {"lr": 0.1, "alpha": 0.9}, (0.68377224, 0.53633029, 0.61179393)),
        ("adam", {"lr": 0.1}, (0.9, 0.80678204, 0.7504159)),
        ("nadam", {"lr": 0.1, "form": "ruder"}, (0.81, 0.69281171, 0.6560342)),
        ("nadam", {"lr": 0.1}, (0.89435482, 0.84196249, 0.85766307)),
    ],
)
def test_traces_of_one_parameter(name, options, expected):
    """3:B11 (gradients 1, 0.5, -0.25; AdaDelta and Adam as corrected there) and 4:B25; Keras' AdaGrad starts at 0.1."""
    assert np.allclose(fed(pn.optimizer(name, **options), (1.0, 0.5, -0.25)), expected, atol=6e-7)


@pytest.mark.parametrize(
    ("name", "options", "wrong"),
    [
        ("adadelta", {"rho": 0.9, "eps": 1e-6}, (0.99683774, 0.99536333, 0.99611796)),  # 3:F12, a never updated
        ("adam", {"lr": 0.1}, (0.68377233, 0.28763416, 0.00860859)),  # 3:F13, no correction
        ("nadam", {"lr": 0.1}, (0.81, 0.69281171, 0.6560342)),  # 3:J41 is not Dozat's
    ],
)
def test_formulas_as_misprinted_are_not_ours(name, options, wrong):
    assert abs(fed(pn.optimizer(name, **options), (1.0, 0.5, -0.25))[2] - wrong[2]) > 1e-4


def test_adamax_keeps_the_decay_that_a_book_drops():
    """2a:F23: without beta2 the second step of B19 is 0.8052631598."""
    path = walked(bowl, (1.0, 1.0), pn.optimizer("adamax", lr=0.1))
    assert path[2, 0] == pytest.approx(0.8051683281, abs=1e-9)
    assert abs(path[2, 0] - 0.8052631598) > 9e-5


def test_nesterovs_point_heavy_ball_and_torchs_shifted_form_on_a_parabola():
    """3:B12; the book's two formulas without a velocity give .9, .819, .74439."""

    def half_square(x):
        return quadratic(x, curvatures=(1.0,))

    def along(spec):
        return walked(half_square, 1.0, spec, 5)[1:, 0]

    assert np.allclose(along(pn.optimizer("nesterov", lr=0.1)), (0.9, 0.729, 0.51759, 0.2945889, 0.08449912), atol=1e-8)
    assert np.allclose(along(pn.optimizer("sgd", lr=0.1, momentum=0.9)), (0.9, 0.72, 0.486, 0.2268, -0.02916))
    shifted = along(pn.optimizer("sgd", lr=0.1, momentum=0.9, nesterov=True))
    assert np.allclose(shifted, (0.81, 0.5751, 0.327321, 0.093888, -0.104582), atol=1e-6)


def test_unrolled_momentum():
    """3:B10: steady slopes of 1 make 0.1, 0.19, 0.271, 0.3439 of velocity."""
    spec = pn.optimizer("sgd", lr=0.1, momentum=0.9, velocity="rate_inside")
    values = fed(spec, (1.0,) * 4, start=0.0)
    assert np.allclose(-np.diff([0.0, *values]), (0.1, 0.19, 0.271, 0.3439))


@pytest.mark.parametrize(("c", "first"), [(2.625, (1.275, 0.0)), (2.2625, (1.2025, 0.0))])
def test_descent_on_beale(c, first):
    """2a:B20, both constants."""

    def surface(x):
        return beale(x, c=c)

    path = walked(surface, (0.0, 0.0), pn.optimizer("sgd", lr=0.1), 2)
    assert np.allclose(path[1], first)
    assert np.allclose(path[2], (1.785, -0.057375) if c == 2.625 else (1.6835, -0.07154875))
    adam = walked(surface, (0.0, 0.0), pn.optimizer("adam", lr=0.3), 100)
    second = (0.5979539778, -0.2232410427) if c == 2.625 else (0.5977618788, -0.2232410427)
    assert np.allclose(adam[2], second, atol=1e-9)
    assert np.allclose(adam[100], (3.3537, 0.5767) if c == 2.625 else (2.4478, 0.3612), atol=1e-4)


# --- the equations, as slow twins -----------------------------------------------------------------


def twin(name, options):
    """The values that the written-out equation gives for the gradients of Rosenbrock's valley."""
    zero = torch.zeros(2, dtype=torch.float64)
    lr = options.get("lr", 1.0)

    def slope(w):
        w = w.clone().requires_grad_()
        return torch.autograd.grad(rosenbrock(w), w)[0]

    w, a, b, seen = torch.tensor([-0.5, 0.4], dtype=torch.float64), zero, zero, []
    for t in range(1, 21):
        g = slope(rules.look_ahead(w, a, momentum=0.9) if name == "nesterov" else w)
        if name in ("nesterov", "sgd"):
            w, a = rules.heavy_ball(w, g, a, lr=lr, momentum=0.9)
        elif name == "ema":
            w, a = rules.ema_momentum(w, g, a, lr=lr, beta=0.9)
        elif name == "adagrad":
            w, a = rules.adagrad(w, g, a, lr=lr, epsilon=options["epsilon"])
        elif name == "rmsprop":
            w, a = rules.rmsprop(w, g, a, lr=lr, beta=0.9, epsilon=options["epsilon"])
        elif name == "adadelta":
            w, a, b = rules.adadelta(w, g, a, b, rho=0.9)
        elif name == "adam":
            w, a, b = rules.adam(w, g, a, b, t=t, lr=lr)
        elif name == "adamax":
            w, a, b = rules.adamax(w, g, a, b, t=t, lr=lr)
        else:
            w, a, b = rules.nadam(w, g, a, b, t=t, lr=lr, form=options["form"])
        seen.append(w)
    return torch.stack(seen).numpy()


@pytest.mark.parametrize(
    ("equation", "name", "options"),
    [
        ("nesterov", "nesterov", {"lr": 1e-3, "momentum": 0.9}),
        ("sgd", "sgd", {"lr": 1e-3, "momentum": 0.9}),
        ("sgd", "sgd", {"lr": 1e-3, "momentum": 0.9, "velocity": "rate_inside"}),
        ("ema", "sgd", {"lr": 1e-3, "momentum": 0.9, "velocity": "ema"}),
        ("adagrad", "adagrad", {"lr": 0.1, "eps": 1e-8, "epsilon": "outside"}),
        ("adagrad", "adagrad", {"lr": 0.1, "eps": 1e-8, "epsilon": "inside"}),
        ("rmsprop", "rmsprop", {"lr": 0.01, "alpha": 0.9, "epsilon": "outside"}),
        ("rmsprop", "rmsprop", {"lr": 0.01, "alpha": 0.9, "epsilon": "inside"}),
        ("adadelta", "adadelta", {"rho": 0.9}),
        ("adam", "adam", {"lr": 0.05}),
        ("adamax", "adamax", {"lr": 0.05}),
        ("nadam", "nadam", {"lr": 0.05, "form": "constant"}),
        ("nadam", "nadam", {"lr": 0.05, "form": "ruder"}),
    ],
)
def test_every_rule_equals_its_equation(equation, name, options):
    path = walked(rosenbrock, (-0.5, 0.4), pn.optimizer(name, **options), 20)
    assert np.allclose(path[1:], twin(equation, options), atol=1e-7)


# --- torch's own ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "theirs"),
    [
        (pn.optimizer("adagrad", lr=0.1, weight_decay=0.1), lambda p: torch.optim.Adagrad(p, lr=0.1, weight_decay=0.1)),
        (pn.optimizer("adadelta", weight_decay=0.1), lambda p: torch.optim.Adadelta(p, lr=1.0, weight_decay=0.1)),
        (
            pn.optimizer("rmsprop", lr=0.01, weight_decay=0.1),
            lambda p: torch.optim.RMSprop(p, lr=0.01, weight_decay=0.1),
        ),
        (pn.optimizer("adamw", lr=0.05), lambda p: torch.optim.AdamW(p, lr=0.05)),
        (pn.optimizer("adamax", weight_decay=0.1), lambda p: torch.optim.Adamax(p, weight_decay=0.1)),
        (pn.optimizer("nadam", weight_decay=0.1), lambda p: torch.optim.NAdam(p, weight_decay=0.1)),
        (pn.optimizer("rprop"), lambda p: torch.optim.Rprop(p)),
        (
            pn.optimizer("sgd", lr=1e-3, momentum=0.9, weight_decay=0.1),
            lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, weight_decay=0.1),
        ),
    ],
    ids=lambda v: repr(v) if hasattr(v, "registry") else "",
)
def test_every_rule_that_torch_has_moves_as_torchs_step_by_step(spec, theirs):
    """torch.optim, 50 steps in Rosenbrock's valley."""
    point = nn.Parameter(torch.tensor([-0.5, 0.4], dtype=torch.float64))
    their, seen = theirs([point]), []
    for _ in range(50):
        their.zero_grad()
        rosenbrock(point).backward()
        their.step()
        seen.append(point.detach().numpy().copy())
    assert np.allclose(walked(rosenbrock, (-0.5, 0.4), spec, 50)[1:], seen, rtol=0, atol=1e-7)


def test_ema_is_torchs_dampening_from_a_velocity_of_zero():
    """torch sets the first velocity to g; ours begins at 0 as 0:2.18 has it, so torch's buffer is set to 0 first."""
    point = nn.Parameter(torch.tensor([-0.5, 0.4], dtype=torch.float64))
    their = torch.optim.SGD([point], lr=1e-3, momentum=0.9, dampening=0.9)
    their.state[point]["momentum_buffer"] = torch.zeros(2, dtype=torch.float64)
    for _ in range(10):
        their.zero_grad()
        rosenbrock(point).backward()
        their.step()
    spec = pn.optimizer("sgd", lr=1e-3, momentum=0.9, velocity="ema")
    assert np.allclose(walked(rosenbrock, (-0.5, 0.4), spec, 10)[-1], point.detach().numpy(), atol=1e-12)


# --- rules that torch has not ---------------------------------------------------------------------


def test_rates_of_their_own_for_each_coordinate():
    """0:B2: 33 steps until the value changes by less than 1e-6, to (1.99873, -3)."""
    spec = pn.optimizer("per_coordinate", rates=(0.1, 0.05))
    path = pn.optimize(two_rates, (0.0, 0.0), spec, steps=1000, tolerance=1e-6, stop_on="change")
    assert path.converged
    assert len(path.points) == 34
    assert np.allclose(path.point, (1.9987323493997717, -3.0), atol=1e-12)
    assert path.value == pytest.approx(1.6069380442590807e-06, rel=1e-9)
    assert np.allclose(path.points[1:4], ((0.4, -3), (0.72, -3), (0.976, -3)))


def test_one_shared_rate_does_not_converge_there():
    """0:B2: x2 flips between 0 and -6 for ever."""
    path = pn.optimize(two_rates, (0.0, 0.0), pn.optimizer("sgd", lr=0.1), steps=6)
    assert np.allclose(path.points[:, 1], (0, -6, 0, -6, 0, -6, 0))
    expected = (92.56, 91.6384, 91.048576, 90.67108864, 90.4294967296, 90.274877906944)
    assert np.allclose(path.values[1:], expected)


def test_delta_bar_delta_by_hand():
    """Jacobs' rule on gradients 1, 1, -1: rates 0.1, then 0.15 (agreement), then 0.15 * 0.5 (none)."""
    spec = pn.optimizer("delta_bar_delta", lr=0.1, gain=0.05, cut=0.5, theta=0.7)
    assert np.allclose(fed(spec, (1.0, 1.0, -1.0)), (0.9, 0.75, 0.825))


def test_adam_then_sgd_is_one_and_then_the_other():
    """0:A2.16: half of the steps by Adam's equations, the rest by plain descent from there."""
    both = pn.optimizer("adam_then_sgd", lr=0.05, sgd_lr=1e-3, switch=0.5)
    path = walked(rosenbrock, (-0.5, 0.4), both, 20)
    first = walked(rosenbrock, (-0.5, 0.4), pn.optimizer("adam", lr=0.05), 10)
    rest = walked(rosenbrock, first[-1], pn.optimizer("sgd", lr=1e-3), 10)
    assert np.allclose(path, np.concatenate([first, rest[1:]]), atol=1e-12)


def test_damped_newton_equals_its_equation():
    w = torch.tensor([-0.5, 0.4], dtype=torch.float64)
    for _ in range(3):
        g = torch.autograd.functional.jacobian(rosenbrock, w)
        w = rules.newton(w, g, torch.autograd.functional.hessian(rosenbrock, w), lr=0.5, damping=0.7)
    path = walked(rosenbrock, (-0.5, 0.4), pn.optimizer("newton", lr=0.5, damping=0.7))
    assert np.allclose(path[-1], w.numpy(), atol=1e-12)


@pytest.mark.parametrize(
    "spec",
    [
        pn.optimizer("bfgs"),
        pn.optimizer("lbfgs"),
        pn.optimizer("conjugate_gradient"),
        pn.optimizer("newton"),
        pn.optimizer("hessian_free", curvature="hessian"),
    ],
    ids=lambda s: s.name,
)
def test_second_order_rules_find_the_end_of_rosenbrocks_valley(spec):
    """Closed form: the minimum is at (1, 1)."""
    path = pn.optimize(rosenbrock, (-1.2, 1.0), spec, steps=200, tolerance=1e-6)
    assert path.converged
    assert np.allclose(path.point, (1.0, 1.0), atol=1e-5)


def test_hessian_free_trusts_its_model_as_far_as_it_was_right():
    """Closed forms: (H + damping)^-1 g on a quadratic, whose model is exact (damping falls by 2/3), and on
    sqrt(1 + x^2), where the step overshoots, is halved, and the damping rises by 3/2."""
    spec = pn.optimizer("hessian_free", curvature="hessian", damping=1.0)
    path = walked(bowl, (1.0, 1.0), spec, 2)
    assert np.allclose(path[1], (1 / 2, 1 / 11), atol=1e-6)
    assert np.allclose(path[2], (1 / 2 * (2 / 3) / (5 / 3), 1 / 11 * (2 / 3) / (32 / 3)), atol=1e-3)
    x, damping = 3.0, 0.1
    spec = pn.optimizer("hessian_free", curvature="hessian", damping=damping)
    path = walked(lambda x: (1 + x.square()).sqrt().sum(), x, spec, 2)[:, 0]
    step = -(x / 10**0.5) / (10**-1.5 + damping)
    assert path[1] == pytest.approx(x + step / 2, abs=1e-9)
    slope, bend = path[1] / (1 + path[1] ** 2) ** 0.5, (1 + path[1] ** 2) ** -1.5
    assert path[2] == pytest.approx(path[1] - slope / (bend + 1.5 * damping), abs=1e-6)


def test_bfgs_takes_as_few_evaluations_as_scipys():
    from scipy.optimize import minimize

    calls = []

    def counted(x):
        calls.append(1)
        return rosenbrock(x)

    scipys = minimize(
        lambda x: float(rosenbrock(torch.from_numpy(x))),
        (-1.2, 1.0),
        jac=lambda x: torch.autograd.functional.jacobian(rosenbrock, torch.from_numpy(x)).numpy(),
        method="BFGS",
    )
    pn.optimize(counted, (-1.2, 1.0), pn.optimizer("bfgs", max_iter=100), steps=1)
    assert len(calls) < 2 * scipys.nfev


def test_coordinates_in_turn_are_gauss_seidel():
    """Minimising a quadratic over one coordinate after the other is Gauss and Seidel's iteration for A x = b."""
    A = torch.tensor([[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 5.0]], dtype=torch.float64)
    b = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    path = walked(lambda x: x @ A @ x / 2 - b @ x, (0.0, 0.0, 0.0), "alternating", 6)
    x = np.zeros(3)
    for k in range(6):
        i = k % 3
        x[i] += (b[i] - A[i] @ torch.from_numpy(x)).item() / A[i, i].item()
        assert np.allclose(path[k + 1], x, atol=1e-12)


def test_annealing_finds_a_low_place_without_slopes():
    """A staircase computed outside autograd; its lowest step holds 0."""

    def stairs(x):
        return torch.tensor(np.floor(np.abs(x.detach().numpy()) * 4).sum())

    spec = pn.optimizer("annealing", lr=0.5, temperature=1.0, cooling=0.95, n_moves=5)
    path = pn.optimize(stairs, (3.0, -2.0), spec, steps=100)
    assert path.value == 0.0
    assert np.isnan(path.gradients).all()
    assert np.array_equal(path.points, pn.optimize(stairs, (3.0, -2.0), spec, steps=100).points)


@pytest.mark.slow
def test_annealing_climbs_as_often_as_boltzmann_says():
    """Metropolis 1953: at temperature T the points of x^2 / 2 have variance T (a Gaussian's), whatever the moves."""
    spec = pn.optimizer("annealing", lr=1.0, temperature=0.5, cooling=1.0, n_moves=1)
    points = pn.optimize(lambda x: quadratic(x, curvatures=(1.0,)), 0.0, spec, steps=4000).points[500:, 0]
    assert points.var() == pytest.approx(0.5, rel=0.2)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pn.optimizer("lbfgs", momentum=0.9), "optimizer 'lbfgs' has no option 'momentum'"),
        (lambda: pn.optimize(bowl, (1.0, 1.0), pn.optimizer("sgd", velocity="ema")), "velocity='ema' needs momentum"),
        (lambda: pn.optimize(bowl, (1.0, 1.0), pn.optimizer("rmsprop", epsilon="in")), "'outside' or 'inside'"),
        (lambda: pn.optimize(bowl, (1.0, 1.0), pn.optimizer("nadam", form="dozat")), "'scheduled' or 'constant'"),
        (lambda: pn.optimize(bowl, (1.0, 1.0), pn.optimizer("adam", betas=(0.9, 1.0))), "betas are two numbers"),
        (lambda: pn.optimize(bowl, (1.0, 1.0), "bfgs", schedule="cosine"), "'cosine' has no effect .* 'bfgs'"),
        (lambda: pn.optimize(bowl, (1.0, 1.0), "gauss_newton"), "a plain function has none"),
        (lambda: pn.optimize(bowl, (1.0, 1.0), pn.optimizer("per_coordinate", rates=(0.1,) * 3)), "each of the 2"),
        (lambda: pn.optimize(lambda x: x.sum() * 1.0, 1.0, "newton"), "give damping, such as 0.001"),
        (lambda: pn.optimize(bowl, (1.0, 1.0), pn.optimizer("sgd", lr=math.nan)), "lr and weight_decay"),
    ],
)
def test_what_has_no_effect_or_no_sense_is_refused_with_words(make, words):
    with pytest.raises(SettingError, match=words):
        make()
