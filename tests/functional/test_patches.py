"""Pictures cut into squares, and put together again."""

import pytest
import torch

import parnassus as pn
from parnassus.functional.patches import from_patches, image_patches


def test_0_B11_sixteen_numbers_in_four_squares():
    found = image_patches(torch.arange(1, 17).view(1, 4, 4), 2)[:, 0]
    due = [[[1, 2], [5, 6]], [[3, 4], [7, 8]], [[9, 10], [13, 14]], [[11, 12], [15, 16]]]
    assert found.tolist() == due


@pytest.mark.parametrize("shape", [(3, 8, 12), (2, 3, 8, 12), (2, 5, 1, 4, 4)])
def test_squares_go_back(shape):
    x = torch.arange(float(torch.tensor(shape).prod())).view(shape)
    assert torch.equal(from_patches(image_patches(x, 4), shape[-2:]), x)


def test_an_rgb_picture_of_vit_is_196_squares_of_768_numbers():
    found = image_patches(torch.zeros(2, 3, 224, 224), 16)
    assert found.shape == (2, 196, 3, 16, 16)
    assert found[0, 0].numel() == 768


def test_squares_that_do_not_fit_are_refused():
    with pytest.raises(pn.DataError, match="whose sides they divide"):
        image_patches(torch.zeros(1, 5, 4), 2)
    with pytest.raises(pn.DataError, match="do not fill"):
        from_patches(torch.zeros(3, 1, 2, 2), (4, 4))
