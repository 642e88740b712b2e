"""Figures as inline SVG: valid, quiet, equal for equal figures, and friendly to each other."""

import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from parnassus.insight import plots
from parnassus.insight.style import png_data_uri, svg

CURVE = [0.0, 0.4, 1.0]


def test_equal_figures_give_equal_text_without_a_date():
    first, second = (svg(plots.roc(CURVE, CURVE)) for _ in range(2))
    assert first == second
    assert "metadata" not in first
    assert not re.search(r"20\d\d-\d\d-\d\d", first)


def test_an_svg_is_one_valid_element_with_a_name_and_a_size():
    root = ElementTree.fromstring(svg(plots.roc(CURVE, CURVE)))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("aria-label") == "ROC curve"
    left, top, width, height = map(float, root.get("viewBox").split())
    assert (left, top) == (0, 0)
    assert float(root.get("width")) / float(root.get("height")) == pytest.approx(width / height, rel=0.01)


def test_two_figures_on_a_page_share_no_names_and_every_reference_holds():
    first, second = svg(plots.roc(CURVE, CURVE)), svg(plots.calibration(CURVE, CURVE, CURVE))
    names = [set(re.findall(r' id="([^"]+)"', text)) for text in (first, second)]
    assert names[0]
    assert not names[0] & names[1]
    for text, known in zip((first, second), names, strict=True):
        assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', text)) == known


@pytest.mark.parametrize("name", ["$\\frac{$", "<script>alert(1)</script>", "\u732b & \u72ac", "two\nlines", "x" * 200])
def test_any_class_name_can_be_drawn(name):
    text = svg(plots.confusion([[3, 1], [0, 2]], [name, "other"]))
    ElementTree.fromstring(text)
    assert "<script" not in text


def test_pictures_come_back_from_their_data_uri():
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    header, data = png_data_uri(pixels, scale=2).split(",")
    assert header == "data:image/png;base64"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))[::2, ::2], pixels)


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (np.array([[0.0, 1.0]]), [[0, 255]]),
        (np.array([[[0.0], [0.2]]]), [[0, 51]]),
        (np.array([[-1.0, 1.0]]), [[0, 255]]),
        (np.array([[True, False]]), [[255, 0]]),
    ],
)
def test_float_pictures_run_from_black_to_white(picture, expected):
    data = png_data_uri(picture).split(",")[1]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), expected)
