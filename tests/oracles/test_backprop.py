"""The books' nets and gradients by hand, a test an oracle: 0 Hifny, 1 Baker, 2 Martinez-Ramon, 3 Jaiswal, 4 Keras."""

import numpy as np
import pytest

from parnassus.byhand.gradients import gradient_error
from parnassus.byhand.mlp import MLP

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)


@pytest.mark.slow
def test_0_B19_xor_of_four_sigmoid_units_from_seed_0() -> None:
    state = np.random.RandomState(0)
    w0, b0, w1, b1 = (2 * state.rand(*shape) - 1 for shape in ((2, 4), (1, 4), (4, 1), (1, 1)))
    assert np.allclose(w0[0], [0.0976270079, 0.4303787327, 0.2055267521, 0.0897663660], atol=1e-9)
    net = MLP.of((w0, b0[0]), (w1, b1[0]), output="sigmoid_squared_error")
    t = np.array([[0], [1], [1], [0]], dtype=float)
    start = net.trace(CORNERS, t)
    assert np.allclose(start.outputs[:, 0], [0.18826775, 0.17785403, 0.1938524, 0.18322455], atol=1e-8)
    assert start.loss / 4 == pytest.approx(0.34870348, abs=1e-8)
    seen = {}
    for step in range(10_000):
        trace = net.trace(CORNERS, t)
        seen[step] = trace.outputs[:, 0]
        net = net.stepped(trace, lr=0.05)  # the listing leaves the 2 out and steps .1
    last = net.trace(CORNERS, t)
    assert np.allclose(last.outputs[:, 0], [0.03022842, 0.95890678, 0.95682578, 0.05039578], atol=1e-7)
    assert last.loss / 4 == pytest.approx(0.00175154, abs=1e-8)
    assert np.allclose(seen[999], [0.4531856, 0.50786041, 0.52117003, 0.53488317], atol=1e-7)
    assert np.allclose(seen[4999], [0.06880846, 0.90599527, 0.90118144, 0.11658025], atol=1e-7)


def test_0_B37_two_hidden_layers() -> None:
    net = MLP.of(
        (np.array([[0.1, 0.2], [0.3, 0.4]]).T, [0.1, 0.1]),
        (np.array([[0.5, -0.6], [0.7, 0.8]]).T, [0, 0.1]),
        (np.array([[0.2, -0.1], [-0.3, 0.4]]).T, [0, 0]),
        output="softmax_cross_entropy",
    )
    trace = net.trace([[1, 0.5]], [[1, 0]])
    first, second, third = trace.layers
    assert np.allclose(first.h, [[0.5744425168, 0.6456563062]], atol=1e-10)
    assert np.allclose(second.h, [[0.474977789, 0.7347065911]], atol=1e-9)
    assert np.allclose(third.h, [[0.4675794507, 0.5324205493]], atol=1e-10)
    assert trace.loss == pytest.approx(0.7601859967, abs=1e-10)
    assert np.allclose(third.delta, [[-0.5324205493, 0.5324205493]], atol=1e-10)
    assert np.allclose(second.delta, [[-0.0663858915, 0.0518877943]], atol=1e-10)
    assert np.allclose(first.delta, [[0.0007647903, 0.0186097151]], atol=1e-10)
    assert np.allclose(third.by_w.T, [[-0.2528879353, -0.3911728868], [0.2528879353, 0.3911728868]], atol=1e-10)
    assert np.allclose(second.by_w.T, [[-0.0381348786, -0.0428624695], [0.0298065552, 0.0335016816]], atol=1e-10)
    assert np.allclose(first.by_w.T, [[0.0007647903, 0.0003823952], [0.0186097151, 0.0093048576]], atol=1e-10)


W1_B22, B1_B22 = np.array([[0.1, -0.2], [0.3, 0.4], [-0.5, 0.6]]).T, [0.01, -0.02, 0.03]


def test_1_B22_one_hidden_layer_and_the_wrong_bracketing() -> None:
    net = MLP.of((W1_B22, B1_B22), ([[0.7], [-0.8], [0.9]], [0.05]), output="squared_error")
    trace = net.trace([[1.5, -2]], [[1]])
    assert trace.outputs.item() == pytest.approx(0.28375937, abs=1e-8)
    assert trace.loss == pytest.approx(0.51300064, abs=1e-8)
    first, second = trace.layers
    right = [[-0.348021, 0.464028], [0.415366, -0.553821], [-0.215649, 0.287532]]
    assert np.allclose(first.by_w.T, right, atol=1e-6)
    assert np.allclose(first.by_b, [-0.232014, 0.276910, -0.143766], atol=1e-6)
    assert np.allclose(second.by_w[:, 0], [-0.911706, -0.585227, -0.183159], atol=1e-6)
    assert second.by_b[0] == pytest.approx(-1.4324813, abs=1e-7)
    stepped = net.stepped(trace, lr=0.1).ws[0].T
    assert np.allclose(stepped, [[0.134802, -0.246403], [0.258463, 0.455382], [-0.478435, 0.571247]], atol=1e-6)
    # Baker L1163 brackets the chain otherwise: its first row (-.028924, -1.450555) is no gradient
    printed = first.by_w.copy()
    printed[:, 0] = [-0.028924, -1.450555]

    def loss_of(w1: np.ndarray) -> float:
        return MLP([w1, net.ws[1]], net.bs, net.hidden, net.output).trace([[1.5, -2]], [[1]]).loss

    assert gradient_error(loss_of, first.by_w, net.ws[0]) < 1e-7
    assert gradient_error(loss_of, printed, net.ws[0]) > 0.1


