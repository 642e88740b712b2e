"""Discretisation, memories and the ways to run a linear system, against scipy, quadrature and each other."""

import numpy as np
import pytest
import torch
from scipy.signal import cont2discrete, dlsim

from parnassus.errors import DataError, SettingError
from parnassus.functional import statespace as ss

METHODS = {"bilinear": "bilinear", "zoh": "zoh", "euler": "euler"}


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def system(n=4, n_inputs=2, n_outputs=3):
    a = drawn(n, n) - 2 * torch.eye(n, dtype=torch.float64)
    return a, drawn(n, n_inputs, seed=1), drawn(n_outputs, n, seed=2), drawn(n_outputs, n_inputs, seed=3)


@pytest.mark.parametrize("method", METHODS)
def test_discrete_systems_are_scipys(method):
    a, b, c, d = system()
    ours = ss.discretized(a, b, 0.1, method=method)
    theirs = cont2discrete((a.numpy(), b.numpy(), c.numpy(), d.numpy()), 0.1, METHODS[method])
    for found, wanted in zip(ours, theirs, strict=False):
        torch.testing.assert_close(found, torch.from_numpy(wanted), rtol=1e-12, atol=1e-13)


def test_a_run_is_scipys_simulation():
    a, b, c, d = system()
    a_bar, b_bar = ss.zero_order_hold(a, b, 0.1)
    x = drawn(1, 20, 2, seed=4)
    found, last = ss.recurrent(a_bar, b_bar, c, x, d)
    # scipy shows the state before a step's input arrives, these equations the one after
    _, _, states = dlsim((a_bar.numpy(), b_bar.numpy(), c.numpy(), d.numpy(), 0.1), np.vstack([x[0].numpy(), [[0, 0]]]))
    wanted = torch.from_numpy(states[1:21]) @ c.T + x[0] @ d.T
    torch.testing.assert_close(found[0], wanted)
    torch.testing.assert_close(last[0], torch.from_numpy(states[20]))


def test_a_singular_system_and_several_steps_at_once():
    a = torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)  # position and speed: e^(A t) = [[1, t], [0, 1]]
    b = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    a_bar, b_bar = ss.zero_order_hold(a, b, torch.tensor([0.5, 2.0], dtype=torch.float64))
    torch.testing.assert_close(a_bar[1], torch.tensor([[1.0, 2], [0, 1]], dtype=torch.float64))
    torch.testing.assert_close(b_bar[0, :, 0], torch.tensor([0.125, 0.5], dtype=torch.float64))


