"""A search's own cost: pn.tune beside Optuna's bare loop over the same fits and the same draws.

The bare loop splits once, fits and scores; it watches no epochs and keeps nothing. `times_ours` of it says what share
of a search is fits. Pruning is off on both sides; "pruned" is the same search with it.
"""

import numpy as np
from sklearn.datasets import load_digits

import parnassus as pn
from harness import arguments, compare, installed

N_TRIALS, EPOCHS = 20, 10
SPACE = {"model__hidden": [(32,), (64,), (64, 64)], "lr": (1e-4, 3e-2, "log"), "batch_size": [32, 64, 128]}


def bare(X: np.ndarray, y: np.ndarray) -> float:
    """Optuna alone."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    order = np.random.default_rng(0).permutation(len(X))
    test, train = order[: len(X) // 4], order[len(X) // 4 :]

    def value(trial: "optuna.Trial") -> float:
        hidden = {"a": (32,), "b": (64,), "c": (64, 64)}[trial.suggest_categorical("hidden", ["a", "b", "c"])]
        lr, size = trial.suggest_float("lr", 1e-4, 3e-2, log=True), trial.suggest_categorical("size", [32, 64, 128])
        made = pn.Classifier(pn.model("mlp", hidden=hidden), lr=lr, batch_size=size, epochs=EPOCHS)
        return made.fit(X[train], y[train]).score(X[test], y[test])

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(value, n_trials=N_TRIALS)
    return study.best_value


def main() -> None:
    """Both searches, interleaved."""
    asked = arguments()
    if not installed("optuna"):
        return
    X, y = load_digits(return_X_y=True)
    made = pn.Classifier("mlp", epochs=EPOCHS)
    shared = {"space": SPACE, "trials": N_TRIALS, "refit": False}
    works = {
        "parnassus tune": lambda: pn.tune(made, X, y, pruner="none", **shared),
        "parnassus tune, pruned": lambda: pn.tune(made, X, y, **shared),
        "optuna alone": lambda: bare(X, y),
    }
    compare("tune: 20 trials of a dense net on digits", works, ours="parnassus tune", args=asked)


if __name__ == "__main__":
    main()
