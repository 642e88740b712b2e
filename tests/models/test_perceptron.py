"""The builders of row-by-row learners: names, options, refusals."""

import pytest
import torch

from parnassus.errors import SettingError
from parnassus.objectives.rules import LeastMeanSquares, Perceptron
from parnassus.registry import model

FACTS = {"in_features": 3, "n_outputs": 1}


@pytest.mark.parametrize("variant", ["plain", "averaged", "pocket"])
@pytest.mark.parametrize("multiclass", ["kesler", "one_vs_rest"])
def test_a_perceptron_is_built_by_name(variant: str, multiclass: str) -> None:
    built = model("perceptron", variant=variant, multiclass=multiclass).make(task="classifier", **FACTS)
    assert isinstance(built, Perceptron)
    assert (built.variant, built.multiclass) == (variant, multiclass)
    assert built.outputs({"x": torch.zeros(5, 3)}).shape == (5, 1)
    assert not list(built.parameters())


@pytest.mark.parametrize(("name", "task"), [("adaline", "classifier"), ("lms", "regressor")])
def test_linear_units_are_built_by_name(name: str, task: str) -> None:
    built = model(name, lr=0.02).make(task=task, **FACTS)
    assert isinstance(built, LeastMeanSquares)
    assert built.lr.item() == pytest.approx(0.02)
    assert (len(built.targets(torch.ones(2, 1)).unique()), built.targets(torch.zeros(1, 1)).item()) == (
        (1, -1.0) if name == "adaline" else (1, 0.0)
    )


@pytest.mark.parametrize(
    ("name", "task", "option", "value", "hint"),
    [
        ("perceptron", "classifier", "variant", "avraged", "averaged"),
        ("perceptron", "classifier", "multiclass", "ovr", "one_vs_rest"),
        ("adaline", "classifier", "lr", -0.1, "positive"),
        ("lms", "regressor", "lr", 0.0, "positive"),
    ],
)
def test_an_option_out_of_range_is_refused_with_a_hint(
    name: str, task: str, option: str, value: object, hint: str
) -> None:
    with pytest.raises(SettingError, match=hint):
        model(name, **{option: value}).make(task=task, **FACTS)