def test_1_B23_softmax_counts_more_than_its_diagonal() -> None:
    w2 = np.array([[0.2, -0.1, 0.4], [-0.3, 0.5, 0.1], [0.6, 0.2, -0.2]]).T
    net = MLP.of((W1_B22, B1_B22), (w2, [0.1, 0, -0.1]), output="softmax_cross_entropy")
    trace = net.trace([[1.5, -2]], [[0, 1, 0]])
    assert np.allclose(trace.outputs, [[0.343048, 0.277664, 0.379288]], atol=1e-6)
    assert trace.loss == pytest.approx(1.2813450, abs=1e-7)
    by_w1 = trace.layers[0].by_w.T
    assert np.allclose(by_w1, [[0.178007, -0.237343], [-0.115845, 0.154461], [-0.001819, 0.002425]], atol=1e-6)
    by_w2 = [[0.218334, 0.140149, 0.043863], [-0.459733, -0.295104, -0.092359], [0.241399, 0.154955, 0.048496]]
    assert np.allclose(trace.layers[1].by_w.T, by_w2, atol=1e-6)
    assert not np.allclose(by_w1[0], [0.075211, -0.100281], atol=1e-2)  # the book's diagonal-only chain


def test_2a_B8_sigmoid_xor_by_hand_set_weights() -> None:
    def net(a: float) -> MLP:
        return MLP.of(([[a, a], [a, a]], [-a / 2, -3 * a / 2]), ([[a], [-a]], [-a / 2]), output="binary_cross_entropy")

    x = np.array([[0, 0], [1, 1], [0, 1], [1, 0]], dtype=float)
    trace = net(10).trace(x, np.zeros((4, 1)))
    assert trace.layers[0].z.T.tolist() == [[-5, 15, 5, 5], [-15, 5, -5, -5]]
    assert np.allclose(trace.layers[0].h.T[0], [0.0066928509, 0.9999996941, 0.9933071491, 0.9933071491], atol=1e-10)
    assert np.allclose(trace.layers[0].h.T[1], [3.0590e-7, 0.9933071491, 0.0066928509, 0.0066928509], atol=1e-10)
    # the book's output is w.h with w = (1, -1), and .98 on the last two comes of rounding first
    o = trace.layers[0].h @ [1, -1]
    assert np.allclose(o, [0.0066925450, 0.0066925450, 0.9866142982, 0.9866142982], atol=1e-10)
    assert np.allclose(
        net(1).trace(x, np.zeros((4, 1))).layers[0].h @ [1, -1], [0.1951, 0.1951, 0.2449, 0.2449], atol=5e-5
    )


@pytest.mark.parametrize(("scale", "expected"), [(1, [0, 0, 1, 1]), (10, [0, 0, 10, 10])])
def test_2a_B9_and_3_B2_relu_xor(scale: float, expected: list[float]) -> None:
    net = MLP.of((scale * np.ones((2, 2)), [0, -scale]), ([[1], [-2]], [0]), hidden="relu", output="squared_error")
    x = np.array([[0, 0], [1, 1], [0, 1], [1, 0]], dtype=float)
    trace = net.trace(x, np.zeros((4, 1)))
    assert (trace.layers[0].h.T / scale).tolist() == [[0, 2, 1, 1], [0, 1, 0, 0]]
    assert trace.outputs[:, 0].tolist() == expected


def test_2a_B13_one_step_of_backpropagation() -> None:
    net = MLP.of(
        ([[1, 1, -1], [1, 1, -1]], [0, 0, 0]), ([[1], [-1], [-2]], [0]), hidden="relu", output="binary_cross_entropy"
    )
    trace = net.trace([[1, 1]], [[1]])
    first, second = trace.layers
    assert (first.z.tolist(), first.h.tolist(), second.z.item()) == ([[2, 2, -2]], [[2, 2, 0]], 0)
    assert (trace.outputs.item(), second.delta.item()) == (0.5, -0.5)
    assert first.delta.tolist() == [[-0.5, 0.5, 0]]
    assert trace.loss == pytest.approx(0.6931471806, abs=1e-10)
    after = net.stepped(trace, lr=1.0)
    assert after.ws[1][:, 0].tolist() == [2, 0, -2]
    assert after.ws[0].tolist() == [[1.5, 0.5, -1]] * 2
    assert (after.bs[0].tolist(), after.bs[1].tolist()) == ([0.5, -0.5, 0], [0.5])
    again = after.trace([[1, 1]], [[1]])
    assert (again.layers[0].z.tolist(), again.layers[1].z.item()) == ([[3.5, 0.5, -2]], 7.5)
    assert again.outputs.item() == pytest.approx(0.9994472214, abs=1e-10)  # the book prints .9999
    assert again.layers[1].delta.item() == pytest.approx(-5.5278e-4, abs=1e-8)  # and -1e-4
    assert again.loss == pytest.approx(0.0005529315, abs=1e-10)
    trap = second.delta @ after.ws[1].T * (first.z > 0)  # the lower delta with updated weights above
    assert trap.tolist() == [[-1, 0, 0]]


