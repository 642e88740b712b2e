"""Convolution arithmetic against scipy, torch, NumPy and the books' numbers."""

import numpy as np
import pytest
import torch
from scipy import ndimage, signal
from torch import nn
from torch.nn import functional as F

from parnassus.errors import SettingError
from parnassus.functional import convolution as conv

pytestmark = pytest.mark.usefixtures("draws")
X = [[0, 80, 40], [20, 40, 0], [0, 0, 40]]
IMAGE = [[1, 2, 1, 3, 1], [2, 1, 2, 1, 3]] * 2
KERAS = [[1, 4, 1, 1, 2], [4, 3, 1, 2, 1], [5, 2, 2, 2, 5], [1, 3, 2, 4, 3]]


def one(values):
    """A batch of one, one channel."""
    return torch.as_tensor(np.asarray(values), dtype=torch.float64)[None, None]


def rows(z):
    return z[0, 0].tolist()


def random(*shape):
    return torch.randn(*shape, dtype=torch.float64)


# --- products -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_axes", [1, 2, 3])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (3, 2)])
def test_the_fast_product_is_the_slow_one(n_axes, stride, dilation):
    x, w, b = random(2, 3, *(9, 8, 7)[:n_axes]), random(4, 3, *(3, 2, 3)[:n_axes]), random(4)
    settings = {"stride": stride, "dilation": dilation}
    torch.testing.assert_close(conv.correlate(x, w, b, **settings), conv.correlate_slowly(x, w, b, **settings))


@pytest.mark.parametrize("padding", ["valid", "full", "same"])
@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_both_products_are_scipys(n_axes, padding):
    x, w = random(*(9, 8, 7)[:n_axes]), random(*(3,) * n_axes)
    ours = conv.convolve(x[None, None], w[None, None], padding=padding)[0, 0]
    np.testing.assert_allclose(ours.numpy(), signal.convolve(x.numpy(), w.numpy(), mode=padding), atol=1e-12)
    ours = conv.correlate(x[None, None], w[None, None], padding=padding)[0, 0]
    np.testing.assert_allclose(ours.numpy(), signal.correlate(x.numpy(), w.numpy(), mode=padding), atol=1e-12)


def test_true_convolution_commutes_and_correlation_does_not():
    x, w = one([1, 2, 3, 4]), one([0.5, -1, 2])
    torch.testing.assert_close(conv.convolve(x, w, padding="full"), conv.convolve(w, x, padding="full"))
    assert not torch.allclose(conv.correlate(x, w, padding="full"), conv.correlate(w, x, padding="full"))


@pytest.mark.parametrize("mode", ["zero", "reflect", "symmetric", "replicate", "circular"])
def test_padding_is_numpys(mode):
    x, amounts = random(2, 3, 5, 4), [(2, 1), (0, 3)]
    numpys = {"zero": "constant", "replicate": "edge", "circular": "wrap"}.get(mode, mode)
    theirs = np.pad(x.numpy(), [(0, 0), (0, 0), *amounts], mode=numpys)
    np.testing.assert_array_equal(conv.padded(x, amounts, mode=mode).numpy(), theirs)


def test_edges_are_ndimages():
    x, w = random(6, 7), random(3, 3)
    for mode, theirs in (
        ("symmetric", "reflect"),
        ("reflect", "mirror"),
        ("replicate", "nearest"),
        ("circular", "wrap"),
    ):
        ours = conv.correlate(x[None, None], w[None, None], padding="same", mode=mode)[0, 0]
        np.testing.assert_allclose(ours.numpy(), ndimage.correlate(x.numpy(), w.numpy(), mode=theirs), atol=1e-12)


def test_groups_are_torchs_and_depthwise_is_one_kernel_a_channel():
    x, w = random(2, 6, 7, 7), random(4, 3, 3, 3)
    torch.testing.assert_close(conv.correlate(x, w, groups=2), F.conv2d(x, w, groups=2))
    depthwise, mixing = random(6, 1, 3, 3), random(5, 6)
    whole = mixing[:, :, None, None] * depthwise[None, :, 0]  # kernels that are products
    torch.testing.assert_close(conv.depthwise_separable(x, depthwise, mixing), conv.correlate(x, whole))