@pytest.mark.parametrize("whole", [ss.bilinear, ss.zero_order_hold])
def test_diagonal_forms_are_the_matrices(whole):
    diagonal = ss.bilinear_diagonal if whole is ss.bilinear else ss.zero_order_hold_diagonal
    a = torch.tensor([-3.0, -1e-3, -0.7, 0.0, -0.4], dtype=torch.float64)
    b = drawn(5)
    a_bar, b_bar = whole(torch.diag(a), b[:, None], 0.1)
    found = diagonal(a, b, 0.1)
    torch.testing.assert_close(torch.diag(found[0]), a_bar, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(found[1], b_bar[:, 0], rtol=1e-13, atol=1e-14)


def test_slopes_stay_finite_where_a_is_zero():
    a = torch.tensor([0.0, -1e-9, -2.0], dtype=torch.float64, requires_grad=True)
    ss.zero_order_hold_diagonal(a, torch.ones(3, dtype=torch.float64), 0.5)[1].sum().backward()
    assert abs(float(a.grad[0]) - 0.125) < 1e-12  # d/da (e^(a s) - 1) / a at 0 is s^2 / 2
    assert a.grad.isfinite().all()


def test_all_modes_of_a_system_are_equal():
    a, b, c, d = system(n=5, n_inputs=1, n_outputs=1)
    found = ss.modes(*ss.bilinear(a, b, 0.1), c, drawn(3, 37, seed=5), d)
    assert set(found) == {"recurrent", "convolution", "fft", "scan"}
    for y in found.values():
        torch.testing.assert_close(y, found["recurrent"], rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", ["legs", "legt", "lagt"])
@pytest.mark.parametrize("time", [1, 2, 33])
def test_all_modes_are_equal_for_memories_whose_eigenvectors_are_few_or_nearly_parallel(name, time):
    a, b = ss.hippo(name, 16)
    found = ss.modes(*ss.bilinear(a, b[:, None] if b.ndim == 1 else b, 0.03), drawn(1, 16), drawn(2, time, seed=5))
    for y in found.values():
        torch.testing.assert_close(y, found["recurrent"], rtol=1e-9, atol=1e-10)


def test_the_derivative_is_what_small_steps_follow():
    a, b, c, d = system()
    h, x = drawn(4, seed=6), drawn(2, seed=7)
    slope = (ss.recurrent(*ss.euler(a, b, 1e-6), c, x[None, None], h=h[None])[1][0] - h) / 1e-6
    torch.testing.assert_close(ss.derivative(a, b, h, x), slope, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(ss.observed(c, h, x, d), c @ h + d @ x)
    torch.testing.assert_close(ss.observed(c, h), c @ h)


def test_a_kernel_of_no_step_and_unknown_names_are_refused():
    a, b, c, _ = system()
    with pytest.raises(DataError, match="at least one step"):
        ss.kernel(a, b, c, 0)
    with pytest.raises(SettingError, match="method is one of bilinear, zoh, euler"):
        ss.discretized(a, b, 0.1, method="tustin")
    with pytest.raises(SettingError, match="or 'legs'"):
        ss.hippo("leg", 4)
    with pytest.raises(SettingError, match="odd n"):
        ss.fourier(4)


def basis(name, n, age):
    """The orthonormal functions of the age, (n, ages), and their weight: what HiPPO's states are coefficients of."""
    from numpy.polynomial.laguerre import lagval
    from numpy.polynomial.legendre import legval

    unit = np.eye(n)
    if name == "legt":
        # the newest is at +1
        return np.stack([np.sqrt(2 * i + 1) * legval(1 - 2 * age, unit[i]) for i in range(n)])
    if name == "lagt":
        return np.stack([np.exp(-age) * lagval(age, unit[i]) for i in range(n)])
    rows = [np.ones_like(age)]
    for i in range(1, (n + 1) // 2):
        rows += [np.sqrt(2) * np.cos(2 * np.pi * i * age), np.sqrt(2) * np.sin(2 * np.pi * i * age)]
    return np.stack(rows)


def test_laguerre_memorys_answer_to_an_impulse_is_its_basis():
    a, b = ss.hippo("lagt", 6)
    ages = np.array([0.0, 0.2, 1.0, 3.0])
    found = np.stack([(torch.linalg.matrix_exp(a * t) @ b).numpy() for t in ages], 1)
    np.testing.assert_allclose(found, basis("lagt", 6, ages), atol=1e-12)


@pytest.mark.parametrize(("name", "n", "close"), [("legt", 12, 0.01), ("fourier", 9, 0.05)])
def test_a_memory_holds_the_last_window(name, n, close):
    """Driven by a wave, its coefficients become those of the wave in the window."""
    a, b = ss.hippo(name, n)
    steps, delta = 4000, 1e-3
    time = np.arange(steps) * delta
    x = torch.from_numpy(np.cos(2 * np.pi * 2 * time))
    a_bar, b_bar = ss.bilinear(a, b[:, None], delta)
    _, h = ss.recurrent(a_bar, b_bar, torch.eye(n, dtype=torch.float64), x[None, :, None])
    age = np.arange(1000) * delta
    wanted = (basis(name, n, age) * np.cos(2 * np.pi * 2 * (time[-1] - age))).mean(1)
    np.testing.assert_allclose(h[0].numpy(), wanted, atol=close)


def test_legs_remembers_a_whole_signal():
    t = torch.linspace(0, 1, 600, dtype=torch.float64)
    x = torch.sin(5 * t) + t.square()
    kept = ss.memory_of(x, 12)
    for upto in (200, 600):
        back = ss.recalled(kept[upto - 1], 50)
        wanted = torch.from_numpy(np.interp(np.linspace(0, upto - 1, 50), np.arange(600), x.numpy()))
        assert (back - wanted)[2:-2].abs().max() < 0.03


def test_fft_convolutions_of_any_length_are_the_sums():
    for length in (1, 2, 7, 33, 100):
        x, k = drawn(2, 3, length), drawn(3, length, seed=1)
        torch.testing.assert_close(ss.fft_convolution(x, k), ss.causal_convolution(x, k), rtol=1e-10, atol=1e-11)


def test_dplr_kernels_are_those_of_the_dense_system():
    for n, length in ((4, 9), (6, 16), (1, 1)):
        parts = ss.legs_dplr(n)
        delta = torch.tensor([0.05, 0.2], dtype=torch.float64)
        lam, p, b = (v.expand(2, -1) for v in parts[:3])
        c = torch.complex(drawn(2, n), drawn(2, n, seed=1))
        found = ss.dplr_kernel(lam, p, b, c, delta, length)
        a, b_in = ss.legs(n)
        for i in range(2):
            a_bar, b_bar = ss.bilinear(a, b_in[:, None], delta[i])
            wanted = ss.kernel(a_bar + 0j, b_bar + 0j, (c[i] @ parts.v.mH)[None], length)[:, 0, 0].real
            torch.testing.assert_close(found[i], wanted, rtol=1e-9, atol=1e-10)


def test_slopes_of_the_dplr_kernel_are_those_of_the_loop(monkeypatch):
    monkeypatch.setattr(ss.dplr, "HELD", 1)  # several pieces
    n, length = 3, 130
    parts = ss.legs_dplr(n)
    c = torch.complex(drawn(2, n), drawn(2, n, seed=1))
    leaves = [v.expand(2, -1).clone().requires_grad_() for v in parts[:3]] + [c.requires_grad_()]
    delta = torch.tensor([0.05, 0.2], dtype=torch.float64, requires_grad=True)
    weight = drawn(2, length, seed=3)
    fast = (ss.dplr_kernel(*leaves, delta, length) * weight).sum()
    a_bar, b_bar = ss.dplr_discrete(*leaves[:3], delta)
    slow = sum(
        (ss.kernel(a_bar[i], b_bar[i], leaves[3][i : i + 1], length)[:, 0, 0].real * weight[i]).sum() for i in range(2)
    )
    by_fast, by_slow = (torch.autograd.grad(v, [*leaves, delta], retain_graph=True) for v in (fast, slow))
    torch.testing.assert_close(by_fast, by_slow, rtol=1e-7, atol=1e-8)


def test_diagonal_kernels_are_sums_of_powers():
    log_a = torch.complex(-drawn(3, 4).abs(), drawn(3, 4, seed=1))
    w = torch.complex(drawn(3, 4, seed=2), drawn(3, 4, seed=3))
    for length in (1, 2, 3, 16, 45):
        powers = torch.exp(log_a[..., None] * torch.arange(length))
        wanted = (w[..., None] * powers).sum(1).real
        torch.testing.assert_close(ss.diagonal_kernel(log_a, w, length), wanted, rtol=1e-10, atol=1e-12)


def test_a_linear_spectrum_is_as_published():
    assert ss.linear_spectrum(3).tolist() == [-0.5, -0.5 + np.pi * 1j, -0.5 + 2 * np.pi * 1j]
