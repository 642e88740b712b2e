"""Every kind of estimator that is served answers what it answers in Python, and the schema says so beforehand."""

import base64
import io
import json

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.linear_model import LinearRegression

import parnassus as pn
from parnassus.data.audio.sounds import Sounds
from parnassus.errors import SettingError
from parnassus.serve.service import Service
from parnassus.serve.settings import Settings

from .conftest import ROW, asking, error_of, png, wav


def answers(model, inputs=None, *, content=None, kind=None):
    with asking(model) as client:
        if content is not None:
            response = client.post("/predict", content=content, headers={"Content-Type": kind})
        else:
            response = client.post("/predict", json={"inputs": inputs})
    assert response.status_code == 200, response.text
    return response.json()["answers"]


def test_a_row_is_answered_with_the_label_and_the_probabilities_of_predict(table):
    frame = pd.DataFrame([ROW | {"joined": pd.Timestamp(ROW["joined"])}])
    found = answers(table, [ROW])[0]
    assert found["label"] == table.predict(frame)[0]
    said = {p["label"]: p["probability"] for p in found["probabilities"]}
    assert said == pytest.approx(dict(zip(table.classes_, table.predict_proba(frame)[0], strict=True)), abs=1e-6)
    assert found["probabilities"][0]["probability"] >= found["probabilities"][1]["probability"]


def test_rows_of_a_matrix_are_arrays_or_objects_by_number():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    model = pn.Regressor("mlp", epochs=2, progress=False).fit(X, X.sum(1))
    for found in answers(model, [[1, 2.5], {"0": 1, "1": 2.5}]):
        assert found == {"value": pytest.approx(model.predict(np.array([[1, 2.5]]))[0], abs=1e-5)}


def test_a_gap_may_be_sent_where_the_codec_fills_it():
    X = pd.DataFrame({"a": [1.0, np.nan, 3.0, 4.0] * 10, "b": ["x", "y", None, "x"] * 10})
    model = pn.Classifier("mlp", epochs=1, codec=pn.Table(missing="mode"), progress=False).fit(
        X, ["p", "q", "q", "p", "q"] * 8
    )
    found = answers(model, [{"a": None, "b": None}, {}])
    assert found[0]["probabilities"][0] == pytest.approx(found[1]["probabilities"][0], abs=1e-6)
    assert found[0]["label"] == model.predict(pd.DataFrame({"a": [np.nan], "b": [None]}))[0]


def test_a_prompt_that_is_too_long_is_named_by_its_own_place():
    settings = {"context": 8, "unit": "characters", "epochs": 1, "progress": False}
    model = pn.LanguageModel(pn.model("gpt", width=8, n_heads=1, n_layers=1), **settings).fit(["abc abd abe"] * 20)
    with asking(model) as client:
        fits = client.post("/predict", json={"inputs": [{"prompt": "abc abd", "n_tokens": 2}]})
        response = client.post("/predict", json={"inputs": [{"prompt": "a"}, {"prompt": "abc abde"}]})
    assert fits.status_code == 200
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["where"] == "inputs[1].prompt"
    assert error["message"] == "inputs[1].prompt has 8 tokens, and the model has room for 7; send a shorter one"


def test_a_column_that_is_not_sent_is_named_as_it_is_written():
    X = pd.DataFrame({"größe": np.arange(20.0), "b": np.arange(20.0) % 3})
    model = pn.Classifier("mlp", epochs=1, progress=False).fit(X, [0, 1] * 10)
    with asking(model) as client:
        response = client.post("/predict", json={"inputs": [{"b": 1}]})
    assert response.status_code == 422
    assert "lacks the fields 'größe'" in response.json()["error"]["message"]