# --- the books' numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "f", "p", "s", "size"),
    [(5, 3, 0, 1, 3), (5, 3, 1, 1, 5), (5, 3, 1, 2, 3), (6, 3, 0, 1, 4), (6, 3, 0, 2, 2), (4, 2, 0, 2, 2),
     (32, 5, 0, 1, 28), (28, 2, 0, 2, 14), (14, 5, 0, 1, 10), (10, 2, 0, 2, 5), (4, 3, 2, 2, 3), (28, 5, 4, 1, 32),
     (227, 11, 0, 4, 55)],
)  # fmt: skip
def test_0_B20_and_0_B33_and_4_B35_output_sizes(n, f, p, s, size):
    assert (
        conv.output_size(n, f, padding=p, stride=s)
        == size
        == F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, f), stride=s, padding=p).shape[2]
    )


def test_4_B35_and_2b_B7_sizes_by_total_padding():
    """The course and Martinez-Ramon count what both sides get together."""
    cases = ((4, 3, 2, 2, 2), (5, 3, 2, 2, 3), (28, 5, 4, 1, 28), (14, 5, 0, 1, 10), (227, 11, 0, 4, 55))
    for n, f, total, s, size in cases:
        assert conv.output_size(n, f, padding=(total // 2, total - total // 2), stride=s) == size
    for total in (0, 1, 2):
        assert [conv.output_size(n, 3, padding=(0, total), stride=4) for n in (587, 1024)] == [147, 256]
    assert [conv.output_size(n, 3, padding=(0, 3), stride=4) for n in (587, 1024)] == [147, 257]


def test_0_B20_lenets_parameters():
    layers = [conv.costs(1, 6, (5, 5), (28, 28))[0], conv.costs(6, 16, (5, 5), (10, 10))[0]]
    layers += [conv.dense_cost(400, 120)[0], conv.dense_cost(120, 84)[0], conv.dense_cost(84, 10)[0]]
    assert layers == [156, 2416, 48120, 10164, 850]
    assert sum(layers) == 61706


def test_0_B39_one_dimension():
    x, w = one([1, 2, 3, 4, 5]), one([1, 0, -1])
    assert rows(conv.correlate(x, w)) == [-2, -2, -2]
    assert rows(conv.correlate(x, w, padding="same")) == [-2, -2, -2, -2, 4]
    assert rows(conv.correlate(x, w, padding=1, stride=2)) == [-2, -2, 4]
    assert rows(conv.convolve(x, w)) == [2, 2, 2]
    assert rows(conv.convolve(one([1, 2, 3]), one([0, 1, 0.5]), padding="full")) == [0, 1, 2.5, 4, 1.5]


def test_0_B41_an_upright_edge():
    x = one([[10, 10, 10, 0, 0, 0]] * 6)
    kernel = conv.prewitt().double()[None, None]
    assert rows(conv.correlate(x, kernel)) == [[0, 30, 30, 0]] * 4
    assert rows(conv.correlate(x, kernel, stride=2)) == [[0, 30]] * 2


def test_1_B07_the_first_value_is_45_by_the_turned_kernel():
    x, k = one(X), one([[0, 0.25], [0.5, 1]])
    assert rows(conv.convolve(x, k)) == [[45, 110], [40, 40]]
    assert rows(conv.correlate(x, k)) == [[70, 30], [10, 40]]
    assert rows(conv.convolve(x, k, padding="full")) == [
        [0, 0, 20, 10],
        [0, 45, 110, 40],
        [10, 40, 40, 10],
        [0, 0, 20, 40],
    ]


def test_1_B08_a_line_detector_is_its_own_mirror():
    """The page prints 128 for 127.5; after a sigmoid of pixels to 255 everything but 0 is 1."""
    x = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    for i, j in ((0, 2), (1, 1), (2, 0), (1, 3), (0, 4)):
        x[0, 0, i, j] = 255
    kernel = conv.line_detector(falling=False).double()[None, None]
    found = conv.correlate(x, kernel)
    torch.testing.assert_close(found, conv.convolve(x, kernel))
    assert found.max() == 255
    assert set(found.unique().tolist()) <= {0.0, 127.5, 255.0}
    assert torch.sigmoid(found[found > 0]).min() > 1 - 1e-6


def test_1_B09_two_channels_are_added():
    x = torch.stack([torch.arange(9.0).view(3, 3), torch.arange(1.0, 10).view(3, 3)])[None]
    w = torch.tensor([[[[0.0, 1], [2, 3]], [[1, 2], [3, 4]]]])
    assert rows(conv.correlate(x, w)) == [[56, 72], [104, 120]]


def test_1_B13_one_tap_maps_channels():
    x = torch.arange(1.0, 49, dtype=torch.float64).view(4, 4, 3).permute(2, 0, 1)[None]
    z = conv.pointwise(x, torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], dtype=torch.float64))
    torch.testing.assert_close(z[0, 0], (1.7 + 3 * torch.arange(16.0).double()).view(4, 4))
    torch.testing.assert_close(z[0, 1], z[0, 0] + 0.9)


