"""Members by name."""

import pytest
from sklearn.tree import DecisionTreeClassifier

import parnassus as pn
from parnassus.ensembles.committee import named


def test_members_are_called_by_their_class_or_as_given():
    tree, net = DecisionTreeClassifier(), pn.Classifier()
    assert list(named([tree, ("mine", net), net, net])) == [
        "decisiontreeclassifier",
        "mine",
        "classifier2",
        "classifier3",
    ]


@pytest.mark.parametrize("given", [[("a__b", 1)], [("a", 1), ("a", 2)], [], 3])
def test_names_that_could_not_be_told_apart_are_refused(given):
    with pytest.raises(pn.SettingError, match=r"names|estimators"):
        named(given)


def test_a_member_is_replaced_and_changed_by_name():
    vote = pn.Voting([("tree", DecisionTreeClassifier()), pn.Classifier("mlp")])
    vote.set_params(tree=DecisionTreeClassifier(max_depth=2), classifier__epochs=7)
    assert vote.get_params()["tree__max_depth"] == 2
    assert vote.estimators[1].epochs == 7
    assert vote.set_params(estimators=[pn.Classifier()]).estimators[0].epochs is None
    with pytest.raises(pn.SettingError, match="did you mean"):
        vote.set_params(clasifier=1)