def test_categories_keep_their_types():
    X = pd.DataFrame({"code": pd.Series([1, 2] * 20, dtype="object"), "n": np.arange(40.0)})
    X["flag"] = pd.Series([True, False] * 20).to_numpy()
    X["word"] = ["1", "2"] * 20
    model = pn.Classifier("mlp", epochs=1, progress=False).fit(X, ["p", "q", "q", "p", "q"] * 8)
    with asking(model) as client:
        good = {"code": 1, "n": 3, "flag": False, "word": "2"}
        assert client.post("/predict", json={"inputs": [good]}).status_code == 200
        error = error_of(client.post("/predict", json={"inputs": [good | {"word": 2}]}), 422)
        assert error["where"] == "inputs[0].word"
        assert error["allowed"] == ["1", "2"]


def test_intervals_come_with_values_where_the_model_has_them():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    y = X.sum(1)
    loss = pn.loss("quantile", quantiles=(0.1, 0.5, 0.9))
    for model in (
        pn.Regressor("mlp", epochs=2, loss=loss, progress=False).fit(X, y),
        pn.Conformal(pn.Regressor("mlp", epochs=2, progress=False)).fit(X, y),
    ):
        found = answers(model, [[1, 2]])[0]
        assert found["interval"] == pytest.approx(model.predict_interval(np.array([[1.0, 2.0]]))[0], abs=1e-5)
    sets = pn.Conformal(pn.Classifier("mlp", epochs=2, progress=False)).fit(X, np.where(y > 0, "a", "b"))
    assert answers(sets, [[1, 2]])[0]["set"] == sets.predict_set(np.array([[1.0, 2.0]]))[0]


def test_several_labels_and_ensembles_are_answered():
    X = np.random.default_rng(0).normal(size=(40, 2))
    several = pn.Classifier("mlp", epochs=2, progress=False).fit(X, [["a"] if r[0] > 0 else ["b", "c"] for r in X])
    assert answers(several, [[1, 2]])[0]["labels"] == several.predict([[1, 2]])[0]
    voting = pn.Bagging(pn.Classifier("mlp", epochs=1, progress=False)).fit(X, np.where(X[:, 0] > 0, "a", "b"))
    assert answers(voting, [[1, 2]])[0]["label"] == voting.predict(np.array([[1.0, 2.0]]))[0]


def test_pictures_are_files_by_themselves_or_in_a_form(pictures):
    pixels = np.random.default_rng(3).integers(0, 255, (2, 12, 10), dtype=np.uint8)
    wanted = pictures.predict_proba(pixels)
    with asking(pictures) as client:
        parts = [("file", (f"{i}.png", png(p), "image/png")) for i, p in enumerate(pixels)]
        many = client.post("/predict", files=parts).json()["answers"]
        one = client.post("/predict", content=png(pixels[1]), headers={"Content-Type": "image/png"}).json()["answers"]
    assert len(many) == 2
    assert many[1]["label"] == one[0]["label"] == pictures.predict(pixels)[1]
    said = {p["label"]: p["probability"] for p in many[1]["probabilities"]}
    assert said == pytest.approx(dict(zip(pictures.classes_, wanted[1], strict=True)), abs=1e-6)


def test_sounds_are_brought_to_the_models_rate(sounds):
    wave = np.random.default_rng(4).normal(0, 0.1, 4000).astype(np.float32)
    found = answers(sounds, content=wav(wave), kind="audio/wav")[0]
    pcm = np.round(wave * 32768).clip(-32768, 32767) / 32768  # WAV holds 16 bits
    assert found["probabilities"][0]["probability"] == pytest.approx(
        sounds.predict_proba([pcm.astype(np.float32), wave])[0].max(), abs=1e-3
    )
    assert answers(sounds, content=wav(np.repeat(wave, 2), 16000), kind="audio/wav")[0]["label"] in ("a", "b")


def test_a_text_is_never_taken_for_a_path(texts, tmp_path, monkeypatch):
    (tmp_path / "x.txt").write_text("a good film")
    monkeypatch.chdir(tmp_path)
    given = ["x.txt", str(tmp_path / "x.txt"), "a good film"]
    found = answers(texts, given)
    assert found[0] != found[2]
    assert found[1] != found[2]
    assert answers(texts, ["x.txt"])[0]["label"] == texts.predict(["x.txt", "a"])[0]