def test_1_B33_padding_of_that_picture():
    x = one(X)
    assert not conv.padded(x, [(1, 1)] * 2)[0, 0, 0].any()
    assert conv.padded(x, [(1, 1)] * 2, mode="reflect")[0, 0, 0].tolist() == [40, 20, 40, 0, 40]
    symmetric, edge = (conv.padded(x, [(1, 1)] * 2, mode=m) for m in ("symmetric", "replicate"))
    assert torch.equal(symmetric, edge)
    assert symmetric[0, 0, 0].tolist() == [0, 0, 80, 40, 40]
    assert not torch.equal(*(conv.padded(x, [(2, 2)] * 2, mode=m) for m in ("symmetric", "replicate")))


def test_1_B35_a_step_row():
    assert rows(conv.correlate(one([1, 1, 0, 0, 0, 0, 1, 1]), one([1, -1]))) == [0, 1, 0, 0, 0, -1, 0]
    assert conv.finite_difference().tolist() == [1, -1]


def test_1_B41_transposed_convolutions():
    x = one([[0, 1], [2, 3]])
    assert rows(conv.transposed(x, x)) == [[0, 0, 1], [0, 4, 6], [4, 12, 9]]
    assert rows(conv.transposed(x, x, stride=2)) == [[0, 0, 0, 1], [0, 0, 2, 3], [0, 2, 0, 3], [4, 6, 6, 9]]


def test_1_B41_the_u_net_loses_its_edges():
    size = 572
    for _ in range(4):
        size = (size - 4) // 2
    size -= 4
    for _ in range(4):
        size = conv.transposed_size(size, 2, stride=2) - 4
    assert size == 388


def test_1_B42_causal_and_dilated():
    x, w = one([1, 2, 3, 4, 5]), one([0.2, 0.3, 0.5])  # the last tap is the present
    np.testing.assert_allclose(rows(conv.causal(x, w)), [0.5, 1.3, 2.3, 3.3, 4.3])
    np.testing.assert_allclose(rows(conv.causal(x, w, dilation=2)), [0.5, 1, 1.8, 2.6, 3.6])


def test_nothing_leaks_from_the_future():
    x, w = random(1, 2, 12), random(3, 2, 3)
    before = conv.causal(x, w, dilation=2)
    x[..., 7:] = 99
    after = conv.causal(x, w, dilation=2)
    torch.testing.assert_close(after[..., :7], before[..., :7])
    assert not torch.allclose(after[..., 7:], before[..., 7:])


def test_1_B43_and_4_B37_receptive_fields():
    def causal(kernel, n):
        return conv.receptive_fields([(kernel, 1, 2**i) for i in range(n)])[-1].size

    assert [causal(2, n) for n in (3, 4, 10)] == [8, 16, 1024]
    assert [causal(3, n) for n in (3, 4, 10)] == [15, 31, 2047]
    assert [r.size for r in conv.receptive_fields([(3, 1)] * 5)] == [3, 5, 7, 9, 11]
    assert [r.size for r in conv.receptive_fields([(3, 2)] * 5)] == [3, 7, 15, 31, 63]
    lenet = conv.receptive_fields([(5, 1), (2, 2), (5, 1), (2, 2)])
    assert [r.size for r in lenet[2:]] == [14, 16]
    vgg16 = [layer for n in (2, 2, 3, 3, 3) for layer in [(3, 1)] * n + [(2, 2)]]
    assert (conv.receptive_fields(vgg16)[-1].size, conv.receptive_fields(vgg16)[-1].jump) == (212, 32)


