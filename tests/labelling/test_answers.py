"""Answers of annotators as they are read, agreed on, settled and written."""

import csv

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.errors import DataError, FileError, SettingError
from parnassus.functional.metrics import cohens_kappa
from parnassus.labelling import Answers, pilot

WIDE = [["car", "car", "van"], ["van", "van", "van"], ["car", None, "car"], ["van", "car", ""], ["car", "van", "bus"]]


def simulated(seed=0, n_items=80, skill=(0.95, 0.9, 0.85, 0.5)):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n_items)
    said = np.stack([np.where(rng.random(n_items) < s, truth, rng.integers(0, 3, n_items)) for s in skill], 1)
    return truth, said


def test_long_and_wide_tables_and_files_give_the_same_answers(tmp_path):
    wide = Answers.wide(WIDE)
    rows = [(i, a, said) for i, row in enumerate(WIDE) for a, said in enumerate(row) if said]
    frame = pd.DataFrame(rows, columns=["item", "annotator", "label"])
    frame.to_csv(tmp_path / "answers.csv", index=False)
    assert str(wide) == "13 answers of 3 annotators to 5 items, 3 labels"
    for other in (Answers.long(frame), Answers.long(str(tmp_path / "answers.csv"))):
        assert (other.counts == wide.counts).all()
        assert other.labels == wide.labels == ["bus", "car", "van"]


def test_a_wide_frame_names_its_items():
    frame = pd.DataFrame({"picture": ["a.png", "b.png"], "ann": ["x", "y"], "bob": ["x", None]})
    found = Answers.wide(frame, item="picture")
    assert found.items == ["a.png", "b.png"]
    assert found.annotators == ["ann", "bob"]
    assert len(found) == 3


@pytest.mark.parametrize(("make", "words"), [
    (lambda: Answers.wide(WIDE, labels=["car", "van"]), "2 labelled item 4 'bus', which is not in the scheme"),
    (lambda: Answers.wide([[None, None]]), "no answer"),
    (lambda: Answers.wide([["a", 1]]), "several types"),
    (lambda: Answers.wide(["a", "b"]), "shape"),
    (lambda: Answers.wide(pd.DataFrame({"i": [1, 1], "a": ["x", "y"]}), item="i"), "twice"),
    (lambda: Answers.long(pd.DataFrame({"item": [1], "who": [2], "label": ["a"]})), "no column 'annotator'"),
    (lambda: Answers.long(pd.DataFrame({"item": [1, 1], "annotator": [2, 2], "label": ["a", "b"]})), "1 twice"),
    (lambda: Answers.long(pd.DataFrame({"item": [1, None], "annotator": [2, 2], "label": ["a", "b"]})), "row 1"),
    (lambda: Answers.long("nowhere.csv"), "no file"),
    (lambda: Answers.long(7), "expected a frame"),
])  # fmt: skip
def test_answers_that_break_a_rule_are_refused_with_names(make, words):
    with pytest.raises(DataError, match=words):
        make()


def test_agreement_holds_each_kappa_and_says_who_disagrees():
    _, said = simulated()
    found = Answers.wide(said).agreement(n_bootstrap=200)
    for a in range(4):
        for b in range(a):
            assert found.kappa[a, b] == pytest.approx(cohens_kappa(said[:, a], said[:, b]), abs=1e-12)
            assert found.kappa[a, b] == found.kappa[b, a]
    assert found.low < found.alpha < found.high
    assert min(found.by_annotator, key=found.by_annotator.get) == 3
    assert found.share == pytest.approx(np.mean([said[:, a] == said[:, b] for a in range(4) for b in range(a)]))
    assert "not reliable" in found.verdict
    assert "3: agrees with others" in str(found)


def test_agreement_of_one_label_alone_is_said_to_be_unknown():
    found = Answers.wide([["a", "a"], ["a", "a"]]).agreement(n_bootstrap=20)
    assert np.isnan(found.alpha)
    assert "cannot be told" in str(found)


def test_those_who_share_no_item_have_no_kappa():
    found = Answers.wide([["a", "b", None], ["b", None, "b"], ["a", None, None]]).agreement(n_bootstrap=10)
    assert found.shared[1, 2] == 0
    assert np.isnan(found.kappa[1, 2])


