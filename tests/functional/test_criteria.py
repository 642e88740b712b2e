"""Losses by name: means, weights, ignored targets, and closed-form slopes against autograd and torch's own."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from parnassus.errors import DataError, SettingError
from parnassus.functional.losses import IGNORED
from parnassus.registry import loss

N, K = 12, 4


def drawn(kind: str, seed: int = 0) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    columns = 1 if kind == "binary" else K
    outputs = torch.randn(N, columns, generator=g, dtype=torch.float64)
    if kind == "labels":
        return outputs, torch.randint(0, K, (N,), generator=g)
    if kind == "ordinal":
        return outputs, torch.randint(0, K + 1, (N,), generator=g)
    if kind == "quantiles":
        return torch.randn(N, 6, generator=g, dtype=torch.float64), torch.randn(N, 2, generator=g, dtype=torch.float64)
    if kind == "gaussians":
        return outputs, torch.randn(N, K // 2, generator=g, dtype=torch.float64)
    y = torch.randn(N, columns, generator=g, dtype=torch.float64)
    return outputs, y.abs() if kind == "numbers" else (y > 0).double()  # poisson takes no negative numbers


EVERY = [(b.name, kind) for b in loss for kind in b.tasks]
WEIGHT = torch.rand(N, generator=torch.Generator().manual_seed(9), dtype=torch.float64) + 0.1


def assert_slope_is_autograds(made, outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> None:
    leaf = outputs.clone().requires_grad_()
    value = made(leaf, y, weight)
    (expected,) = torch.autograd.grad(value, leaf)
    ours, slope = made.slope(outputs, y, weight)
    assert float(ours) == pytest.approx(float(value.detach()), abs=1e-12)
    assert torch.allclose(slope, expected, atol=1e-12)
    assert slope.shape == outputs.shape


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["even", "weighted"])
@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_the_slope_is_autograds(name: str, kind: str, weight: Tensor | None) -> None:
    assert_slope_is_autograds(loss(name).make(task=kind), *drawn(kind), weight)


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_every_second_row_of_longer_tensors_is_taken_as_it_is(name: str, kind: str) -> None:
    """In float32, where compiled loops read memory: a row's place in it says nothing of its number."""
    made = loss(name).make(task=kind)
    outputs, y = (t.float() if t.is_floating_point() else t for t in drawn(kind))
    value, slope = made.slope(outputs[::2], y[::2])
    same, as_slope = made.slope(outputs[::2].contiguous(), y[::2].contiguous())
    assert float(value) == pytest.approx(float(same), abs=1e-6)
    assert torch.allclose(slope, as_slope, atol=1e-6)


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_a_weight_counts_a_row_so_many_times(name: str, kind: str) -> None:
    made = loss(name).make(task=kind)
    outputs, y = drawn(kind)
    times = torch.arange(N) % 3
    repeated = made(outputs.repeat_interleave(times, 0), y.repeat_interleave(times, 0))
    assert float(made(outputs, y, times.double())) == pytest.approx(float(repeated), abs=1e-12)


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_the_slope_leaves_its_inputs_alone(name: str, kind: str) -> None:
    outputs, y = drawn(kind)
    kept = outputs.clone(), y.clone(), WEIGHT.clone()
    loss(name).make(task=kind).slope(outputs, y, WEIGHT)[1].zero_()
    assert all(torch.equal(a, b) for a, b in zip(kept, (outputs, y, WEIGHT), strict=True))


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_weights_of_zero_give_a_loss_of_zero(name: str, kind: str) -> None:
    value, slope = loss(name).make(task=kind).slope(*drawn(kind), torch.zeros(N, dtype=torch.float64))
    assert float(value) == 0
    assert not slope.any()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("kind", ["binary", "multilabel", "labels"])