GRADIENTS_B13B = {
    "sigmoid": (
        2.8157597985,
        [0.5755421143, 0.5655017605, 0.5359768296, 0.6055672980],
        [0.1555680323, 0.1477318132, 0.1398098440],
        0.2825880024,
        [[0.0239794292, -0.0320026958, 0.0385724749], [0.0149119335, -0.0234503806, 0.0285830395]],
        [0.0468119452, -0.0602962992, 0.0716764857],
    ),
    "relu": (
        2.7263252533,
        [0.4795114791, 0.50025, 0.4429988822, 0.5680746344],
        [-0.0159596337, -0.1199703517, -0.1281500263],
        -0.0091650044,
        [[0.0478272440, -0.4002, -0.3887328291], [-0.0397257825, 0.0454008943, 0]],
        [-0.0064155031, -0.3382082890, 0.0428275021],
    ),
    "tanh": (
        2.8229473321,
        [0.4795099324, 0.4363703077, 0.3375900166, 0.6000862084],
        [-0.0912770543, -0.1005677114, 0.1133412126],
        -0.1464435349,
        [[-0.0385805132, -0.0058696080, 0.0420327691], [-0.1557125016, 0.0933451163, -0.0723902945]],
        [-0.0966686345, 0.0196756984, 0.0353741652],
    ),
}


@pytest.mark.parametrize("hidden", GRADIENTS_B13B)
def test_2a_B13b_batch_gradients(hidden: str) -> None:
    loss, outputs, by_w2, by_b2, by_w1, by_b1 = GRADIENTS_B13B[hidden]
    net = MLP.of(
        ([[0.1, -0.2, 0.3], [0.4, 0.5, -0.6]], [0.01, 0.02, 0.03]),
        ([[0.7], [-0.8], [0.9]], [-0.1]),
        hidden=hidden,
        output="binary_cross_entropy",
    )
    trace = net.trace(np.array([[0, 1, 0, 1], [0, 1, 1, 0]]).T, [[0], [0], [1], [1]])
    first, second = trace.layers
    assert trace.loss == pytest.approx(loss, abs=1e-9)
    assert np.allclose(trace.outputs[:, 0], outputs, atol=5e-9)
    assert np.allclose(second.by_w[:, 0], by_w2, atol=1e-9)
    assert second.by_b[0] == pytest.approx(by_b2, abs=1e-9)
    assert np.allclose(first.by_w, by_w1, atol=1e-9)
    assert np.allclose(first.by_b, by_b1, atol=1e-9)


COURSE_NET = MLP.of(
    ([[1.61, 4.16], [-2.00, -3.85]], [-0.67, 2.39]), ([[3.13], [-3.70]], [1.70]), output="binary_cross_entropy"
)
COURSE_XOR = [[0], [1], [1], [0]]


def test_4_B13_and_B14_the_xor_net_and_its_table() -> None:
    trace = COURSE_NET.trace(CORNERS, COURSE_XOR)
    table = [[0.338497, 0.916062], [0.064767, 0.188467], [0.719100, 0.998572], [0.257309, 0.937027]]
    assert np.allclose(trace.layers[0].h, table, atol=1e-6)
    assert trace.layers[0].z[1].tolist() == pytest.approx([-2.67, -1.46])
    assert trace.layers[1].z[1, 0] == pytest.approx(1.205392, abs=1e-6)
    assert np.allclose(trace.outputs[:, 0], [0.347526, 0.769483, 0.563669, 0.276554], atol=1e-6)
    assert trace.loss / 4 == pytest.approx(0.396510, abs=1e-6)


def test_4_B15_gradients_at_that_net() -> None:
    first, second = COURSE_NET.trace(CORNERS[[1]], [[1]]).layers
    assert second.delta.item() == pytest.approx(-0.230517, abs=1e-6)
    assert np.allclose(second.by_w[:, 0], [-0.014930, -0.043445], atol=1e-6)
    assert second.by_b[0] == pytest.approx(-0.230517, abs=1e-6)
    assert first.delta[0, 0] == pytest.approx(-0.043704, abs=1e-6)
    assert np.allclose(first.by_w, [[0, 0], [-0.043704, 0.130451]], atol=1e-6)
