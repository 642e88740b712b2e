"""One page that says what was trained, on what, how good it is, and how to do it again."""

import functools
import io
import itertools
import re
import sys
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from . import plots
from .coverage import interval_coverage
from .diagnosis import Diagnosis
from .plots import MetricLike
from .style import BLUE, CARD, GREEN, INK, MUTED, ORANGE, PURPLE, RULE, SKY, VERMILION, svg

if TYPE_CHECKING:
    from jinja2 import Environment

THEME = {
    INK: "ink",
    MUTED: "muted",
    RULE: "rule",
    CARD: "card",
    BLUE: "blue",
    VERMILION: "vermilion",
    GREEN: "green",
    PURPLE: "purple",
    SKY: "sky",
    ORANGE: "orange",
}
VERDICTS = {
    "better": "Better than the baseline, beyond what chance explains",
    "worse": "Worse than the baseline",
    "undecided": "Not told apart from the baseline by these rows",
}
SEVERITIES = {"error": 0, "warning": 1}
COUNTS = ("n_rows", "n_predicted", "pixels", "points", "questions", "entities", "tokens", "said")
WIDE = 2.5  # times its height, from which a figure has a row of its own


class EvaluationLike(Protocol):
    """What the report reads of an evaluation."""

    task: str
    metrics: Sequence[Any]
    n_rows: int
    baseline: str
    classes: Sequence[str]
    by_class: Sequence[Mapping[str, Any]]
    confusion: Sequence[Sequence[float]] | None
    curves: Mapping[str, Mapping[str, Sequence[float]]]
    threshold: Any
    confidence: float
    notes: Sequence[str]


class FindingLike(Protocol):
    """What the report reads of an audit's finding; `severity` is "error", "warning" or "info"."""

    severity: str
    what: str
    where: str
    remedy: str


@dataclass(frozen=True)
class Example:
    """One row that the model got wrong, or was unsure of: a picture (data URI) or its columns."""

    row: int | str
    truth: str
    predicted: str
    score: str = ""
    picture: str | None = None
    columns: Mapping[str, object] = field(default_factory=dict)
    score_name: str = "score"


@dataclass
class Report:
    """Everything the page shows, as plain data; what is empty is left out of the page.

    Attributes
    ----------
    n_rows
        Rows by part, such as {"training": 1437, "validation": 180, "test": 180}.
    evaluated_on
        What the evaluated rows are, in words.
    findings
        What the data audit found; None when there was no audit.
    parameters
        The settings of the estimator, by name.
    history
        One record an epoch.
    diagnosis
        The training looked over; None where it learns by a rule.
    figures
        Title -> inline SVG, for plots that the evaluation does not hold.
    features
        One mapping a column of the data, all with the same keys.
    created
        When, as text; the page takes no time from the clock, so that equal reports are equal pages.
    """

    title: str
    task: str
    model: str
    data: str
    n_rows: Mapping[str, int]
    evaluation: EvaluationLike
    evaluated_on: str = "held-out rows"
    findings: Sequence[FindingLike] | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    best_epoch: int | None = None
    n_parameters: int | None = None
    seconds: float | None = None
    diagnosis: Diagnosis | None = None
    figures: Mapping[str, str] = field(default_factory=dict)
    examples: Sequence[Example] = ()
    features: Sequence[Mapping[str, object]] = ()
    environment: Mapping[str, object] = field(default_factory=dict)
    command: str = ""
    created: str = ""


