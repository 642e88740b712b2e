"""Batch norm and ReLU in one: equal to torch's modules, value by value, and out of the way where they are watched."""

import pytest
import torch
from torch import Tensor, nn

from parnassus import kernels
from parnassus.layers import rectified
from parnassus.layers.rectified import Chain, norm_relu

needs_compiler = pytest.mark.skipif(kernels.load("batch_norm") is None, reason="no C++ compiler built batch_norm.cpp")


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the compiled norm was taken."""
    calls: list[int] = []
    own = rectified._compiled
    monkeypatch.setattr(rectified, "_compiled", lambda *given: (calls.append(1), own(*given))[1])
    return calls


def maps(n: int, channels: int, side: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    drawn = torch.randn(n, channels, side, side, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return drawn.contiguous(memory_format=torch.channels_last)


def in_doubles(norm: nn.BatchNorm2d, x: Tensor, add: Tensor | None) -> tuple[Tensor, list[Tensor], nn.BatchNorm2d]:
    """What torch's operators give in float64: y, slopes of a weighted sum of y, and the norm with its statistics."""
    twin = nn.BatchNorm2d(norm.num_features, momentum=norm.momentum, eps=norm.eps).double()
    twin.load_state_dict(norm.state_dict())
    given = [t.detach().double().requires_grad_() for t in (x, *([add] if add is not None else []))]
    y = torch.relu(twin(given[0]) + (given[1] if add is not None else 0.0))
    slopes = torch.autograd.grad((y * weights_of(y)).sum(), [*given, twin.weight, twin.bias])
    return y.detach(), list(slopes), twin


def weights_of(y: Tensor) -> Tensor:
    return torch.arange(y.numel(), dtype=y.dtype).remainder(7).sub(2).view_as(y)


@needs_compiler
@pytest.mark.parametrize("added", [False, True])
@pytest.mark.parametrize(
    ("n", "channels", "side"),
    [(2, 1, 71), (5, 3, 41), (3, 10, 33), (8, 16, 32), (7, 24, 9), (3, 64, 13), (2, 70, 11), (64, 200, 1), (9, 256, 4)],
)
def test_values_slopes_and_statistics_are_those_of_the_modules(
    n: int, channels: int, side: int, added: bool, taken: list[int]
) -> None:
    norm = nn.BatchNorm2d(channels, momentum=0.3)
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(-1, 2, channels))
        norm.bias.copy_(torch.linspace(0.5, -0.5, channels))
    x = (maps(n, channels, side) * 3 + 5).requires_grad_()
    add = maps(n, channels, side, seed=1).requires_grad_() if added else None
    wanted, slopes, twin = in_doubles(norm, x, add)
    y = norm_relu(norm, x, add)
    given = [x, *([add] if add is not None else []), norm.weight, norm.bias]
    found = torch.autograd.grad((y * weights_of(y)).sum(), given)
    assert taken == [1]
    torch.testing.assert_close(y.double(), wanted, rtol=1e-5, atol=1e-5)
    for slope, right in zip(found, slopes, strict=True):
        torch.testing.assert_close(slope.double(), right, rtol=1e-4, atol=1e-5 * float(right.abs().max()))
    torch.testing.assert_close(norm.running_mean.double(), twin.running_mean, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(norm.running_var.double(), twin.running_var, rtol=1e-5, atol=1e-6)
    assert norm.num_batches_tracked == 1


@needs_compiler
def test_maps_far_from_zero_keep_their_spread() -> None:
    x, norm = maps(8, 16, 32) * 0.1 + 1_000.0, nn.BatchNorm2d(16)
    wanted, _, twin = in_doubles(norm, x, None)
    torch.testing.assert_close(norm_relu(norm, x).double(), wanted, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(norm.running_var.double(), twin.running_var, rtol=1e-5, atol=0.0)


@needs_compiler
def test_any_number_of_threads_gives_the_same_bits() -> None:
    x, before = maps(16, 24, 32).requires_grad_(), torch.get_num_threads()
    found = []
    try:
        for n in (1, 2):
            torch.set_num_threads(n)
            y = norm_relu(nn.BatchNorm2d(24), x)
            found.append((y.detach(), *torch.autograd.grad((y * weights_of(y)).sum(), x)))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@needs_compiler
def test_slopes_of_slopes_are_those_of_the_modules(taken: list[int]) -> None:
    found = []
    for compiled in (True, False):
        x, norm = maps(2, 8, 24, dtype=torch.float32).requires_grad_(), nn.BatchNorm2d(8)
        y = norm_relu(norm, x) if compiled else torch.relu(norm(x))
        (slope,) = torch.autograd.grad((y**2 * weights_of(y)).sum(), x, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), [x, norm.weight]))
    assert taken == [1]
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3 * float(b.abs().max()))


@needs_compiler
def test_what_is_not_a_number_stays_so(taken: list[int]) -> None:
    x = maps(8, 4, 32)
    x[0, 2, 5, 5] = float("nan")
    y = norm_relu(nn.BatchNorm2d(4), x)
    assert taken == [1]
    assert y[:, 2].isnan().all()
    assert not y[:, [0, 1, 3]].isnan().any()


@pytest.mark.parametrize("why", ["eval", "hook", "momentum", "layout", "double", "small", "sync", "forward"])
def test_the_modules_serve_where_the_kernel_does_not(why: str, taken: list[int]) -> None:
    x = maps(2, 4, 8) if why == "small" else maps(4, 4, 32)
    norm = nn.BatchNorm2d(4, momentum=None if why == "momentum" else 0.1)
    seen = []
    if why == "eval":
        norm.eval()
    elif why == "hook":
        norm.register_forward_hook(lambda *given: seen.append(1))
    elif why == "layout":
        x = x.contiguous()
    elif why == "double":
        x, norm = x.double(), norm.double()
    elif why == "sync":
        norm = nn.SyncBatchNorm.convert_sync_batchnorm(norm).eval()
    elif why == "forward":
        vars(norm)["forward"] = lambda x: (seen.append(1), x)[1]
    wanted = (
        x
        if why == "forward"
        else nn.functional.batch_norm(x, None, None, training=norm.training)
        if norm.training
        else x
    )
    torch.testing.assert_close(norm_relu(norm, x), torch.relu(wanted), rtol=1e-4, atol=1e-4)
    assert not taken
    assert len(seen) == (why in ("hook", "forward"))


def test_one_number_a_channel_is_refused_as_torch_does() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        norm_relu(nn.BatchNorm2d(10_000), torch.zeros(1, 10_000, 1, 1))


@needs_compiler
@pytest.mark.usefixtures("draws")
def test_a_chain_takes_pairs_together_and_keeps_its_keys(taken: list[int]) -> None:
    def parts() -> list[nn.Module]:
        return [nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.Conv2d(16, 8, 1), nn.BatchNorm2d(8)]

    plain, chain = nn.Sequential(*parts()), Chain(*parts())
    chain.load_state_dict(plain.state_dict())
    x = maps(4, 3, 24)
    torch.testing.assert_close(chain(x), plain(x), rtol=1e-4, atol=1e-5)
    assert taken == [1]
    seen: list[int] = []
    chain[2].register_forward_hook(lambda *given: seen.append(1))
    chain(x)
    assert (taken, seen) == ([1], [1])
