"""State-space layers: whole passes against steps, published code with the same weights, padding, options."""

import pytest
import torch
from torch import nn

from parnassus.errors import SettingError
from parnassus.functional import statespace as ss
from parnassus.layers import mamba, statespace
from parnassus.layers.experts import Experts, FeedForward
from parnassus.layers.jamba import CausalAttention, jamba_layers

pytestmark = pytest.mark.usefixtures("draws")

LAYERS = {
    "s4": lambda: statespace.S4(6, n_state=8),
    "s4d": lambda: statespace.S4D(6, n_state=5),
    "s4d legs": lambda: statespace.S4D(6, n_state=5, spectrum="legs", discretization="bilinear"),
    "s4d random": lambda: statespace.S4D(6, n_state=5, spectrum="random"),
    "s5": lambda: statespace.S5(6, n_state=5),
    "s6": lambda: mamba.S6(6, n_state=4, rank=2),
    "s6 of the book": lambda: mamba.S6(6, n_state=4, form="book"),
    "mamba": lambda: mamba.Mamba(6, n_state=4),
    "mamba normalized": lambda: mamba.Mamba(6, n_state=4, conv=3, normalize=True, bias=True, conv_bias=False),
    "mamba2": lambda: mamba.Mamba2(6, n_state=4, head=3, n_groups=2, chunk=4),
    "mixed": lambda: statespace.Mixed(statespace.S4D(6), 6),
    "residual": lambda: statespace.Residual(nn.LayerNorm(6), mamba.Mamba(6), dropout=0.5),
    "convolution": lambda: mamba.CausalConvolution(6, size=3),
    "experts": lambda: Experts(6, 8, n_experts=3),
    "attention": lambda: CausalAttention(6, 2, n_groups=1),
    "jamba": lambda: jamba_layers(6, 2, attention_every=2, n_heads=2, n_experts=3, feed=8)[0],
    "jamba with attention": lambda: jamba_layers(6, 2, attention_every=2, n_heads=2, n_experts=3, feed=8)[1],
    "feed-forward": lambda: FeedForward(6, 8, kind="swiglu"),
}

every_layer = pytest.mark.parametrize("name", LAYERS)


def stepped(layer, x):
    state, shown = layer.begin(x), []
    for now in x.unbind(1):
        y, state = layer.step(now, state)
        shown.append(y)
    return torch.stack(shown, 1), state


@every_layer
@pytest.mark.parametrize("time", [1, 11])
def test_steps_in_constant_memory_are_the_whole_pass(name, time):
    layer, x = LAYERS[name]().double().eval(), torch.randn(3, time, 6, dtype=torch.float64)
    y, state = stepped(layer, x)
    torch.testing.assert_close(layer(x), y, rtol=1e-8, atol=1e-9)
    if "attention" not in name:  # whose state is all it has read
        assert [s.shape for s in state] == [s.shape for s in layer.begin(x)]


@every_layer
def test_a_row_may_be_read_in_pieces(name):
    layer, x = LAYERS[name]().double().eval(), torch.randn(2, 11, 6, dtype=torch.float64)
    first, state = layer.run(x[:, :2], layer.begin(x))
    second, state = layer.run(x[:, 2:8], state)
    third, _ = layer.run(x[:, 8:], state)
    torch.testing.assert_close(torch.cat([first, second, third], 1), layer(x), rtol=1e-8, atol=1e-9)


@every_layer
def test_slopes_of_the_whole_pass_are_those_of_the_steps(name):
    layer, x = LAYERS[name]().double().eval(), torch.randn(2, 7, 6, dtype=torch.float64, requires_grad=True)
    leaves = [x, *layer.parameters()]
    fast, slow = (torch.autograd.grad(y.square().sum(), leaves) for y in (layer(x), stepped(layer, x)[0]))
    torch.testing.assert_close(fast, slow, rtol=1e-6, atol=1e-7)


@every_layer
def test_what_comes_later_or_lies_behind_a_row_changes_nothing(name):
    layer, x = LAYERS[name]().eval(), torch.randn(2, 9, 6)
    lengths = torch.tensor([9, 4])
    later = x.clone()
    later[1, 4:] = 1e3
    with torch.no_grad():
        torch.testing.assert_close(layer(later, lengths)[1, :4], layer(x[1:, :4])[0], rtol=1e-4, atol=1e-5)