def test_a_tied_vote_has_no_label_and_is_named(tmp_path):
    found = Answers.wide([["a", "b"], ["a", "a"]]).consensus("majority")
    assert found.label == [None, "a"]
    assert found.ties == [0]
    path = found.write(tmp_path / "labels.csv")
    assert list(csv.DictReader(path.open())) == [
        {"item": "0", "label": "", "probability": "0.5000", "n_answers": "2"},
        {"item": "1", "label": "a", "probability": "1.0000", "n_answers": "2"},
    ]
    with pytest.raises(FileError, match="no folder"):
        found.write(tmp_path / "nowhere" / "labels.csv")


def test_the_model_beats_the_vote_where_one_knows_and_the_others_guess():
    truth, said = simulated(seed=2, n_items=300, skill=(0.97, 0.3, 0.3, 0.3))
    answers = Answers.wide(said, labels=[0, 1, 2])
    model, vote = answers.consensus(), answers.consensus("majority")
    right = [np.mean([a == b for a, b in zip(c.label, truth, strict=True)]) for c in (model, vote)]
    assert right[0] > right[1] + 0.1
    assert list(model.skill())[-1] == 0
    with pytest.raises(SettingError, match="how is"):
        answers.consensus("mean")
    with pytest.raises(SettingError, match="no settings"):
        answers.consensus("majority", smoothing=1)


def test_known_items_tell_who_errs():
    truth, said = simulated(skill=(1.0, 0.2))
    answers = Answers.wide(said, labels=[0, 1, 2])
    worst, best = answers.against(dict(enumerate(truth[:40].tolist())))
    assert (worst["annotator"], best["annotator"]) == (1, 0)
    assert best["right"] == 1.0
    assert best["low"] == pytest.approx(1 / (1 + 1.959964**2 / 40), abs=1e-6)  # Wilson's bound at 40 of 40
    assert worst["right"] == pytest.approx((said[:40, 1] == truth[:40]).mean())
    with pytest.raises(DataError, match="has a known label and no answer"):
        answers.against({999: 0})
    with pytest.raises(DataError, match="not in the scheme"):
        answers.against({0: 7})


def test_disputed_items_come_by_how_much_they_are_disputed():
    found = Answers.wide([["a", "a", "a"], ["a", "b", "c"], ["a", "a", "b"]]).disputed()
    assert found == [(1, {"a": 1, "b": 1, "c": 1}), (2, {"a": 2, "b": 1})]


def test_a_pilot_takes_from_every_group():
    groups = ["common"] * 97 + ["rare", "rarer", "rarest"]
    drawn = pilot(list(range(100)), 8, by=groups, seed=1)
    assert {groups[i] for i in drawn} == {"common", "rare", "rarer", "rarest"}
    assert len(set(drawn)) == 8
    assert drawn == pilot(list(range(100)), 8, by=groups, seed=1) != pilot(list(range(100)), 8, by=groups, seed=2)
    with pytest.raises(SettingError, match="1 to 3"):
        pilot([1, 2, 3], 4)


def test_the_map_of_kappas_is_drawn_for_few_and_many():
    _, said = simulated()
    assert Answers.wide(said).agreement(n_bootstrap=10).plot().axes[0].get_title(loc="left") == "Cohen's kappa"
    many = np.random.default_rng(0).integers(0, 2, (30, 45))
    assert Answers.wide(many).agreement(n_bootstrap=10).plot().axes


def test_the_package_is_reached_from_the_top():
    assert pn.labelling.Answers is Answers


@pytest.mark.parametrize("columns", [None, [7, 3], ["ann", "bob"]])
def test_columns_of_a_table_may_have_numbers_for_names(columns):
    """A column 0 was read as the row 0, and pandas names columns by numbers where nobody did."""
    table = pd.DataFrame([["a", "a"], ["b", "a"], [None, "b"]], columns=columns)
    answers = Answers.wide(table)
    assert answers.annotators == ([0, 1] if columns is None else columns)
    assert (len(answers), answers.labels) == (5, ["a", "b"])
    named = Answers.wide(pd.DataFrame({0: ["x", "y", "z"], 1: ["a", "b", "a"], 2: ["a", "a", "b"]}), item=0)
    assert (named.items, named.annotators) == (["x", "y", "z"], [1, 2])
