"""The compiled filter bank against its steps in float64, for any frames, conventions, rows and threads."""

import pytest
import torch
from torch import Tensor

from parnassus import kernels
from parnassus.functional import signal
from parnassus.functional.signal.filterbank import Sparse, filterbank
from parnassus.functional.signal.mel import sparse_filters

pytestmark = pytest.mark.skipif(kernels.load("mel") is None, reason=kernels.status()["mel"])
RATE = 8_000
OFF = 5e-6  # of a frame's largest energy: emphasis takes nearly equal samples from each other in float32
# n_fft, frame, hop, n_mels: hops longer and shorter than frames, transforms of 2 to 512 pairs
SIZES = [(4, 3, 2, 1), (8, 8, 11, 2), (16, 5, 3, 2), (64, 64, 1, 6), (128, 100, 160, 9), (512, 400, 37, 20)]
SIZES += [(1024, 1000, 512, 40)]


def drawn(*shape: int) -> Tensor:
    return 0.3 * torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def gap(found: Tensor, wanted: Tensor) -> float:
    """The largest difference, as a share of the largest number of the same frame."""
    return float(((found.double() - wanted).abs() / wanted.amax(-1, keepdim=True)).max())


def made(convention: str, size: tuple[int, int, int, int], **changes) -> signal.Analysis:
    n_fft, frame, hop, n_mels = size
    return signal.analysis(
        RATE, convention=convention, n_fft=n_fft, frame=frame, hop=hop, n_mels=n_mels, n_ceps=1, first=0, **changes
    )


def by_steps(x: Tensor, setting: signal.Analysis) -> Tensor:
    return signal.mel_energies(signal.spectrogram(x, setting), setting)


@pytest.mark.filterwarnings("ignore:.* mel filters are narrower than a bin")
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("convention", sorted(signal.CONVENTIONS))
def test_energies_are_those_of_the_steps_in_float64(convention, size):
    """65 hops: four groups of sixteen frames, or eight of eight, and a rest."""
    setting = made(convention, size)
    x = drawn(2, size[1] + 65 * size[2])
    found = filterbank(x, setting, sparse_filters(setting))
    assert gap(found.energies, by_steps(x.double(), setting)) < OFF


@pytest.mark.parametrize("edges", ["inside", "centered", "reflected"])
@pytest.mark.parametrize("n", [64, 65, 400])
def test_frames_at_the_ends_see_what_lies_beyond(edges, n):
    setting = made("kaldi", (64, 64, 16, 6), edges=edges)
    x = drawn(1, n)
    found = filterbank(x, setting, sparse_filters(setting))
    assert gap(found.energies, by_steps(x.double(), setting)) < OFF


@pytest.mark.parametrize("zero_mean", [False, True])
def test_squares_are_those_of_frames_before_emphasis(zero_mean):
    setting = made("kaldi", (64, 50, 16, 6), zero_mean=zero_mean)
    x = drawn(3, 700) + 0.5
    frames = x.double().unfold(1, 50, 16)
    frames = frames - frames.mean(2, keepdim=True) if zero_mean else frames
    found = filterbank(x, setting, sparse_filters(setting))
    torch.testing.assert_close(found.squares.double(), frames.square().sum(2), rtol=2e-6, atol=0)


def test_a_line_of_one_frequency_stands_at_its_bin():
    """|sum_n cos^2(2 pi 8 n / 64)|^2 = 32^2 in bin 8 and nothing elsewhere, by hand."""
    setting = made("book", (64, 64, 64, 6), window="rectangular", pre_emphasis=0.0)
    x = torch.cos(2 * torch.pi * 8 * torch.arange(128.0) / 64)[None]
    each = torch.stack([torch.arange(33), torch.arange(1, 34)], 1)
    found = filterbank(x, setting, Sparse(each, torch.ones(33)))
    wanted = torch.zeros(33).index_fill(0, torch.tensor([8]), 1024)
    torch.testing.assert_close(found.energies[0, 1], wanted, rtol=0, atol=1e-3)


def test_neither_neighbours_nor_threads_change_a_bit():
    setting = signal.analysis(RATE, convention="kaldi")
    x = drawn(2, 60_000)
    whole, before = filterbank(x, setting, sparse_filters(setting)), torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        again = filterbank(x, setting, sparse_filters(setting))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))
    alone = filterbank(x[1:, 5 * 80 :], setting, sparse_filters(setting))
    assert torch.equal(alone.energies[0], whole.energies[1, 5:])


@pytest.mark.parametrize("convention", sorted(signal.CONVENTIONS))
@pytest.mark.parametrize("work", [signal.mfcc, signal.log_mel])
def test_features_are_the_same_without_it(monkeypatch, convention, work):
    setting = signal.analysis(RATE, convention=convention)
    x = drawn(2, 3, 30_000).transpose(0, 1)[..., ::2]
    found = work(x, setting)
    monkeypatch.setenv("PARNASSUS_KERNELS", "off")
    assert found.shape == work(x, setting).shape
    torch.testing.assert_close(found.double(), work(x.double(), setting), rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("x", "changes"),
    [(drawn(1, 900).double(), {}), (drawn(1, 900).requires_grad_(), {}), (drawn(1, 900), {"n_fft": 300})],
    ids=["float64", "a gradient", "no power of two"],
)
def test_the_steps_serve_where_the_kernel_does_not(x, changes):
    setting = signal.analysis(RATE, **changes)
    assert filterbank(x, setting, sparse_filters(setting)) is None
    assert signal.mfcc(x, setting).requires_grad == x.requires_grad
