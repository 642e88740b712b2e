"""The books' convolutions, recurrent nets and attention by hand, a test an oracle: 0 Hifny, 1 Baker, 2 Martinez-Ramon,
3 Jaiswal, 4 Keras course. Numbers are those of the books, recomputed from the books' inputs.
"""

import numpy as np
import pytest

from parnassus.byhand import attention, convolution, recurrence
from parnassus.byhand.autodiff import Variable, gradients, nets
from parnassus.byhand.gradients import gradient_error
from parnassus.byhand.sequence import SequenceNet


def one(a: object) -> np.ndarray:
    """A picture of one channel, or one kernel."""
    return np.asarray(a, dtype=float)[None, None]


# --- convolution -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("padding", "stride", "z"), [(0, 1, [-2, -2, -2]), (1, 1, [-2, -2, -2, -2, 4]), (1, 2, [-2, -2, 4])]
)
def test_0_B39_one_dimension(padding: int, stride: int, z: list[float]) -> None:
    x, w = one([[1, 2, 3, 4, 5]]), one([[1, 0, -1]])
    assert convolution.correlate(x, w, padding=(0, padding), stride=(1, stride)).z[0, 0, 0].tolist() == z


def test_0_B39_true_convolution() -> None:
    assert convolution.convolve(one([[1, 2, 3, 4, 5]]), one([[1, 0, -1]]))[0, 0, 0].tolist() == [2, 2, 2]
    full = convolution.convolve(one([[1, 2, 3]]), one([[0, 1, 0.5]]), padding=(0, 2))
    assert full[0, 0, 0].tolist() == [0, 1, 2.5, 4, 1.5]


@pytest.mark.parametrize("form", [convolution.correlate_backward, convolution.correlate_backward_rot180])
def test_0_B40_forward_and_backward(form: object) -> None:
    a, w = one([[1, 2, 3], [4, 5, 6], [7, 8, 9]]), one([[1, 2], [3, 4]])
    assert convolution.correlate(a, w, [0.5]).z[0, 0].tolist() == [[37.5, 47.5], [67.5, 77.5]]
    slopes = form(one([[1, -1], [0.5, 2]]), a, w)  # type: ignore[operator]
    assert slopes.by_w[0, 0].tolist() == [[11, 13.5], [18.5, 21]]  # eq. 9.12's a21 would give another last entry
    assert slopes.by_b.tolist() == [2.5]
    assert slopes.by_x[0, 0].tolist() == [[1, 1, -2], [3.5, 4, 0], [1.5, 8, 8]]


def test_0_B41_vertical_edge() -> None:
    x, w = one([[10, 10, 10, 0, 0, 0]] * 6), one([[1, 0, -1]] * 3)
    assert convolution.correlate(x, w).z[0, 0].tolist() == [[0, 30, 30, 0]] * 4
    assert convolution.correlate(x, w, stride=2).z[0, 0].tolist() == [[0, 30], [0, 30]]


