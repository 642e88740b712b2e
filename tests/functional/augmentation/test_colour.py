"""Colours and tones against Pillow, colorsys and scipy."""

import colorsys

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from parnassus.functional.augmentation import colour, distortion, tones

BYTES = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)


def unit(array=BYTES):
    return torch.from_numpy(array.astype(np.float64) / 255).permute(2, 0, 1)[None]


def bytes_of(x):
    return np.rint(x[0].permute(1, 2, 0).numpy() * 255).astype(int)


@pytest.mark.parametrize("factor", [0.4, 1.0, 1.5])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (colour.brightness, ImageEnhance.Brightness),
        (colour.contrast, ImageEnhance.Contrast),
        (colour.saturation, ImageEnhance.Color),
        (tones.sharpness, ImageEnhance.Sharpness),
    ],
)
def test_factors_are_pillows_enhancements(ours, theirs, factor):
    found = bytes_of(ours(unit(), torch.tensor([factor], dtype=torch.float64)))
    expected = np.asarray(theirs(Image.fromarray(BYTES)).enhance(factor)).astype(int)
    assert np.abs(found - expected).max() <= 1  # Pillow rounds on the way


def test_hue_turns_the_colour_wheel_as_colorsys_does():
    x = unit()
    turned = colour.hue(x, torch.tensor([0.2], dtype=torch.float64))[0].permute(1, 2, 0).reshape(-1, 3)
    for (r, g, b), ours in zip(x[0].permute(1, 2, 0).reshape(-1, 3).tolist(), turned.tolist(), strict=True):
        h, s, v = colorsys.rgb_to_hsv(r, g, b)
        assert ours == pytest.approx(colorsys.hsv_to_rgb((h + 0.2) % 1, s, v), abs=1e-9)


def test_a_grey_picture_has_no_hue_to_turn_nor_saturation_to_lose():
    x = unit()[:, :1]
    assert torch.equal(colour.hue(x, torch.tensor([0.3])), x)
    assert torch.equal(colour.saturation(x, torch.tensor([0.0])), x)
    flat = torch.full((1, 3, 2, 2), 0.25)
    assert torch.equal(colour.hue(flat, torch.tensor([0.3])), flat)


def test_colour_axes_span_the_covariance_and_shift_along_it():
    pixels = unit()[0].flatten(1).T.numpy()
    covariance = np.cov(pixels.T, bias=True)
    axes = colour.pca_axes(torch.from_numpy(covariance))
    np.testing.assert_allclose((axes @ axes.T).numpy(), covariance, atol=1e-12)
    values, vectors = np.linalg.eigh(covariance)
    alpha = np.array([0.1, -0.2, 0.3])
    x = torch.full((1, 3, 2, 2), 0.5, dtype=torch.float64)
    shifted = colour.pca_shift(x, axes, torch.from_numpy(alpha)[None])
    np.testing.assert_allclose(shifted[0, :, 0, 0].numpy() - 0.5, vectors @ (alpha * values), atol=1e-12)


@pytest.mark.parametrize("bits", [1, 4, 7, 8])
def test_posterize_is_pillows(bits):
    expected = np.asarray(ImageOps.posterize(Image.fromarray(BYTES), bits))
    assert np.array_equal(bytes_of(tones.posterize(unit(), bits)), expected)


def test_solarize_is_pillows():
    expected = np.asarray(ImageOps.solarize(Image.fromarray(BYTES), 128))
    found = tones.solarize(unit(), torch.tensor([128 / 255], dtype=torch.float64))
    assert np.array_equal(bytes_of(found), expected)


@pytest.mark.parametrize("low_high", [(0, 256), (40, 90), (7, 8)])
def test_equalize_and_autocontrast_are_pillows(low_high):
    array = np.random.default_rng(1).integers(*low_high, (60, 50, 3), dtype=np.uint8)
    picture = Image.fromarray(array)
    assert np.array_equal(bytes_of(tones.equalize(unit(array))), np.asarray(ImageOps.equalize(picture)))
    stretched = np.asarray(ImageOps.autocontrast(picture)).astype(int)
    assert np.abs(bytes_of(tones.autocontrast(unit(array))) - stretched).max() <= 1  # Pillow cuts, we round


@pytest.mark.parametrize("sigma", [0.5, 1.3, 2.0])
def test_blur_is_scipys(sigma):
    x = torch.rand(2, 3, 20, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    theirs = ndimage.gaussian_filter(x.numpy(), (0, 0, sigma, sigma), mode="mirror", truncate=4)
    np.testing.assert_allclose(distortion.blur(x, sigma).numpy(), theirs, atol=1e-6)  # weights are float32


def test_an_elastic_field_is_smooth_bounded_and_without_a_drift():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        field = distortion.elastic_field(64, (28, 28), alpha=36.0, sigma=5.0, like=torch.zeros(1))
    assert field.shape == (64, 28, 28, 2)
    assert field.abs().max() < 36
    assert abs(float(field.mean())) < 0.2
    rough = (field[:, :, 1:] - field[:, :, :-1]).square().mean().sqrt()
    assert rough < 0.4 * field.square().mean().sqrt()  # neighbours of white noise differ by 1.4 times its size
    # the spread of uniform noise after smoothing: 36 / sqrt(3) * sum of squared weights, both ways
    weights = distortion.gaussian_kernel(5.0).double()
    inner = field[:, 12:16, 12:16].square().mean().sqrt()
    assert float(inner) == pytest.approx(36 / 3**0.5 * float(weights.square().sum()), rel=0.15)
