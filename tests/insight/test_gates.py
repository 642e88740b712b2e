"""Gates of every cell that has some: they make the states that the net has, in every layer, of forecasters too."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.insight.gates import gate_trace
from parnassus.insight.memory import memory, state_slopes
from parnassus.insight.reach import reach
from parnassus.layers.recurrent import reversed_rows

NETS = {
    "lstm": pn.model("lstm", hidden=4),
    "two layers": pn.model("lstm", hidden=4, n_layers=2),
    "peepholes": pn.model("lstm", hidden=4, peepholes=True),
    "normalized": pn.model("lstm", hidden=4, peepholes=True, normalize=True),
    "gru": pn.model("gru", hidden=4),
    "reset before": pn.model("gru", hidden=4, reset="before"),
    "both directions": pn.model("gru", hidden=4, n_layers=2, bidirectional=True),
}


def fitted(model):
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(n, 3)) for n in (5, 8, 6, 8)] * 6
    net = pn.Classifier(model, epochs=1).fit(rows, np.arange(24) % 2)
    with torch.no_grad():
        for name, weight in net.objective_.model.named_parameters():
            if "peepholes" in name:  # which begin at 0, where nothing would be seen of them
                weight.copy_(torch.tensor([[0.5], [-0.7], [0.9]]))
    batch = net.codec_.prepare(net.codec_.encode(rows[:4]).take(torch.arange(4)), net.view_)
    return net, rows[:4], batch


@pytest.mark.parametrize("name", NETS)
def test_gates_make_the_states_of_the_highest_layer(name):
    net, rows, batch = fitted(NETS[name])
    body = net.objective_.model.body
    top = len(body.forwards) - 1
    found = gate_trace(net, rows, layer=top).gates
    with torch.no_grad():
        due = body(batch["x"], batch["lengths"])[..., :4].numpy()  # of two directions the forward one
    for row, n in enumerate(map(len, rows)):
        np.testing.assert_allclose(found["state"][row, :n], due[row, :n], atol=1e-5)
    before = {k: np.concatenate([np.zeros_like(v[:, :1]), v[:, :-1]], 1) for k, v in found.items()}
    if "cell" in found:
        c = found["forget"] * before["cell"] + found["input"] * found["cell input"]
        np.testing.assert_allclose(found["cell"], c, atol=1e-5)
        np.testing.assert_allclose(found["state"], found["output"] * np.tanh(c), atol=1e-5)
    else:
        h = found["update"] * before["state"] + (1 - found["update"]) * found["new"]
        np.testing.assert_allclose(found["state"], h, atol=1e-5)
    with pytest.raises(pn.SettingError, match=f"the net has {top + 1} recurrent layers, from 0; got layer={top + 1}"):
        gate_trace(net, rows, layer=top + 1)


def test_a_reset_gate_is_that_of_its_equation():
    net, rows, batch = fitted(NETS["reset before"])
    (cell,) = net.objective_.model.body.forwards
    found = gate_trace(net, rows).gates
    with torch.no_grad():
        of_x = torch.nn.functional.linear(batch["x"], cell.of_x.weight[:4], cell.of_x.bias[:4])
        h = torch.from_numpy(found["state"][:, :-1]).float()
        due = torch.sigmoid(of_x[:, 1:] + h @ cell.of_h.weight[:4].T)
    np.testing.assert_allclose(found["reset"][:, 1:], due, atol=1e-5)


def test_zoneout_shows_the_states_that_are_kept():
    net, rows, batch = fitted(pn.model("lstm", hidden=4, zoneout=0.5))
    found = gate_trace(net, rows).gates
    with torch.no_grad():
        due = net.objective_.model.body(batch["x"], batch["lengths"])
    np.testing.assert_allclose(found["state"][1], due[1], atol=1e-5)
    c = found["input"][:, 0] * found["cell input"][:, 0]
    np.testing.assert_allclose(found["cell"][:, 0], 0.5 * c, atol=1e-5)


def test_cells_without_gates_are_named():
    net, rows, _ = fitted(pn.model("rnn", hidden=4))
    with pytest.raises(pn.SettingError, match="the cell Elman has no gates"):
        gate_trace(net, rows)


def test_windows_of_a_forecaster_are_looked_into():
    y = np.sin(np.arange(60) / 4) + np.random.default_rng(0).normal(0, 0.1, 60)
    model = pn.Forecaster(pn.model("gru", hidden=4), horizon=3, history=8, epochs=1, progress=False).fit(y)
    found = gate_trace(model, y)
    assert found.gates["state"].shape == (60 - 8 - 3 + 1, 8, 4)
    head = model.objective_.model.head
    with torch.no_grad():
        said = head(torch.from_numpy(found.gates["state"][-1, -1]).float()).numpy()
    window = y[-11:-3]
    np.testing.assert_allclose(said * window.std() + window.mean(), model.predict(X=y[:-3]), rtol=1e-4)
    assert memory(model, y).norms.shape == (16, 9)
    assert reach(model, None).slopes.shape == (16, 8)
    written = pn.Forecaster(pn.model("seq2seq", hidden=4), horizon=3, history=8, epochs=1, progress=False).fit(y)
    assert gate_trace(written, y).gates["reset"].shape == (50, 8, 4)


def test_higher_layers_of_two_directions_read_both():
    net, rows, _ = fitted(NETS["both directions"])
    same = [row[:5] for row in rows]
    body = net.objective_.model.body
    x = net.codec_.prepare(net.codec_.encode(same).take(torch.arange(4)), net.view_)["x"]
    with torch.no_grad():
        ahead, back = body.forwards[0].run(x)[0], body.backwards[0].run(reversed_rows(x, None))[0].flip(1)
        due = state_slopes(body.forwards[1], torch.cat([ahead, back], -1))
    np.testing.assert_allclose(memory(net, same, layer=1).norms, due, atol=1e-5)