def render_report(report: Report) -> str:
    """The report as one HTML page that needs no network and no script; every text in it is escaped."""
    import markupsafe

    def drawn(figure: Any) -> markupsafe.Markup:
        return markupsafe.Markup(themed(figure if isinstance(figure, str) else svg(figure)))

    evaluation = report.evaluation
    best = evaluation.metrics[0]
    findings = report.findings and sorted(report.findings, key=lambda f: SEVERITIES.get(f.severity, 2))
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            evaluation=evaluation,
            best=best,
            words=headline_words(evaluation, report.evaluated_on),
            verdict=best.verdict,
            verdict_words=verdict_words(best),
            intervals=drawn(plots.metric_intervals(evaluation.metrics)),
            figures=[
                (title, drawing := drawn(f), is_wide(drawing))
                for title, f in [*evaluation_figures(evaluation), *report.figures.items()]
            ],
            learning=[
                drawn(plots.learning_curves(report.history, best_epoch=report.best_epoch, names=[name]))
                for name in (plots.curve_names(report.history) if len(report.history) > 1 else ())
            ],
            findings=findings,
            class_columns=class_columns(evaluation),
            feature_columns=list(report.features[0]) if report.features else [],
            example_columns=list(report.examples[0].columns) if report.examples else [],
            pictures=[e for e in report.examples if e.picture],
            duration=duration(report.seconds),
        )
    )


def code_of(estimator: Any) -> str:
    """A line of code that makes an estimator of these settings, with `pn.` before every name that is public.

    >>> from parnassus.registry import model
    >>> code_of(model("mlp", hidden=(8,), activation="relu"))
    "estimator = pn.model('mlp', hidden=(8,), activation='relu')"
    """
    public = sys.modules[__name__.partition(".")[0]].__all__  # the package, on no floor, says what is public
    code = repr(estimator)
    lines = [0, *itertools.accumulate(map(len, code.splitlines(keepends=True)))]
    try:
        words = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError):  # what is no code is shown as it is
        return f"estimator = pn.{code}"
    starts = [
        lines[word.start[0] - 1] + word.start[1]
        for word, after in itertools.pairwise(words)
        if word.type == tokenize.NAME and word.string in public and after.string == "("
    ]
    parts = [code[i:j] for i, j in itertools.pairwise([0, *starts, None])]
    return f"estimator = {'pn.'.join(parts)}"


def headline_words(evaluation: EvaluationLike, evaluated_on: str) -> str:
    """The headline metric against the baseline, in sentences."""
    best: MetricLike = evaluation.metrics[0]
    form = "{:.1%}".format if best.name in ("accuracy", "r2") else best.text
    lead = {
        "accuracy": "The model is right in {} of {:,} {}",
        "r2": "The model explains {} of the variance of {:,} {}",
    }.get(best.name, f"{best.title} is {{}} on {{:,}} {{}}")
    text = lead.format(form(best.value), evaluation.n_rows, evaluated_on)
    if best.low is not None and best.high is not None:
        text += f" ({evaluation.confidence:.0%} interval {form(best.low)} to {form(best.high)})"
    if best.baseline is None:
        return text + "."
    baseline = evaluation.baseline.partition(" (")[0]  # what is in brackets is for other metrics
    return f"{text}. The baseline, {baseline}, gets {form(best.baseline)}.".replace("-0.0%", "0.0%")


def verdict_words(best: Any) -> str:
    """The verdict of the headline metric; where no interval could be formed, only which number is ahead."""
    if best.low is not None or best.baseline is None or best.value != best.value:
        return VERDICTS[best.verdict]
    ahead = (best.value > best.baseline) == best.higher_is_better and best.value != best.baseline
    return f"{'Ahead of' if ahead else 'Not ahead of'} the baseline; without an interval it may be chance"


def is_wide(drawing: str) -> bool:
    """Whether an SVG is much wider than high, so that half of the page would be too little for it."""
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing).groups()  # type: ignore[union-attr]
    return float(width) > WIDE * float(height)


def evaluation_figures(evaluation: EvaluationLike) -> list[tuple[str, Any]]:
    """The figures that the evaluation's tables and curves allow, with a caption each."""
    found: list[tuple[str, Any]] = []
    if evaluation.confusion is not None and len(evaluation.classes) <= 100:
        words = "Rows are true classes, columns predicted ones; shading is the share of the row."
        found.append((words, plots.confusion(evaluation.confusion, evaluation.classes)))
    found += ranking_figures(evaluation)
    if "calibration" in evaluation.curves:
        spread = evaluation.curves.get("score_histogram")
        histogram = None if spread is None else (spread["edges"], spread["weight"])
        words = "Whether a probability said is a frequency seen; below, how often each was said."
        found.append((words, plots.calibration(**evaluation.curves["calibration"], histogram=histogram)))
    for name, points in evaluation.curves.items():
        if name.startswith("scatter "):
            output, true, said = name.removeprefix("scatter "), points["true"], points["predicted"]
            agree = plots.predicted_vs_true(true, said, name=output)
            found.append((f"{output}: on the line, prediction and truth agree.", agree))
            left = plots.residuals(true, said, name=output)
            found.append((f"{output}: what is left should show no shape.", left))
    held = [m for m in evaluation.metrics if m.name.startswith("coverage_")]
    if len(held) > 1:
        words = "On the line intervals hold as many answers as they say; below it they are too narrow."
        found.append((words, interval_coverage(held, evaluation.confidence)))
    return found


