"""The books' numbers for losses, a test an oracle: 0 Hifny, 1 Baker, 2 Martinez-Ramon, 3 Jaiswal, 4 Keras course."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from parnassus.functional import losses
from parnassus.registry import loss


def tensor(values: object) -> Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float64)


def test_0_B52_sequence_cross_entropy_of_three_tokens() -> None:
    logits = tensor([[[0.5, 0.5], [0.25, 0.75], [0.8, 0.2], [0.3, 0.7]]]).log()
    y = torch.tensor([[0, 0, 0, losses.IGNORED]])
    assert losses.softmax_cross_entropy(logits, y).sum().item() == pytest.approx(2.3025850930, abs=1e-9)
    mean = loss("cross_entropy").make(task="labels")(logits, y)
    assert mean.item() == pytest.approx(2.3025850930 / 3, abs=1e-9)


def test_1_B02_logs_of_the_cross_entropy_story() -> None:
    p = tensor([[1, 0], [0.01, 0.99]])
    each = losses.categorical_cross_entropy(p, tensor([[1, 0], [1, 0]]))
    assert each.tolist() == pytest.approx([0, 4.6051702], abs=1e-7)


@pytest.mark.parametrize(("p", "expected"), [([0.9, 0.1], 0.1053605), ([0.1, 0.9], 2.3025851), ([0.25] * 4, 1.3862944)])
def test_1_B03_cross_entropy_of_sure_wrong_and_even_answers(p: list[float], expected: float) -> None:
    target = F.one_hot(torch.tensor(0), len(p)).double()
    assert losses.categorical_cross_entropy(tensor(p), target).item() == pytest.approx(expected, abs=1e-7)


def test_1_B27_sums_and_means_on_four_points() -> None:
    outputs, y = tensor([2.5, 0, 2, 8]), tensor([3, -0.5, 2, 7])
    assert losses.squared_error(outputs, y).sum().item() == 1.5
    assert losses.squared_error(outputs, y).mean().item() == 0.375
    assert losses.absolute_error(outputs, y).mean().item() == 0.5


def test_1_B39_huber_values_slopes_and_smooth_l1() -> None:
    errors = tensor([0.5, 1, 2, -3])
    assert losses.huber(errors).tolist() == [0.125, 0.5, 1.5, 2.5]
    assert losses.huber(errors[1:], delta=2.0).tolist() == [0.5, 2, 4]
    # the book calls Huber and Smooth L1 one loss; at beta = 2 torch's Smooth L1 is half of Huber
    smooth = F.smooth_l1_loss(errors[1:], torch.zeros(3).double(), beta=2.0, reduction="none")
    assert smooth.tolist() == [0.25, 1, 2]
    for delta in (1.0, 2.0):
        assert losses.huber(tensor(delta), delta=delta).item() == delta**2 / 2
        assert losses.huber_derivative(tensor([-9, -delta / 2, delta / 2, 9]), delta=delta).tolist() == [
            -delta,
            -delta / 2,
            delta / 2,
            delta,
        ]


CE_AND_SE = {
    -10: (10.0000453989, -0.9999546021, 0.9999092063, -0.0000907875),
    -5: (5.0067153485, -0.9933071491, 0.9866590924, -0.0132071244),
    -1: (1.3132616875, -0.7310585786, 0.5344466454, -0.2874696809),
    0: (0.6931471806, -0.5, 0.25, -0.25),
    2: (0.1269280110, -0.1192029220, 0.0142093366, -0.0250310843),
}


@pytest.mark.parametrize("z", CE_AND_SE)
def test_2a_B11_cross_entropy_and_squared_error_over_z(z: float) -> None:
    outputs, y = tensor([[z]]), tensor([[1]])
    found = [*loss("cross_entropy").make(task="binary").slope(outputs, y)]
    found += loss("squared_error").make(task="binary").slope(outputs, y)
    assert [f.item() for f in found] == pytest.approx(CE_AND_SE[z], abs=1e-9)


def test_2a_B11_cross_entropy_is_finite_far_out() -> None:
    z = tensor([1000, -1000])
    assert losses.binary_cross_entropy(z, torch.ones_like(z)).tolist() == [0, 1000]


def test_2a_B12_softmax_cross_entropy_and_the_two_logit_identity() -> None:
    z = tensor([[2, 1, 0.1]])
    made = loss("cross_entropy").make(task="labels")
    first, delta = made.slope(z, torch.tensor([0]))
    assert first.item() == pytest.approx(0.4170300163, abs=1e-10)
    assert made(z, torch.tensor([2])).item() == pytest.approx(2.3170300163, abs=1e-10)
    assert np.allclose(delta, [[-0.3409988611, 0.2424329707, 0.0985658904]], atol=1e-10)
    assert np.allclose(z.softmax(1), [[0.6590011389, 0.2424329707, 0.0985658904]], atol=1e-10)
    two = losses.softmax_cross_entropy(tensor([[0, 1.7]]), torch.tensor([1])).item()
    one = losses.binary_cross_entropy(tensor([1.7]), tensor([1])).item()
    assert (math.exp(-two), math.exp(-one)) == pytest.approx((0.8455347349, 0.8455347349), abs=1e-10)


def test_2c_B7_7_the_half_sum_and_the_frameworks_mean() -> None:
    each = losses.squared_error(tensor([[0, 4]]), tensor([[1, 2]]))
    assert each.sum().item() / 2 == 2.5
    assert each.mean().item() == 2.5  # equal because there are two columns; with 784 the ratio is 392
    wide = losses.squared_error(torch.zeros(1, 784).double(), torch.ones(1, 784).double())
    assert (wide.sum() / 2 / wide.mean()).item() == 392


def test_4_B11_log_loss_on_and() -> None:
    z = tensor([[-3.3], [-1.3], [-1.3], [0.7]])  # w = (2, 2), b = -3.3
    y = tensor([[0], [0], [0], [1]])
    assert np.allclose(z.sigmoid()[:, 0], [0.035571, 0.214165, 0.214165, 0.668188], atol=1e-6)
    assert loss("cross_entropy").make(task="binary")(z, y).item() == pytest.approx(0.2303555539, abs=1e-10)
    single = loss("cross_entropy").make(task="binary")(z.float(), y.float()).item()
    assert single == pytest.approx(0.23035562, abs=1e-6)  # as printed
    from_p = losses.binary_cross_entropy_from_probabilities(z.sigmoid(), y).mean()
    assert from_p.item() == pytest.approx(0.2303555539, abs=1e-10)


def test_4_B20_absolute_squared_poisson_and_hinge() -> None:
    outputs, y = tensor([[2.5]]), tensor([[3]])
    assert loss("absolute_error").make(task="numbers")(outputs, y).item() == 0.5
    assert loss("squared_error").make(task="numbers")(outputs, y).item() == 0.25
    assert losses.poisson_from_rate(outputs, y).item() == pytest.approx(-0.248872, abs=1e-6)
    assert loss("poisson").make(task="numbers")(outputs.log(), y).item() == pytest.approx(-0.248872, abs=1e-6)
    score, yes = tensor([[0.3]]), tensor([[1]])
    assert loss("hinge").make(task="binary")(score, yes).item() == pytest.approx(0.7)
    assert loss("squared_hinge").make(task="binary")(score, yes).item() == pytest.approx(0.49)


def test_4_B23_softmax_losses_by_class_and_the_decision() -> None:
    z = tensor([[2, 3, 1]])
    assert z.softmax(1)[0].tolist() == pytest.approx([0.244728, 0.665241, 0.090031], abs=1e-6)
    each = [losses.softmax_cross_entropy(z, torch.tensor([k])).item() for k in range(3)]
    assert each == pytest.approx([1.407606, 0.407606, 2.407606], abs=1e-6)
    assert z.argmax(1).item() == 1
    assert tensor([0.15, 0.80, 0.05]).argmax().item() == 1


def test_multilabel_cross_entropy_sums_or_means_over_labels() -> None:
    # Hifny A7.3 sums the labels' cross-entropies; frameworks take their mean
    z, y = tensor([[0.0, 2.0, -1.0]]), tensor([[1, 0, 0]])
    by_label = [math.log(2), math.log1p(math.exp(2)), math.log1p(math.exp(-1))]
    assert losses.binary_cross_entropy(z, y).sum().item() == pytest.approx(sum(by_label))
    assert loss("cross_entropy").make(task="multilabel")(z, y).item() == pytest.approx(sum(by_label) / 3)
