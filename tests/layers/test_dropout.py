"""Dropout in its conventions: means, masks and what is shared."""

import pytest
import torch
from torch import nn

from parnassus.errors import SettingError
from parnassus.layers.dropout import Dropout

pytestmark = pytest.mark.usefixtures("draws")


def test_the_usual_convention_is_torchs_in_law_and_equal_in_evaluation():
    h = torch.randn(200, 300)
    ours, torchs = Dropout(0.3)(h), nn.Dropout(0.3)(h)
    for dropped in (ours, torchs):
        assert (dropped == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
        torch.testing.assert_close(dropped[dropped != 0], (h / 0.7)[dropped != 0])
    assert torch.equal(Dropout(0.3).eval()(h), h)


def test_scaling_at_prediction_leaves_training_alone_and_keeps_the_mean():
    layer, h = Dropout(0.25, scaling="prediction"), torch.ones(200, 300)
    assert set(layer(h).unique().tolist()) == {0.0, 1.0}
    assert layer(h).mean().item() == pytest.approx(layer.eval()(h).mean().item(), abs=0.01)
    assert torch.equal(layer(h), 0.75 * h)


@pytest.mark.parametrize(("mask", "shape", "dim"), [("batch", (50, 7), 0), ("channel", (50, 7, 3, 3), (2, 3)),
                                                     ("sequence", (50, 9, 7), 1)])  # fmt: skip
def test_a_mask_is_shared_as_its_name_says(mask, shape, dim):
    kept = Dropout(0.5, mask=mask)(torch.ones(shape)) > 0
    assert (kept.all(dim) | ~kept.any(dim)).all()
    assert kept.any()
    assert not kept.all()


def test_no_rate_is_no_change_and_a_rate_of_one_is_refused():
    h = torch.randn(3, 4)
    assert torch.equal(Dropout(0.0)(h), h)
    with pytest.raises(SettingError, match="drop"):
        Dropout(1.0)