def test_sequences_tags_vectors_and_groups():
    rng = np.random.default_rng(0)
    steps = pn.Classifier("gru", epochs=1, progress=False).fit(
        [rng.normal(size=(5, 2)) for _ in range(12)], ["a", "b"] * 6
    )
    assert answers(steps, [[[1, 2], [3, 4]]])[0]["label"] == steps.predict([np.array([[1.0, 2.0], [3.0, 4.0]])])[0]
    tagger = pn.Tagger(epochs=1, progress=False).fit([["a", "b"], ["c"]] * 4, [["X", "O"], ["O"]] * 4)
    found = answers(tagger, [["a", "b"], "c a"])
    assert [t["tag"] for t in found[1]["tags"]] == tagger.predict([["c", "a"]])[0]
    embedder = pn.Embedder("skip_gram", epochs=1, min_count=1, progress=False).fit(["a good film", "a bad film"] * 5)
    assert answers(embedder, ["good film"])[0]["vector"] == pytest.approx(embedder.transform(["good film"])[0].tolist())
    groups = pn.Clusterer("kmeans", n_clusters=2).fit(rng.normal(size=(30, 2)))
    assert answers(groups, [[1, 2]]) == [{"group": int(groups.predict([[1, 2]])[0])}]


@pytest.mark.parametrize("name", ["gaussian", "categorical"])
def test_states_of_sequences_and_how_likely_they_are(name):
    rng = np.random.default_rng(0)
    if name == "gaussian":
        rows = [rng.normal(size=(n, 2)) + 4 * (np.arange(n)[:, None] % 2) for n in (9, 12, 7)]
    else:
        rows = [rng.integers(0, 3, n) for n in (9, 12, 7)]
    model = pn.HMM(name, n_states=2, epochs=5, progress=False).fit(rows)
    found = answers(model, [row.tolist() for row in rows])
    for one, row in zip(found, rows, strict=True):
        assert one["states"] == model.decode(row).path.tolist()
        assert one["log_prob"] == pytest.approx(model.log_prob(row), abs=1e-4)


def test_writing_takes_settings_and_a_seed_decides():
    model = pn.LanguageModel("ngram").fit(["the cat sat on the mat", "a dog ran"] * 3)
    asked = {"prompt": "the", "n_tokens": 5, "seed": 3}
    a, b, c = answers(model, [asked, asked | {"n_tokens": 2}, asked])
    assert a == c == {"text": model.generate("the", n_tokens=5, seed=3)}
    assert b == {"text": model.generate("the", n_tokens=2, seed=3)}
    seeds = [{"prompt": word, "n_tokens": 6, "seed": seed} for word in ("the", "a", "dog") for seed in (3, 4)]
    together = answers(model, seeds)
    assert together == [answers(model, [one])[0] for one in seeds]
    assert len({one["text"].split(maxsplit=1)[1] for one in together}) > 2
    translator = pn.Translator("seq2seq", epochs=1, progress=False).fit([("a b", "c d"), ("b a", "d c")] * 3)
    assert answers(translator, ["a b"]) == [{"text": translator.translate(["a b"])[0]}]


@pytest.mark.parametrize("beam", [1, 3])
def test_a_translation_that_does_not_end_is_as_long_beside_others_as_alone(beam):
    pairs = [("a b", "c d c d c"), ("b a", "d c d c d")] * 3
    translator = pn.Translator("seq2seq", epochs=1, progress=False).fit(pairs)
    asked = ["a", "a b", "b " * 9, "a b " * 30]
    together = translator.translate(asked, beam=beam)
    assert together == [translator.translate([one], beam=beam)[0] for one in asked]
    assert len({len(one.split()) for one in together}) > 1


