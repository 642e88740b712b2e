"""Complex systems as convolutions of real numbers: the same answers, and the layers back in their places."""

import pytest
import torch
from torch import nn

from parnassus.layers import statespace
from parnassus.layers.real_systems import Convolved, Turning, in_real_numbers

pytestmark = pytest.mark.usefixtures("draws")

LAYERS = {
    "s4": lambda: statespace.S4(3, n_state=8),
    "s4d": lambda: statespace.S4D(3, n_state=5),
    "s4d bilinear": lambda: statespace.S4D(3, n_state=5, discretization="bilinear"),
    "s5": lambda: statespace.S5(3, n_state=5),
}


def by_steps(layer, x):
    """The layer column by column: its recurrence, which knows of no kernel."""
    state, shown = layer.begin(x), []
    for now in x.unbind(1):
        y, state = layer.step(now, state)
        shown.append(y)
    return torch.stack(shown, 1)


@pytest.mark.parametrize("name", LAYERS)
def test_a_real_convolution_is_the_complex_recurrence(name):
    layer, x = LAYERS[name](), torch.randn(2, 9, 3)
    net = nn.Sequential(nn.Linear(3, 3), layer)
    with torch.no_grad():
        due = by_steps(layer, net[0](x))
        with in_real_numbers(net, (x,)):
            assert isinstance(net[1], Convolved | Turning)
            assert not any(torch.is_complex(part) for part in net[1].state_dict().values())
            torch.testing.assert_close(net(x), due, rtol=1e-4, atol=1e-4)
            with pytest.raises(AssertionError):
                net(x[:, :5])
    assert net[1] is layer


def test_padding_that_is_no_number_stays_behind_its_row():
    layer, x, lengths = LAYERS["s5"](), torch.randn(2, 6, 3), torch.tensor([6, 4])
    real, spoiled = Turning(layer, 6), x.clone()
    spoiled[1, 4:] = torch.nan
    torch.testing.assert_close(real(spoiled, lengths)[1, :4], real(x, lengths)[1, :4])


def test_layers_come_back_where_something_fails():
    layer = LAYERS["s4d"]()
    net = nn.Sequential(layer)
    with pytest.raises(RuntimeError, match="on purpose"), in_real_numbers(net, (torch.randn(1, 4, 3),)):
        raise RuntimeError("on purpose")
    assert net[0] is layer
