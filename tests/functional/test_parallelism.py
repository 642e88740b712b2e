"""What a plan says, against what a training on this machine holds."""

import pytest
import torch

import parnassus as pn
from parnassus.functional.parallelism import (
    STRATEGIES,
    Decoder,
    activation_bytes,
    need,
    ring_all_reduce,
    usual_decoder,
)
from parnassus.models.text.gpt import GPT
from parnassus.train.states import states_of


def held(net, batch, context):
    """Bytes that autograd keeps from a forward pass of the loss, each memory counted once; weights left out."""
    weights = {p.untyped_storage().data_ptr() for p in net.parameters()}
    kept = {}

    def note(tensor):
        place = tensor.untyped_storage().data_ptr()
        if place not in weights:
            kept[place] = max(kept.get(place, 0), tensor.untyped_storage().nbytes())
            alive.append(tensor)
        return tensor

    alive = []
    tokens = torch.randint(90, (batch, context), generator=torch.Generator().manual_seed(0))
    with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
        loss = net(tokens).float().square().mean()
    assert loss.isfinite()
    return sum(kept.values())


def test_the_decoder_counts_its_weights_as_the_net_itself_does(draws):
    net = GPT(90, width=32, n_layers=3, n_heads=2, context=16)
    expected = Decoder(3, 32, 2, 90, 16).n_parameters
    assert sum(p.numel() for p in net.parameters()) == expected


def test_a_layers_activations_are_about_those_that_autograd_keeps(draws):
    """By the difference of nets of one layer more, so that nothing else counts."""
    batch, context, width = 2, 64, 64
    few, many = (held(GPT(90, width=width, n_layers=n, n_heads=2, context=context), batch, context) for n in (2, 4))
    said = [activation_bytes(Decoder(n, width, 2, 90, context), batch, size=4) for n in (2, 4)]
    assert (many - few) / (said[1] - said[0]) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sgd", 0), ("adam", 2), ("rmsprop", 1), ("lbfgs", 20), ("hessian_free", 1), ("svrg", 2), ("annealing", 0)],
)
def test_states_a_weight_are_those_an_optimizer_holds(name, expected):
    """L-BFGS looks ten moves back, each with its change of the gradient; Hessian-free keeps its last solution."""
    assert states_of(name, 7_000_000_000) == expected


def test_a_matrix_over_all_weights_is_counted_where_they_are_few_and_refused_where_they_are_many():
    assert states_of("bfgs", 3000) == 3000
    with pytest.raises(pn.SettingError, match=r"'bfgs' builds a matrix over all 7,000 weights; .* choose 'lbfgs'"):
        states_of("bfgs", 7000)
    with pytest.raises(pn.SettingError, match="'newton' builds a matrix"):
        states_of("newton", 7000)


def test_weights_gradients_and_states_are_byte_for_byte_those_of_a_training(monkeypatch):
    from parnassus.train.trainer import Trainer

    seen = {}
    own = Trainer.finish

    def finish(self):
        blocks = self.distinct
        seen["weights"] = sum(b.values.nbytes for b in blocks)
        seen["gradients"] = sum(b.gradients.nbytes for b in blocks)
        states = [t for o in self.optimizers.values() for t in tensors_in(o.state_dict()) if t.numel() > 1]
        seen["states"] = sum(t.nbytes for t in states)
        return own(self)

    monkeypatch.setattr(Trainer, "finish", finish)
    X = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)).numpy()
    made = pn.Classifier(pn.model("mlp", hidden=(12,)), epochs=1, progress=False).fit(X, (X[:, 0] > 0).astype(int))
    n = sum(p.numel() for p in made.objective_.parameters())
    found = need("data", n, n_devices=1, n_states=states_of("adam", n), activations=0.0)
    assert {k: getattr(found, k) for k in seen} == seen
    assert found.sent == 0


def tensors_in(tree):
    if isinstance(tree, torch.Tensor):
        return [tree]
    return (
        [t for part in (tree.values() if isinstance(tree, dict) else tree) for t in tensors_in(part)]
        if isinstance(tree, dict | list | tuple)
        else []
    )


def test_the_published_table_of_a_net_of_7_5_billion_weights_on_64_devices():
    """Rajbhandari et al. 2020, figure 1: 120, 31.4, 16.6 and 1.9 GB; 2 bytes a weight and gradient, 12 of state.

    Here weights and gradients have one size, so 2 bytes with 6 states each; zero3 holds two layers more.
    """
    found = {
        s: need(s, 7.5e9, n_devices=64, n_states=6, activations=0.0, size=2, n_layers=10**9) for s in STRATEGIES[:4]
    }
    assert [round(n.held / 1e9, 1) for n in found.values()] == [120.0, 31.4, 16.6, 1.9]


def test_zero_1_and_2_send_what_data_parallelism_sends_and_zero_3_half_as_much_again():
    sent = [need(s, 1e6, n_devices=4, n_states=2, activations=0.0).sent for s in STRATEGIES[:4]]
    assert sent == [ring_all_reduce(4e6, 4)] * 3 + [1.5 * ring_all_reduce(4e6, 4)]


def test_alone_nothing_is_sent_and_all_ways_are_one():
    found = [need(s, 1e6, n_devices=1, n_states=2, activations=8.0, tensor_activations=8.0) for s in STRATEGIES]
    assert {n.sent for n in found} == {0}
    assert {n.held for n in found} == {16e6 + 8}


@pytest.mark.parametrize(("said", "width"), [(1.1e8, 640), (6.7e9, 4096), (7.2e10, 8192)])
def test_a_usual_decoder_has_about_the_parameters_asked_for(said, width):
    net = usual_decoder(said, context=2048)
    assert net.width == width
    assert net.n_parameters == pytest.approx(said, rel=0.2)
