"""The search: what it finds, what it refuses, how it ends, goes on and shares its work."""

import math
import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import parnassus as pn
from parnassus.errors import DataError, FileError, SettingError
from parnassus.tuning import courses, space_of

optuna = pytest.importorskip("optuna", reason="the extra tune is not installed")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
SPACE = {"model__hidden": [(2,), (32,)], "lr": (1e-4, 1e-1, "log")}


def net(**more):
    return pn.Classifier("mlp", **{"epochs": 6, "batch_size": 16, **more})


def told(found):
    return [(t.number, t.state, t.params, t.values, t.epochs) for t in found.trials]


def test_equal_seeds_give_equal_trials_and_other_seeds_others():
    first, second, other = (pn.tune(net(), X, Y, space=SPACE, trials=6, refit=False, seed=s) for s in (1, 1, 2))
    assert told(first) == told(second)
    assert told(first) != told(other)


def test_a_trials_score_is_that_of_a_fit_on_the_training_part_alone():
    found = pn.tune(net(), X, Y, space=SPACE, trials=4, pruner="none", refit=False)
    for trial in found.trials:
        made = net().set_params(**trial.params)
        apart = pn.cross_validate(made, X, Y, folds=0.25)
        assert apart["accuracy"].mean == pytest.approx(trial.values[0], abs=1e-12)


def test_watching_epochs_changes_no_weight():
    watched = pn.tune(net(), X, Y, space=SPACE, trials=4, pruner=optuna.pruners.PercentilePruner(100.0), refit=False)
    alone = pn.tune(net(), X, Y, space=SPACE, trials=4, pruner="none", refit=False)
    assert [t.values for t in watched.trials] == [t.values for t in alone.trials]


def test_the_first_trial_is_the_estimator_as_it_was_given():
    found = pn.tune(net(lr=0.01), X, Y, space={"lr": (1e-4, 1e-1, "log")}, trials=2, refit=False)
    assert found.trials[0].params == {"lr": pytest.approx(0.01)}


@pytest.mark.slow
def test_the_best_is_refitted_on_all_rows_and_the_given_estimator_stays_unfitted(tmp_path):
    given = net()
    found = pn.tune(given, X, Y, space=SPACE, trials=5, out=tmp_path / "run")
    assert not hasattr(given, "objective_")
    assert found.best_score_ == max(t.values[0] for t in found.complete)
    alone = net().set_params(**found.best_params_).fit(X, Y)
    assert (found.best_estimator_.predict_proba(X) == alone.predict_proba(X)).all()
    assert (pn.load(tmp_path / "run" / "model.parnassus").predict(X) == alone.predict(X)).all()
    page = (tmp_path / "run" / "tuning.html").read_text()
    assert "<svg" in page
    assert all(f"<td>{t.number}</td>" in page for t in found.trials)
    assert (tmp_path / "run" / "log.csv").exists()


@pytest.mark.slow
def test_trials_behind_the_others_end_before_their_last_epoch():
    bad_then_good = {"lr": [1e-2, 1e-7]}
    found = pn.tune(net(epochs=12), X, Y, space=bad_then_good, trials=16, metric="log_loss", refit=False)
    pruned = [t for t in found.trials if t.state == "pruned"]
    assert pruned
    assert {t.params["lr"] for t in pruned} == {1e-7}
    assert all(t.epochs < 12 and t.why == "behind the others" for t in pruned)


def test_trials_that_diverge_are_counted_and_named():
    found = pn.tune(
        pn.Regressor("mlp", epochs=3, optimizer="sgd"), X, (X[:, 0] + X[:, 1]) * 1e3,
        space={"lr": [1e-3, 1e30]}, trials=8, pruner="none", refit=False,
    )  # fmt: skip
    failed = [t for t in found.trials if t.state == "failed"]
    assert failed
    assert all(t.params["lr"] == 1e30 and t.why.startswith("Diverged") for t in failed)
    assert f"{len(failed)} failed" in str(found)
    assert "Diverged" in str(found)


