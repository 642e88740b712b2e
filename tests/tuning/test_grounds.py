"""What a search knows before its first trial: the model that is meant, its ranges, where trials are kept."""

import errno

import numpy as np
import pytest

import parnassus as pn
from parnassus.errors import FileError, MissingExtra, SettingError
from parnassus.tuning import space_of
from parnassus.tuning.courses import Watch, bare
from parnassus.tuning.space import options_of

optuna = pytest.importorskip("optuna", reason="the extra tune is not installed")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)
WAVE = np.sin(np.arange(60) / 3) + RNG.normal(size=60) / 10
TEXTS = [" ".join(RNG.choice(["a", "bee", "cat"], 4)) for _ in range(16)]
PAIRS = [(text, text[::-1]) for text in TEXTS]
PICTURES = (RNG.random((8, 32, 32, 3)) * 255).astype(np.uint8)
RATE = {"lr": (1e-4, 1e-2, "log")}


# --- the model of the task --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "data", "name"),
    [
        (pn.LanguageModel(), TEXTS, "gpt"),
        (pn.Translator(), TEXTS, "transformer"),
        (pn.Embedder(), TEXTS, "skip_gram"),
        (pn.Tagger(), [text.split() for text in TEXTS], "bilstm_crf"),
        (pn.Classifier(), TEXTS, "mlp"),
        (pn.Classifier(), PICTURES, "cnn"),
        (pn.Classifier(codec=pn.Image()), PICTURES[..., 0] / 255.0, "cnn"),
        (pn.NaiveBayes(), TEXTS, "multinomial_nb"),
        (pn.RBM(), X, "rbm"),
    ],
    ids=lambda v: type(v).__name__ if not isinstance(v, str) else v,
)
def test_an_estimator_without_a_model_is_tuned_as_the_model_that_fit_takes(made, data, name):
    assert bare(made, data).model == name


def test_a_language_model_is_tuned_without_its_model_being_named():
    made = pn.LanguageModel(epochs=1, context=8)
    found = pn.tune(made, TEXTS, space={"model__width": [8], "model__n_layers": [1]}, trials=1, refit=False)
    assert found.metrics == ("perplexity",)
    assert found.best_params_ == {"model__width": 8, "model__n_layers": 1}


# --- epochs that are watched ------------------------------------------------------------------------

WATCHED = [
    (pn.Translator(pn.model("seq2seq", width=8, hidden=8), epochs=1), PAIRS, None),
    (pn.KeypointFinder(epochs=1), list(PICTURES), RNG.random((8, 2, 2)) * 30),
    (pn.QuestionAnswerer(pn.model("bert", width=8, n_heads=1, n_layers=1), epochs=1),
     [("where?", "the cat sat in paris")] * 8, ["paris"] * 8),
    (pn.Detector(epochs=1), list(PICTURES), [([[2, 3, 20, 22]], ["ab"[i % 2]]) for i in range(8)]),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("made", "inputs", "answers"), WATCHED, ids=lambda v: type(v).__name__)