def test_cross_entropy_is_torchs(kind: str, smoothing: float) -> None:
    outputs, y = drawn(kind)
    made = loss("cross_entropy", label_smoothing=smoothing).make(task=kind)
    if kind == "labels":
        expected = F.cross_entropy(outputs, y, label_smoothing=smoothing)
    else:
        expected = F.binary_cross_entropy_with_logits(outputs, (1 - smoothing) * y + smoothing / 2)
    assert float(made(outputs, y)) == pytest.approx(float(expected), abs=1e-12)
    assert_slope_is_autograds(made, outputs, y)
    assert_slope_is_autograds(made, outputs, y, WEIGHT)


@pytest.mark.parametrize(
    ("name", "torchs"),
    [("squared_error", F.mse_loss), ("absolute_error", F.l1_loss), ("huber", F.huber_loss)],
)
def test_a_loss_of_numbers_is_torchs_mean(name: str, torchs) -> None:
    outputs, y = drawn("numbers")
    assert float(loss(name).make(task="numbers")(outputs, y)) == pytest.approx(float(torchs(outputs, y)), abs=1e-12)


@pytest.mark.parametrize("name", loss.names("labels"))
@pytest.mark.parametrize("weight", [None, WEIGHT[:3]], ids=["even", "weighted"])
def test_ignored_tokens_change_nothing(name: str, weight: Tensor | None) -> None:
    outputs, y = drawn("labels")
    outputs, y = outputs.view(3, 4, K), y.view(3, 4).clone()
    y[0, 2:], y[2, 1:] = IGNORED, IGNORED
    made = loss(name).make(task="labels")
    assert_slope_is_autograds(made, outputs, y, weight)
    kept = y != IGNORED
    of_token = None if weight is None else weight[:, None].expand(3, 4)[kept]
    value, slope = made.slope(outputs, y, weight)
    assert float(value) == pytest.approx(float(made(outputs[kept], y[kept], of_token)), abs=1e-12)
    assert not slope[~kept].any()
    assert float(made.count(y, weight)) == pytest.approx(float(kept.sum() if of_token is None else of_token.sum()))


@pytest.mark.parametrize("name", loss.names("labels"))
def test_ignored_rows_change_nothing(name: str) -> None:
    outputs, y = drawn("labels")
    y[[1, 5]] = IGNORED
    made = loss(name).make(task="labels")
    assert_slope_is_autograds(made, outputs, y)
    assert float(made(outputs, y)) == pytest.approx(float(made(outputs[y >= 0], y[y >= 0])), abs=1e-12)


def test_shapes_that_would_broadcast_are_refused() -> None:
    with pytest.raises(DataError, match="broadcast"):
        loss("squared_error").make(task="numbers")(torch.zeros(4, 1), torch.zeros(4))


@pytest.mark.parametrize("task", ["binary", "labels"])
def test_a_smoothing_out_of_range_is_refused(task: str) -> None:
    with pytest.raises(SettingError, match="label_smoothing"):
        loss("cross_entropy", label_smoothing=1.5).make(task=task)


def test_a_delta_that_is_not_positive_is_refused() -> None:
    with pytest.raises(SettingError, match="delta"):
        loss("huber", delta=0.0).make(task="numbers")


def test_micro_batches_add_up_to_the_whole() -> None:
    outputs, y = drawn("labels")
    made = loss("cross_entropy").make(task="labels")
    parts = [
        (made(o, t, w), made.count(t, w)) for o, t, w in zip(outputs.split(5), y.split(5), WEIGHT.split(5), strict=True)
    ]
    total = sum(value * count for value, count in parts) / sum(count for _, count in parts)
    assert float(total) == pytest.approx(float(made(outputs, y, WEIGHT)), abs=1e-12)


def test_poisson_refuses_what_cannot_be_a_count_and_says_how_to_read_its_outputs() -> None:
    made = loss("poisson").make(task="numbers")
    assert made.link == "log"
    assert all(
        loss(name).make(task="numbers").link == "identity"
        for name in loss.names("numbers")
        if name not in ("poisson", "percentage_error", "squared_log_error")
    )
    with pytest.raises(DataError, match="counts"):
        made(torch.zeros(2, 1), torch.tensor([[1.0], [-0.5]]))
