"""Recipes that follow a book's numbers: the numbers here are the books' own, or were worked out from their inputs."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from parnassus import recipes
from parnassus.recipes.sine_net import WAVE, Nets, first_only, step, whole


def rows_of(name):
    return recipes.run(name, "tiny").rows


def test_the_bowl_is_left_after_33_steps_and_a_shared_rate_swings_for_ever():
    found = {(row[0], row[1]): row[3] for row in rows_of("bowls")}
    assert found["the same", "steps until the value changes by less than 1e-6"] == 33
    assert found["the same, .1 for both", "values of x2"] == "0 and -6 for ever"
    angles = [row[3] for row in rows_of("bowls") if row[1].startswith("degrees")]
    assert angles[0] > 150
    assert angles[1] < 1


def test_the_worked_cepstra_are_right_where_the_book_is_and_where_it_is_not():
    found = {row[0]: row for row in rows_of("mfcc-by-hand")}
    assert found["Hamming window of 4"][2] == "0.08 0.77 0.77 0.08"
    assert found["FFT of what the book hands on"][1] == found["FFT of what the book hands on"][2]
    assert found["its power"][2] == "18.06 6.461 0.2809 6.461"
    assert found["bins of 512"][2] == "0 19 56 126 256"


def test_descent_nears_the_normal_equation():
    row = rows_of("normal-equation-and-descent")[0]
    assert row[5] < 1e-3
    assert row[6] == pytest.approx(0.05555418, abs=1e-8)


@pytest.mark.slow
def test_the_loss_of_and_after_ten_thousand_steps():
    found = {row[0]: row for row in rows_of("and-gate-for-ever")}
    assert found[10_000][3] == pytest.approx(0.1434985640, abs=1e-9)
    assert found[10_000][4] > found[1_000][4]


def test_three_clouds_after_a_hundred_steps():
    found = {row[:2]: row[2:] for row in rows_of("three-clouds")}
    assert found["the listing's", 90][0] == pytest.approx(0.7237, abs=1e-3)
    assert found["the listing's", 100] == pytest.approx((0.5947275, 0.91), abs=1e-3)


def test_no_sigmoid_alone_has_the_third_label():
    flat, crossed, _ = rows_of("third-label")
    assert min(flat[3], crossed[3]) >= 0.5  # the least worst error of any line on XNOR


def test_the_coded_area_is_minus_one_and_the_right_one_one():
    areas = [row[3] for row in rows_of("roc-by-hand")]
    assert areas[:4] == pytest.approx([-1, 1, 1, 1])
    assert areas[4] == pytest.approx(areas[5])


def test_one_cell_of_the_f1_table_is_wrong():
    rows = [row for row in rows_of("f1-by-threshold") if row[0] == "the book's table"]
    assert [row[1] for row in rows if row[4]] == [0.8]
    assert max(rows, key=lambda row: row[3])[1] == 0.4


def test_xor_by_the_listing_after_a_thousand_steps():
    rows = {row[0]: row for row in rows_of("xor")}
    assert rows["2-4-1 sigmoids, seed 0, 1000 steps"][2] == "0.4531 0.5079 0.5212 0.5349"
    assert rows["least squares"][3] == pytest.approx(0.25)
    assert rows["2-1-1 sigmoids, other seeds"][2].startswith("0%")


@pytest.mark.slow
def test_four_hidden_units_have_what_one_unit_cannot():
    for name, parted, *scores in rows_of("hidden-units-on-a-plane"):
        assert not parted
        assert scores[3] >= scores[0], name


def test_the_sine_listings_errors_are_those_of_the_listing():
    nets = Nets.drawn(range(6), scale=1.0)
    first = step(nets, WAVE[:-1], WAVE[1:], lr=0.001, handed=first_only)
    assert first == pytest.approx([10.034369, 16.745830, 11.695417, 16.175218, 21.481186, 21.089111], abs=1e-6)
    right = Nets.drawn(range(3), scale=0.25)
    for _ in range(100):
        errors = step(right, WAVE[:-1], WAVE[1:], lr=0.001, handed=whole)
    assert errors == pytest.approx([0.0018638, 0.0010525, 0.0037320], abs=1e-7)


def test_the_slope_put_right_is_torchs():
    nets = Nets.drawn(range(1), scale=0.25)
    w_h = torch.tensor(nets.w_h[0], requires_grad=True)
    h, loss = torch.zeros(16, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for x, t in pairwise(WAVE[:6]):
        h = torch.tanh(torch.tensor(nets.w_x[0]) * x + w_h @ h)
        loss = loss + (torch.tensor(nets.w_y[0]) @ h - t) ** 2
    loss.backward()
    before = nets.w_h[0].copy()
    step(nets, WAVE[:5], WAVE[1:6], lr=1.0, handed=whole)
    np.testing.assert_allclose(before - nets.w_h[0], w_h.grad, atol=1e-10)
