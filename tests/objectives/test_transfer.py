"""Layers, what is frozen when, rates by layer, and norms that stay still."""

import pytest
import torch
from torch import nn

import parnassus as pn
from parnassus.objectives.transfer import Transferred, frozen_by, layers_of, rates_by_layer, stages_of
from parnassus.registry import registry_of
from parnassus.train.blocks import blocks_of
from parnassus.train.optimizers.base import Optimizer

pytestmark = pytest.mark.usefixtures("draws")


def net():
    body = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(0.5))
    return nn.Sequential(body, nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 2))


HEAD = frozenset({"4.weight", "4.bias"})


def objective(stages, **rates):
    loss = registry_of("loss")("cross_entropy").make(task="labels")
    return Transferred(net(), loss, kind="labels", n_outputs=2, stages=stages, rates=rates)


def batch():
    return {"x": torch.randn(6, 1, 4, 4), "y": torch.tensor([0, 1, 0, 1, 1, 0])}


def test_a_layer_is_a_kernel_with_the_norm_behind_it():
    layers = layers_of(net())
    assert [layer.name for layer in layers] == ["0.0", "1", "4"]
    assert layers[0].parameters == ("0.0.weight", "0.0.bias", "0.1.weight", "0.1.bias")


def test_freezing_by_depth_by_name_and_by_body():
    module = net()
    assert frozen_by(1, module, HEAD) == {"0.0.weight", "0.0.bias", "0.1.weight", "0.1.bias"}
    assert frozen_by("0", module, HEAD) == frozen_by(1, module, HEAD)
    assert frozen_by(("*.weight",), module, HEAD) == {n for n, _ in module.named_parameters() if n.endswith("weight")}
    assert frozen_by("body", module, HEAD) == {n for n, _ in module.named_parameters()} - HEAD
    assert frozen_by((), module, HEAD) == frozenset()


def test_what_names_nothing_is_refused():
    with pytest.raises(pn.SettingError, match="no weights are named 'conv9'"):
        frozen_by("conv9", net(), HEAD)
    with pytest.raises(pn.SettingError, match="from 0 to 2 of 3; got 3"):
        frozen_by(3, net(), HEAD)
    with pytest.raises(pn.SettingError, match="nothing is frozen"):
        stages_of(frozenset(), 2, net())
    with pytest.raises(pn.SettingError, match="names nothing that is frozen"):
        stages_of(frozen_by(1, net(), HEAD), {2: "4"}, net())
    with pytest.raises(pn.SettingError, match="the epoch from which"):
        stages_of(frozen_by(1, net(), HEAD), 0, net())


def test_layers_join_epoch_by_epoch():
    module = net()
    stages = stages_of(frozen_by("body", module, HEAD), {2: "1", 4: "*"}, module)
    taught = objective(stages)
    taught.transfer.n_epochs = 8
    phases = taught.phases()
    assert [p.during for p in phases] == [(0.0, 0.25), (0.25, 0.5), (0.5, 1.0)]
    assert [len(p.params) for p in phases] == [2, 4, 10]
    assert [p.name for p in phases] == ["fit", "from_epoch_2", "from_epoch_4"]


def test_a_frozen_norm_keeps_its_statistics_and_a_frozen_dropout_is_off():
    taught = objective([(0, frozen_by(1, net(), HEAD))]).train()
    still, moving = taught.model[0][1], taught.model[2]
    before = still.running_mean.clone(), moving.running_mean.clone()
    assert not taught.model[0][3].training
    taught.phases()[0].loss(batch())
    assert torch.equal(still.running_mean, before[0])
    assert not torch.equal(moving.running_mean, before[1])
    assert not still.num_batches_tracked


def test_a_norm_without_weights_goes_with_the_layer_before_it():
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3, affine=False), nn.Flatten(), nn.Linear(12, 2))
    loss = registry_of("loss")("cross_entropy").make(task="labels")
    stages = [(0, frozenset({"0.weight", "0.bias"}))]
    taught = Transferred(model, loss, kind="labels", n_outputs=2, stages=stages, rates={}).train()
    assert not model[1].training
    assert taught.training


def test_a_norm_moves_again_once_its_layer_joins():
    module = net()
    taught = objective(stages_of(frozen_by(1, module, HEAD), 1, module)).train()
    taught.transfer.n_epochs = 2
    first, second = taught.phases()
    first.loss(batch())
    assert not taught.model[0][1].num_batches_tracked
    second.loss(batch())
    assert taught.model[0][1].num_batches_tracked == 1


def test_rates_fall_from_layer_to_layer():
    rates = rates_by_layer(net(), 0.5)
    assert (rates["4.weight"], rates["1.weight"], rates["0.0.weight"], rates["0.1.bias"]) == (1.0, 0.5, 0.25, 0.25)


def test_a_step_of_plain_descent_is_as_long_as_the_rate_says():
    one, other = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(3))
    blocks = blocks_of({"fit": [one, other]}, decays=False, rates={one: 0.1})["fit"]
    mover = registry_of("optimizer")("sgd", lr=0.5).make(blocks)
    assert isinstance(mover, Optimizer)
    for p in (one, other):
        p.grad.fill_(1.0)
    with torch.no_grad():
        mover.apply(1.0)
    torch.testing.assert_close(one.data, torch.full((2, 2), 0.95))
    torch.testing.assert_close(other.data, torch.full((3,), 0.5))


def test_a_rule_with_one_step_for_all_refuses_rates():
    p = nn.Parameter(torch.ones(2))
    blocks = blocks_of({"fit": [p]}, decays=False, rates={p: 0.1})["fit"]
    with pytest.raises(pn.SettingError, match="rate_decay=1"):
        registry_of("optimizer")("lbfgs").make(blocks)


def test_a_teacher_counts_for_its_share():
    taught = objective([(0, frozenset())])
    taught.eval()
    own, rows = batch(), torch.randn(6, 2)
    alone = float(taught.mean_loss(own).detach())
    taught.share, taught.temperature = 0.25, 1.0
    outputs = taught.outputs(own).detach()
    q, p = rows.softmax(1), outputs.softmax(1)
    due = 0.75 * alone + 0.25 * float((q * (q / p).log()).sum(1).mean())
    assert float(taught.mean_loss(own | {"y_teacher": rows}).detach()) == pytest.approx(due, rel=1e-5)