def ranking_figures(evaluation: EvaluationLike) -> list[tuple[str, Any]]:
    """What other thresholds would do, where there are two classes."""
    found: list[tuple[str, Any]] = []
    curves, metrics = evaluation.curves, {m.name: m for m in evaluation.metrics}
    positive = f" Positive is {evaluation.classes[1]!r}." if len(evaluation.classes) == 2 else ""
    if "roc" in curves:
        auc = metrics["roc_auc"].value if "roc_auc" in metrics else None
        words = "How many positives are found for how many false alarms, over all thresholds." + positive
        found.append((words, plots.roc(**curves["roc"], auc=auc)))
    if "precision_recall" in curves:
        area = metrics.get("average_precision")
        drawn = plots.precision_recall(
            **curves["precision_recall"], area=area and area.value, prevalence=area and area.baseline
        )
        found.append(("How pure the answers are for how many positives found." + positive, drawn))
    if "threshold" in curves:
        drawn = plots.threshold_curve(**curves["threshold"], chosen=evaluation.threshold)
        found.append(("What another threshold would do.", drawn))
    return found


def class_columns(evaluation: EvaluationLike) -> list[tuple[str, str]]:
    """Key and heading of each column of the table by class."""
    headings = {
        "n_rows": "rows",
        "n_predicted": "predicted",
        "threshold": "threshold",
        "precision": "precision",
        "recall": "recall",
        "exact_match": "exact match",
        "f1": "F1",
        "questions": "questions",
        "entities": "entities",
        "tokens": "tokens",
        "said": "said",
        "iou": "IoU",
        "dice": "Dice",
        "boundary_f": "boundary F",
        "pixels": "pixels",
        "roc_auc": "ROC AUC",
        "r2": "R squared",
        "rmse": "RMSE",
        "mae": "MAE",
        "mse": "MSE",
        "mape": "MAPE",
        "msle": "MSLE",
        "pck_10": "PCK at 10 %",
        "pck_20": "PCK at 20 %",
        "mean_distance": "mean distance",
        "points": "points",
    }
    present = evaluation.by_class[0] if evaluation.by_class else {}
    return [(key, heading) for key, heading in headings.items() if key in present]


def themed(figure: str) -> str:
    """An SVG whose colours follow the page's, so that it reads on light and on dark."""
    pattern = "|".join(THEME)
    return re.sub(pattern, lambda m: f"var(--{THEME[m[0].lower()]}, {m[0]})", figure, flags=re.IGNORECASE)


def duration(seconds: float | None) -> str:
    """Seconds as a person says them.

    >>> duration(4.21), duration(95), duration(7300)
    ('4.2 s', '1 min 35 s', '2 h 1 min')
    """
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def class_cell(value: float | int | None, key: str) -> str:
    """A value of the table by class: shares with four decimals, percent errors in percent."""
    if value is None or value != value or key in (*COUNTS, "rmse", "mae", "mse", "msle"):
        return cell(value)
    return f"{value:.2%}" if key == "mape" else f"{value:.4f}"


def cell(value: object) -> str:
    """A value as a table shows it."""
    if value is None or value != value:  # NaN is not itself
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if 1e3 <= abs(value) < 1e9 else f"{value:.4g}"


@functools.cache
def _environment() -> "Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(__file__.removesuffix("report.py") + "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["cell"] = cell
    environment.filters["class_cell"] = class_cell
    return environment