def test_steps_without_a_frame_are_scored_after_a_frame_was_learned(tmp_path):
    s = np.sin(np.arange(80) / 5)
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=80), "sold": s})
    for method in ("matrix_profile", "forecast"):
        odd = pn.AnomalyDetector(method, window=8).fit(frame, target="sold", time="day")
        found = answers(odd, [{"history": s[:40].tolist()}])[0]["scores"]
        assert found[-1] == pytest.approx(odd.anomaly_score(frame[:40])[-1])


def test_forecasts_go_on_from_a_history_or_from_the_series_of_fit():
    s = np.sin(np.arange(80) / 5)
    model = pn.Forecaster("ridge", horizon=4, progress=False).fit(s)
    sent, own = answers(model, [{"history": s[:60].tolist(), "quantiles": [0.1, 0.9]}, {"horizon": 2}])
    assert sent["forecast"] == pytest.approx(model.predict(X=s[:60]), abs=1e-5)
    assert sent["quantiles"]["0.9"] == pytest.approx(model.predict(X=s[:60], quantiles=(0.1, 0.9))[:, 1], abs=1e-5)
    assert own["forecast"] == pytest.approx(model.predict(2), abs=1e-5)
    odd = pn.AnomalyDetector(window=8).fit(s)
    assert answers(odd, [{"history": s[:40].tolist()}])[0]["scores"] == pytest.approx(odd.anomaly_score(s[:40]))


def test_a_frame_of_series_is_forecast_in_records():
    frame = pd.DataFrame({"t": pd.date_range("2024-01-01", periods=60), "load": np.sin(np.arange(60) / 5)})
    model = pn.Forecaster("ridge", horizon=3, time="t", progress=False).fit(frame, target="load")
    found = answers(model, [{"quantiles": [0.1, 0.9]}])[0]
    assert found["forecast"][0]["t"] == "2024-03-01T00:00:00"
    assert len(found["quantiles"]) == 3


def test_a_question_is_answered_from_its_context():
    X = [("Who came?", "Ann came to Rome."), ("Who left?", "Bo left."), ("Who slept?", "Cy slept in Oslo.")] * 4
    model = pn.QuestionAnswerer(pn.model("bert", width=16), epochs=1, progress=False).fit(X, ["Ann", "Bo", "Cy"] * 4)
    found = answers(model, [{"question": q, "context": c} for q, c in X[:3]])
    for told, said in zip(found, model.n_best(X[:3], n=3), strict=True):
        assert [one["text"] for one in told["answers"]] == [one.text for one in said]
        assert [one["start"] for one in told["answers"]] == [one.start for one in said]
        assert [one["probability"] for one in told["answers"]] == pytest.approx(
            [one.probability for one in said], abs=1e-5
        )
    with asking(model) as client:
        for asked in (
            {"question": "Who?"},
            {"question": "Who?", "context": " "},
            "Who?",
            {"question": 3, "context": "a"},
        ):
            assert client.post("/predict", json={"inputs": [asked]}).status_code == 422


def inside(low, high, size):
    """(1, size, size): one square thing's pixels."""
    at = np.arange(size)
    row = (at >= low) & (at < high)
    return (row[:, None] & row)[None]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the generator has collapsed")
