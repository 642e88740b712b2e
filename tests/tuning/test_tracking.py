"""What MLflow holds after a training is what the training said."""

import numpy as np
import pytest

import parnassus as pn
from parnassus.errors import Diverged, FileError
from parnassus.tuning.tracking import client_of, send

pytest.importorskip("mlflow", reason="the extra track is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)


def runs_at(place):
    client = client_of(place)
    experiment = client.get_experiment_by_name("parnassus")
    return client, client.search_runs([experiment.experiment_id])


def test_every_training_inside_is_a_run_with_its_epochs(tmp_path):
    with pn.track(tmp_path, who="me"):
        made = pn.Classifier("mlp", epochs=3).fit(X, Y)
    pn.Classifier("mlp", epochs=3).fit(X, Y)  # outside: not told
    client, (run,) = runs_at(tmp_path)
    assert run.info.status == "FINISHED"
    assert run.data.params["epochs"] == "3"
    assert run.data.params["who"] == "me"
    told = [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "loss")]
    assert told == [(i + 1, pytest.approx(h["loss"])) for i, h in enumerate(made.history_)]


def test_a_run_says_what_was_trained_and_where(tmp_path):
    with pn.track(tmp_path / "held"):
        pn.Classifier(pn.model("mlp", hidden=(4,)), epochs=1, out=tmp_path / "wide").fit(X, Y)
        pn.Regressor("mlp", epochs=1).fit(X, X[:, 1])
    found = {run.info.run_name: run.data.params for run in runs_at(tmp_path / "held")[1]}
    assert found.keys() == {"wide", "mlp"}  # and no two of one drawn name
    assert (found["wide"]["task"], found["wide"]["model"]) == ("classifier", "model('mlp', hidden=(4,))")
    assert (found["mlp"]["task"], found["mlp"]["model"]) == ("regressor", "mlp")


def test_a_training_that_fails_is_a_failed_run(tmp_path):
    with pn.track(tmp_path), pytest.raises(Diverged):
        pn.Regressor("mlp", epochs=3, optimizer="sgd", lr=1e30).fit(X, X[:, 0] + X[:, 1])
    _, (run,) = runs_at(tmp_path)
    assert run.info.status == "FAILED"


def test_a_run_that_ended_is_sent_afterwards(tmp_path):
    send(tmp_path, "old", settings={"lr": 0.1}, curves={"loss": [2.0, 1.0]}, score=("accuracy", 0.5))
    client, (run,) = runs_at(tmp_path)
    assert [m.value for m in client.get_metric_history(run.info.run_id, "loss")] == [2.0, 1.0]
    assert run.data.metrics["best_accuracy"] == 0.5
    assert run.info.status == "FINISHED"


def test_a_run_that_did_not_end_is_no_finished_one(tmp_path):
    send(tmp_path, "old", settings={}, curves={"loss": [2.0]}, score=None, whole=False)
    _, (run,) = runs_at(tmp_path)
    assert run.info.status == "KILLED"


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="is a file"), pn.track(tmp_path / "file"):
        pass
