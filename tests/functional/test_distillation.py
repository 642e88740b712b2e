"""Soft targets of a teacher: by hand, its slope's limit, and one logit for two classes."""

import math

import pytest
import torch

from parnassus.functional.distillation import distillation


def test_two_classes_by_hand():
    p = math.exp(2) / (1 + math.exp(2))
    due = p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))
    found = distillation(torch.zeros(1, 2).double(), torch.tensor([[1.0, -1.0]]).double(), temperature=1.0)
    assert float(found) == pytest.approx(due, abs=1e-12)


def test_a_student_like_its_teacher_loses_nothing_whatever_is_added_to_a_row():
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).double()
    assert distillation(logits, torch.log_softmax(logits, 1), temperature=3.0).abs().max() < 1e-12


def test_at_a_high_temperature_it_is_half_the_mean_squared_difference_of_centred_logits():
    """Hinton et al. 2015, section 2.1: matching logits is a special case; T^2 KL tends to |z - v|^2 / (2 n)."""
    generator = torch.Generator().manual_seed(1)
    z, v = torch.randn(5, 4, generator=generator).double(), torch.randn(5, 4, generator=generator).double()
    z, v = z - z.mean(1, keepdim=True), v - v.mean(1, keepdim=True)
    due = (z - v).square().sum(1) / (2 * 4)
    torch.testing.assert_close(distillation(z, v, temperature=1e4), due, rtol=1e-3, atol=0)


def test_one_logit_is_two_classes():
    z, v = torch.tensor([[0.3], [-2.0]]).double(), torch.tensor([[1.0], [0.5]]).double()
    both = [torch.cat([torch.zeros_like(t), t], 1) for t in (z, v)]
    torch.testing.assert_close(distillation(z, v, temperature=2.0), distillation(*both, temperature=2.0))
