"""Findings: each fault planted in data is found, and clean data have none."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from parnassus.data.audit import audit, audit_target
from parnassus.data.duplicates import row_keys, straddling
from parnassus.data.samples import digits

RNG = np.random.default_rng(0)
N = 200
Y = RNG.choice(["no", "yes"], N)


def clean():
    return pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.integers(0, 9, N), "c": RNG.choice(list("xyz"), N)})


def said(findings, severity=None):
    return " | ".join(str(f) for f in findings if severity in (None, f.severity))


def test_clean_data_have_no_findings():
    assert audit(clean(), Y) == []


@pytest.mark.parametrize(
    "texts",
    [
        ["A1", "A2", "B7"],
        ["2020-13", "q1", "q2"],
        ["12 Main St", "7 Elm Rd", "3 Oak Av"],
        ["mp3", "mp4"],
        ["1-2", "3-4"],
    ],
)
def test_names_with_digits_are_names(texts):
    assert audit(clean().assign(c=[texts[i % len(texts)] for i in range(N)]), Y) == []


@pytest.mark.parametrize(
    ("change", "severity", "what"),
    [
        (lambda f: pd.concat([f[:-2], f[:2]]), "info", "2 rows repeat an earlier one"),
        (lambda f: f.assign(leak=(Y == "yes") * 2.5), "warning", "column 'leak': it determines the target"),
        (lambda f: f.assign(leak=Y), "warning", "column 'leak': it determines the target"),
        (lambda f: f.assign(one=3), "info", "column 'one': one value in all rows"),
        (lambda f: f.assign(number=np.arange(N)), "warning", "column 'number': every row has a value of its own"),
        (
            lambda f: f.assign(name=[f"n{i}" for i in range(N)]),
            "warning",
            "column 'name': every row has a value of its own",
        ),
        (lambda f: f.assign(a=f.a.where(f.a > -1)), "info", "are missing"),
        (lambda f: f.assign(a=f.a.where(f.a > 1)), "warning", "are missing"),
        (lambda f: f.assign(a=f.a.where(f.index != 7, 1e6)), "info", "1 outliers (the furthest is 1e+06"),
        (lambda f: f.assign(a=f.a.where(f.index != 7, np.inf)), "warning", "1 values are infinite"),
        (
            lambda f: f.assign(b=[*f.b.astype(str)[:-1], "?"]),
            "warning",
            "text where nearly all is numbers: '?' (value 199)",
        ),
        (lambda f: f.assign(b=f.b.astype(str)), "info", "numbers written as text"),
        (lambda f: f.assign(b=[f"{i % 28 + 1:02}/03/2020" for i in range(N)]), "warning", "such as '01/03/2020'"),
        (lambda f: f.assign(b=[f"{i % 28 + 1}.3.20 12:30" for i in range(N)]), "warning", "dates written as text"),
        (lambda f: f.assign(b=[f"${1000 + i % 50:,.2f}" for i in range(N)]), "warning", "such as '$1,000.00'"),
        (lambda f: f.assign(b=[f"{i % 50} %" for i in range(N)]), "warning", "numbers with signs, a unit"),
        (lambda f: f.assign(b=[f"1.00{i % 5},5 kg" for i in range(N)]), "warning", "numbers with signs, a unit"),
        (
            lambda f: f.assign(c=["X " if i == 3 else "x" if i % 2 else "y" for i in range(N)]),
            "warning",
            "'X ' and 'x'",
        ),
        (lambda f: f.assign(b=[*f.b[:-1], "?"]), "warning", "mixed types"),
    ],
)
def test_each_planted_fault_is_found(change, severity, what):
    assert what in said(audit(change(clean()), Y), severity)


def test_a_column_that_is_the_target_up_to_scale_is_a_leak():
    y = RNG.normal(size=N)
    assert "column 1: it is the target" in said(audit(np.stack([RNG.normal(size=N), 3 * y + 1], 1), y), "warning")
    assert not said(audit(np.stack([RNG.normal(size=N), y + RNG.normal(size=N)], 1), y), "warning")


def test_equal_rows_with_different_labels_are_named():
    x = RNG.normal(size=(50, 3))
    x[40] = x[3]
    y = np.arange(50) % 2
    assert y[40] != y[3]
    assert "2 rows equal another row and have a different label" in said(audit(x, y), "warning")
    assert "[3, 40]" in said(audit(x, y), "warning")
    y[40] = y[3]
    assert "different label" not in said(audit(x, y))


@pytest.mark.parametrize(
    ("y", "severity", "what"),
    [
        ([0] * 90 + [1] * 10, "info", "0 has 90 rows and 1 has 10 (9 to 1)"),
        (["a"] * 990 + ["b"] * 10, "warning", "99 to 1"),
        (["yes"] * 50 + ["no"] * 45 + ["Yes"] * 40, "warning", "'Yes' and 'yes' differ in case or spaces alone"),
        (["a"] * 9 + ["b"] * 9 + ["c"], "warning", "classes ['c'] have one row"),
        (list(range(100)), "info", "Regressor"),
        ([1.5] * 50 + [2.5] * 50 + [1e9], "info", "1 outliers"),
    ],
)
def test_answers_out_of_balance_are_reported(y, severity, what):
    assert what in said(audit_target(y), severity)


def test_balanced_answers_and_sets_of_labels_are_no_finding():
    assert audit_target(["a", "b"] * 50) == audit_target([["a"], []]) == audit_target([None, "a"]) == []


def test_rows_on_both_sides_are_counted():
    x = RNG.normal(size=(30, 4))
    assert straddling(x[:20], x[20:]) == 0
    assert straddling(x[:20], np.concatenate([x[20:], x[[1, 1, 5]]])) == 3
    frame = clean()
    assert straddling(frame[:100], frame[95:]) == 5
    pictures, _ = digits()
    assert straddling(pictures[:100], pictures[90:120]) == 10
    assert straddling(["a", "b"], ["b", "c", "b"]) == 2


@pytest.mark.parametrize(
    "x",
    [
        RNG.integers(0, 3, (5000, 8)),
        RNG.integers(0, 2, (5000, 12)).astype(np.uint8),
        RNG.integers(0, 2, (3000, 11)).astype(bool),
        RNG.integers(0, 5, (4000, 3, 3)).astype(np.uint8),
        np.arange(60000.0)[:, None],
        np.arange(60000)[:, None] * 2.0**-20,
    ],
)
def test_keys_are_equal_exactly_where_rows_are(x):
    flat = x.reshape(len(x), -1)
    assert len(np.unique(row_keys(x))) == len(np.unique(flat, axis=0))
    _, code = np.unique(flat, axis=0, return_inverse=True)
    first = np.array([code.tolist().index(c) for c in code[:200]])
    assert (row_keys(x)[first] == row_keys(x)[:200]).all()


def test_a_missing_value_equals_another_and_zero_has_no_sign():
    frame = pd.DataFrame({"a": [np.nan, np.nan, 0.0, -0.0], "b": [None, None, "x", "x"]})
    keys = row_keys(frame)
    assert keys[0] == keys[1]
    assert keys[2] == keys[3]
    assert keys[0] != keys[2]


def test_pictures_that_are_equal_or_blank_are_named(tmp_path):
    pictures = RNG.integers(0, 256, (6, 4, 4), dtype=np.uint8)
    pictures[4], pictures[5] = pictures[1], 9
    text = said(audit(pictures, np.array([0, 1, 0, 1, 0, 1])))
    assert "rows [1, 4]" in text
    assert "different label" in text
    assert "pictures [5]: 1 pictures are of one colour" in text
    paths = []
    for i, picture in enumerate(pictures):
        paths.append(tmp_path / f"{i}.png")
        Pillow.fromarray(picture).save(paths[-1])
    assert "1 row repeats an earlier one" in said(audit(paths))
    assert "1 row repeats an earlier one" in said(audit([Pillow.fromarray(p) for p in pictures]))


def test_texts_are_compared_too():
    assert "1 row repeats" in said(audit(["a", "b", "a"], ["x", "y", "x"]))


def test_uneven_classes_of_plain_strings_are_told():
    import pandas as pd

    found = audit(np.arange(180.0)[:, None], pd.Series(["a"] * 170 + ["b"] * 10, dtype=object))
    assert any("'a' has 170 rows and 'b' has 10 (17 to 1)" in f.what for f in found)


def test_quantities_are_not_taken_for_classes():
    y = np.arange(N) % 120
    assert "if it is a quantity use Regressor" in said(audit(clean(), y))
    assert audit(clean(), y, quantities=True) == []
    assert "1 outliers" in said(audit(clean(), np.where(np.arange(N) == 3, 10**6, y), quantities=True))


def test_rows_of_a_frame_of_paths_are_told_apart():
    """A frame is no list of its columns' names, which are the same on both sides."""
    frame = pd.DataFrame({"file": [f"{i}.wav" for i in range(30)]})
    assert straddling(frame[:20], frame[20:]) == 0
    assert straddling(frame[:20], frame[18:]) == 2


def test_texts_as_answers_are_no_classes():
    texts = [f"text {i}" for i in range(60)]
    files = [f"{i:02d}.wav" for i in range(60)]
    assert any(finding.where == "y" for finding in audit(pd.DataFrame({"file": files}), texts))
    assert not any(finding.where == "y" for finding in audit(pd.DataFrame({"file": files}), texts, texts=True))