def test_where_every_trial_fails_the_reason_is_said():
    found = pn.tune(net(), X, Y, space={"lr": [1e30]}, trials=1, refit=True)
    if not found.complete:
        assert found.best_estimator_ is None
        with pytest.raises(SettingError, match="no trial came to its end"):
            _ = found.best_params_


def test_bad_rows_are_refused_at_once():
    holed = X.copy()
    holed[3, 1] = np.inf
    with pytest.raises(DataError, match="row 3"):
        pn.tune(net(), holed, Y, space=SPACE, trials=3)


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"model__hiden": [(2,)]}, "model__hidden"),
        ({"learning_rate": (1e-4, 1e-1)}, "called 'lr' here"),
        ({"lr": (1e-1, 1e-4)}, "from a lower to a higher"),
        ({"lr": (0, 1e-4, "log")}, "above 0"),
        ({"lr": "often"}, "a list of choices"),
        ({"lr": []}, "a list of choices"),
        ({"model__hidden": [(2,), (2,)]}, "twice"),
        ({"model__hidden": [3]}, "hidden is like"),
        ({"model": ["mlp", "mpl"]}, "did you mean 'mlp'"),
        ({"view": "auto"}, "no range is known"),
        ({}, "space maps settings"),
        ({"epochs": (2, 8, 100)}, "'log' or a step"),
    ],
)
def test_bad_spaces_are_refused_by_name(space, said):
    with pytest.raises(SettingError, match="(?s)" + said):
        pn.tune(net(), X, Y, space=space, trials=1)


@pytest.mark.parametrize(
    "given",
    [
        {"metric": "acuracy"}, {"trials": 0}, {"budget": -1}, {"budget": math.nan}, {"sampler": "tpee"},
        {"pruner": "medien"}, {"n_workers": 2}, {"outer": 1}, {"folds": 1.5},
    ],
    ids=str,
)  # fmt: skip
def test_bad_settings_are_refused(given):
    with pytest.raises(SettingError):
        pn.tune(net(), X, Y, space=SPACE, **{"trials": 1, **given})


def test_models_are_drawn_with_their_own_options():
    space = {"model__hidden": [(4,), (8,)], "model": ["mlp", "perceptron"]}
    found = pn.tune(net(), X, Y, space=space, trials=8, refit=False)
    assert {t.params["model"] for t in found.trials} == {"mlp", "perceptron"}
    assert all(("model__hidden" in t.params) == (t.params["model"] == "mlp") for t in found.trials)


@pytest.mark.slow
def test_a_budget_ends_the_search_within_a_trial():
    found = pn.tune(net(epochs=200), X, Y, space=SPACE, budget=0.5, refit=False)
    assert found.seconds < 5
    assert found.complete