def test_a_receptive_field_is_where_slopes_are():
    net = nn.Sequential(
        nn.Conv1d(1, 1, 3, stride=2), nn.Conv1d(1, 1, 3, dilation=2), nn.MaxPool1d(2), nn.Conv1d(1, 1, 2)
    )
    x = torch.randn(1, 1, 64, requires_grad=True)
    net(x)[0, 0, 3].backward()
    seen = x.grad[0, 0].nonzero()[:, 0]
    reach = conv.receptive_fields([(3, 2), (3, 1, 2), (2, 2), (2, 1)])[-1]
    assert int(seen.max() - seen.min()) + 1 <= reach.size
    middle = reach.start + 3 * reach.jump
    assert middle - reach.size / 2 <= int(seen.min()) < int(seen.max()) + 1 <= middle + reach.size / 2


def test_1_B67_and_1_B06_and_3_B18_and_3_B21_and_4_B29_costs():
    assert conv.dense_cost(784, 6 * 28 * 28, bias=False)[0] == 3_687_936
    assert conv.costs(1, 6, (5, 5), (28, 28))[0] == 156
    assert conv.dense_cost(10**6, 10**3, bias=False)[0] == 10**9
    assert conv.dense_cost(200 * 200 * 3, 1, bias=False)[0] == 120_000
    assert conv.dense_cost(5, 5, bias=False)[0] == 25
    assert conv.costs(1, 1, (3,), (5,), bias=False, tied=False)[0] == 15
    assert conv.costs(1, 1, (3,), (5,), bias=False)[0] == 3
    assert [conv.dense_cost(n, n // 2)[0] for n in (784, 12_288)] == [307_720, 75_503_616]


def test_2b_B1_impulses_of_a_box_are_ten_apart():
    """The book has them at -1 and 10, which is eleven apart."""
    found = conv.convolve(one(np.ones(10)), one([1, -1]), padding="full")[0, 0]
    assert found.nonzero()[:, 0].tolist() == [0, 10]
    assert found[[0, 10]].tolist() == [1, -1]
    bell = np.exp(-(np.arange(-10, 11) ** 2) / 10)
    smooth = conv.convolve(one(bell), one(np.ones(10)), padding="full")[0, 0]
    assert len(smooth) == 30
    assert float(smooth.max()) == pytest.approx(5.449332, abs=1e-6)
    assert float(smooth.max()) / bell.sum() == pytest.approx(0.972231, abs=1e-6)


def test_2b_B2_to_B5_one_picture():
    image, w, k = one(IMAGE), one([[0, 1], [1, 0]]), one([[1, 2], [3, 4]])
    assert rows(conv.correlate(image, w)) == [[4, 2, 5, 2], [2, 4, 2, 6], [4, 2, 5, 2]]
    assert rows(conv.correlate(image, k)) == [[15, 15, 17, 20], [15, 15, 19, 20], [15, 15, 17, 20]]
    assert rows(conv.convolve(image, k)) == [[15, 15, 18, 20], [15, 15, 16, 20], [15, 15, 18, 20]]
    whole = conv.correlate(image, w, padding=1)
    assert rows(whole) == [
        [0, 1, 2, 1, 3, 1],
        [1, 4, 2, 5, 2, 3],
        [2, 2, 4, 2, 6, 1],
        [1, 4, 2, 5, 2, 3],
        [2, 1, 2, 1, 3, 0],
    ]
    strided = conv.correlate(image, w, padding=1, stride=2)
    assert torch.equal(strided, whole[..., ::2, ::2])
    assert rows(strided) == [[0, 2, 3], [2, 4, 6], [2, 2, 3]]


def test_2b_B6_a_convolution_is_a_sparse_matrix():
    w = one([1, 2])
    matrix = conv.as_matrix(w, (8,), stride=2)
    assert matrix.shape == (4, 8)
    assert matrix.values().numel() == 8
    assert (matrix @ torch.arange(1.0, 9).double()).tolist() == [5, 11, 17, 23]
    assert conv.as_matrix(w, (8,)).shape == (7, 8)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_matrix_of_any_convolution(stride):
    x, w = random(1, 2, 6, 5), random(3, 2, 3, 2)
    z = conv.correlate(x, w, stride=stride)
    matrix = conv.as_matrix(w, (6, 5), stride=stride)
    torch.testing.assert_close(matrix @ x.flatten(), z.flatten())
    back = (matrix.T @ z.flatten()).view(x.shape) if stride == 1 else None
    if back is not None:  # the transposed matrix is the transposed convolution
        torch.testing.assert_close(conv.transposed(z, w), back)


@pytest.mark.parametrize("padding", ["valid", "same", "same-tensorflow", "full", [(0, 2), (1, 0)]])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), ((2, 3), (2, 1))])
def test_the_matrix_of_a_convolution_with_padding_and_holes(padding, stride, dilation):
    x, w = random(1, 2, 7, 6), random(3, 2, 3, 2)
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    matrix = conv.as_matrix(w, (7, 6), **how)
    torch.testing.assert_close(matrix @ x.flatten(), conv.correlate(x, w, **how).flatten())