def test_boxes_masks_and_samples():
    big = np.random.default_rng(0).integers(0, 255, (6, 32, 32, 3), dtype=np.uint8)
    boxes = [pn.Boxes(np.array([[2, 2, 20, 20.0]]), np.array(["c"]))] * 6
    detector = pn.Detector(epochs=1, progress=False).fit(list(big), boxes)
    found = answers(detector, content=png(big[0]), kind="image/png")[0]
    assert found["width"] == found["height"] == 32
    assert len(found["boxes"]) == len(detector.predict([big[0]])[0])
    corners = np.array([[[2, 2], [20, 20.0]]])
    for model, part in (("keypoint_rcnn", {"points": corners}), ("mask_rcnn", {"masks": inside(2, 20, 32)})):
        things = [{"boxes": corners.reshape(1, 4), "labels": ["c"], **part}] * 6
        spec = pn.model(model, widths=(8, 8), hidden=8)
        detector = pn.Detector(spec, epochs=12, batch_size=2, lr=6e-3, progress=False).fit(list(big), things)
        thing = answers(detector, content=png(big[0]), kind="image/png")[0]["boxes"][0]
        said = detector.predict([big[0]])[0]
        assert thing["box"] == said.boxes[0].tolist()
        assert thing.get("points") == (said.points[0].tolist() if "points" in part else None)
        if "masks" in part:
            assert (pixels_of(thing["mask"]) == said.masks[0] * 255).all()
    segmenter = pn.Segmenter(epochs=1, progress=False).fit(big, np.where(big[..., 0] > 128, 7, 3))
    found = answers(segmenter, content=png(big[0]), kind="image/png")[0]
    said = segmenter.predict(big[:1])[0]
    assert {c["label"]: c["share"] for c in found["classes"]} == {k: pytest.approx((said == k).mean()) for k in (3, 7)}
    assert (pixels_of(found["mask"]) == segmenter.predict(big[:1])[0]).all()
    finder = pn.KeypointFinder(epochs=1, progress=False).fit(big, np.full((6, 2, 2), 9.0))
    found = answers(finder, content=png(big[0]), kind="image/png")[0]["points"]
    np.testing.assert_allclose([[p["x"], p["y"]] for p in found], finder.predict(big[:1])[0])
    generator = pn.Generator("gan", epochs=1, progress=False).fit(big[..., 0], ["a", "b"] * 3)
    found = answers(generator, [{"n": 2, "condition": "b", "seed": 5}])[0]["samples"]
    assert (pixels_of(found[1]["picture"]) == generator.sample(2, condition="b", seed=5)[1]).all()


@pytest.mark.slow
def test_samples_of_numbers_that_are_asked_for():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 2)), rng.normal(size=(40, 3))
    made = pn.Generator("flow_matching", condition="numbers", epochs=1, progress=False).fit(X, y)
    found = answers(made, [{"n": 2, "condition": [0.5, 1.0, -1.0], "seed": 5}])[0]["samples"]
    wanted = made.sample(2, condition=[0.5, 1.0, -1.0], seed=5)
    np.testing.assert_allclose([list(row.values()) if isinstance(row, dict) else row for row in found], wanted)
    with asking(made) as client:
        for asked in ([0.5], "red", [0.5, None, 1.0], [0.5, 1.0, -1.0, 2.0]):
            assert client.post("/predict", json={"inputs": [{"condition": asked}]}).status_code == 422


def test_what_a_generator_must_be_told_is_required_by_the_schema():
    X = np.random.default_rng(0).normal(size=(40, 2))
    few = {"epochs": 1, "progress": False}
    told, plain = pn.Generator("flow_matching", **few).fit(X, ["a", "b"] * 20), pn.Generator("vae", **few).fit(X)
    with asking(told) as client:
        assert '"required":["condition"]' in client.get("/openapi.json").text.replace(" ", "")
        refused = client.post("/predict", json={"inputs": [{"n": 2}]})
        assert refused.status_code == 422
        assert "lacks 'condition'" in refused.text
        assert client.post("/predict", json={"inputs": [{"condition": "b"}]}).status_code == 200
    with asking(plain) as client:
        assert client.post("/predict", json={"inputs": [{"n": 2}]}).status_code == 200