def test_an_interrupted_search_keeps_what_it_found(monkeypatch):
    measure, n = courses.Course.measures, [0]

    def interrupted(self, made, **more):
        n[0] += 1
        if n[0] == 4:
            raise KeyboardInterrupt
        return measure(self, made, **more)

    monkeypatch.setattr(courses.Course, "measures", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        found = pn.tune(net(), X, Y, space=SPACE, trials=9)
    assert found.interrupted
    assert len(found.complete) == 2
    assert found.best_estimator_ is not None


def test_several_measures_give_a_front_and_none_on_it_is_beaten():
    found = pn.tune(
        net(), X, Y, space={"model__hidden": [(2,), (8,), (64,)], "lr": (1e-3, 1e-1, "log")}, trials=8,
        metric=("log_loss", "size", "latency"), refit=False,
    )  # fmt: skip
    values = np.array([t.values for t in found.complete])
    front = {
        t.number for t, v in zip(found.complete, values, strict=True)
        if not any((o <= v).all() and (o < v).any() for o in values)
    }  # fmt: skip
    assert {t.number for t in found.front} == front
    sizes = {(2,): 4 * 2 + 2 + 2 + 1, (8,): 4 * 8 + 8 + 8 + 1, (64,): 4 * 64 + 64 + 64 + 1}
    assert all(t.values[1] == sizes[t.params["model__hidden"]] for t in found.complete)
    assert all(0 < t.values[2] < 1000 for t in found.complete)
    found.plot()


@pytest.mark.slow
def test_what_matters_is_said_to_matter():
    found = pn.tune(
        net(epochs=4), X, Y, space={"lr": (1e-7, 1e-1, "log"), "clip_norm": (100.0, 200.0)}, trials=20,
        metric="log_loss", pruner="none", sampler="random", refit=False,
    )  # fmt: skip
    assert next(iter(found.importance)) == "lr"
    assert found.importance["lr"] > 0.8
    assert sum(found.importance.values()) == pytest.approx(1)


# --- storage --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "sqlite"])
def test_a_search_is_gone_on_with_and_another_one_refused(kind, tmp_path):
    where = {"out": tmp_path / "run"} if kind == "folder" else {"storage": f"sqlite:///{tmp_path}/trials.db"}
    shared = {"space": SPACE, "refit": False, **where}
    first = pn.tune(net(), X, Y, trials=3, **shared)
    with pytest.raises(FileError, match="resume=True"):
        pn.tune(net(), X, Y, trials=3, **shared)
    on = pn.tune(net(), X, Y, trials=5, resume=True, **shared)
    assert told(on)[:3] == told(first)
    assert len(on.trials) == 5
    assert len({tuple(t.params.values()) for t in on.trials}) == 5  # nothing is drawn twice
    with pytest.raises(DataError, match="estimator was"):
        pn.tune(net(epochs=3), X, Y, trials=5, resume=True, **shared)
    with pytest.raises(DataError, match="data was"):
        pn.tune(net(), X[::-1], Y, trials=5, resume=True, **shared)


@pytest.mark.parametrize("url", ["bogus://here", "sqlite:////no/such/folder/trials.db"])
def test_a_database_that_cannot_be_opened_is_named(url):
    with pytest.raises(FileError, match=rf"storage '{url}' cannot be opened.*a path for a journal"):
        pn.tune(net(), X, Y, space=SPACE, trials=1, storage=url)


def test_going_on_needs_trials_that_are_kept():
    with pytest.raises(SettingError, match="out= or their storage"):
        pn.tune(net(), X, Y, space=SPACE, trials=1, resume=True)


WORKER = """
import sys
import numpy as np
import parnassus as pn
rng = np.random.default_rng(0)
X = rng.normal(size=(120, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
found = pn.tune(pn.Classifier("mlp", epochs=6, batch_size=16), X, Y, storage=sys.argv[1], resume=True, trials=8,
                space={"model__hidden": [(2,), (32,)], "lr": (1e-4, 1e-1, "log")}, refit=False, seed=0)
print(len(found.trials))
"""


@pytest.mark.slow
def test_two_processes_share_one_storage(tmp_path):
    path = str(tmp_path / "trials.log")
    pn.tune(net(), X, Y, space=SPACE, storage=path, trials=1, refit=False)
    both = [subprocess.Popen([sys.executable, "-c", WORKER, path], stdout=subprocess.PIPE) for _ in range(2)]
    assert [p.wait(120) for p in both] == [0, 0]
    for p in both:
        p.stdout.close()
    found = pn.tune(net(), X, Y, space=SPACE, storage=path, trials=8, resume=True, refit=False)
    assert 8 <= len(found.trials) <= 9
    assert all(t.state in ("complete", "pruned") for t in found.trials)
    assert [t.number for t in found.trials] == list(range(len(found.trials)))
    assert len({tuple(t.params.values()) for t in found.trials}) == len(found.trials)


@pytest.mark.slow
def test_workers_of_one_call_share_the_trials(tmp_path):
    found = pn.tune(net(), X, Y, space=SPACE, trials=5, n_workers=2, out=tmp_path)
    assert 5 <= len(found.trials) <= 6
    assert found.best_estimator_ is not None


# --- leaks ----------------------------------------------------------------------------------------


def test_an_outer_score_never_saw_the_search(monkeypatch):
    seen, judged = [], []
    searched = pn.tuning.search.searched

    def heard(request):
        seen.append(np.asarray(request.X)[:, 0])
        return searched(request)

    refit = courses.Course.refit
    monkeypatch.setattr(pn.tuning.search, "searched", heard)
    monkeypatch.setattr(
        courses.Course, "refit", lambda self, made: (judged.append(self.examples.X), refit(self, made))[1]
    )
    found = pn.tune(net(epochs=2), X, Y, space=SPACE, trials=2, outer=3, refit=False)
    for rows, fitted in zip(seen[:3], judged, strict=True):
        assert len(rows) == 80
        assert set(rows) == set(fitted[:, 0])
    left_out = [set(X[:, 0]) - set(rows) for rows in seen[:3]]
    assert set.union(*left_out) == set(X[:, 0])
    assert sum(map(len, left_out)) == 120  # every row is judged once
    assert len(found.nested.scores["accuracy"]) == 3
    assert "never saw" in str(found)


@pytest.mark.slow
def test_answers_of_pure_noise_look_learnt_inside_and_not_outside():
    """Searching long on noise finds a setting that looks good; the outer score says that it is none."""
    rng = np.random.default_rng(3)
    noise, coins = rng.normal(size=(60, 3)), np.arange(60) % 2
    space = {"seed": list(range(40)), "lr": [1e-2, 3e-2]}
    found = pn.tune(net(epochs=2), noise, coins, space=space, trials=20, outer=3, pruner="none", refit=False)
    assert found.best_score_ >= 0.6
    assert found.nested["accuracy"].mean < found.best_score_


# --- every task -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "metric", "higher"),
    [
        (pn.Regressor("mlp", epochs=3), "r2", True),
        (pn.Density("gmm"), "log_density", True),
        (pn.Clusterer("kmeans"), "silhouette", True),
        (pn.Forecaster("gru", horizon=3, epochs=2, history=8), "mase", False),
    ],
    ids=lambda v: type(v).__name__ if not isinstance(v, str | bool) else str(v),
)
def test_every_kind_of_task_is_tuned_by_its_own_measure(made, metric, higher):
    data = (
        (X, X[:, 0] + X[:, 1])
        if made.task == "regressor"
        else (np.sin(np.arange(60) / 3),)
        if "history" in vars(made)
        else (X,)
    )
    found = pn.tune(made, *data, trials=3)
    assert found.metrics == (metric,)
    assert found.higher == (higher,)
    values = [t.values[0] for t in found.complete]
    assert found.best_score_ == (max if higher else min)(values)
    assert hasattr(found.best_estimator_, "objective_")