def test_answers_in_a_form_of_their_own_are_watched_epoch_by_epoch(made, inputs, answers, monkeypatch):
    heard = []
    epoch = Watch.epoch

    def told(watch, trainer, summary):
        epoch(watch, trainer, summary)
        heard.append(len(watch.rows))

    monkeypatch.setattr(Watch, "epoch", told)
    found = pn.tune(made, inputs, answers, space=RATE, trials=1, refit=False)
    assert [t.state for t in found.trials] == ["complete"]
    assert heard == [len(inputs) // 4]


# --- ranges -----------------------------------------------------------------------------------------


def test_settings_of_a_task_that_its_model_takes_are_given_ranges():
    assert options_of(pn.HMM())["n_states"] == 3
    assert "n_states" in space_of(pn.HMM(), descends=False)
    found = space_of(pn.Clusterer("kmeans", n_clusters=3), descends=False)
    assert list(found) == ["n_clusters"]  # which beats model__n_clusters, as in fit
    assert "model__n_clusters" in space_of(pn.Clusterer("kmeans"), descends=False)
    steps = [RNG.normal(size=(12, 2)) for _ in range(8)]
    found = pn.tune(pn.HMM(epochs=3), steps, trials=2, refit=False)
    assert found.trials[0].params["n_states"] == 3  # the estimator as it was given


def test_counts_that_were_given_to_the_task_are_drawn_and_not_passed_over():
    found = pn.tune(pn.Clusterer("kmeans", n_clusters=3), X, trials=3, refit=False)
    assert len({t.params["n_clusters"] for t in found.trials}) > 1
    assert len({t.values for t in found.trials}) > 1


def test_forecasts_without_gradients_get_no_rate():
    found = pn.tune(pn.Forecaster("ridge", horizon=2, history=4), WAVE, trials=2, refit=False)
    assert list(found.space) == ["model__l2"]
    with pytest.raises(SettingError, match=r"Forecaster suggests a range; give space= of model__order, .*\(1, 1, 1\)"):
        pn.tune(pn.Forecaster("arima", horizon=2), WAVE, trials=1)
    with pytest.raises(SettingError, match="'model__var_smoothing': "):
        pn.tune(pn.NaiveBayes(), X, Y, trials=1)


# --- where trials are kept --------------------------------------------------------------------------


@pytest.mark.parametrize("held", [b"hello\nworld\n", b'{"a": 1}\n', b"[]\n", b"\xff\xfe\x00\n"], ids=repr)
def test_a_file_that_is_no_journal_is_refused_and_left_alone(held, tmp_path):
    path = tmp_path / "notes.log"
    path.write_bytes(held)
    with pytest.raises(FileError, match=r"notes\.log is no journal of trials"):
        pn.tune(pn.Classifier("mlp", epochs=1), X, Y, space=RATE, trials=1, storage=path, resume=True)
    assert path.read_bytes() == held


def test_a_journal_whose_last_line_was_cut_is_gone_on_with(tmp_path):
    path = tmp_path / "trials.log"
    shared = {"space": RATE, "refit": False, "storage": path}
    first = pn.tune(pn.Classifier("mlp", epochs=1), X, Y, trials=2, **shared)
    path.write_bytes(path.read_bytes()[:-7])  # as a full disk leaves it
    on = pn.tune(pn.Classifier("mlp", epochs=1), X, Y, trials=3, resume=True, **shared)
    assert on.trials[0].values == first.trials[0].values
    again = pn.tune(pn.Classifier("mlp", epochs=1), X, Y, trials=3, resume=True, **shared)
    assert [t.values for t in again.trials] == [t.values for t in on.trials]


def test_a_full_disk_ends_the_search_in_a_line_and_loses_no_trial(tmp_path, monkeypatch):
    path = tmp_path / "trials.log"
    shared = {"space": RATE, "refit": False, "storage": path}
    backend = optuna.storages.journal.JournalFileBackend
    append, calls = backend.append_logs, []

    def full(journal, logs):
        calls.append(logs)
        if len(calls) > 25:
            path.open("ab").write(b'{"op_co')  # what had still room
            raise OSError(errno.ENOSPC, "No space left on device")
        append(journal, logs)

    with monkeypatch.context() as patch:
        patch.setattr(backend, "append_logs", full)
        with pytest.raises(FileError, match=r"No space left on device.*resume=True"):
            pn.tune(pn.Classifier("mlp", epochs=1), X, Y, trials=30, **shared)
    on = pn.tune(pn.Classifier("mlp", epochs=1), X, Y, trials=3, resume=True, **shared)
    assert len(on.complete) >= 3


def test_a_sampler_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cmaes", None)
    with pytest.raises(MissingExtra, match=r"'cmaes'.*parnassus\[tune\]"):
        pn.tune(pn.Classifier("mlp", epochs=1), X, Y, space=RATE, trials=1, sampler="cmaes")