@pytest.mark.parametrize("name", ["vae", "linear_ae"])
def test_a_row_is_scored_rebuilt_and_its_gaps_are_filled(name):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": rng.normal(size=40), "city": rng.choice(["Oslo", "Rome"], 40), "in": rng.random(40) > 0.5}
    )
    model = pn.Autoencoder(name, epochs=3, quantile=0.9, progress=False).fit(frame)
    whole, holed = {"a": 0.5, "city": "Rome", "in": True}, {"a": None, "city": "Oslo", "in": None}
    far, empty = {"a": 50.0, "city": "Rome", "in": False}, {}
    found = answers(model, [whole, holed, far, empty])
    given = pd.DataFrame([whole, holed, far, {"a": None}], columns=list(frame)).astype({"a": float, "in": object})
    assert [one["score"] for one in found] == pytest.approx(model.anomaly_score(given).tolist(), rel=1e-5)
    assert {one["threshold"] for one in found} == {model.threshold_}
    assert [one["odd"] for one in found] == model.is_anomaly(given).tolist()
    assert found[2]["odd"]
    np.testing.assert_allclose([one["code"] for one in found], model.encode(given), atol=1e-5)
    for one, row in zip(found, model.reconstruct(given).to_dict("records"), strict=True):
        assert one["reconstruction"] == row | {"a": pytest.approx(row["a"], abs=1e-5)}
    assert found[0]["filled"] == found[2]["filled"] == {}
    made = model.impute(given.iloc[[1]]).iloc[0]
    assert found[1]["filled"] == {"a": pytest.approx(made["a"], abs=1e-5), "in": bool(made["in"])}
    assert found[3]["filled"].keys() == {"a", "city", "in"}
    assert found[1]["filled"] == answers(model, [holed])[0]["filled"]
    with asking(model) as client:
        answer = client.get("/openapi.json").json()["components"]["schemas"]["Answer"]
        error = error_of(client.post("/predict", json={"inputs": [whole, whole | {"a": "x"}]}), 422)
    assert answer["properties"].keys() == found[0].keys()
    assert error["where"] == "inputs[1].a"


@pytest.mark.parametrize("shape", [(12, 10), (12, 10, 3)])
def test_a_picture_is_scored_and_rebuilt(shape):
    X = np.random.default_rng(0).integers(0, 255, (12, *shape), dtype=np.uint8)
    model = pn.Autoencoder("vae", epochs=1, progress=False).fit(X)
    found = answers(model, content=png(X[1]), kind="image/png")[0]
    assert found["score"] == pytest.approx(model.anomaly_score(X[1:2])[0], rel=1e-5)
    assert found["odd"] == model.is_anomaly(X[1:2])[0]
    rebuilt = pixels_of(found["reconstruction"]["picture"])
    assert rebuilt.shape == shape
    np.testing.assert_allclose(rebuilt.astype(int), model.reconstruct(X[1:2])[0].astype(int), atol=1)
    with asking(model) as client:
        error_of(client.post("/predict", content=b"none", headers={"Content-Type": "image/png"}), 422)
        error_of(client.post("/predict", json={"inputs": [[[0.0]]]}), 415)


@pytest.mark.parametrize("name", ["cyclegan", "pix2pix"])
def test_a_picture_is_made_into_the_kind_that_is_asked_for(name):
    rng = np.random.default_rng(0)
    A, B = rng.integers(0, 255, (4, 16, 16), dtype=np.uint8), rng.integers(0, 255, (4, 16, 16, 3), dtype=np.uint8)
    net = pn.model(name, width=4, **({"n_blocks": 1, "identity": 0.0} if name == "cyclegan" else {}))
    model = pn.ImageTranslator(net, epochs=1, progress=False).fit(A, B)
    ways = {"A": (B, (16, 16)), "B": (A, (16, 16, 3))} if name == "cyclegan" else {"B": (A, (16, 16, 3))}
    with asking(model) as client:
        for to, (given, shape) in ways.items():
            parts = [("file", (f"{i}.png", png(pixels), "image/png")) for i, pixels in enumerate(given[:2])]
            many = client.post(f"/predict?to={to}", files=parts).json()["answers"]
            assert [one["to"] for one in many] == [to, to]
            for one, wanted in zip(many, model.translate(given[:2], to=to), strict=True):
                made = pixels_of(one["picture"])
                assert made.shape == shape
                np.testing.assert_allclose(made.astype(int), wanted.astype(int), atol=1)
        body = {"content": png(A[0]), "headers": {"Content-Type": "image/png"}}
        assert client.post("/predict", **body).json()["answers"][0]["to"] == "B"
        known = sorted(ways)
        for wrong in ("C", "") if len(known) == 2 else ("A", "C"):
            error = error_of(client.post(f"/predict?to={wrong}", **body), 422)
            assert (error["where"], error["message"].startswith("to takes one of 'A', 'B'; got ")) == (
                "to",
                len(known) == 2,
            )
        assert "'too', which is unknown" in error_of(client.post("/predict?too=A", **body), 422)["message"]
        said = client.get("/openapi.json").json()
    service = Service(model, Settings())
    sent = [service.input.beside({"to": to}).decode(png(given[0]), "file 0") for to, (given, _) in ways.items()] * 2
    assert service.answer(sent) == [service.answer([one])[0] for one in sent]
    (parameter,) = said["paths"]["/predict"]["post"]["parameters"]
    assert (parameter["name"], parameter["in"], parameter["schema"]["enum"]) == ("to", "query", known)


