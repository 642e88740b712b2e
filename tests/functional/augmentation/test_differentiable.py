"""Changes that gradients pass through: what they do to pictures, by counting, and that the slope is theirs."""

import pytest
import torch

from parnassus.errors import SettingError
from parnassus.functional.augmentation.differentiable import brightened, cut_out, differentiable_changes, moved


def test_moved_pictures_are_shifts_by_up_to_an_eighth(draws):
    x = torch.zeros(400, 1, 16, 16)
    x[:, 0, 8, 8] = 1
    places = moved(x).flatten(1).argmax(1)
    down, across = places // 16 - 8, places % 16 - 8
    for shift in (down, across):
        counts = torch.bincount(shift + 2, minlength=5)
        assert len(counts) == 5
        assert int(counts.min()) > 50  # 80 each by chance, deviation 8
    assert torch.equal(moved(x).sum((1, 2, 3)), torch.ones(400))


def test_a_rectangle_of_half_the_sides_is_cut_out(draws):
    kept = cut_out(torch.ones(300, 2, 8, 8))
    gone = 64 - kept[:, 0].sum((1, 2))
    assert torch.equal(kept[:, 0], kept[:, 1])
    assert float(gone.max()) == 16
    assert float(gone.min()) >= 4  # about a corner a quarter of it lies inside
    rows = (kept[:, 0] == 0).any(2).sum(1) * (kept[:, 0] == 0).any(1).sum(1)
    assert torch.equal(rows.float(), gone)  # it is a rectangle


def test_colours_change_in_brightness_spread_and_contrast(draws):
    x = torch.rand(500, 3, 4, 4)
    y = brightened(x)
    change = y.mean((1, 2, 3)) - x.mean((1, 2, 3))
    assert float(change.abs().max()) <= 0.5
    assert abs(float(change.mean())) < 0.05
    grey = x.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    level = brightened(grey)
    assert torch.allclose(level[:, 0], level[:, 2], atol=1e-6)  # what has no colours gets none
    ratio = level.std((1, 2, 3)) / grey.std((1, 2, 3))
    assert 0.5 <= float(ratio.min()) < 0.6
    assert 1.4 < float(ratio.max()) <= 1.5001


def test_the_slope_is_that_of_what_is_left(draws):
    x = torch.rand(5, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    state = torch.get_rng_state()
    made = differentiable_changes(x, "move, cut")
    (slope,) = torch.autograd.grad(made.sum(), x)
    torch.set_rng_state(state)
    assert torch.equal(differentiable_changes(torch.ones_like(x), "move,cut").sum(), slope.sum())
    assert set(slope.unique().tolist()) == {0.0, 1.0}


def test_an_unknown_change_is_refused():
    with pytest.raises(SettingError, match="did you mean 'move'"):
        differentiable_changes(torch.zeros(0, 1, 8, 8), "mov")