@pytest.mark.parametrize(
    ("x", "highest", "mean"),
    [
        ([[1, 3, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], [[6, 8], [3, 4]], [[3.75, 5.25], [2, 2]]),
        ([[1, 3, 2, 4], [5, 6, 1, 0], [7, 2, 9, 8], [0, 4, 3, 5]], [[6, 4], [7, 9]], [[3.75, 1.75], [3.25, 6.25]]),
        (np.arange(1, 17).reshape(4, 4), [[6, 8], [14, 16]], [[3.5, 5.5], [11.5, 13.5]]),
    ],
    ids=["0 B42", "1 B10", "3 B22"],
)
def test_0_B42_and_1_B10_and_3_B22_pools(x: object, highest: object, mean: object) -> None:
    assert convolution.max_pool(one(x), 2).z[0, 0].tolist() == highest
    assert convolution.average_pool(one(x), 2).z[0, 0].tolist() == mean


def test_1_B10_the_slope_goes_to_the_winners() -> None:
    x = one([[1, 3, 2, 4], [5, 6, 1, 0], [7, 2, 9, 8], [0, 4, 3, 5]])
    mask = convolution.max_pool_backward(np.ones((1, 1, 2, 2)), x, 2)[0, 0]
    assert np.argwhere(mask == 1).tolist() == [[0, 3], [1, 1], [2, 0], [2, 2]]
    assert mask.sum() == 4


def test_1_B07_convolution_and_correlation_differ() -> None:
    x, k = one([[0, 80, 40], [20, 40, 0], [0, 0, 40]]), one([[0, 0.25], [0.5, 1]])
    assert convolution.convolve(x, k)[0, 0].tolist() == [[45, 110], [40, 40]]
    assert convolution.correlate(x, k).z[0, 0].tolist() == [[70, 30], [10, 40]]
    full = convolution.convolve(x, k, padding=1)[0, 0]
    assert full.tolist() == [[0, 0, 20, 10], [0, 45, 110, 40], [10, 40, 40, 10], [0, 0, 20, 40]]


def test_1_B09_two_channels() -> None:
    x = np.stack([np.arange(9.0).reshape(3, 3), np.arange(1.0, 10).reshape(3, 3)])[None]
    w = np.array([[[[0, 1], [2, 3]], [[1, 2], [3, 4]]]], dtype=float)
    assert convolution.correlate(x, w).z[0, 0].tolist() == [[56, 72], [104, 120]]


def test_1_B41_a_transposed_convolution_is_the_backward_pass() -> None:
    x = one([[0, 1], [2, 3]])
    for stride, size, wanted in (
        (1, 3, [[0, 0, 1], [0, 4, 6], [4, 12, 9]]),
        (2, 4, [[0, 0, 0, 1], [0, 0, 2, 3], [0, 2, 0, 3], [4, 6, 6, 9]]),
    ):
        back = convolution.correlate_backward(x, np.zeros((1, 1, size, size)), x, stride=stride).by_x
        assert back[0, 0].tolist() == wanted


def test_2b_B2_to_B5_padding_and_stride() -> None:
    image = one([[1, 2, 1, 3, 1], [2, 1, 2, 1, 3]] * 2)
    w = one([[0, 1], [1, 0]])
    assert convolution.correlate(image, w).z[0, 0].tolist() == [[4, 2, 5, 2], [2, 4, 2, 6], [4, 2, 5, 2]]
    padded = [[0, 1, 2, 1, 3, 1], [1, 4, 2, 5, 2, 3], [2, 2, 4, 2, 6, 1], [1, 4, 2, 5, 2, 3], [2, 1, 2, 1, 3, 0]]
    assert convolution.correlate(image, w, padding=1).z[0, 0].tolist() == padded
    assert convolution.correlate(image, w, padding=1, stride=2).z[0, 0].tolist() == [[0, 2, 3], [2, 4, 6], [2, 2, 3]]
    k = one([[1, 2], [3, 4]])
    turned = [[15, 15, 18, 20], [15, 15, 16, 20], [15, 15, 18, 20]]
    assert convolution.correlate(image, k).z[0, 0].tolist() == [[15, 15, 17, 20], [15, 15, 19, 20], [15, 15, 17, 20]]
    assert convolution.convolve(image, k)[0, 0].tolist() == turned


def test_2b_B6_tied_gradients_with_stride_and_the_kernel_that_must_be_turned() -> None:
    x, w = one([np.arange(1.0, 9)]), one([[1, 2]])
    assert convolution.correlate(x, w, stride=(1, 2)).z[0, 0, 0].tolist() == [5, 11, 17, 23]
    slopes = convolution.correlate_backward(one([[1, -1, 2, 0.5]]), x, w, stride=(1, 2))
    assert slopes.by_w[0, 0, 0].tolist() == [11.5, 14]
    assert slopes.by_x[0, 0, 0].tolist() == [1, 2, -1, -2, 2, 4, 0.5, 1]
    rng = np.random.default_rng(0)
    pictures, kernels, delta = (rng.normal(size=s) for s in ((1, 2, 6, 6), (3, 2, 3, 3), (1, 3, 4, 4)))
    right = convolution.correlate_backward(delta, pictures, kernels).by_x
    literal = convolution.correlate(delta, kernels.swapaxes(0, 1), padding=2).z  # eq. 4.16 as printed: not turned
    assert gradient_error(
        lambda v: float((convolution.correlate(v, kernels).z * delta).sum()), right, pictures, step=1e-5
    ) < 1e-8  # fmt: skip
    assert np.abs(literal - right).max() > 1


def test_3_B19_correlation_and_convolution() -> None:
    x, w = one([[1, 2, 3, 4]]), one([[1, 0, -1]])
    assert convolution.convolve(x, w)[0, 0, 0].tolist() == [2, 2]
    assert convolution.convolve(x, w, padding=(0, 2))[0, 0, 0].tolist() == [1, 2, 2, 2, -3, -4]
    image, k = one(np.arange(1, 13).reshape(3, 4)), one([[1, 2], [3, 4]])
    assert convolution.correlate(image, k).z[0, 0].tolist() == [[44, 54, 64], [84, 94, 104]]
    assert convolution.convolve(image, k)[0, 0].tolist() == [[26, 36, 46], [66, 76, 86]]


def test_4_B30_to_B34_examples_of_chapter_4() -> None:
    row, smooth = one([[1, 4, 2, 0, 9, 1, 3]]), one([[0.25, 0.5, 0.25]])
    assert convolution.correlate(row, smooth).z[0, 0, 0].tolist() == [2.75, 2, 2.75, 4.75, 3.5]
    x = one([[1, 4, 1, 1, 2], [4, 3, 1, 2, 1], [5, 2, 2, 2, 5], [1, 3, 2, 4, 3]])
    k = np.full((1, 1, 3, 3), -1.0)
    k[0, 0, 1, 1] = 8
    assert convolution.correlate(x, k).z[0, 0].tolist() == [[4, -9, 1], [-5, -3, -4]]
    assert convolution.correlate(x, k, padding=1, stride=2).z[0, 0].tolist() == [[-3, -3, 12], [27, -3, 28]]


# --- recurrent nets --------------------------------------------------------------------------------------------------


def elman(w_x: object, w_h: object, b: object, w_y: object, b_y: object, **how: str) -> SequenceNet:
    """A net from the books' column matrices."""
    parts = [np.asarray(a, dtype=float) for a in (w_x, w_h, b, w_y, b_y)]
    return SequenceNet(recurrence.Elman(parts[0].T, parts[1].T, parts[2]), parts[3].T, parts[4], **how)


def test_0_B43_backpropagation_through_three_steps() -> None:
    net = elman([[0.5, -0.3], [0.2, 0.4]], [[0.1, 0.2], [-0.3, 0.4]], [0, 0.1], [[1, -1], [0.5, 0.5]], [0, 0])
    trace = net.trace([[[1, 0], [0, 1], [1, 1]]], [[[1, 0], [0, 1], [1, 0]]])
    assert trace.loss == pytest.approx(2.4741548112, abs=1e-9)
    h = [[0.4621171573, 0.2913126125], [-0.1930716131, 0.4445521096], [0.2632556301, 0.7332599421]]
    assert np.allclose(trace.run.h[0, 1:], h, atol=1e-9)
    assert np.allclose(trace.outputs[0, :, 0], [0.4487035306, 0.3179163577, 0.2752270384], atol=1e-9)
    wanted = {
        "w_x": [[-0.4910045919, -0.3618760287], [1.1540654903, 0.2271888115]],
        "w_h": [[0.0537475871, -0.1571024153], [-0.2243272400, 0.1432051630]],
        "b": [-0.5156088010, 0.8786280318],
        "w_y": [[-0.5069447439, -0.5507162071], [0.5069447439, 0.5507162071]],
        "b_y": [-0.9581530733, 0.9581530733],
    }
    for name, g in wanted.items():
        assert np.allclose(trace.gradients[name].T, g, atol=1e-9), name


def test_0_B44_lstm_and_its_cell_gradient() -> None:
    cell = recurrence.LSTM(np.full((1, 4), 0.5), np.full((1, 4), 0.5), np.zeros(4))
    run = cell.forward([[[1.0], [-1.0]]])
    assert np.allclose(run.inner["i"][0, :, 0], [0.6224593312, 0.3982253136], atol=1e-9)
    assert np.allclose(run.inner["g"][0, :, 0], [0.4621171573, -0.3909027282], atol=1e-9)
    assert np.allclose(run.inner["c"][0, 1:, 0], [0.2876491366, -0.0411181939], atol=1e-9)
    assert np.allclose(run.h[0, 1:, 0], [0.1742697187, -0.0163650838], atol=1e-9)
    found = cell.cell_jacobian(run, 2)[0, 0, 0]
    assert found == pytest.approx(0.4878985793, abs=1e-9)  # eq. 10.45 as printed gives .4043846666
    assert abs(found - 0.4043846666) > 0.08


def test_0_B45_gru() -> None:
    cell = recurrence.GRUResetBefore(np.full((1, 3), 0.5), np.full((1, 3), 0.5), np.zeros(3))
    run = cell.forward([[[1.0], [-1.0]]])
    assert np.allclose(run.inner["z"][0, :, 0], [0.6224593312, 0.3982490745], atol=1e-9)
    assert np.allclose(run.inner["n"][0, :, 0], [0.4621171573, -0.4343608397], atol=1e-9)
    assert np.allclose(run.h[0, 1:, 0], [0.1744680206, -0.1918953096], atol=1e-9)


@pytest.mark.parametrize(("seed", "after_100"), [(0, 0.0018638), (1, 0.0010525), (2, 0.0037320)])
def test_0_B21_the_sine_predictor_with_its_backward_pass_put_right(seed: int, after_100: float) -> None:
    # listing 10.1 keeps one element of dh_next and broadcasts it; these are the losses of the right recursion
    state = np.random.RandomState(seed)
    w_x, w_h, w_y = state.randn(16, 1), state.randn(16, 16) * 0.25, state.randn(1, 16) * 0.25
    net = elman(w_x, w_h, np.zeros(16), w_y, np.zeros(1), output="squared_error")
    wave = np.sin(0.1 * np.arange(100))
    x, y = wave[None, :-1, None], wave[None, 1:, None]
    for _ in range(99):
        net = net.trace(x, y, lr=0.001).after
    assert net.trace(x, y).loss / 99 == pytest.approx(after_100, rel=5e-4)


def test_2b_B41_the_books_forget_gate_and_candidate_are_wrong() -> None:
    rng = np.random.default_rng(0)
    x, h, c, by_h = (rng.normal(size=(1, 3)) for _ in range(4))
    cell = recurrence.LSTM(*(rng.normal(size=s) / 2 for s in ((3, 12), (3, 12), (12,))))
    run = cell.forward(x[:, None], h=h, c=c)
    slopes = cell.backward(run, by_h[:, None])

    def loss(b: np.ndarray) -> float:
        return float((recurrence.LSTM(cell.w_x, cell.w_h, b).forward(x[:, None], h=h, c=c).h[:, 1] * by_h).sum())

    assert gradient_error(loss, slopes.by_weight["b"], cell.b, step=1e-5) < 1e-8
    f, o = run.inner["f"][:, 0], run.inner["o"][:, 0]
    printed = by_h * o * (1 - np.tanh(c) ** 2) * f * (1 - f)  # o tanh'(c_(t-1)) where o tanh'(c_t) c_(t-1) belongs
    assert np.abs(printed - slopes.by_weight["b"][3:6]).max() > 0.01


def test_1_B44_recurrent_steps() -> None:
    w = np.array([[0.1, 0.2, 0.3], [-0.1, 0.4, -0.2]])
    h = recurrence.Elman(w[:, 2:].T, w[:, :2].T, np.array([0.05, -0.05])).forward([[[1.0], [2.0]]]).h
    assert np.allclose(h[0, 1:], [[0.336376, -0.244919], [0.561248, -0.523831]], atol=1e-6)


def test_1_B45_lstm() -> None:
    # rows [h, x]: f (.5, .1), i (.4, .2), candidate (.3, .3), o (.2, .4); b_f = .1
    cell = recurrence.LSTM(np.array([[0.2, 0.1, 0.3, 0.4]]), np.array([[0.4, 0.5, 0.3, 0.2]]), np.array([0, 0.1, 0, 0]))
    run = cell.forward([[[1.0], [-1.0], [0.5]]])
    assert np.allclose(run.inner["c"][0, 1:, 0], [0.1601736, -0.0398016, 0.0541303], atol=1e-6)
    assert np.allclose(run.h[0, 1:, 0], [0.0950822, -0.0161465, 0.0296904], atol=1e-6)
    assert run.inner["f"][0, 0, 0] == pytest.approx(0.549834, abs=1e-6)


def test_1_B46_the_two_resets() -> None:
    w_z = np.array([[0.5, 0.2, 0.1], [-0.4, 0.3, 0.2]])
    w_r = np.array([[0.4, -0.1, 0.2], [0.1, 0.6, -0.3]])
    w_n = np.array([[0.3, 0.7, 0.6], [-0.5, 0.2, 0.4]])
    w = np.concatenate([w_r, w_z, w_n]).T  # [h, x] by gates
    start = np.array([[0.5, -0.3]])
    before = recurrence.GRUResetBefore(w[2:], w[:2], np.zeros(6)).forward([[[1.0]]], h=start)
    after = recurrence.GRUResetAfter(w[2:], w[:2], np.zeros(6), np.zeros(2)).forward([[[1.0]]], h=start)
    assert np.allclose(before.inner["z"][0, 0], [0.571996, 0.477515], atol=1e-6)
    assert np.allclose(before.inner["r"][0, 0], [0.605874, 0.394126], atol=1e-6)
    assert np.allclose(before.inner["n"][0, 0], [0.542798, 0.221168], atol=1e-6)
    assert np.allclose(after.inner["n"][0, 0], [0.510679, 0.270887], atol=1e-6)
    assert np.allclose(after.h[0, 1], [0.504571, -0.001720], atol=1e-6)  # torch's blend
    z, n = before.inner["z"][0, 0], before.inner["n"][0, 0]
    assert np.allclose((1 - z) * start[0] + z * n, [0.524481, -0.051134], atol=1e-6)  # the notes' blend: z is new


def test_1_B47_a_linear_recurrence() -> None:
    # h_t = x_t + .5 h_(t-1), o_t = 2 h_t, L = 1/3 sum of o^2 / 2: on the engine, as the cell is linear
    w_x, w_h, w_y, h, loss = Variable(1.0), Variable(0.5), Variable(2.0), Variable(0.0), Variable(0.0)
    for x in (1.0, 2.0, 3.0):
        h = w_x * x + w_h * h
        loss = loss + (w_y * h) ** 2 / 6
    assert float(loss.value) == pytest.approx(16.875)
    found = gradients(loss, [w_h, w_x, w_y])
    assert np.allclose(found, [20.3333333, 33.75, 16.875], atol=1e-6)


def test_3_B28_forward_and_backpropagation() -> None:
    net = elman([[0.5, -0.3], [0.2, 0.4]], [[0.1, 0.3], [-0.2, 0.5]], [0.1, -0.1], [[1, -1], [0.5, 0.5]], [0, 0.2])
    trace = net.trace([[[1, 0], [0, 1]]], [[[1, 0], [0, 1]]])
    assert np.allclose(trace.run.h[0, 1:], [[0.53704957, 0.09966799], [-0.11587185, 0.23778409]], atol=1e-8)
    assert np.allclose(trace.outputs[0, :, 0], [0.47976675, 0.35100784], atol=1e-8)
    assert trace.loss == pytest.approx(1.1667898743, abs=1e-9)
    wanted = {
        "w_x": [[-0.10207828, 0.17314756], [0.57812255, -0.49674212]],
        "w_h": [[0.09298882, 0.01725727], [-0.26677514, -0.04950929]],
        "w_y": [[-0.32006297, 0.03161348], [0.32006297, -0.03161348]],
        "b": [0.07106928, 0.08138043],
        "b_y": [-0.16922540, 0.16922540],
    }
    for name, g in wanted.items():
        assert np.allclose(trace.gradients[name].T, g, atol=1e-8), name


def test_3_B29_and_4_B54_lstm_step() -> None:
    cell = recurrence.LSTM(np.full((1, 4), 0.5), np.full((1, 4), 0.5), np.zeros(4))
    run = cell.forward([[[1.0]]], h=np.array([[0.2]]), c=np.array([[0.3]]))
    assert run.inner["i"][0, 0, 0] == pytest.approx(0.645656, abs=1e-6)
    assert run.inner["g"][0, 0, 0] == pytest.approx(0.537050, abs=1e-6)
    assert run.inner["c"][0, 1, 0] == pytest.approx(0.540446, abs=1e-6)
    assert run.h[0, 1, 0] == pytest.approx(0.318519, abs=1e-6)


def test_3_B30_gru_step() -> None:
    w_x, w_h, b = np.array([[-0.4, 0.3, 0.5]]), np.array([[0.6, 0.2, -0.7]]), np.array([0, 0.1, 0.2])
    run = recurrence.GRUResetBefore(w_x, w_h, b).forward([[[1.0]]], h=np.array([[0.5]]))
    z, r, n = (run.inner[name][0, 0, 0] for name in "zrn")
    assert (z, r, n) == pytest.approx((0.622459, 0.475021, 0.488237), abs=1e-6)
    assert run.h[0, 1, 0] == pytest.approx(0.495559, abs=1e-6)  # z keeps the old state, as torch and Keras
    assert (1 - z) * 0.5 + z * n == pytest.approx(0.492678, abs=1e-6)  # the book's blend
    after = recurrence.GRUResetAfter(w_x, w_h, b, np.array([0.4])).forward([[[1.0]]], h=np.array([[0.5]]))
    assert after.inner["n"][0, 0, 0] == pytest.approx(0.619227, abs=1e-6)
    b_before = b + np.array([0, 0, 0.4])
    before = recurrence.GRUResetBefore(w_x, w_h, b_before).forward([[[1.0]]], h=np.array([[0.5]]))
    assert before.inner["n"][0, 0, 0] == pytest.approx(0.732334, abs=1e-6)


def test_4_B51_and_B52_a_sigmoid_recurrence_on_the_engine() -> None:
    # z_t = s(.5 z + .1 x - 1), y_t = -.5 z + .3; the book prints .1554 for .155475
    from parnassus.byhand.autodiff import sigmoid

    for targets, loss, slope in (((0, 0, 0), 0.0479305, -0.0183679), ((0.2, 0.1, 0), 0.0145466, -0.0115038)):
        w = Variable(0.5)
        z, total, states, outputs = Variable(0.0), Variable(0.0), [], []
        for x, t in zip((1, 4, 3), targets, strict=True):
            z = sigmoid(w * z + 0.1 * x - 1)
            y = -0.5 * z + 0.3
            total = total + (y - t) ** 2
            states.append(float(z.value))
            outputs.append(float(y.value))
        (found,) = gradients(total, [w])
        assert states == pytest.approx([0.2891, 0.388060, 0.376139], abs=5e-5)
        assert outputs == pytest.approx([0.155475, 0.105970, 0.111931], abs=1e-6)
        assert float(total.value) == pytest.approx(loss, abs=1e-6)
        assert float(found) == pytest.approx(slope, abs=1e-6)


# --- attention -------------------------------------------------------------------------------------------------------


def test_0_B23_self_attention_and_its_causal_form() -> None:
    eye = np.eye(2)
    weights = attention.scaled_dot_product(eye, eye, eye).weights
    assert np.allclose(weights, [[0.6697615493, 0.3302384507], [0.3302384507, 0.6697615493]], atol=1e-9)
    causal = attention.scaled_dot_product(eye, eye, eye, mask=np.tri(2, dtype=bool)).weights
    assert np.allclose(causal, [[1, 0], [0.3302384507, 0.6697615493]], atol=1e-9)


def test_1_B49_and_2b_B25_queries_keys_and_values() -> None:
    k, v = [[1, 0], [0, 1], [1, 1]], [[1, 2], [3, 4], [5, 6]]
    attended = attention.scaled_dot_product(np.eye(2), k, v)
    assert np.allclose(attended.weights[0], [0.401112, 0.197776, 0.401112], atol=1e-6)
    assert np.allclose(attended.z, [[3, 4], [3.406673, 4.406673]], atol=1e-6)
    one_query = attention.scaled_dot_product([[1, 0]], k, [[1], [2], [3]])
    assert one_query.z[0, 0] == pytest.approx(2.0)
    printed = attention.softmax(np.array([1.0, 0, 1]) * np.sqrt(2))  # D^(+1/2), as eq. 6.11 prints it
    assert np.allclose(printed, [0.445808, 0.108383, 0.445808], atol=1e-6)


def test_2b_B42_the_books_formulas_in_columns() -> None:
    rng = np.random.default_rng(0)
    x, by_v = rng.normal(size=(4, 6)), rng.normal(size=(3, 6))  # columns are tokens
    w_q, w_k, w_v = (rng.normal(size=(4, 3)) for _ in range(3))
    q, k, v = w_q.T @ x, w_k.T @ x, w_v.T @ x
    scores = k.T @ q / np.sqrt(3)
    a = np.exp(scores) / np.exp(scores).sum(0)
    g = v.T @ by_v
    by_scores = a * (g - (a * g).sum(0))
    step = attention.self_attention(x.T, w_q, w_k, w_v, by_z=by_v.T)
    assert np.allclose(step.by_w_q, x @ (k @ by_scores).T / np.sqrt(3), atol=1e-12)
    assert np.allclose(step.by_w_k, x @ (q @ by_scores.T).T / np.sqrt(3), atol=1e-12)
    assert np.allclose(step.by_w_v, x @ a @ by_v.T, atol=1e-12)


def test_4_B58_projected_attention() -> None:
    x = np.array([[1, 0], [0, 1], [1, 1]])
    step = attention.self_attention(x, np.eye(2), [[0, 1], [1, 0]], [[1, 2], [3, 4]], by_z=np.zeros((3, 2)))
    assert np.allclose(step.attended.z, [[3.005560, 4.406673], [2.598888, 4], [3.006980, 4.510470]], atol=1e-6)


def test_0_B50_and_2b_B30_layer_norm() -> None:
    z = attention.layer_norm([1, 2, 3, 4], np.ones(4), np.zeros(4), eps=0).z
    assert np.allclose(z, [-1.3416407865, -0.4472135955, 0.4472135955, 1.3416407865], atol=1e-9)
    row = attention.layer_norm_jacobian([1, 2, 3, 4], eps=0)[0]
    assert np.allclose(row, [0.2683281573, -0.3577708764, -0.0894427191, 0.1788854382], atol=1e-9)
    printed = [-0.1341640786, -0.4919349550, 0.0447213595, 0.5813776741]  # eq. 14.15 without its 1/2
    assert not np.allclose(row, printed, atol=0.1)
    own = [Variable([1.0, 2.0, 3.0, 4.0]), Variable(np.ones(4)), Variable(np.zeros(4))]
    assert np.allclose(gradients(nets.layer_norm(*own, eps=0)[0], own)[0], row, atol=1e-9)
