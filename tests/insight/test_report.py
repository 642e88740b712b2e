"""The report is one page that holds everything, says it in words, and trusts no text."""

import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser

import numpy as np
import pytest

import parnassus as pn
from parnassus.evaluation import evaluate_classification, evaluate_multilabel, evaluate_regression
from parnassus.insight.report import (
    Example,
    Report,
    cell,
    class_cell,
    code_of,
    duration,
    headline_words,
    render_report,
)
from parnassus.insight.style import png_data_uri

pytestmark = pytest.mark.slow

EVIL = "<script>alert('x')</script>\"&{{ 7 * 7 }}"
RNG = np.random.default_rng(0)
HISTORY = [{"epoch": e, "loss": 1 / (e + 1), "validation_loss": 1.1 / (e + 1)} for e in range(4)]


@dataclass
class Finding:
    severity: str
    what: str
    where: str = ""
    remedy: str = ""


def binary(classes=("benign", "malignant"), n=120):
    y = RNG.integers(2, size=n)
    q = np.clip(0.6 * y + 0.4 * RNG.random(n), 0, 1)
    return evaluate_classification(y, np.stack((1 - q, q), 1), classes=classes, prior=[0.6, 0.4], n_bootstrap=50)


def multiclass(classes="abc"):
    y = RNG.integers(3, size=90)
    p = 0.5 * np.eye(3)[y] + 0.5 * RNG.dirichlet(np.ones(3), size=90)
    return evaluate_classification(y, p, classes=classes, prior=np.ones(3) / 3, n_bootstrap=50)


def regression():
    y = RNG.normal(size=80)
    return evaluate_regression(y, y + 0.3 * RNG.normal(size=80), names=["load"], train_mean=0.0, n_bootstrap=50)


def multilabel():
    y = RNG.integers(2, size=(60, 2))
    return evaluate_multilabel(y, np.abs(y - 0.2), labels=["red", "round"], prior=[0.5, 0.5], n_bootstrap=50)


def full(evaluation=None, text="plain"):
    return Report(
        title=f"Title {text}",
        task="Classifier",
        model=f"mlp {text}",
        data=f"data {text}",
        n_rows={"training": 1437, "test": 360},
        evaluation=evaluation or binary(),
        findings=[
            Finding("info", "small"),
            Finding("warning", "medium"),
            Finding("error", f"bad {text}", f"row {text}", f"do {text}"),
        ],
        parameters={"hidden": (128,), f"name {text}": text},
        history=HISTORY,
        n_parameters=9610,
        seconds=95.0,
        examples=[Example(7, f"true {text}", f"said {text}", "0.1", columns={f"column {text}": text, "age": 3.25})],
        features=[{"column": f"feature {text}", "mean": 1.5, "missing": None}],
        environment={"torch": text},
        command=f"parnassus train {text}",
        created="2026-01-02",
    )


def small(**changes):
    """A report with few figures, for what does not depend on them."""
    return replace(full(multilabel()), history=(), **changes)


