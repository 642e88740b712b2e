"""The neocognitron: cells against loops and closed forms, winners, and figures known wherever they stand."""

import pytest
import torch

import parnassus as pn
from parnassus.functional.neocognitron import (
    c_cells,
    falling_window,
    inhibition,
    reinforced,
    s_cells,
    s_cells_twin,
    winners,
)
from parnassus.layers.neocognitron import Neocognitron, NeocognitronStage

F64 = torch.float64


def random(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def test_s_cells_are_their_equation_cell_by_cell():
    u, a, b = random(2, 3, 5, 6), random(4, 3, 3, 3, seed=1), 9 * random(4, seed=2)
    window = falling_window(3).double()
    fast = s_cells(u, a, b, window, selectivity=1.5)
    torch.testing.assert_close(fast, s_cells_twin(u, a, b, window, selectivity=1.5))
    assert (fast > 0).any()
    assert (fast == 0).any()


@pytest.mark.parametrize("r", [0.5, 2.0, 5.0])
def test_a_cell_that_learned_one_pattern_answers_by_the_cosine_with_it(r):
    """s = max(0, (1 + r) cos - r) for a large q: Fukushima 1980, from equations 2, 8 and 9."""
    window, (pattern, other) = falling_window(5).double(), random(2, 3, 5, 5)
    a, b = reinforced(pattern, (2, 2), window, amount=1e9)
    for shown in (pattern, other, (pattern + other) / 7):  # how bright it is does not count
        s = s_cells(shown[None], a[None], b[None], window, selectivity=r)[0, 0, 2, 2]
        dot, one, two = ((window * x * y).sum() for x, y in ((pattern, shown), (pattern, pattern), (shown, shown)))
        cosine = dot / (one * two).sqrt()
        assert float(s) == pytest.approx(max(0.0, float((1 + r) * cosine - r)), abs=1e-6)


def test_inhibition_is_the_weighted_root_mean_square_and_c_cells_follow_by_hand():
    u = torch.zeros(1, 2, 3, 3, dtype=F64)
    u[0, 0, 1, 1], u[0, 1, 0, 1] = 2.0, 4.0
    c = torch.tensor([[0, 1, 0], [1, 2, 1], [0, 1, 0]], dtype=F64) / 6
    assert float(inhibition(u, c)[0, 0, 1, 1]) == pytest.approx(((2 / 6 * 4 + 1 / 6 * 16) / 2) ** 0.5)
    found = c_cells(u, c, softness=0.5)[0, :, 1, 1]
    assert found.abs().max() < 1e-12  # both planes say 4 / 6, as their mean does, so that neither stands out
    u[0, 1] = 0
    x = (1 + 4 / 6) / (1 + 2 / 6) - 1
    assert c_cells(u, c, softness=0.5)[0, :, 1, 1].tolist() == pytest.approx([x / (0.5 + x), 0.0])
    assert c_cells(u, c, stride=2).shape == (1, 2, 2, 2)


def test_a_plane_has_one_winner_and_a_place_too():
    s = random(6, 9, 9)
    found = winners(s, reach=1)
    planes, places = [p for p, *_ in found], [(y, x) for _, y, x in found]
    assert len(set(planes)) == len(planes)
    assert all(max(abs(a - c), abs(b - d)) > 1 for i, (a, b) in enumerate(places) for c, d in places[:i])
    assert [float(s[one]) for one in found] == sorted((float(s[one]) for one in found), reverse=True)
    assert float(s[found[0]]) == float(s.max())
    assert winners(torch.zeros(2, 3, 3), reach=1) == []


FIGURES = {
    "T": [(0, x) for x in range(5)] + [(y, 2) for y in range(5)],
    "L": [(4, x) for x in range(5)] + [(y, 0) for y in range(5)],
    "X": [(i, i) for i in range(5)] + [(i, 4 - i) for i in range(5)],
    "O": [(y, x) for y in range(5) for x in range(5) if y in (0, 4) or x in (0, 4)],
    "+": [(2, x) for x in range(5)] + [(y, 2) for y in range(5)],
}


def shown(y=6, x=6):
    """The five figures on 17 x 17 pixels, (5, 1, 17, 17)."""
    pictures = torch.zeros(5, 1, 17, 17)
    for picture, figure in zip(pictures[:, 0], FIGURES.values(), strict=True):
        for row, column in figure:
            picture[y + row, x + column] = 1
    return pictures


def made():
    stages = [
        NeocognitronStage(1, 16, selectivity=2.0),
        NeocognitronStage(16, 12, size=7, pool=5, selectivity=4.0, seed=1),
    ]
    return Neocognitron(stages)


def test_each_figure_gets_a_plane_without_a_label_and_keeps_it_wherever_it_stands():
    net = made()
    assert net.learn(shown(), n_rounds=2)[1] == 5
    home = net(shown()).argmax(1)
    assert len(set(home.tolist())) == 5
    for y in range(2, 11, 2):
        for x in range(2, 11, 2):
            assert net(shown(y, x)).argmax(1).tolist() == home.tolist()


def test_there_is_no_gradient_and_what_is_saved_answers_as_before():
    net = made()
    assert list(net.parameters()) == []
    net.learn(shown())
    again = made()
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(shown()), net(shown()))


def test_what_cannot_be_is_refused_in_words():
    with pytest.raises(pn.SettingError, match="odd sizes"):
        NeocognitronStage(1, 4, size=4)
    for pictures in (-shown(), shown()[0], shown() * float("nan"), shown()[:0]):
        with pytest.raises(pn.DataError, match="not negative"):
            made().learn(pictures)
