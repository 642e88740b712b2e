"""An ensemble's report: how good it is on given rows."""

import os
from datetime import UTC, datetime
from typing import Any, cast

from ..data.audit import audit
from ..estimators.fitting.identity import versions
from ..estimators.fitting.intake import Examples
from ..evaluation.result import Evaluation
from ..files import write_text
from .base import Ensemble


def write_report(
    ensemble: Ensemble, path: str | os.PathLike, examples: Examples, evaluation: Evaluation, *, title: str, data: str
) -> None:
    """Write the page on the rows evaluated."""
    from ..insight.report import Report, code_of, render_report

    kinds = [type(member).__name__ for member in ensemble.members_]
    members = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    quantities = not hasattr(ensemble, "classes_")
    report = Report(
        title=title or f"{type(ensemble).__name__} on {data}",
        task="regressor" if quantities else "classifier",
        model=f"{type(ensemble).__name__} of {members}",
        data=data,
        n_rows={"training": ensemble.n_rows_, "evaluated": len(examples)},
        evaluation=cast(Any, evaluation),
        evaluated_on="rows given for evaluation",
        findings=cast(Any, audit(examples.X, examples.y, quantities=quantities)),
        parameters={k: repr(v) for k, v in ensemble.get_params(deep=False).items()},
        environment=versions(),
        command=code_of(ensemble),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_text(path, render_report(report))
