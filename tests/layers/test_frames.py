"""Networks that give a vector a frame: what they see, and that padding changes nothing."""

import pytest
import torch

from parnassus.errors import SettingError
from parnassus.layers.frames import KINDS, frame_network


def made(kind: str, **options) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return frame_network(kind, 6, 8, **{"n_layers": 3, "context": 2, "dropout": 0.0} | options).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_padding_never_changes_the_score(kind):
    net = made(kind)
    x = torch.randn(1, 9, 6, generator=torch.Generator().manual_seed(0))
    longer = torch.cat([x, torch.full((1, 4, 6), 9.0)], 1)
    torch.testing.assert_close(net(longer, torch.tensor([9]))[:, :9], net(x, torch.tensor([9])))


@pytest.mark.parametrize(("kind", "reach"), [("mlp", 2), ("tdnn", 1 + 1 + 2)])
def test_a_frame_sees_as_far_as_kernels_and_holes_say(kind, reach):
    x = torch.randn(1, 21, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    made(kind)(x)[0, 10, 0].backward()
    seen = x.grad[0].abs().sum(1).nonzero()[:, 0]
    assert (int(seen.min()), int(seen.max())) == (10 - reach, 10 + reach)


def test_an_unknown_kind_is_refused():
    with pytest.raises(SettingError, match="tdn"):
        frame_network("tdn", 6, 8, n_layers=1, context=1, dropout=0.0)