def test_kernels_of_channels_are_convolved_with_their_inputs():
    layer, x = statespace.S4(3, n_state=4).double(), torch.randn(2, 10, 3, dtype=torch.float64)
    lam, p, b, delta = layer.system()
    k = ss.dplr_kernel(lam, p, b, statespace.as_complex(layer.c), delta, 10)
    wanted = ss.causal_convolution(x.mT, k).mT + layer.skip * x
    torch.testing.assert_close(layer(x), wanted)


def test_s4_begins_as_hippo():
    layer = statespace.S4(2, n_state=6).double()
    lam, p, _, _ = layer.system()
    v = ss.legs_dplr(6).v
    a = v @ (torch.diag(lam[1]) - torch.outer(p[1], p[1].conj())) @ v.mH
    torch.testing.assert_close(a.real, ss.legs(6)[0], rtol=1e-5, atol=1e-5)


def test_padding_that_is_no_number_stays_behind_its_row():
    x = torch.randn(2, 6, 6)
    x[0, 3:] = torch.nan
    for layer in (statespace.S4D(6), statespace.S5(6), mamba.Mamba(6)):
        assert layer(x, torch.tensor([3, 6]))[0, :3].isfinite().all()


def test_both_directions_are_two_layers_and_a_flip():
    one, two = mamba.Mamba(4).double(), mamba.Mamba(4).double()
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    both = mamba.Bidirectional(one, two)
    torch.testing.assert_close(both(x), one(x) + two(x.flip(1)).flip(1))
    found = both(x, torch.tensor([5, 2]))
    torch.testing.assert_close(found[1, :2], both(x[1:, :2])[0])


def test_experts_are_the_sum_over_their_gates_and_even_use_costs_one():
    layer, x = Experts(4, 8, n_experts=3, k=2, temperature=0.5).double().eval(), torch.randn(5, 4, dtype=torch.float64)
    gates = torch.softmax(layer.router(x) / 0.5, -1)
    kept = gates * (gates >= gates.topk(2, -1).values[:, 1:])
    kept = kept / kept.sum(-1, keepdim=True)
    wanted = sum(kept[:, i : i + 1] * expert(x) for i, expert in enumerate(layer.experts))
    torch.testing.assert_close(layer(x[None])[0], wanted)


def test_what_an_expert_has_no_room_for_is_left_out_in_training_alone():
    layer, x = Experts(4, 8, n_experts=2, k=1, capacity=0.5, balance=0.0), torch.randn(1, 8, 4)
    nn.init.zeros_(layer.router.weight)
    layer.router.bias.data[:] = torch.tensor([1.0, 0.0])  # all go to the first, which has room for 2 of 8
    assert (layer(x)[0].abs().sum(1) > 0).tolist() == [True] * 2 + [False] * 6
    assert (layer.eval()(x)[0].abs().sum(1) > 0).all()
    padded = torch.cat([torch.zeros(1, 3, 4), x], 1).flip(1)
    assert (layer.train()(padded, torch.tensor([8]))[0].abs().sum(1) > 0).sum() == 2


def test_the_load_loss_moves_the_router_and_not_the_outputs():
    layer, x = Experts(4, 8, n_experts=3, balance=0.3, k=1), torch.randn(1, 20, 4)
    y = layer(x)
    assert layer.load is not None
    torch.testing.assert_close(y, layer.eval()(x))
    layer.train()
    (layer(x) * 0).sum().backward()
    moved = layer.router.weight.grad
    logits = layer.router(x[0])
    whole = torch.softmax(logits, -1)
    share = torch.bincount(whole.argmax(-1), minlength=3) / 20
    by_hand = torch.autograd.grad(0.3 * 3 * (share * whole.mean(0)).sum(), layer.router.weight)[0]
    torch.testing.assert_close(moved, by_hand)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: statespace.S4D(4, spectrum="linaer"), "did you mean 'linear'"),
        (lambda: statespace.S4D(4, discretization="euler"), "discretization='euler'"),
        (lambda: mamba.S6(4, form="old"), "form is 'published' or 'book'"),
        (lambda: mamba.Mamba2(6, head=5), "give a head that divides 12"),
        (lambda: Experts(4, 8, n_experts=2, k=3), "top_k experts of n_experts=2"),
        (lambda: Experts(4, 8, capacity=0.0), "capacity is above 0"),
        (lambda: FeedForward(4, 8, kind="relu"), "kind='relu'"),
    ],
)
def test_settings_without_meaning_are_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()
