"""Maps of heat: their formula, points there and back, and what is not there."""

import math

import pytest
import torch

from parnassus.errors import DataError
from parnassus.functional.heatmaps import heatmaps, peaks, soft_argmax

F64 = torch.float64


def test_a_map_is_its_formula_pixel_by_pixel():
    points = torch.tensor([[[2.2, 3.9], [5.0, 0.5]]], dtype=F64)
    maps = heatmaps(points, (5, 7), sigma=1.5)
    assert maps.shape == (1, 2, 5, 7)
    for k, (px, py) in enumerate(points[0].tolist()):
        for y in range(5):
            for x in range(7):
                away = (x + 0.5 - px) ** 2 + (y + 0.5 - py) ** 2
                assert float(maps[0, k, y, x]) == pytest.approx(math.exp(-away / (2 * 1.5**2)))


def test_points_come_back_to_a_fraction_of_a_pixel():
    points = 3 + 10 * torch.rand(4, 6, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    place, heat = peaks(heatmaps(points, (16, 17)))
    torch.testing.assert_close(place, points, atol=1e-9, rtol=0)
    assert (heat > 0.9).all()
    logits = heatmaps(points, (16, 17)).log()  # the softmax of a bump's logarithm is the bump
    torch.testing.assert_close(soft_argmax(logits)[..., 0].mean(), points[..., 0].mean(), atol=0.2, rtol=0)


def test_a_place_at_the_edge_stays_at_its_pixel_and_small_maps_do_not_fail():
    maps = torch.zeros(3, 4, 5)
    maps[0, 0, 0], maps[1, 3, 4], maps[2, 0, 2] = 1.0, 1.0, 1.0
    assert peaks(maps)[0].tolist() == [[0.5, 0.5], [4.5, 3.5], [2.5, 0.5]]
    assert peaks(torch.ones(1, 1, 1))[0].tolist() == [[0.5, 0.5]]
    assert peaks(torch.tensor([[[0.2, 0.9]]]))[0].tolist() == [[1.5, 0.5]]


def test_what_is_not_there_has_no_heat_and_what_cannot_be_is_refused():
    assert heatmaps(torch.tensor([[float("nan"), 2.0]]), (4, 4)).abs().sum() == 0
    with pytest.raises(DataError, match="k, 2"):
        heatmaps(torch.zeros(3), (4, 4))
    with pytest.raises(DataError, match="sigma"):
        heatmaps(torch.zeros(3, 2), (4, 4), sigma=0)


def test_the_mean_place_has_a_slope_and_a_net_of_logits_learns_a_point():
    logits = torch.zeros(1, 9, 9, dtype=F64, requires_grad=True)
    goal = torch.tensor([[6.2, 2.7]], dtype=F64)
    optimizer = torch.optim.Adam([logits], lr=0.2)
    for _ in range(200):
        optimizer.zero_grad()
        (soft_argmax(logits) - goal).square().sum().backward()
        optimizer.step()
    torch.testing.assert_close(soft_argmax(logits.detach()), goal, atol=0.02, rtol=0)
