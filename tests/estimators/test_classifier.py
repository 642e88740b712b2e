"""The classifier as a person uses it."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import parnassus as pn
from parnassus.data.split import stratified_split
from parnassus.errors import DataError
from parnassus.models.tables.mlp import MLP

IRIS, KINDS = load_iris(return_X_y=True)
SPECIES = np.array(["setosa", "versicolor", "virginica"])[KINDS]
FRAME = load_iris(as_frame=True).frame


def quick(model="mlp", **settings):
    return pn.Classifier(model, **{"epochs": 15, "batch_size": 16, "lr": 0.01} | settings)


def same(one, other):
    a, b = one.objective_.state_dict(), other.objective_.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize(
    "make",
    [
        lambda: IRIS,
        lambda: IRIS.astype(np.float32),
        lambda: IRIS.tolist(),
        lambda: torch.tensor(IRIS),
        lambda: pd.DataFrame(IRIS, index=np.arange(150) * 7),
        lambda: pl.DataFrame(IRIS),
    ],
    ids=["array", "float32", "lists", "tensor", "pandas", "polars"],
)
def test_tables_of_any_kind_learn_alike(make):
    fitted = quick().fit(make(), SPECIES)
    assert fitted.score(make(), SPECIES) > 0.9
    assert set(fitted.predict(make())) <= set(SPECIES)
    assert fitted.n_features_in_ == 4
    np.testing.assert_allclose(fitted.predict_proba(make()).sum(1), 1)
    assert fitted.predict_proba(make()).shape == (150, 3)


@pytest.mark.parametrize(
    "y",
    [KINDS, SPECIES, KINDS.astype(str).tolist(), KINDS.astype(float), pd.Series(SPECIES, index=range(150, 300))],
    ids=["int", "str", "list", "float", "series"],
)
def test_labels_come_back_as_they_were_given(y):
    fitted = quick().fit(IRIS, y)
    np.testing.assert_array_equal(fitted.classes_, np.unique(np.asarray(y)))
    assert fitted.predict(IRIS).dtype.kind == np.asarray(y).dtype.kind
    assert fitted.score(IRIS, y) > 0.9


def test_two_classes_make_one_output_and_agree_with_logistic_regression():
    X, y = load_breast_cancer(return_X_y=True)
    ours = pn.Classifier("logistic", epochs=300, optimizer="lbfgs", batch_size=len(X)).fit(X, y)
    assert ours.facts_["n_outputs"] == 1
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=np.inf, max_iter=5000))
    assert abs(ours.score(X, y) - theirs.fit(X, y).score(X, y)) <= 0.01
    assert ours.decision_function(X).shape == (569,)


def test_booleans_are_labels():
    fitted = quick().fit(IRIS[:100], SPECIES[:100] == "setosa")
    assert fitted.predict(IRIS[:100]).dtype == bool
    assert fitted.score(IRIS[:100], SPECIES[:100] == "setosa") == 1.0


@pytest.mark.parametrize("form", ["indicator", "lists", "sets"])
def test_several_labels_a_row_come_back_in_the_form_given(form):
    hot = np.stack([IRIS[:, 0] > 5.8, IRIS[:, 2] > 3, IRIS[:, 3] > 1.5], 1).astype(int)
    names = np.array(["long", "wide", "deep"])
    y = {
        "indicator": hot,
        "lists": [names[r.astype(bool)].tolist() for r in hot],
        "sets": [set(names[r.astype(bool)].tolist()) for r in hot],
    }[form]
    fitted = quick(epochs=60).fit(IRIS, y)
    assert type(fitted.predict(IRIS)[0]) is type(y[0])
    assert fitted.score(IRIS, y) > 0.85
    evaluation = fitted.evaluate(IRIS, y)
    assert evaluation.task == "multilabel"
    assert evaluation.headline.value > evaluation.headline.baseline


def test_a_frame_with_its_target_column_is_enough():
    fitted = quick().fit(FRAME, target="target")
    assert list(fitted.feature_names_in_) == list(FRAME.columns[:4])
    assert fitted.score(FRAME) > 0.9
    assert fitted.predict(FRAME.drop(columns="target")).tolist() == fitted.predict(FRAME).tolist()


def test_a_csv_is_enough(tmp_path):
    path = tmp_path / "iris.csv"
    FRAME.assign(target=SPECIES).to_csv(path, index=False)
    fitted = quick().fit(path, target="target")
    assert fitted.score(path) > 0.9
    assert fitted.predict(str(path)).shape == (150,)
    assert set(fitted.classes_) == set(SPECIES)


def test_parquet_is_enough(tmp_path):
    path = tmp_path / "iris.parquet"
    FRAME.to_parquet(path)
    assert quick().fit(path, target="target").score(path) > 0.9


def test_a_folder_of_pictures_a_class_is_enough(tmp_path):
    from PIL import Image

    digits = load_digits()
    for kind in (0, 1):
        (tmp_path / f"digit-{kind}").mkdir()
        for i, picture in enumerate(digits.images[digits.target == kind][:30]):
            Image.fromarray((picture * 15).astype("uint8")).save(tmp_path / f"digit-{kind}" / f"{i}.png")
    fitted = pn.Classifier(epochs=8).fit(tmp_path)
    assert fitted.score(tmp_path) > 0.95
    assert fitted.model_name == "cnn"
    assert fitted.predict([tmp_path / "digit-0" / "3.png"]).tolist() == ["digit-0"]


def test_texts_are_enough():
    texts = ["good fine great", "bad awful", "great great fun", "awful boring bad film"] * 10
    moods = ["pos", "neg", "pos", "neg"] * 10
    fitted = quick().fit(texts, moods)
    assert (fitted.view_, fitted.codec_.kind) == ("vector", "text")
    assert fitted.predict(["a great fun film", "boring awful"]).tolist() == ["pos", "neg"]


def test_pictures_go_to_mlp_as_vectors_and_to_cnn_as_pictures():
    digits = load_digits()
    pictures = (digits.images * 15).astype("uint8")[:200]
    vector = quick().fit(pictures, digits.target[:200])
    image = quick("cnn", epochs=5).fit(pictures, digits.target[:200])
    assert (vector.view_, vector.facts_["in_features"]) == ("vector", 64)
    assert (image.view_, image.facts_["image_size"]) == ("image", (8, 8))
    assert image.score(pictures, digits.target[:200]) > 0.9


# --- training -------------------------------------------------------------------------------------


def test_same_seed_same_weights_and_another_seed_other_weights():
    settings = {"model": pn.model("mlp", dropout=0.2), "schedule": pn.schedule("cosine", warmup=0.1), "epochs": 5}
    one, two, three = (pn.Classifier(**settings, seed=s).fit(IRIS, SPECIES) for s in (0, 0, 1))
    assert same(one, two)
    assert not same(one, three)


@pytest.mark.slow
def test_the_default_learns_small_data_without_a_setting():
    assert pn.Classifier().fit(IRIS, SPECIES, validation=0.2).score(IRIS, SPECIES) > 0.95


def test_patience_holds_rows_out_by_itself():
    fitted = quick(epochs=300, patience=5, lr=0.05).fit(IRIS, SPECIES)
    assert len(fitted.history_) < 300
    assert "validation_accuracy" in fitted.history_[0]
    assert len(fitted.held_) == 15


def test_class_weights_are_sample_weights():
    by_class = quick(class_weight={"setosa": 2.0, "virginica": 0.5}).fit(IRIS, SPECIES)
    weight = np.select([SPECIES == "setosa", SPECIES == "virginica"], [2.0, 0.5], 1.0)
    assert same(by_class, quick().fit(IRIS, SPECIES, sample_weight=weight))


def test_balanced_weights_lift_the_rare_class():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2)) + np.repeat([[0, 0], [1.2, 1.2]], [560, 40], axis=0)
    y = np.repeat(["common", "rare"], [560, 40])
    plain, balanced = (quick("logistic", class_weight=w).fit(X, y) for w in (None, "balanced"))
    assert (balanced.predict(X) == "rare").sum() > 2 * (plain.predict(X) == "rare").sum()


def test_a_threshold_is_tuned_on_held_out_rows():
    X, y = load_breast_cancer(return_X_y=True)
    fitted = quick(threshold="f1").fit(X, y)
    assert 0 < fitted.threshold_ < 1
    assert fitted.threshold_ != 0.5
    np.testing.assert_array_equal(fitted.predict(X), fitted.predict_proba(X)[:, 1] >= fitted.threshold_)


def test_a_threshold_a_label():
    hot = np.stack([IRIS[:, 0] > 5.8, IRIS[:, 2] > 6], 1).astype(int)
    fitted = quick(threshold="f1").fit(IRIS, hot)
    assert len(fitted.threshold_) == 2


def test_partial_fit_goes_on_and_knows_classes_to_come():
    fitted = pn.Classifier("mlp", batch_size=16, lr=0.02)
    order = np.random.default_rng(0).permutation(150)
    for _ in range(8):
        for part in np.array_split(order, 3):
            fitted.partial_fit(IRIS[part], SPECIES[part], classes=["setosa", "versicolor", "virginica", "rose"])
    assert fitted.score(IRIS, SPECIES) > 0.9
    assert fitted.predict_proba(IRIS).shape == (150, 4)
    assert len(fitted.history_) == 24


def test_a_run_folder_holds_log_events_and_checkpoint(tmp_path):
    quick(out=tmp_path, checkpoint_every=3, epochs=4).fit(IRIS, SPECIES, validation=0.2)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,validation_loss,validation_accuracy,rate"
    assert len(lines) == 5
    assert list((tmp_path / "events").iterdir())
    assert (tmp_path / "checkpoint" / "last.safetensors").exists()


class Stop(Exception):
    pass


def test_killed_and_resumed_gives_the_weights_of_the_uninterrupted_run(tmp_path, monkeypatch):
    settings = {"model": pn.model("mlp", dropout=0.3), "epochs": 6, "batch_size": 16, "average": 0.9}
    whole = pn.Classifier(**settings).fit(IRIS, SPECIES, validation=0.2)
    from parnassus.train.checkpoint import Checkpoint

    stepped = Checkpoint.stepped

    def dies(self, trainer):
        stepped(self, trainer)
        if trainer.step == 20:
            raise Stop

    monkeypatch.setattr(Checkpoint, "stepped", dies)
    with pytest.raises(Stop):
        pn.Classifier(**settings, out=tmp_path, checkpoint_every=7).fit(IRIS, SPECIES, validation=0.2)
    monkeypatch.undo()
    resumed = pn.Classifier(**settings, out=tmp_path, checkpoint_every=7, resume=True).fit(
        IRIS, SPECIES, validation=0.2
    )
    assert same(whole, resumed)
    assert resumed.history_ == whole.history_


def test_resume_refuses_other_rows(tmp_path):
    quick(out=tmp_path, epochs=2).fit(IRIS, SPECIES)
    with pytest.raises(pn.DataError, match="made on other data"):
        quick(out=tmp_path, epochs=2, resume=True).fit(IRIS[::-1], SPECIES)


def test_optimizers_by_phase_and_typos_in_them():
    assert quick(optimizer={"fit": pn.optimizer("sgd", lr=0.1, momentum=0.9)}, lr=None).fit(IRIS, SPECIES)
    with pytest.raises(pn.SettingError, match="which this model has not"):
        quick(optimizer={"fti": "sgd"}).fit(IRIS, SPECIES)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "mpl"}, ["unknown model 'mpl'", "'mlp'"]),
        ({"model": 3}, ["model is a name"]),
        ({"model": "cnn"}, ["in_channels", "these data offer"]),
        ({"optimizer": "adma"}, ["unknown optimizer", "'adam'"]),
        ({"loss": "huber"}, ["huber", "numbers"]),
        ({"epochs": 0}, ["epochs", "at least 1"]),
        ({"batch_size": "many"}, ["batch_size"]),
        ({"lr": -1.0}, ["lr", "at least 0"]),
        ({"device": "tpu"}, ["device 'tpu'"]),
        ({"view": "image"}, ["view 'image'", "vector"]),
        ({"class_weight": {"rose": 1}}, ["rose"]),
        ({"class_weight": "even"}, ["class_weight"]),
        ({"threshold": 2.0}, ["threshold"]),
        ({"resume": True}, ["out="]),
        ({"precision": "float16"}, ["precision"]),
    ],
)
def test_a_setting_that_cannot_be_met_is_named(settings, words):
    with pytest.raises(pn.ParnassusError) as caught:
        pn.Classifier(**{"epochs": 1} | settings).fit(IRIS, SPECIES)
    assert all(w in str(caught.value) for w in words), str(caught.value)


# --- scikit-learn ---------------------------------------------------------------------------------


def test_grid_search_reads_the_options_of_a_bare_name():
    grid = GridSearchCV(quick(), {"model__hidden": [(2,), (32,)], "optimizer__weight_decay": [0.0, 0.1]}, cv=3)
    assert grid.fit(IRIS, SPECIES).best_score_ > 0.9
    assert grid.best_params_["model__hidden"] in [(2,), (32,)]


def test_a_grid_of_names_specs_and_modules():
    models = ["mlp", pn.model("mlp", hidden=(16, 16)), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))]
    grid = GridSearchCV(quick(epochs=3), {"model": models}, cv=2).fit(IRIS, SPECIES)
    assert len(grid.cv_results_["mean_test_score"]) == 3
    assert np.isfinite(grid.cv_results_["mean_test_score"]).all()


test_a_grid_of_names_specs_and_modules = pytest.mark.usefixtures("draws")(test_a_grid_of_names_specs_and_modules)


def test_pipeline_clone_and_cross_validation():
    piped = make_pipeline(StandardScaler(), clone(quick()))
    assert cross_val_score(piped, IRIS, SPECIES, cv=3).mean() > 0.9


@pytest.mark.usefixtures("draws")
def test_a_given_module_is_not_altered_and_cannot_be_saved(tmp_path):
    module = MLP([4, 3])
    before = module[0].weight.clone()
    fitted = quick(module).fit(IRIS, SPECIES)
    assert torch.equal(before, module[0].weight)
    with pytest.raises(pn.DataError, match="register a builder"):
        fitted.save(tmp_path / "m")


def test_nothing_works_before_fit():
    for verb in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(pn.NotFitted, match="call fit first"):
            getattr(pn.Classifier(), verb)(IRIS)
    with pytest.raises(pn.NotFitted):
        pn.Classifier().save("nowhere")


def test_a_fitted_estimator_pickles_small_for_parallel_search():
    fitted = quick(pn.model("mlp", hidden=(64, 64, 64))).fit(IRIS, SPECIES)
    fitted.held_ = None
    assert len(pickle.dumps(fitted)) < 60_000


# --- parity ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
def test_forward_equals_scikit_learns_mlp_with_copied_weights(n_classes):
    X, y = IRIS[: 50 * n_classes], KINDS[: 50 * n_classes]
    theirs = MLPClassifier((16, 8), max_iter=200, random_state=0, tol=1e-1).fit(X, y)
    ours = pn.Classifier(pn.model("mlp", hidden=(16, 8)), epochs=1, codec=pn.Table(scaling="none")).fit(X, y)
    linears = [m for m in ours.objective_.model if isinstance(m, nn.Linear)]
    with torch.no_grad():
        for linear, w, b in zip(linears, theirs.coefs_, theirs.intercepts_, strict=True):
            linear.weight.copy_(torch.tensor(w.T))
            linear.bias.copy_(torch.tensor(b))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


# --- save and load --------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["table", "frame", "binary", "multilabel", "image", "text", "tuned"])
def test_saved_and_loaded_predict_alike(case, tmp_path):
    digits = load_digits()
    pictures = (digits.images * 15).astype("uint8")[:100]
    hot = np.stack([IRIS[:, 0] > 5.8, IRIS[:, 2] > 3], 1).astype(int)
    made, X = {
        "table": lambda: (
            quick(pn.model("mlp", hidden=(8, 8)), optimizer=pn.optimizer("adam", betas=(0.8, 0.9))).fit(IRIS, SPECIES),
            IRIS,
        ),
        "frame": lambda: (
            quick().fit(FRAME.assign(colour=["red", "blue"] * 75), target="target"),
            FRAME.assign(colour=["blue", "red"] * 75),
        ),
        "binary": lambda: (quick().fit(IRIS[:100], SPECIES[:100]), IRIS),
        "multilabel": lambda: (quick().fit(IRIS, hot), IRIS),
        "image": lambda: (quick("cnn", epochs=1).fit(pictures, digits.target[:100]), pictures),
        "text": lambda: (quick(codec=pn.Text(lower=False)).fit(["good film", "bad film"] * 9, [1, 0] * 9), ["good"]),
        "tuned": lambda: (quick(threshold="f1").fit(*load_breast_cancer(return_X_y=True)), load_breast_cancer().data),
    }[case]()
    made.save(tmp_path / "m.parnassus")
    back = pn.load(tmp_path / "m.parnassus")
    np.testing.assert_array_equal(made.predict_proba(X), back.predict_proba(X))
    assert np.array_equal(made.predict(X), back.predict(X))
    assert repr(back) == repr(made)
    assert back.history_ == made.history_
    made.save(tmp_path / "again.parnassus")
    assert (tmp_path / "again.parnassus").read_bytes() == (tmp_path / "m.parnassus").read_bytes()


@pytest.mark.slow
def test_report_writes_one_page_without_network(tmp_path):
    fitted = quick().fit(FRAME, target="target", validation=0.3)
    evaluation = fitted.report(tmp_path / "r.html", data="iris <script>")
    page = (tmp_path / "r.html").read_text()
    assert evaluation.headline.name == "accuracy"
    assert "<script>" not in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )
    assert fitted.report(tmp_path / "r2.html", FRAME).n_rows == 150
    with pytest.raises(pn.SettingError, match=r"validation=0\.2"):
        quick(epochs=1).fit(FRAME, target="target").report(tmp_path / "x.html")


def test_a_validation_pair_is_weighted_as_a_fraction_of_the_rows_is():
    weights = {"setosa": 3.0, "versicolor": 1.0, "virginica": 0.2}
    labels = np.unique(SPECIES, return_inverse=True)[1]
    kept, held = stratified_split(labels, 0.3, seed=0)
    rows, answers = np.asarray(IRIS), np.asarray(SPECIES)
    drawn = quick(class_weight=weights).fit(rows, answers, validation=0.3)
    given = quick(class_weight=weights).fit(rows[kept], answers[kept], validation=(rows[held], answers[held]))
    assert given.history_ == drawn.history_


def test_one_text_in_place_of_a_list_is_refused():
    texts = ["a good film", "a bad film"] * 10
    fitted = pn.Classifier("mlp", epochs=1).fit(texts, ["up", "down"] * 10)
    with pytest.raises(DataError, match="give a list of texts"):
        fitted.predict("a good film")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["arrays", "lists", "equally long"])
def test_sequences_of_symbols_may_have_any_lengths(kind, tmp_path):
    """Class 1 goes on as it began, class 0 changes; ragged arrays of integers show what they are, others are told."""
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    sizes = np.full(40, 12) if kind == "equally long" else rng.integers(9, 15, 40)
    states = [np.cumsum(rng.random(n) < (0.05 if c else 0.95)) % 2 for c, n in zip(y, sizes, strict=True)]
    X = [3 * s + rng.integers(0, 3, len(s)) for s in states]
    codec = None if kind == "arrays" else pn.Sequences()
    X = [x.tolist() for x in X] if kind == "lists" else X
    clf = pn.Classifier(pn.model("hmm", n_states=2), codec=codec)
    held = (X[30:], y[30:])
    assert clf.fit(X[:30], y[:30], validation=held).score(*held) > 0.8
    clf.report(tmp_path / "page.html", *held)
    clf.save(tmp_path / "chains.parnassus")
    assert (pn.load(tmp_path / "chains.parnassus").predict(X) == clf.predict(X)).all()


def test_rows_of_symbols_that_look_like_a_table_are_told_what_to_give():
    rows = np.arange(40).reshape(10, 4) % 3
    with pytest.raises(pn.DataError, match=r"codec=pn\.Sequences\(\)"):
        pn.Classifier("hmm").fit(rows, np.arange(10) % 2)
