"""How worked steps are written."""

import numpy as np

from parnassus.byhand.worked import Section, written


def test_numbers_of_a_section_begin_in_one_column() -> None:
    text = written([Section("layer", {"z": np.array([1.0, -2.5]), "gradient": np.eye(2), "loss": 0.5})])
    lines = text.splitlines()
    assert lines[0] == "layer"
    assert lines[1] == "  z         [ 1.000000 -2.500000]"
    assert lines[2:4] == ["  gradient  [[ 1.000000  0.000000]", "             [ 0.000000  1.000000]]"]
    assert lines[4].split() == ["loss", "0.500000"]


def test_large_arrays_are_shortened() -> None:
    assert len(written([Section("layer", {"w": np.zeros((100, 100))})]).splitlines()) < 12
