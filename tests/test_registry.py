"""Names, specs, and what they refuse."""

import numpy as np
import pytest
from sklearn.base import clone

import parnassus as pn
from parnassus.data.facts import FACTS, choose_view
from parnassus.errors import SettingError
from parnassus.registry import REGISTRIES, Registry


def test_a_spec_made_without_a_task_is_left_as_it_was_by_clone():
    spec = pn.model("mlp", hidden=(3,))
    copy = clone(spec)
    assert copy == spec
    assert copy is not spec
    assert repr(spec) == "model('mlp', hidden=(3,))"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pn.model("mpl"), ["unknown model 'mpl'", "did you mean", "'mlp'"]),
        (lambda: pn.model("mlp", hiden=(3,)), ["no option 'hiden'", "'hidden'"]),
        (lambda: pn.model("mlp", hidden=64), ["hidden is like (64,)", "got 64"]),
        (lambda: pn.model("mlp", dropout=True), ["dropout is like 0.0", "got True"]),
        (lambda: pn.optimizer("adm"), ["unknown optimizer", "'adam'"]),
        (lambda: pn.schedule("cosin"), ["unknown schedule", "'cosine'"]),
        (lambda: pn.loss("hubr"), ["unknown loss", "'huber'"]),
    ],
)
def test_a_typo_is_answered_with_what_was_meant(make, words):
    with pytest.raises(SettingError) as caught:
        make()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_options_become_plain_python_values():
    spec = pn.model("mlp", hidden=[np.int64(4), 5], dropout=np.float32(0.5))
    assert spec.options == {"hidden": (4, 5), "dropout": 0.5}
    assert type(spec.options["hidden"][0]) is int


def test_set_params_refuses_what_the_name_has_not():
    with pytest.raises(SettingError, match="no option 'depth'"):
        pn.model("mlp").set_params(depth=3)


@pytest.fixture
def registry():
    made = Registry("model")
    made.register("classifier", name="twin")(lambda *, in_features, n_outputs, width=1: None)
    return made


def test_two_builders_with_equal_facts_are_refused(registry):
    with pytest.raises(ValueError, match="registered twice"):
        registry.register("classifier", name="twin")(lambda *, n_outputs, in_features, width=1: None)


def test_builders_of_one_name_and_task_share_their_options(registry):
    with pytest.raises(ValueError, match="share their options"):
        registry.register("classifier", name="twin")(lambda *, vocab_size, depth=1: None)


def test_none_is_taken_where_an_option_says_so_and_nowhere_else(registry):
    @registry.register("classifier")
    def net(*, in_features: int, band: float | None = 0.1, depth: int = 2): ...

    assert registry("net", band=None).options == {"band": None}
    with pytest.raises(SettingError, match="depth is like 2; got None"):
        registry("net", depth=None)


def test_a_builder_may_be_entered_for_each_choice_of_its_facts():
    registry = Registry("model")

    @registry.variants("generator", choices=("in_channels image_size | in_features", "| n_outputs | n_told"))
    def twin(*, in_channels, image_size, in_features, n_outputs, n_told, width=1):
        """What it was given."""
        return in_channels, image_size, in_features, n_outputs, n_told, width

    found = registry.builders("twin", "generator")
    rows = {"in_channels": 1, "image_size": (4, 4)}, {"in_features": 7}
    told = {}, {"n_outputs": 3}, {"n_told": 2}
    due = [of | by for of in rows for by in told]
    assert [one.facts for one in found] == [frozenset(facts) for facts in due]
    assert all(one.defaults == {"width": 1} and one.summary == "What it was given." for one in found)
    names = ("in_channels", "image_size", "in_features", "n_outputs", "n_told")
    for one, facts in zip(found, due, strict=True):
        assert one.make(**facts, width=5) == (*(facts.get(name) for name in names), 5)
    with pytest.raises(ValueError, match="registered twice"):
        registry.variants("generator", choices=("| n_outputs",), name="twin")(
            lambda *, in_features, n_outputs, width=1: 0
        )


def test_one_name_may_have_a_builder_per_task(registry):
    registry.register("forecaster", name="twin")(lambda *, step_features, depth=1: None)
    assert registry("twin", depth=2).builders("forecaster")[0].facts == {"step_features"}
    with pytest.raises(SettingError, match="no option 'depth' for classifier"):
        registry("twin", depth=2).builders("classifier")


def test_a_name_of_another_task_is_refused_with_this_tasks_names(registry):
    registry.register("generator")(gan := lambda *, in_features: None)
    with pytest.raises(SettingError, match="serves generator, not classifier; for classifier choose one of twin"):
        registry.builders(gan.__name__, "classifier")


def test_the_first_view_that_feeds_a_builder_wins_and_then_the_builder_that_asks_for_most():
    registry = Registry("model")
    for make in (lambda *, vocab_size, n_outputs: None, lambda *, vocab_size, max_length, n_outputs: None):
        registry.register("classifier", name="deep")(make)
    views = {"tokens": {"vocab_size": 9, "pad_id": 0, "max_length": 4}, "vector": {"in_features": 9}}
    view, builder, facts = choose_view(registry.builders("deep"), views, {"n_outputs": 2}, wanted="deep")
    assert (view, facts) == ("tokens", {"max_length": 4, "n_outputs": 2, "vocab_size": 9})
    assert "max_length" in builder.facts
    registry.register("classifier", name="deep")(lambda *, vocab_size, pad_id, n_outputs: None)
    with pytest.raises(SettingError, match="equally well"):
        choose_view(registry.builders("deep"), views, {"n_outputs": 2}, wanted="deep")


def test_facts_are_a_closed_list_and_never_an_options_name():
    for builder in pn.model:
        assert builder.facts <= FACTS.keys(), builder
        assert not builder.defaults.keys() & FACTS.keys(), builder


def test_every_builder_says_what_it_makes():
    for registry in REGISTRIES.values():
        for builder in registry:
            assert builder.summary, f"{registry.kind} {builder.name} has no docstring"


def test_a_spec_is_pickled_by_its_names_and_not_with_every_builder():
    import pickle

    spec = pn.model("lstm", hidden=3)
    again = pickle.loads(pickle.dumps(spec))
    assert again == spec
    assert again.registry is pn.model
    assert len(pickle.dumps(spec)) < 400
