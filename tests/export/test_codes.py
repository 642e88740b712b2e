"""Files that answer what a model makes of rows for other models: codes, hidden units, features."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus.cli import main
from parnassus.errors import SettingError
from parnassus.export import to_onnx, to_program
from parnassus.export.codes_graph import how_of

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

RNG = np.random.default_rng(0)
X = RNG.random((40, 5)) * [1, 10, 100, 1, 1]
Y = np.arange(40) % 3
PICTURES = RNG.integers(0, 255, (20, 8, 8)).astype(np.uint8)
QUICK = {"epochs": 1, "progress": False}


def run(path, *given):
    session = onnxruntime.InferenceSession(str(path))
    return session.run(None, dict(zip([one.name for one in session.get_inputs()], given, strict=True)))[0]


@pytest.mark.slow
def test_hidden_units_of_a_file_are_those_of_the_equations(tmp_path):
    model = pn.RBM(**QUICK).fit(X)
    made = to_onnx(model, tmp_path / "r.onnx", X=X)
    assert made.output == {"holds": "projections"}
    net, low, high = model.objective_.net, X.min(0), X.max(0)
    w, c = net.w.detach().numpy(), net.c.detach().numpy()
    wanted = 1 / (1 + np.exp(-(((X - low) / (high - low)) @ w + c)))
    assert np.allclose(run(tmp_path / "r.onnx", X), wanted, atol=1e-6)
    assert np.allclose(run(tmp_path / "r.onnx", X[:1]), model.transform(X[:1]), atol=1e-6)
    assert to_program(model, tmp_path / "r.pt2", X=X).difference < 1e-6


@pytest.mark.slow
def test_the_top_layer_of_a_belief_net_is_written_beside_its_answers(tmp_path):
    model = pn.DBN(pn.model("dbn", hidden=(7, 4)), **QUICK).fit(X, Y)
    to_onnx(model, tmp_path / "top.onnx", X=X, codes=True)
    h = (X - X.min(0)) / (X.max(0) - X.min(0))
    for machine in model.objective_.machines:
        h = 1 / (1 + np.exp(-(h @ machine.w.detach().numpy() + machine.c.detach().numpy())))
    found = run(tmp_path / "top.onnx", X)
    assert found.shape == (40, 4)
    assert np.allclose(found, h, atol=1e-5)
    assert np.allclose(found, model.transform(X), atol=1e-6)
    to_onnx(model, tmp_path / "answers.onnx", X=X)
    assert np.allclose(run(tmp_path / "answers.onnx", X), model.predict_proba(X), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "given", "said"), [
    (pn.RBM("gaussian_rbm", **QUICK), (X,), "transform"), (pn.Density("realnvp", **QUICK), (X,), "transform"),
    (pn.Density("dbm", **QUICK), (X / X.max(0),), "transform"), (pn.RBM(**QUICK), (PICTURES,), "transform"),
    (pn.Autoencoder("conv_ae", **QUICK), (PICTURES,), "encode"), (pn.Classifier("mlp", **QUICK), (X, Y), "features"),
    (pn.Classifier("cnn", **QUICK), (PICTURES, Y[:20]), "features"),
], ids=lambda one: getattr(one, "model", None) if not isinstance(one, str) else one)  # fmt: skip
def test_what_models_give_to_others_is_written(model, given, said, tmp_path):
    model.fit(*given)
    made = to_onnx(model, tmp_path / "m.onnx", X=given[0], codes=True)
    raw = given[0][:, None] if given[0].ndim == 3 else given[0]
    assert np.allclose(run(made.path, raw), getattr(model, said)(given[0]), atol=1e-5)


@pytest.mark.slow
def test_codes_of_a_table_with_categories_are_written(tmp_path):
    frame = pd.DataFrame({"a": X[:, 1], "k": np.array(["x", "y", "z"])[Y]})
    made = to_onnx(pn.Autoencoder("vae", **QUICK).fit(frame), tmp_path / "v.onnx", X=frame)
    assert made.difference < 1e-5
    assert made.output == {"holds": "codes"}


@pytest.mark.slow
def test_from_a_shell(tmp_path, capsys):
    pd.DataFrame(X, columns=list("abcde")).to_csv(tmp_path / "x.csv", index=False)
    model = pn.RBM(**QUICK).fit(pd.read_csv(tmp_path / "x.csv"))
    model.save(tmp_path / "r.parnassus")
    assert main(["export", str(tmp_path / "r.parnassus"), str(tmp_path / "x.csv"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["output"] == {"holds": "projections"}
    assert np.allclose(run(told["path"], X), model.transform(pd.read_csv(tmp_path / "x.csv")), atol=1e-5)
    assert main(["export", str(tmp_path / "r.parnassus"), "--to", "card", "--codes"]) == 2
    assert "--codes is for" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["full", "diag", "tied", "spherical"])
def test_a_mixture_answers_the_logarithms_of_its_densities(shape, tmp_path):
    model = pn.Density(pn.model("gmm", covariance_type=shape), n_components=3, progress=False).fit(X)
    made = to_onnx(model, tmp_path / "g.onnx", X=X)
    held = model.objective_
    run_, wide = held.leader, torch.eye(5, dtype=torch.float64)
    covariances = {
        "full": lambda c: c, "tied": lambda c: c.expand(3, 5, 5), "diag": torch.diag_embed,
        "spherical": lambda c: c[:, None, None] * wide,
    }[shape](held.covariances[run_])  # fmt: skip
    law = torch.distributions.MultivariateNormal(held.means[run_] + held.shift, covariances)
    wanted = law.log_prob(torch.tensor(X, dtype=torch.float32).double()[:, None]) + held.weights[run_].log()
    found = run(made.path, X)
    assert np.allclose(found, wanted.numpy(), atol=1e-6)  # rows are 32-bit numbers
    assert np.allclose(np.logaddexp.reduce(found, 1), model.score_samples(X), atol=1e-9)
    assert run(made.path, X[:1]).shape == (1, 3)
    assert made.output["sums"]["logsumexp"] == "ln p of the row"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ppca", "factor_analysis"])
def test_hidden_directions_are_written_as_one_product(name, tmp_path):
    model = pn.Density(name, n_components=2, progress=False).fit(X)
    made = to_onnx(model, tmp_path / "p.onnx", X=X)
    w, noise = model.objective_.loadings.numpy(), model.objective_.noise.numpy()
    gaps = X - model.objective_.mean.numpy()  # densities take rows in their own units
    wanted = np.linalg.solve(np.eye(2) + (w.T / noise) @ w, (w.T / noise) @ gaps.T).T
    assert np.allclose(run(made.path, X), wanted, atol=1e-5)
    assert to_program(model, tmp_path / "p.pt2", X=X).difference < 1e-6


@pytest.mark.slow
def test_the_code_of_a_sequence_is_that_of_its_last_step_in_any_number_of_rows(tmp_path):
    rows = [RNG.normal(size=(2 + i % 4, 3)) for i in range(12)]
    model = pn.Autoencoder(pn.model("lstm_ae", hidden=8), **QUICK).fit(rows)
    made = to_onnx(model, tmp_path / "l.onnx", X=rows)
    padded = np.zeros((12, 5, 3))
    for row, one in zip(padded, rows, strict=True):
        row[: len(one)], row[len(one) :] = one, 9.0  # what stands behind the end counts for nothing
    lengths = np.array([len(one) for one in rows])
    assert np.allclose(run(made.path, padded, lengths), model.encode(rows), atol=1e-5)
    assert np.allclose(run(made.path, padded[:1], lengths[:1]), model.encode(rows[:1]), atol=1e-5)


def test_models_without_such_numbers_are_refused(tmp_path):
    own = SimpleNamespace(task="density", objective_=torch.nn.Identity(), model_name="own")
    with pytest.raises(SettingError, match="'own' makes no other numbers of rows, as 'rbm' and 'realnvp' do"):
        how_of(own)
    series = pn.Forecaster("mlp", horizon=1, **QUICK).fit(np.arange(60.0))
    with pytest.raises(SettingError, match="codes=True"):
        to_program(series, tmp_path / "f.pt2", codes=True)
