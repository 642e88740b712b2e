"""Gates, load and room of mixtures of experts."""

import pytest
import torch

from parnassus.errors import SettingError
from parnassus.functional.experts import expert_gates, load_balance, within_capacity


def test_gates_may_stay_those_of_the_softmax():
    logits = torch.tensor([[2.0, 1.0, 0.0, 1.5]], dtype=torch.float64)
    gates, chosen, whole = expert_gates(logits, 2, renormalize=False)
    torch.testing.assert_close(gates, whole.gather(1, chosen))


def test_an_even_load_is_one_and_a_single_expert_costs_as_many_as_there_are():
    even = torch.full((4, 4), 0.25)
    assert float(load_balance(even, torch.arange(4)[:, None])) == 1.0
    one = torch.zeros(4, 4)
    one[:, 2] = 1.0
    assert float(load_balance(one, torch.full((4, 1), 2))) == 4.0


def test_first_choices_come_before_second_ones():
    chosen = torch.tensor([[1, 0], [0, 1], [0, 1]])
    assert within_capacity(chosen, 2, 2).tolist() == [[True, False], [True, True], [True, False]]


def test_more_experts_than_there_are_and_no_temperature_are_refused():
    with pytest.raises(SettingError, match="got k=3"):
        expert_gates(torch.zeros(1, 2), 3)
    with pytest.raises(SettingError, match="temperature is above 0"):
        expert_gates(torch.zeros(1, 2), 1, temperature=0.0)