def test_the_matrix_of_a_kernel_that_does_not_fit_is_refused():
    with pytest.raises(SettingError, match=r"\(3,\) taps does not fit places of \(2,\)"):
        conv.as_matrix(random(1, 1, 3), (2,))


def test_2b_B16_a_separable_convolution_costs_a_ninth_and_a_little():
    whole = conv.costs(512, 512, (3, 3), (14, 14))[1]
    parts = conv.costs(512, 512, (3, 3), (14, 14), groups=512)[1] + conv.costs(512, 512, (1, 1), (14, 14))[1]
    assert (whole, parts) == (462_422_016, 52_283_392)
    assert parts / whole == pytest.approx(1 / 512 + 1 / 9)


def test_3_B19_both_products():
    x, w = one([1, 2, 3, 4]), one([1, 0, -1])
    assert rows(conv.convolve(x, w, padding="full")) == [1, 2, 2, 2, -3, -4]
    image, k = one(np.arange(1, 13).reshape(3, 4)), one([[1, 2], [3, 4]])
    assert rows(conv.correlate(image, k)) == [[44, 54, 64], [84, 94, 104]]
    assert rows(conv.convolve(image, k)) == [[26, 36, 46], [66, 76, 86]]


def test_3_B20_circular_convolution_commutes_with_shifts():
    x, w = one([1, 2, 3, 4, 5]), one([1, 0, -1])

    def circular(x):
        return conv.correlate(x, w, padding=[(0, 2)], mode="circular")

    assert rows(circular(x.roll(1, 2))) == rows(circular(x).roll(1, 2)) == [3, -2, -2, -2, 3]
    assert conv.shift_gap(circular, x, [1]) == 0
    assert conv.shift_gap(lambda x: conv.convolve(x, w, padding="same"), x, [1]) > 0


def test_1_B34_pools_are_invariant_to_some_shifts_alone():
    from parnassus.functional.pooling import max_pool

    def spot(*places):
        x = torch.zeros(1, 1, 4, 4)
        for i, j in places:
            x[0, 0, i, j] = 255
        return max_pool(x, 2)

    assert torch.equal(spot((0, 0), (2, 2)), spot((1, 1), (3, 3)))
    assert not torch.equal(spot((0, 1)), spot((0, 2)))
    assert conv.shift_gap(lambda x: max_pool(x, 2), torch.randn(1, 1, 8, 8), [2, 4]) == 0
    with pytest.raises(SettingError, match="whole number of the output's steps"):
        conv.shift_gap(lambda x: max_pool(x, 2), torch.randn(1, 1, 8, 8), [1, 0])