def test_rules_without_gradients_get_no_rate():
    assert "lr" in space_of(pn.Classifier("mlp"))
    found = pn.tune(pn.Density("gmm"), X, trials=2, refit=False)
    assert list(found.space) == ["model__n_components"]


def test_estimators_of_scikit_learn_take_part_with_a_space():
    made = make_pipeline(StandardScaler(), Ridge())
    found = pn.tune(made, X, X[:, 0] + X[:, 1], space={"ridge__alpha": (1e-3, 1e3, "log")}, trials=5)
    assert found.best_score_ > 0.99
    with pytest.raises(SettingError, match="give space="):
        pn.tune(made, X, X[:, 0], trials=1)


def test_scikit_learns_own_search_still_works():
    search = GridSearchCV(net(epochs=2), {"model__hidden": [(2,), (4,)]}, cv=2).fit(X, Y)
    assert search.best_params_["model__hidden"] in [(2,), (4,)]


def test_groups_stay_apart_in_the_search():
    groups = np.repeat(np.arange(30), 4)
    course = courses.course_of(
        net(), X, Y, target=None, folds=3, groups=groups, time=None, stratify="auto", sample_weight=None, seed=0
    )
    assert all(not set(groups[a]) & set(groups[b]) for a, b in course.splits)


def test_warnings_that_trials_share_are_given_once():
    constant = np.hstack([X, np.ones((len(X), 1))])
    with pytest.warns(pn.DataWarning, match="hold one value") as told:
        pn.tune(net(epochs=1), constant, Y, space=SPACE, trials=3, refit=False)
    assert len(told) == 1
