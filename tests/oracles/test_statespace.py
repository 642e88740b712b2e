"""Hifny, chapter 12 (B53 to B57): worked systems, and the right values where the book's are wrong."""

import torch
from torch import Tensor

from parnassus.functional import statespace as ss
from parnassus.functional.experts import expert_gates


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def near(found: Tensor, *wanted: float, atol: float = 6e-11) -> None:
    torch.testing.assert_close(found.flatten(), numbers(*wanted), rtol=0, atol=atol)


A, B = numbers(-1, 0, 1, -2).view(2, 2), numbers(1, 0).view(2, 1)
C, D, X = numbers(1, 1).view(1, 2), numbers(0.5).view(1, 1), numbers(1, 0, 2, -1)


def test_b53_discrete_matrices():
    a_bar, b_bar = ss.bilinear(A, B, 0.1)
    near(a_bar, 0.9047619048, 0, 0.0865800866, 0.8181818182)
    near(b_bar, 0.0952380952, 0.0043290043)
    a_bar, b_bar = ss.zero_order_hold(A, B, 0.1)
    near(a_bar, 0.9048374180, 0, 0.0861066650, 0.8187307531)
    near(b_bar, 0.0951625820, 0.0045279585)


def test_b53_outputs_kernel_and_the_transform_without_zeros_which_is_wrong():
    a_bar, b_bar = ss.bilinear(A, B, 0.1)
    wanted = 0.5995670996, 0.0979554356, 1.2942003868, -0.3123750024
    for y in ss.modes(a_bar, b_bar, C, X[None], D).values():
        near(y, *wanted)
    k = ss.kernel(a_bar, b_bar, C, 4).flatten()
    near(k, 0.0995670996, 0.0979554356, 0.0950661877, 0.0912812260)
    unpadded = torch.fft.irfft(torch.fft.rfft(X) * torch.fft.rfft(k), n=4) + 0.5 * X
    near(unpadded, 0.6917440393, 0.1854516999, 1.2029191608, -0.3123750024)  # eq. 12.14 as printed
    near(ss.fft_convolution(X, k) + 0.5 * X, *wanted)


def test_b54_legs_of_four_and_its_low_rank():
    a, b = ss.legs(4)
    near(
        a,
        *(-1, 0, 0, 0, -1.7320508076, -2, 0, 0, -2.2360679775, -3.8729833462, -3, 0),
        *(-2.6457513111, -4.5825756950, -5.9160797831, -4),
        atol=6e-11,
    )
    near(torch.linalg.eigvals(a).real.sort().values, -4, -3, -2, -1, atol=1e-12)
    near(b, 1, 3**0.5, 5**0.5, 7**0.5)  # which the book does not give
    p = numbers(0.5, 1.5, 2.5, 3.5).sqrt()
    normal = a + torch.outer(p, p)
    skew = normal + 0.5 * torch.eye(4, dtype=torch.float64)
    torch.testing.assert_close(skew, -skew.T, rtol=0, atol=3e-15)
    torch.testing.assert_close(normal @ normal.T, normal.T @ normal, rtol=0, atol=1e-13)


def test_b55_a_selective_scan_is_the_summed_form():
    a, b, c = numbers(0.5, 0.5, 0.5)[:, None], numbers(1, 0.5, 2)[:, None], numbers(1, 2, 0.5)[:, None]
    near(ss.discrete_scan(a, b, c, numbers(1, 2, 3)), 1, 3, 3.375)
    near(ss.summed_form(a, b, c, numbers(1, 2, 3)), 1, 3, 3.375)
    # the published form, with steps that make the same system: exp(delta a) = 1/2, delta b = Bbar
    log_half = torch.log(numbers(0.5))
    y, _ = ss.selective_scan(
        numbers(1, 2, 3).view(1, 3, 1), torch.ones(1, 3, 1).double(), log_half[:, None], b[None], c[None]
    )
    near(y, 1, 3, 3.375)


def test_b56_the_bidirectional_form():
    def run(x: Tensor) -> Tensor:
        return ss.stepwise(torch.full_like(x, 0.5)[None], x[None])[0]

    x = numbers(1, 2, 3)
    near(run(x) + run(x.flip(0)).flip(0), 3.75, 6, 7.25)


def test_b57_gates_of_experts():
    logits = numbers(2, 1, 0, 1.5)[None]
    gates, chosen, whole = expert_gates(logits, 2)
    near(whole, 0.4739908463, 0.1743714876, 0.0641476854, 0.2874899807)
    near(gates, 0.6224593312, 0.3775406688)
    assert chosen.tolist() == [[0, 3]]
    near(expert_gates(logits, 2, temperature=0.5)[2], 0.6572330228, 0.0889468173, 0.0120376427, 0.2417825172)
