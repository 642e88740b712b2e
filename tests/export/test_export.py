"""Files that run without this library: what they answer to raw numbers, put together here by hand."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.errors import DataError, FileError, SettingError

pytestmark = pytest.mark.slow

onnx = pytest.importorskip("onnx", reason="the extra 'export' is not installed")
runtime = pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")
COUNT = 40


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def answers(path: Path, **feeds: np.ndarray) -> np.ndarray:
    """What ONNX Runtime says, and nothing of this library."""
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)[0]


def told(path: Path) -> dict:
    return json.loads({p.key: p.value for p in onnx.load(path).metadata_props}["parnassus"])


def table() -> tuple[pd.DataFrame, np.ndarray]:
    frame = pd.DataFrame(
        {
            "size": draw(1).normal(50, 10, COUNT),
            "colour": draw(2).choice(["red", "green", "blue"], COUNT),
            "income": np.where(draw(3).random(COUNT) < 0.2, np.nan, np.exp(draw(4).normal(8, 1, COUNT))),
        }
    )
    return frame, np.where(frame["size"] > 50, "large", "small")


def fitted(model: str = "mlp", **settings):
    X, y = draw(5).normal(3, 5, (COUNT, 4)), draw(6).integers(3, size=COUNT)
    return pn.Classifier(model, epochs=2, **settings).fit(X, y), X, y


def test_numbers_go_in_as_they_are_and_any_number_of_rows(tmp_path):
    clf, X, _ = fitted()
    made = pn.export.to_onnx(clf, tmp_path / "m.onnx")
    assert made.difference < 1e-5
    for n in (1, 7, COUNT):
        given = answers(made.path, numbers=X[:n].astype(np.float64))
        np.testing.assert_allclose(given, clf.predict_proba(X[:n]), atol=1e-6)


def test_gaps_and_categories_are_filled_and_looked_up_inside(tmp_path):
    X, y = table()
    codec = pn.Table(missing="median", missing_indicator=True, scaling={"income": "log"})
    clf = pn.Classifier("mlp", epochs=2, codec=codec).fit(X, y)
    path = pn.export.to_onnx(clf, tmp_path / "m.onnx", X=X).path
    about = told(path)["inputs"]
    assert about["numbers"]["columns"] == ["size", "income"]
    levels = about["categories"]["levels"]["colour"]
    ids = np.array([[1 + levels.index(c)] for c in X["colour"]], dtype=np.int32)
    given = answers(path, numbers=X[["size", "income"]].to_numpy(), categories=ids)
    np.testing.assert_allclose(given, clf.predict_proba(X), atol=1e-6)
    assert told(path)["output"]["classes"] == ["large", "small"]


def test_pictures_go_in_as_bytes(tmp_path):
    P = draw(7).integers(256, size=(COUNT, 8, 8, 3), dtype=np.uint8)
    clf = pn.Classifier("cnn", epochs=1).fit(P, draw(8).integers(2, size=COUNT))
    path = pn.export.to_onnx(clf, tmp_path / "m.onnx").path
    np.testing.assert_allclose(answers(path, x=P.transpose(0, 3, 1, 2)), clf.predict_proba(P), atol=1e-5)


@pytest.mark.parametrize("model", ["cnn_lstm", pn.model("r3d18", width=0.03)])
def test_clips_of_videos_go_in_as_bytes(model, tmp_path):
    videos = [draw(i).integers(256, size=(3 + i % 5, 9, 10, 3), dtype=np.uint8) for i in range(8)]
    clf = pn.Classifier(model, codec=pn.Video(n_frames=4), epochs=1).fit(videos, np.arange(8) % 2)
    path = pn.export.to_onnx(clf, tmp_path / "m.onnx").path
    assert told(path)["inputs"]["x"]["shape"] == [4, 3, 9, 10]
    clips = []
    for one in videos[:3]:  # of 3, 4 and 5 frames: the last again; whole; from the middle
        first = (len(one) - 4) // 2 if len(one) > 4 else 0
        clips.append(one[np.minimum(np.arange(first, first + 4), len(one) - 1)].transpose(0, 3, 1, 2))
    np.testing.assert_allclose(answers(path, x=np.stack(clips)), clf.predict_proba(videos[:3]), atol=1e-5)
    assert pn.export.to_program(clf, tmp_path / "m.pt2").difference < 1e-5


@pytest.mark.parametrize(("model", "free"), [("transformer", True), ("gru", False)])
def test_what_lies_behind_the_end_of_a_sequence_changes_nothing(model, free, tmp_path):
    rows = [draw(i).normal(2, 3, (4 + i % 5, 2)) for i in range(COUNT)]
    clf = pn.Classifier(model, epochs=1).fit(rows, draw(11).integers(2, size=COUNT))
    path = pn.export.to_onnx(clf, tmp_path / "m.onnx", X=rows).path
    shape = told(path)["inputs"]["x"]["type_and_shape"]
    assert shape == ["tensor(double)", "rows", "steps" if free else 8, 2]
    lengths = np.array([len(r) for r in rows[:5]])
    padded = np.full((5, 11 if free else 8, 2), 77.0)
    for row, values in zip(padded, rows, strict=False):
        row[: len(values)] = values
    np.testing.assert_allclose(answers(path, x=padded, lengths=lengths), clf.predict_proba(rows[:5]), atol=1e-6)


SEQUENCE_NETS = {
    "s4": {"n_layers": 1},
    "s4d": {"n_layers": 1, "discretization": "bilinear"},
    "s5": {"n_layers": 1},
    "mamba2": {"n_layers": 1, "head": 8},
    "jamba": {"n_layers": 2, "attention_every": 2},
    "rnn": {"cell": "indrnn"},
    "jordan": {"cell": "jordan"},
    "resnet1d": None,
    "inceptiontime": None,
    "echo_state": None,
}


@pytest.mark.parametrize("name", SEQUENCE_NETS)
def test_every_net_of_sequences_is_written_for_any_number_of_rows(name, tmp_path):
    rows, options = [draw(i).normal(2, 3, (4 + i % 5, 2)) for i in range(COUNT)], SEQUENCE_NETS[name]
    called = "rnn" if options and "cell" in options else name
    model = called if options is None else pn.model(called, hidden=8, **options)
    clf = pn.Classifier(model, **({} if name == "echo_state" else {"epochs": 1}))
    clf.fit(rows, draw(11).integers(2, size=COUNT))
    said = clf.predict(rows)
    made = pn.export.to_onnx(clf, tmp_path / "m.onnx", X=rows)
    lengths = np.array([len(r) for r in rows[:5]])
    padded = np.full((5, 8, 2), 77.0)
    for row, values in zip(padded, rows, strict=False):
        row[: len(values)] = values
    found = answers(made.path, x=padded, lengths=lengths)
    if name == "echo_state":
        assert ((found[:, 0] > 0) == (said[:5] == clf.classes_[1])).all()
    else:
        np.testing.assert_allclose(found, clf.predict_proba(rows[:5]), atol=1e-5)
    assert (clf.predict(rows) == said).all()  # what was put in the place of complex numbers is gone again
    if name != "mamba2":  # whose many axes take their time
        assert pn.export.to_program(clf, tmp_path / "m.pt2", X=rows).difference < 1e-4


def test_a_program_asks_for_no_kernel_of_this_library(tmp_path):
    rows = draw(3).normal(size=(COUNT, 6, 2))
    clf = pn.Classifier(pn.model("rnn", hidden=4, cell="indrnn"), epochs=1).fit(rows, draw(11).integers(2, size=COUNT))
    path = pn.export.to_program(clf, tmp_path / "m.pt2", X=rows).path
    read = torch.export.load(path)
    assert not [node.target for node in read.graph.nodes if "parnassus" in str(node.target)]


def test_numbers_come_out_in_their_own_units(tmp_path):
    X = draw(12).normal(size=(COUNT, 3))
    y = np.stack([1000 + 50 * X[:, 0], X[:, 1]], 1)
    reg = pn.Regressor("mlp", epochs=2).fit(X, y)
    path = pn.export.to_onnx(reg, tmp_path / "m.onnx").path
    np.testing.assert_allclose(answers(path, numbers=X), reg.predict(X), rtol=1e-5)
    counts = pn.Regressor("mlp", epochs=2, loss="poisson").fit(X, draw(13).poisson(4, COUNT))
    path = pn.export.to_onnx(counts, tmp_path / "c.onnx").path
    np.testing.assert_allclose(answers(path, numbers=X)[:, 0], counts.predict(X), rtol=1e-5)


def test_texts_several_labels_and_temperatures(tmp_path):
    texts = [" ".join(draw(i).choice(["tea", "cup", "sun", "sea"], 5)) for i in range(COUNT)]
    clf = pn.Classifier("mlp", epochs=2).fit(texts, draw(15).integers(2, size=(COUNT, 3)))
    assert pn.export.to_onnx(clf, tmp_path / "t.onnx").difference < 1e-5
    warm, X, _ = fitted()
    more = draw(16).normal(3, 5, (400, 4))
    warm.calibrate(more, draw(17).integers(3, size=400))
    path = pn.export.to_onnx(warm, tmp_path / "w.onnx").path
    np.testing.assert_allclose(answers(path, numbers=X), warm.predict_proba(X), atol=1e-6)


def test_a_program_answers_as_the_estimator_does(tmp_path):
    clf, X, _ = fitted()
    made = pn.export.to_program(clf, tmp_path / "m.pt2", X=X)
    read = torch.export.load(made.path).module()
    np.testing.assert_allclose(read(torch.from_numpy(X)).detach().numpy(), clf.predict_proba(X), atol=1e-6)


def test_a_file_says_nothing_of_the_machine_it_was_made_on(tmp_path):
    clf, X, _ = fitted()
    bytes_ = pn.export.to_onnx(clf, tmp_path / "m.onnx", X=X).path.read_bytes()
    assert str(Path(pn.__file__).parent).encode() not in bytes_
    assert str(tmp_path).encode() not in bytes_


@pytest.mark.parametrize("how", ["dynamic", "static"])
def test_eight_bits_are_fewer_bytes_and_nearly_the_same_answers(how, tmp_path):
    digits = load_digits()
    X, y = digits.data[:, digits.data.std(0) > 0.5], digits.target
    clf = pn.Classifier(pn.model("mlp", hidden=(128, 64)), epochs=10).fit(X[:1400], y[:1400])
    whole = pn.export.to_onnx(clf, tmp_path / "m.onnx", X=X[:300])
    small = pn.export.to_onnx(clf, tmp_path / "m8.onnx", X=X[:300], int8=how)
    assert small.n_bytes < 0.6 * whole.n_bytes
    assert 1e-5 < small.difference < 0.5
    found = pn.export.weigh({"whole": clf, "onnx": whole.path, "int8": small.path}, X[1400:], y[1400:])
    assert found["onnx"].score == pytest.approx(clf.score(X[1400:], y[1400:]))
    assert found["int8"].score > found["onnx"].score - 0.02
    assert found["int8"].n_bytes == small.path.stat().st_size
    assert "kilobytes" in str(found)


def test_a_file_that_answers_otherwise_is_not_kept(tmp_path, monkeypatch):
    clf, X, _ = fitted()
    from parnassus.export import graph

    whole = graph.table_inlet

    def wrong(codec):
        inlet = whole(codec)
        return graph.Inlet(inlet.names, inlet.feeds, lambda g: {"x": inlet.batch(g)["x"] + 0.5}, inlet.told)

    monkeypatch.setattr(graph, "table_inlet", wrong)
    with pytest.raises(SettingError, match="away from the estimator"):
        pn.export.to_onnx(clf, tmp_path / "m.onnx", X=X)
    assert not (tmp_path / "m.onnx").exists()


def test_eight_bits_that_spare_nothing_say_so(tmp_path):
    clf, X, _ = fitted()
    with pytest.warns(pn.DataWarning, match="int8='static' the file is .* longer than with 32-bit numbers"):
        pn.export.to_onnx(clf, tmp_path / "m.onnx", X=X, int8="static")


def test_what_cannot_be_written_is_refused_in_words(tmp_path):
    clf, X, y = fitted()
    path = tmp_path / "m.onnx"
    with pytest.raises(SettingError, match="int8='dinamic'; did you mean 'dynamic'"):
        pn.export.to_onnx(clf, path, int8="dinamic")
    with pytest.raises(DataError, match="give X, some hundred"):
        pn.export.to_onnx(clf, path, int8="static")
    with pytest.raises(SettingError, match="Autoencoder or Density; got KMeans"):
        pn.export.to_onnx(pn.KMeans(n_clusters=2).fit(X), path)
    with pytest.raises(SettingError, match="many draws of weights"):
        pn.export.to_onnx(fitted(inference="vi")[0], path)
    more = draw(40).normal(3, 5, (400, 4))
    stepped = clf.calibrate(more, clf.predict(more + 3), how="platt")
    with pytest.raises(SettingError, match="calibrated by 'platt'"):
        pn.export.to_onnx(stepped, path)
    warped = pn.Classifier("dtw_neighbors").fit(draw(18).normal(size=(COUNT, 6, 2)), y)
    with pytest.raises(SettingError, match="cannot be written as a graph"):
        pn.export.to_onnx(warped, path)
    with pytest.raises(pn.NotFitted):
        pn.export.to_onnx(pn.Classifier("mlp"), path)
    for other in (None, pn.Classifier):
        with pytest.raises(SettingError, match="Autoencoder or Density; got"):
            pn.export.to_onnx(other, path)
    with pytest.raises(DataError, match="no rows to try"):
        pn.export.to_onnx(fitted()[0], path, X=X[:0])
    (tmp_path / "no.onnx").write_text("no")
    with pytest.raises(FileError, match="cannot be read as ONNX"):
        pn.export.weigh({"own": fitted()[0], "file": tmp_path / "no.onnx"}, X, y)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        pn.export.to_onnx(fitted()[0], tmp_path / "file" / "m.onnx")
    assert not path.exists()


def test_a_card_says_what_a_model_is_and_is_not_for(tmp_path):
    X, y = table()
    clf = pn.Classifier("mlp", epochs=2, codec=pn.Table(missing="median")).fit(X, y, validation=0.3)
    evaluation = pn.export.write_card(clf, tmp_path / "card.md", data="sizes.csv", meant_for="sorting parcels")
    card = (tmp_path / "card.md").read_text()
    assert "sorting parcels" in card
    assert clf.data_["fingerprint"] in card
    assert f"| Accuracy | {evaluation.metrics[0].value:.4f} |" in card
    assert "Seen in fewer than 30 training rows: `large`, `small`" in card
    assert "epochs: `2`" in card
    again = pn.load(saved(clf, tmp_path))
    assert pn.export.write_card(again, tmp_path / "bare.md") is None
    assert "Not measured" in (tmp_path / "bare.md").read_text()


def saved(clf, folder):
    clf.save(folder / "m.parnassus")
    return folder / "m.parnassus"


@pytest.mark.slow
def test_a_codec_is_told_once_and_lengths_in_words(tmp_path):
    rng = np.random.default_rng(0)
    sounds = [rng.normal(size=900 + 40 * i).astype(np.float32) / 10 for i in range(6)]
    model = pn.Classifier(codec=pn.Speech(sample_rate=8000), epochs=1).fit(sounds, [0, 1] * 3)
    written = pn.export.to_onnx(model, tmp_path / "m.onnx", X=sounds)
    assert written.inputs["lengths"]["holds"] == "how many steps of each row count"
    assert str(written).count("what the codec Speech(") == 1
