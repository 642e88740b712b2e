"""The page that an ensemble writes."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import parnassus as pn


@pytest.mark.parametrize("load", [load_iris, load_diabetes])
def test_the_report_names_the_members_and_holds_the_numbers(load, tmp_path):
    X, y = load(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=2) if load is load_iris else DecisionTreeRegressor(max_depth=2)
    bag = pn.Bagging(tree, n=3).fit(X[::2], y[::2])
    found = bag.report(tmp_path / "new" / "page.html", X[1::2], y[1::2], data="flowers & more")
    page = (tmp_path / "new" / "page.html").read_text()
    assert f"Bagging of 3 {type(tree).__name__}" in page
    assert "flowers &amp; more" in page
    assert found.metrics[0].value == bag.evaluate(X[1::2], y[1::2]).metrics[0].value


def test_a_page_that_cannot_be_written_is_named(tmp_path):
    X, y = load_iris(return_X_y=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(pn.FileError, match="cannot be written"):
        pn.Bagging(DecisionTreeClassifier(), n=2).fit(X, y).report(tmp_path / "file" / "page.html", X, y)


def test_the_report_weights_rows_as_the_evaluation_does(tmp_path):
    X, y = load_iris(return_X_y=True)
    weight = np.where(y == 1, 9.0, 1.0)
    bag = pn.Bagging(DecisionTreeClassifier(max_depth=1), n=3).fit(X, y)
    found = bag.report(tmp_path / "page.html", X, y, sample_weight=weight)
    assert found["accuracy"].value == pytest.approx(np.average(bag.predict(X) == y, weights=weight))
    assert found["accuracy"].value != pytest.approx(bag.score(X, y))
