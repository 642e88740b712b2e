"""The closed form against autograd, and where it does not apply."""

import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.layers.dense import dense_backprop
from parnassus.models.tables.mlp import MLP
from parnassus.objectives.supervised import Supervised

pytestmark = pytest.mark.usefixtures("draws")

KINDS = [
    ("labels", "cross_entropy", {}, 5, lambda g: torch.randint(0, 5, (40,), generator=g)),
    ("labels", "cross_entropy", {"label_smoothing": 0.1}, 5, lambda g: torch.randint(0, 5, (40,), generator=g)),
    ("labels", "cross_entropy", {}, 80, lambda g: torch.randint(0, 80, (40,), generator=g)),
    ("binary", "cross_entropy", {}, 1, lambda g: torch.randint(0, 2, (40, 1), generator=g).double()),
    ("multilabel", "cross_entropy", {}, 3, lambda g: torch.randint(0, 2, (40, 3), generator=g).double()),
    ("numbers", "squared_error", {}, 1, lambda g: torch.randn(40, 1, generator=g).double()),
    ("numbers", "squared_error", {}, 3, lambda g: torch.randn(40, 3, generator=g).double()),
    ("numbers", "huber", {"delta": 0.5}, 2, lambda g: torch.randn(40, 2, generator=g).double()),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize(("kind", "name", "options", "width", "target"), KINDS)
def test_the_closed_form_is_the_gradient_of_the_loss(kind, name, options, width, target, activation, weighted):
    g = torch.Generator().manual_seed(1)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        module = MLP([7, 12, 9, width], activation=activation).double()
    objective = Supervised(module, pn.loss(name, **options).make(task=kind), kind=kind)
    batch = {"x": torch.randn(40, 7, generator=g).double(), "y": target(g)}
    if weighted:
        batch["weight"] = torch.rand(40, generator=g).double()
    phase = objective.phases()[0]
    value = phase.loss(batch)
    wanted = torch.autograd.grad(value, list(module.parameters()))
    for _ in range(2):  # the second call runs on buffers that the first one used
        for p in module.parameters():
            p.grad = torch.full_like(p, float("nan"))
        with torch.no_grad():
            closed = phase.gradient(batch)
        assert closed.item() == pytest.approx(value.item(), rel=1e-12)
        for p, slope in zip(module.parameters(), wanted, strict=True):
            torch.testing.assert_close(p.grad, slope, rtol=1e-10, atol=1e-12)


def test_the_closed_form_follows_parameters_that_move_to_other_memory():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    form = dense_backprop(module)
    x = torch.ones(5, 3)
    form.forward(x)
    for p in module.parameters():
        p.data = p.data * 2
    torch.testing.assert_close(form.forward(x), module(x))


def hooked():
    module = nn.Sequential(nn.Linear(2, 2))
    module[0].register_forward_hook(lambda *_: None)
    return module


def frozen():
    module = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    module[0].weight.requires_grad_(False)
    return module


@pytest.mark.parametrize(
    "module",
    [
        MLP([3, 4, 2], dropout=0.5),
        MLP([3, 4, 2], activation="gelu"),
        nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(3, 2, bias=False)),
        nn.Sequential(nn.ReLU(), nn.Linear(3, 2)),
        nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.ReLU(), nn.Linear(4, 2)),
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))),
        nn.Linear(3, 2),
        hooked(),
        frozen(),
    ],
    ids=lambda m: type(m).__name__ + str(len(list(m.children()))),
)
def test_anything_but_a_plain_dense_stack_is_left_to_autograd(module):
    assert dense_backprop(module) is None


def test_mlp_state_dict_is_that_of_a_plain_sequential():
    plain = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    ours = MLP([3, 4, 2])
    assert list(ours.state_dict()) == list(plain.state_dict())
    ours.load_state_dict(plain.state_dict())
    x = torch.ones(2, 3)
    assert torch.equal(ours(x), plain(x))


def test_the_preset_of_three_layers_has_its_parameter_count():
    # Jaiswal J12 and Hifny A8.4: 784-128-64-10 has 784*128+128 + 128*64+64 + 64*10+10 = 109,386
    assert sum(p.numel() for p in MLP([784, 128, 64, 10]).parameters()) == 109_386