def test_rows_without_names_sequences_and_texts_are_scored_and_rebuilt(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 2))
    model = pn.Autoencoder("vae", epochs=1, progress=False).fit(X)
    found = answers(model, [[1, 2], [None, 2]])
    assert found[0]["reconstruction"] == pytest.approx(model.reconstruct([[1.0, 2.0]])[0].tolist(), abs=1e-5)
    assert found[1]["filled"] == {"0": pytest.approx(model.impute(np.array([[np.nan, 2.0]]))[0, 0], abs=1e-5)}
    steps = pn.Autoencoder(epochs=1, progress=False).fit([rng.normal(size=(n, 2)) for n in (4, 6, 5, 6)])
    sent = [[[1, 2], [3, 4]], [[1, 2]]]
    for one, row in zip(answers(steps, sent), sent, strict=True):
        alone = steps.reconstruct([np.array(row, dtype=float)])[0]
        np.testing.assert_allclose(one["reconstruction"], alone, atol=1e-5)
    film, path = "a good film", tmp_path / "x.txt"
    path.write_text(film)
    bags = pn.Autoencoder(epochs=1, progress=False).fit([film, "a bad film"] * 4)
    written = pn.Autoencoder("text_ae", epochs=1, progress=False).fit([film, "a bad film"] * 4)
    for one in (bags, written):
        said, of_path = answers(one, [film, str(path)])
        assert said["score"] == pytest.approx(one.anomaly_score([film])[0], rel=1e-5)
        assert said["score"] != of_path["score"] != answers(one, [film])[0]["score"]
        assert answers(one, [str(path)])[0]["score"] == pytest.approx(of_path["score"], rel=1e-4)
        assert ("reconstruction" in said) == (one is written)
    assert answers(written, [film])[0]["reconstruction"] == written.reconstruct([film])[0]


def test_the_page_shows_as_many_steps_as_a_model_of_one_length_takes():
    rng = np.random.default_rng(0)
    for lengths, n in (((12, 12, 12), 12), ((12, 9, 10), 8)):
        model = pn.Autoencoder("lstm_ae", epochs=1, progress=False).fit([rng.normal(size=(k, 2)) for k in lengths])
        with asking(model) as client:
            assert len(json.loads(client.get("/schema").json()["input"]["example"])) == n


def pixels_of(url):
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def test_what_is_not_served_says_so_and_what_is():
    with pytest.raises(pn.NotFitted):
        pn.serve.app_of(pn.Classifier("mlp"))
    with pytest.raises(
        SettingError, match="this LinearRegression is not served; these are: anomaly_detector, autoencoder"
    ):
        pn.serve.app_of(LinearRegression())


# --- the schema -----------------------------------------------------------------------------------


