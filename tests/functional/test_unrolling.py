"""Steps laid out over time: against torch's own loops, by hand, and by the laws of chance."""

import math

import pytest
import torch
from torch import nn

from parnassus.errors import SettingError
from parnassus.functional import unrolling

pytestmark = pytest.mark.usefixtures("draws")


@pytest.fixture
def cell():
    """A GRU with a linear layer, as a step and as torch's own loop."""
    net, head = nn.GRUCell(3, 5).double(), nn.Linear(5, 3).double()

    def step(x, h):
        h = net(x, h)
        return head(h), h

    loop = nn.GRU(3, 5, batch_first=True).double()
    for name, value in net.named_parameters():
        getattr(loop, f"{name}_l0").data = value.data
    return step, lambda x, h: head(loop(x, h[None])[0])


X, H = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), torch.zeros(2, 5).double()


def test_many_to_many_and_many_to_one_are_torchs_loop(cell):
    step, loop = cell
    torch.testing.assert_close(torch.stack(unrolling.aligned(step, X.unbind(1), H), 1), loop(X, H))
    torch.testing.assert_close(unrolling.many_to_one(step, X.unbind(1), H), loop(X, H)[:, -1])


def test_one_to_many_goes_on_without_inputs_or_with_its_own_outputs(cell):
    step, _ = cell
    bare = unrolling.one_to_many(lambda x, h: step(torch.zeros(2, 3).double() if x is None else x, h), X[:, 0], H, 3)
    padded = torch.cat([X[:, :1], torch.zeros(2, 2, 3).double()], 1)
    torch.testing.assert_close(torch.stack(bare, 1), cell[1](padded, H))
    fed = unrolling.one_to_many(step, X[:, 0], H, 3, fed=torch.tanh)
    whole = torch.stack([X[:, 0], fed[0].tanh(), fed[1].tanh()], 1)
    torch.testing.assert_close(torch.stack(fed, 1), cell[1](whole, H))


def test_an_encoder_decoder_hands_its_last_state_over(cell):
    step, loop = cell
    written = unrolling.encoder_decoder(step, step, X.unbind(1), H, X[:, 0], 3, fed=lambda y: y)
    whole = torch.cat([X, X[:, :1], torch.stack(written[:-1], 1)], 1)
    torch.testing.assert_close(torch.stack(written, 1), loop(whole, H)[:, -3:])


def test_teacher_forcing_gives_the_truth_moved_by_one(cell):
    step, loop = cell
    first = torch.zeros(2, 3).double()
    forced = torch.stack(unrolling.teacher_forced(step, first, X, H), 1)
    torch.testing.assert_close(forced, loop(torch.cat([first[:, None], X[:, :-1]], 1), H))


def test_the_terms_of_a_teacher_forced_text_multiply_to_its_probability():
    """Over all texts of two units of a vocabulary of three the probabilities sum to 1."""
    table, head = torch.randn(4, 5, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)

    def step(x, h):
        h = torch.tanh(table[x] + 0.5 * h)
        return (h @ head).log_softmax(-1), h

    texts = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    found = unrolling.teacher_forced(step, torch.full((9,), 3), texts, torch.zeros(9, 5).double())
    log_p = torch.stack(found, 1).gather(2, texts[..., None]).sum((1, 2))
    assert float(log_p.exp().sum()) == pytest.approx(1.0)


def test_scheduled_sampling_lies_between_the_truth_and_free_running(cell):
    step, _ = cell
    first, coins = torch.zeros(2, 3).double(), torch.tensor([[0.2, 0.9, 0.4, 0.0], [0.6, 0.1, 0.8, 0.0]])

    def mixed(p):
        return torch.stack(unrolling.scheduled_sampling(step, first, X, H, p, coins, torch.tanh), 1)

    torch.testing.assert_close(mixed(1.0), torch.stack(unrolling.teacher_forced(step, first, X, H), 1))
    torch.testing.assert_close(mixed(0.0), torch.stack(unrolling.free_running(step, first, H, 4, torch.tanh), 1))
    x, h, by_hand = first, H, []
    for t in range(4):
        y, h = step(x, h)
        by_hand.append(y)
        x = torch.stack([X[i, t] if coins[i, t] < 0.5 else y[i].tanh() for i in range(2)])
    torch.testing.assert_close(mixed(0.5), torch.stack(by_hand, 1))


def test_the_three_decays_fall_from_one_as_published():
    assert [unrolling.linear_decay(i, slope=0.01, floor=0.3) for i in (0, 50, 1000)] == [1.0, 0.5, 0.3]
    assert unrolling.exponential_decay(3, k=0.9) == pytest.approx(0.729)
    k = 50.0
    assert unrolling.inverse_sigmoid_decay(0, k=k) == pytest.approx(50 / 51)
    assert unrolling.inverse_sigmoid_decay(k * math.log(k), k=k) == pytest.approx(0.5)
    assert unrolling.inverse_sigmoid_decay(1e9, k=k) == pytest.approx(0.0, abs=1e-200)


def test_what_means_nothing_is_refused(cell):
    for wrong in (
        lambda: unrolling.exponential_decay(1, k=1.5),
        lambda: unrolling.inverse_sigmoid_decay(1, k=0.5),
        lambda: unrolling.aligned(cell[0], [], H),
        lambda: unrolling.scheduled_sampling(cell[0], X[:, 0], X, H, 1.5, X[..., 0], torch.tanh),
    ):
        with pytest.raises(SettingError):
            wrong()
