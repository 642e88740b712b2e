"""A run's folder: what it holds, whether it may be written, and the model in it."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FileError, SettingError
from ..files import write_text
from ..train.environment import is_first
from .configuration import read_configuration
from .console import finite, note

if TYPE_CHECKING:
    from ..estimators.base import Estimator
    from ..evaluation.result import Evaluation

FILES = (
    "model.parnassus",
    "checkpoint",
    "log.csv",
    "events",
    "report.html",
    "config.toml",
    "evaluation.json",
    "test.csv",
    "test.txt",
    "test.npz",
    "test.json",
    "pictures",
    "anomalies.png",
    "translated.png",
)


@dataclass(frozen=True)
class Run:
    """The folder of one training."""

    folder: Path

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    @property
    def model(self) -> Path:
        return self["model.parnassus"]

    def claim(self, *, overwrite: bool, resume: bool) -> None:
        """Refuse a folder that holds a run, unless its end was asked for; nothing is changed yet."""
        if not is_first():
            return
        if self.folder.exists() and not self.folder.is_dir():
            raise FileError(f"{self.folder} is a file; name a folder by --out")
        from ..train.locking import locked

        if self.folder.is_dir():
            with locked(self.folder):  # a training under way is none to overwrite or to go on with
                pass
        if overwrite and resume:
            raise SettingError("--overwrite starts anew and --resume goes on; give one of them")
        if overwrite or resume:
            return
        if self.model.exists():
            raise FileError(
                f"{self.folder} holds a finished run; start anew with --overwrite, go on with --resume, or "
                f"name another folder by --out"
            )
        if self["checkpoint"].exists():
            raise FileError(
                f"{self.folder} holds a run that did not end; go on with --resume, start anew with "
                f"--overwrite, or name another folder by --out"
            )

    def make(self, *, resume: bool) -> None:
        """The folder, without what an earlier run left in it, unless this one goes on with it."""
        if not is_first():
            return
        from ..train.locking import locked

        with locked(self.folder):  # refused where another training holds it, before anything is taken away
            for name in FILES if not resume else ():
                path = self[name]
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)


def loaded(given: str) -> tuple["Estimator", dict[str, Any]]:
    """The model in a run's folder, or in a file, and the run's configuration where there is one."""
    from ..ensembles.saving import load

    path = Path(given)
    if path.is_dir():
        run = Run(path)
        if not run.model.exists() and run["checkpoint"].exists():
            raise FileError(
                f"{path} holds a run that did not end; go on with parnassus train, the same data, --out {path} --resume"
            )
        if not run.model.exists():
            raise FileError(f"{path} holds no model.parnassus; give a run's folder, or a saved model")
        path = run.model
    elif not path.exists():
        raise FileError(f"{path} does not exist; give a run's folder, or a saved model")
    _register_tasks()
    beside = path.parent / "config.toml"
    return load(path), read_configuration(beside) if beside.exists() else {}


def write_evaluation(run: Run, evaluation: "Evaluation", words: str) -> None:
    """`evaluation.json`: the numbers, the rows that they are of, and which model they belong to."""
    told = {"evaluated_on": words, "model": model_digest(run), **finite(evaluation.to_dict())}
    write_text(run["evaluation.json"], json.dumps(told, indent=2))


def read_evaluation(run: Run) -> dict[str, Any] | None:
    """What `write_evaluation` wrote; None where nothing was, or of another model than the one that lies there now."""
    path = run["evaluation.json"]
    if not path.exists():
        return None
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        owner = held.pop("model", None)  # none in the first files
    except (ValueError, AttributeError) as error:
        raise FileError(f"{path} is not what a run writes ({error}); evaluate the model again") from error
    if owner is not None and owner != model_digest(run):
        note(f"warning: {path} is of another model than {run.model}, and is left out; evaluate the model again")
        return None
    return held


def model_digest(run: Run) -> str | None:
    """A digest of the saved model's contents; None where there is none, or of the first files."""
    from ..store import manifest_of

    return manifest_of(run.model).get("digest") if run.model.exists() else None


def _register_tasks() -> None:
    """Import every task, so that `load` knows it."""
    import importlib

    from . import settings

    for task in settings.tasks():
        importlib.import_module(f"...estimators.{task}", __name__)