def test_4_B29_a_shared_pattern_peaks_wherever_it_is():
    plus = one([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    first, second = (F.pad(plus, amounts) for amounts in ((0, 1, 0, 1), (1, 0, 1, 0)))
    assert float((first * second).sum()) == 2
    assert rows(conv.correlate(first, plus)) == [[5, 2], [2, 2]]
    assert rows(conv.correlate(second, plus)) == [[2, 2], [2, 5]]


def test_4_B30_smoothing_a_row():
    x, k = one([1, 4, 2, 0, 9, 1, 3]), one([0.25, 0.5, 0.25])
    assert rows(conv.correlate(x, k)) == [2.75, 2, 2.75, 4.75, 3.5]
    assert rows(conv.correlate(x, k, padding="same")) == [1.5, 2.75, 2, 2.75, 4.75, 3.5, 1.75]


def test_4_B31_and_B36_symbols():
    x, w = random(3, 3), random(2, 2)
    z = conv.correlate(x[None, None], w[None, None], torch.tensor([0.5]).double())[0, 0]
    for i in range(2):
        for j in range(2):
            due = w[0, 0] * x[i, j] + w[0, 1] * x[i, j + 1] + w[1, 0] * x[i + 1, j] + w[1, 1] * x[i + 1, j + 1] + 0.5
            torch.testing.assert_close(z[i, j], due)


def test_4_B32_to_B34_the_laplacian_and_two_kinds_of_same():
    x, k = one(KERAS), conv.laplacian().double()[None, None]
    assert rows(conv.correlate(x, k)) == [[4, -9, 1], [-5, -3, -4]]
    same = [[-3, 22, -3, 1, 12], [17, 4, -9, 1, -4], [27, -5, -3, -4, 28], [-2, 12, 3, 18, 13]]
    assert rows(conv.correlate(x, k, padding="same")) == same
    assert rows(conv.correlate(x, k, padding="same", stride=2)) == [
        [-3, -3, 12],
        [27, -3, 28],
    ]  # the book's, and torch's
    assert rows(conv.correlate(x, k, padding="same-tensorflow", stride=2)) == [[17, -9, -4], [-2, 3, 13]]  # Keras's


def test_4_B47_and_B48_transposed_convolutions():
    assert rows(conv.transposed(one([[2, 0], [5, 1]]), one([[1, 2], [2, 3]]))) == [[2, 4, 0], [9, 17, 2], [10, 17, 3]]
    found = conv.transposed(one([[1, 2], [2, 1]]), one([[1, 2, 3], [3, 1, 2], [2, 1, 3]]))
    assert rows(found) == [[1, 4, 7, 6], [5, 12, 12, 7], [8, 10, 10, 8], [4, 4, 7, 3]]


@pytest.mark.parametrize(("n_axes", "stride"), [(1, 1), (2, 2), (3, 1)])
def test_stamps_are_torchs_transposed_convolution(n_axes, stride):
    x, w = random(2, 3, *(4, 3, 2)[:n_axes]), random(3, 2, *(3, 2, 2)[:n_axes])
    found = conv.transposed(x, w, stride=stride)
    torch.testing.assert_close(conv.transposed_slowly(x, w, stride=stride), found)
    assert found.shape[2] == conv.transposed_size(4, 3, stride=stride)


def test_4_B49_upsampling_repeats():
    found = rows(conv.upsampled(one([[2, 0], [5, 1]]), (2, 3)))
    assert found == [[2, 2, 2, 0, 0, 0]] * 2 + [[5, 5, 5, 1, 1, 1]] * 2


def test_untied_kernels_that_agree_are_a_convolution():
    x, w, b = random(2, 3, 7, 7), random(4, 3, 3, 3), random(4)
    for stride, sites in ((1, 25), (2, 9)):
        untied = w.flatten(1).expand(sites, -1, -1)
        torch.testing.assert_close(
            conv.locally_connected(x, untied, b[:, None], stride=stride), conv.correlate(x, w, b, stride=stride)
        )
    with pytest.raises(SettingError, match="kernels for 9 places"):
        conv.locally_connected(x, untied)


@pytest.mark.parametrize(
    ("places", "taps", "stride"), [((9,), (4,), 2), ((6, 7), (2, 3), (1, 2)), ((4, 5, 4), (2, 3, 1), 1)]
)
def test_untied_kernels_over_any_axes_look_where_a_convolution_looks(places, taps, stride):
    x, w = random(2, 2, *places), random(3, 2, *taps)
    due = conv.correlate(x, w, stride=stride)
    untied = w.flatten(1).expand(due[0, 0].numel(), -1, -1).clone()
    torch.testing.assert_close(conv.locally_connected(x, untied, stride=stride, taps=taps), due)
    untied[0] = 0  # the first place has a kernel of its own
    due.flatten(2)[..., 0] = 0
    torch.testing.assert_close(conv.locally_connected(x, untied, stride=stride, taps=taps), due)
    with pytest.raises(SettingError, match="does not fit"):
        conv.locally_connected(x, untied, taps=(20,) * len(taps))


@pytest.mark.parametrize(("axes", "how", "more"), [
    (1, {"stride": 3, "padding": 2, "dilation": 2}, 1), (2, {"stride": (2, 1), "padding": (1, 0), "groups": 2}, (1, 0)),
    (3, {"stride": 2, "dilation": (1, 2, 1)}, 0),
])  # fmt: skip
def test_a_transposed_convolution_is_the_backward_pass_by_the_input(axes, how, more):
    w = random(4, 4 // how.get("groups", 1), *(3, 2, 2)[:axes])
    z = random(2, 4, *(5, 4, 3)[:axes])
    made = conv.transposed(z, w, **how, more=more)
    x = torch.zeros_like(made, requires_grad=True)
    conv.correlate(x, w, **how).backward(z)
    torch.testing.assert_close(made, x.grad)


@pytest.mark.parametrize(("shape", "groups"), [((3, 2, 2), 1), ((4, 2), 1), ((4, 2, 2), 3)])
def test_kernels_of_another_shape_are_no_transposed_convolution(shape, groups):
    with pytest.raises(SettingError, match="n_out / groups"):
        conv.transposed(random(1, 4, 5), random(*shape), groups=groups)


def test_fixed_kernels_do_what_their_names_say():
    flat, x = torch.full((1, 1, 9, 9), 3.0), torch.rand(1, 1, 9, 9)
    for name, make in conv.FILTERS.items():
        answer = float(conv.correlate(flat, make()[None, None])[0, 0, 0, 0]) if min(make().shape) <= 9 else None
        assert answer == pytest.approx(3.0 if name in ("box", "gaussian", "sharpen") else 0.0, abs=1e-5)
    smooth = conv.correlate(x, conv.gaussian(1.0)[None, None], padding="same", mode="symmetric")
    theirs = ndimage.gaussian_filter(x[0, 0].numpy(), 1.0, mode="reflect")
    np.testing.assert_allclose(smooth[0, 0].numpy(), theirs, atol=1e-5)
    edges = conv.correlate(x, conv.sobel()[None, None])
    np.testing.assert_allclose(edges[0, 0].numpy(), -ndimage.sobel(x[0, 0].numpy(), axis=1)[1:-1, 1:-1], atol=1e-5)
    torch.testing.assert_close(conv.sobel(upright=False), conv.sobel().T)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: conv.correlate(one([1, 2]), one([1, 2, 3])), "does not fit places"),
        (lambda: conv.correlate(random(1, 2, 5), random(1, 3, 2)), "in 1 groups"),
        (lambda: conv.correlate(one([1, 2, 3]), one([1]), padding="half"), "'half'"),
        (lambda: conv.correlate(one([1, 2, 3]), one([1]), stride=0), "stride is a number of at least 1"),
        (lambda: conv.padded(one([1, 2, 3]), [(3, 0)], mode="reflect"), "0 to 2 for 'reflect'"),
        (lambda: conv.padded(one([1, 2, 3]), [(1, 0)], mode="mirror"), "mode='mirror'"),
        (lambda: conv.same_amounts(4, 3, convention="keras"), "convention='keras'"),
    ],
)
def test_what_makes_no_convolution_is_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize("layer", [(3,), 3, (0, 1), (3, 0), (3, 1, 0), (3, 1, 1, -1), ((3, 3), 1), (3.5, 1)])
def test_a_layer_that_cannot_be_has_no_receptive_field(layer):
    with pytest.raises(SettingError, match="layer 1"):
        conv.receptive_fields([(3, 1), layer])
    with pytest.raises(SettingError, match="stride is a whole number"):
        conv.output_size(5, 3, stride=0)
