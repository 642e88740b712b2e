"""Every check against an outside oracle: the same that `parnassus verify` runs."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch

from parnassus import checks
from parnassus.checks import Check, all_checks, check, gap, relative_gap, selected, verify, version_of
from parnassus.errors import SettingError

SLOW = {  # checks that take more than a quarter of a second
    "a_gamma_of_a_rate_and_its_counts",
    "a_machine_of_real_units_is_a_mixture_of_normal_laws",
    "a_mean_field_of_a_correlated_normal",
    "a_net_without_hidden_layer",
    "a_posterior_from_batches_of_rows",
    "annealing_at_one_temperature_is_boltzmanns_law",
    "autoregressions_against_statsmodels",
    "breast_cancer_accuracy_beside_scikit_learn",
    "default_boxes_of_ssd300",
    "draws_of_a_correlated_normal",
    "moments_of_eight_schools",
    "parameters_of_densenet",
    "parameters_of_efficientnet",
    "parameters_of_nets_on_resnet50",
    "parameters_of_residual_nets",
    "published_multiply_adds_in_billions",
    "published_numbers_of_parameters",
    "published_numbers_of_parameters_of_later_nets",
    "published_sizes_of_t5",
    "softmax_regression_against_scikit_learn",
    "ssd300_has_8732_boxes_and_35641826_parameters",
    "the_bound_of_a_low_rank_normal",
    "the_minimum_of_branin",
    "the_weights_of_two_modes",
    "variance_reduced_descent_ends_at_the_least_squares",
}


def each_check():
    """Every check, with the mark of those that take long."""
    return [pytest.param(c, id=c.name, marks=[pytest.mark.slow] * (c.name in SLOW)) for c in all_checks()]


@pytest.mark.parametrize("one", each_check())
def test_the_check_agrees_with_its_oracle(one: Check):
    if version_of(one.oracle) is None:
        pytest.skip(f"the oracle {one.oracle} is not installed: pip install 'parnassus[verify]'")
    assert one.run() <= one.tolerance


def test_every_check_says_what_it_compares():
    assert all(one.summary for one in all_checks())
    assert {one.name for one in all_checks()} >= SLOW


def test_checks_are_chosen_by_family_system_or_name():
    assert {c.name for c in selected("mlp")} >= {"mlp_forward_with_scikit_learns_weights"}
    assert selected("lenet5_parameter_count")[0].systems == ("lenet5",)
    with pytest.raises(SettingError, match="did you mean 'lenet5'"):
        selected("lenet6")


def test_a_check_of_an_unknown_system_is_refused():
    with pytest.raises(ValueError, match="no system"):
        check("perceptrn", oracle="(book)", tolerance=0)(lambda: 0.0)


def test_an_oracle_that_is_not_installed_is_said_to_be():
    assert version_of("no-such-distribution") is None
    assert version_of("(closed form)") == ""
    (result,) = verify("lenet5_parameter_count")
    assert (result.verdict, result.difference) == ("agrees", 0.0)


def test_a_gap_hides_neither_nan_nor_another_shape():
    assert gap([1.0, 2.0], np.array([1.0, 4.5])) == 2.5
    assert gap(torch.tensor([3 + 4j], requires_grad=True), torch.zeros(1)) == 5
    assert gap(np.ones(3), 1) == gap([], []) == 0
    for found, wanted in (([np.nan, 1], [1, 1]), (np.nan, np.nan), (np.ones((2, 1)), np.ones(2)), ([True], [1, 1])):
        assert gap(found, wanted) == relative_gap(found, wanted) == np.inf


def test_a_relative_gap_is_a_share_of_what_was_due():
    assert relative_gap([1.1, 50.0], [1.0, 100.0]) == 0.5
    assert relative_gap(np.ones((2, 2)), 2) == 0.5
    assert relative_gap([0.0, 1.0], [0.0, 1.0]) == np.inf


def test_every_check_takes_differences_by_the_gap():
    """`max(0.0, nan)` is 0.0, and unlike shapes broadcast: |a - b| written out hides both."""
    for path in sorted(Path(checks.__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text())
        assert [f"{path.name}:{n.lineno}" for n in ast.walk(tree) if inline_difference(n)] == []  # type: ignore[attr-defined]


def inline_difference(node: ast.AST) -> bool:
    """Whether a node is abs(...), or the largest of what np.abs or a tensor's own abs gives of a difference."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id == "abs"
    said = ast.unparse(node)
    return said.endswith(".max()") and " - " in said and (said.startswith("np.abs(") or ".abs()" in said)
