"""JSON values in a tensor."""

import pytest
import torch

from parnassus.data.packing import packed, unpacked


@pytest.mark.parametrize("value", [[], "", {"a": [1, None, "\u00e9\x1f\n"]}, [1.5, True], list(range(1000))])
def test_what_is_packed_is_unpacked(value):
    assert unpacked(packed(value)) == value
    assert packed(value).dtype == torch.uint8