class Page(HTMLParser):
    """Text, tags, anchors and targets of a page; complains of tags that do not close."""

    VOID = frozenset({"meta", "img", "br", "link", "input"})

    def __init__(self, page):
        super().__init__()
        self.open, self.words, self.targets, self.anchors, self.ids, self.tags = [], [], [], set(), [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for key, value in attributes:
            if key in ("href", "xlink:href", "src"):
                self.targets.append(value)
            if key == "id":
                self.ids.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing, open: {self.open[-3:]}"

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module", params=[binary, multiclass, regression, multilabel], ids=lambda f: f.__name__)
def page(request):
    return render_report(full(request.param()))


def test_the_page_is_well_formed_and_asks_nothing_of_the_network(page):
    parsed = Page(page)
    assert parsed.open == []
    assert not {"script", "link", "iframe", "object"} & set(parsed.tags)
    assert all(target.startswith(("#", "data:image/png")) for target in parsed.targets)
    assert not re.search(r"@import|url\((?!#)|https?://(?!www\.w3\.org/)", page)


def test_every_link_on_the_page_has_its_place_and_no_name_occurs_twice(page):
    parsed = Page(page)
    assert {t[1:] for t in parsed.targets if t.startswith("#")} <= set(parsed.ids)
    assert len(parsed.ids) == len(set(parsed.ids))


def test_all_sections_are_there(page):
    headings = re.findall(r"<h2>([^<]+)</h2>", page)
    assert [h for h in headings if not h.startswith(("By ", "Figures"))] == [
        "Data audit",
        "Metrics",
        "Worst examples",
        "Training",
        "Features",
        "Do it again",
    ]
    assert any(h.startswith("By ") for h in headings)


def test_equal_reports_are_equal_pages():
    report = full(multiclass())
    assert render_report(report) == render_report(report)


def test_nothing_a_user_names_becomes_markup_or_template():
    page = render_report(full(binary(classes=(EVIL, "b")), text=EVIL))
    parsed = Page(page)
    assert "script" not in parsed.tags
    assert "49" not in re.findall(r"alert\('x'\)[^<]*", parsed.text)
    # title twice, model, data, finding x3, setting x2, example x3 with its heading and cell, feature, torch, command
    assert parsed.text.count("{{ 7 * 7 }}") >= 14


def test_the_headline_says_value_interval_rows_and_baseline_in_words():
    evaluation = binary()
    words = headline_words(evaluation, "test rows")
    accuracy = evaluation["accuracy"]
    assert words.startswith(f"The model is right in {accuracy.value:.1%} of 120 test rows (95% interval ")
    assert words.endswith(
        f"The baseline, always answering 'benign', the most frequent class in training, gets {accuracy.baseline:.1%}."
    )
    report = replace(full(evaluation), evaluated_on="test rows", history=())
    assert words in Page(render_report(report)).text


def test_every_metric_stands_beside_its_baseline():
    evaluation = multiclass()
    text = Page(render_report(replace(full(evaluation), history=()))).text
    for m in evaluation.metrics:
        assert f"{m.title} {m.text(m.value)} {m.text(m.low)} to {m.text(m.high)} {m.text(m.baseline)}" in text


@pytest.mark.parametrize(("evaluation", "n_figures"), [(binary, 5), (multiclass, 1), (regression, 2), (multilabel, 0)])
def test_each_task_has_its_figures(evaluation, n_figures):
    page = render_report(replace(full(evaluation()), history=()))
    assert page.count("<svg") == n_figures + 1  # and the intervals


def test_findings_come_with_the_worst_first():
    text = Page(render_report(small())).text
    assert text.index("bad plain") < text.index("medium") < text.index("small")


def test_what_was_not_given_is_left_out():
    bare = Report(title="t", task="Classifier", model="m", data="d", n_rows={}, evaluation=multilabel())
    headings = re.findall(r"<h2>([^<]+)</h2>", render_report(bare))
    assert headings == ["Metrics", "By label"]
    assert "No duplicates" in render_report(replace(bare, findings=[]))


def test_pictures_are_inline():
    picture = png_data_uri(np.eye(8))
    page = render_report(small(examples=[Example(3, "4", "9", "80% sure", picture)]))
    assert picture in Page(page).targets
    assert "80% sure" in page


def test_colours_follow_the_page_so_that_plots_read_on_dark():
    page = render_report(small())
    drawings = page[page.index("<svg") :]
    assert "var(--ink, #1d2733)" in drawings
    assert not re.search(r"(?<!, )#1d2733", drawings)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (3599.6, "1 h 0 min"), (7300, "2 h 1 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1437, "1,437"),
        (0.123456, "0.1235"),
        (804612.3, "804,612"),
        (1e12, "1e+12"),
        (True, "True"),
        (None, "-"),
        (float("nan"), "-"),
        ((128,), "(128,)"),
        ("a", "a"),
    ],
)
def test_cells(value, text):
    assert cell(value) == text


def test_class_cells_are_shares_or_units():
    assert class_cell(1.0, "recall") == "1.0000"
    assert class_cell(0.5, "mape") == "50.00%"
    assert class_cell(36, "n_rows") == "36"
    assert class_cell(None, "roc_auc") == "-"


def test_the_code_of_a_report_makes_the_estimator_again():
    made = pn.Classifier(
        pn.model("cnn", channels=(4, 8)), codec=pn.Image(augment={"rotate": 10}), lr=0.01,
        optimizer={"fit": pn.optimizer("sgd", momentum=0.5)}, regularizers=[pn.regularizer("mixup")],
    )  # fmt: skip
    code = code_of(made)
    assert code.startswith("estimator = pn.Classifier(")
    held = {"pn": pn}
    exec(code, held)
    assert repr(held["estimator"]) == repr(made)


@pytest.mark.parametrize(("given", "due"), [
    (pn.Classifier(class_weight={"Image(": 1.0, "model('x')": 2.0}), "{'Image(': 1.0, \"model('x')\": 2.0}"),
    (pn.Classifier(class_weight=np.eye(30), codec=pn.Image()), "codec=pn.Image("),
], ids=["texts", "lines"])  # fmt: skip
def test_names_in_texts_stay_as_they_are_and_lines_keep_their_places(given, due):
    code = code_of(given)
    assert due in code
    assert code.replace("pn.", "") == f"estimator = {given!r}"