def test_the_openapi_document_is_that_of_the_columns(table):
    with asking(table) as client:
        said = client.get("/openapi.json").json()
    row = said["components"]["schemas"]["Input"]
    assert row["required"] == ["age", "city", "member", "joined"]
    assert row["additionalProperties"] is False
    kinds = {k: v.get("type") for k, v in row["properties"].items()}
    assert kinds == {"age": "number", "city": None, "member": "boolean", "joined": "string"}
    assert row["properties"]["city"]["enum"] == ["Oslo", "Rome"]
    assert said["components"]["schemas"]["Answer"]["properties"]["label"]["enum"] == ["leaves", "stays"]
    assert said["openapi"] == "3.1.0"


def test_every_reference_of_the_document_leads_somewhere(table, pictures, texts, sounds):
    for model in (table, pictures, texts, sounds):
        with asking(model, token="secret") as client:
            said = client.get("/openapi.json", headers={"Authorization": "Bearer secret"}).json()
        text = str(said)
        for name in ("Input", "Answer", "Error"):
            assert name in said["components"]["schemas"]
        assert said["security"] == [{"token": []}]
        for part in text.split("'$ref': '")[1:]:
            assert part.split("'")[0].rpartition("/")[2] in said["components"]["schemas"]
        assert {"/predict", "/health", "/ready", "/metrics"} <= said["paths"].keys()


# --- explanations ---------------------------------------------------------------------------------


def test_a_column_explains_by_what_its_usual_value_would_change(table):
    frame = pd.DataFrame([ROW | {"joined": pd.Timestamp(ROW["joined"])}])
    label = table.predict(frame)[0]
    column = table.classes_.tolist().index(label)
    whole = table.predict_proba(frame)[0, column]
    with asking(table) as client:
        found = client.post("/explain", json={"inputs": [ROW]}).json()["explanation"]
        error_of(client.post("/explain", json={"inputs": [ROW, ROW]}), 422)
    effects = {p["part"]: p["effect"] for p in found["parts"]}
    usual = next(spec["mode"] for spec in table.codec_.schema.specs if spec["name"] == "city")
    other = table.predict_proba(frame.assign(city=usual))[0, column]
    assert effects["city"] == pytest.approx(whole - other, abs=1e-5)
    assert found["of"] == f"the probability of {label}"


def test_words_and_pictures_are_explained_too(texts, pictures, sounds):
    with asking(texts) as client:
        found = client.post("/explain", json={"inputs": ["a good film"]}).json()["explanation"]
    assert [p["part"] for p in found["parts"]] == ["a", "good", "film"]
    pixels = np.zeros((12, 10), dtype=np.uint8)
    with asking(pictures) as client:
        response = client.post("/explain", content=png(pixels), headers={"Content-Type": "image/png"})
    assert pixels_of(response.json()["explanation"]["picture"]).shape == (12, 10, 3)
    model = pn.Clusterer("kmeans", n_clusters=2).fit(np.random.default_rng(0).normal(size=(20, 2)))
    with asking(model) as client:
        error = error_of(client.post("/explain", json={"inputs": [[0.0, 1.0]]}), 404)
    assert error["code"] == "no_explanation"


def test_a_moment_of_a_sound_explains_by_what_silence_there_would_change(sounds):
    wave = np.random.default_rng(5).normal(0, 0.1, 4000).astype(np.float32)
    with asking(sounds) as client:
        content = wav(wave)
        found = client.post("/explain", content=content, headers={"Content-Type": "audio/wav"}).json()["explanation"]
    heard = soundfile.read(io.BytesIO(content), dtype="float32")[0]
    label = sounds.predict(Sounds([heard], 8000))[0]
    column = sounds.classes_.tolist().index(label)
    parts = found["parts"]
    assert [p["from"] for p in parts] == pytest.approx([0.05 * i for i in range(10)])
    quiet = heard.copy()
    quiet[1200:1600] = 0
    whole, without = sounds.predict_proba(Sounds([heard, quiet], 8000))[:, column]
    assert parts[3]["effect"] == pytest.approx(whole - without, abs=1e-5)
    assert abs(whole - without) > 1e-6
    assert len(found["wave"]) == 240
    assert max(found["wave"]) == 1
