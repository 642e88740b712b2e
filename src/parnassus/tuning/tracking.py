"""Runs told to MLflow while they train, or afterwards."""

import logging
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FileError, SettingError, missing_extra
from ..imports import imported
from ..train.record import Record, listening

if TYPE_CHECKING:
    from ..train.trainer import Trainer

LONGEST = 500  # letters of a parameter, which MLflow cuts or refuses beyond


def client_of(place: str | os.PathLike) -> Any:
    """MLflow's client for a folder, a file of SQLite, or the address of a server."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing is sent anywhere but to the place named
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # it tells of every table it makes
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        mlflow = imported("mlflow")
    except ImportError as error:
        raise missing_extra("mlflow", "track", "tracking by MLflow") from error
    address = os.fspath(place)
    if not address:
        raise SettingError("MLflow needs a place: a folder, sqlite:///file.db, or the address of a server")
    if "://" not in address:
        folder = Path(address)
        if folder.exists() and not folder.is_dir():
            raise FileError(f"{folder} is a file; name a folder for MLflow")
        folder.mkdir(parents=True, exist_ok=True)
        address = f"sqlite:///{folder.resolve() / 'mlflow.db'}"
    return mlflow.MlflowClient(tracking_uri=address)


def experiment_of(client: Any, name: str, place: str | os.PathLike) -> str:
    """The id of the experiment of this name, made where there is none."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return found.experiment_id
    folder = None if "://" in os.fspath(place) else (Path(place).resolve() / "artifacts").as_uri()
    return client.create_experiment(name, artifact_location=folder)


@contextmanager
def undrawn() -> Iterator[None]:
    """Inside, MLflow may draw names for its runs; Python's random numbers are then as they were."""
    before = random.getstate()
    try:
        yield
    finally:
        random.setstate(before)


class ToMlflow(Record):
    """One MLflow run for each training that begins: what is trained, its settings, its epochs, and how it ended."""

    def __init__(self, place: str | os.PathLike, experiment: str, settings: Mapping[str, Any]) -> None:
        with undrawn():
            self.client, self.settings = client_of(place), settings
            self.experiment = experiment_of(self.client, experiment, place)

    def of(self, estimator: Any) -> "OneRun":
        """The record of one training, since one may begin within another."""
        name = Path(estimator.out).name if estimator.out is not None else estimator.model_name
        model = estimator.model if estimator.model is not None else estimator.model_name
        told = {"task": estimator.task, "model": model, "loss": estimator.loss}
        return OneRun(self, name, {k: v for k, v in told.items() if v is not None})


class OneRun(Record):
    """A training as one of MLflow's runs."""

    def __init__(self, place: ToMlflow, name: str, told: Mapping[str, Any]) -> None:
        self.client, self.place, self.name, self.told = place.client, place, name, told

    @contextmanager
    def showing(self, trainer: "Trainer") -> Iterator[None]:
        with undrawn():
            self.run = self.client.create_run(self.place.experiment, run_name=self.name).info.run_id
            log_settings(self.client, self.run, {**trainer.identity, **self.told, **self.place.settings})
        try:
            yield
        except BaseException:
            self.client.set_terminated(self.run, "FAILED")
            raise
        self.client.set_terminated(self.run, "KILLED" if trainer.interrupted else "FINISHED")

    def epoch(self, trainer: "Trainer", summary: dict[str, float]) -> None:
        with undrawn():
            for name, value in summary.items():
                self.client.log_metric(self.run, name, value, step=len(trainer.history))


@contextmanager
def track(place: str | os.PathLike, *, experiment: str = "parnassus", **settings: Any) -> Iterator[None]:
    """Inside, every training is a run of MLflow at `place`: a folder, sqlite:///file.db, or a server's address.

    Settings that are given beside it are written down with each run, to find it by.
    """
    with listening(ToMlflow(place, experiment, settings)):
        yield


def log_settings(client: Any, run: str, settings: Mapping[str, Any]) -> None:
    """Settings as MLflow's parameters, cut to the length it takes."""
    for name, value in settings.items():
        client.log_param(run, name, str(value)[:LONGEST])


def send(
    place: str | os.PathLike,
    name: str,
    *,
    settings: Mapping[str, Any],
    curves: Mapping[str, Sequence[float]],
    score: tuple[str, float] | None,
    whole: bool = True,
) -> str:
    """A run of before, as one of MLflow's: finished, or killed where it is not `whole`; returns its id."""
    with undrawn():
        client = client_of(place)
        run = client.create_run(experiment_of(client, "parnassus", place), run_name=name).info.run_id
        log_settings(client, run, settings)
        for measure, values in curves.items():
            for step, value in enumerate(values, start=1):
                client.log_metric(run, measure, value, step=step)
        if score is not None:
            client.log_metric(run, f"best_{score[0]}", score[1])
        client.set_terminated(run, "FINISHED" if whole else "KILLED")
    return run
