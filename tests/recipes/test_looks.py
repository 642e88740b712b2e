"""Means weighted by nearness, and waves: against numbers worked out apart."""

import pytest

from parnassus import recipes


def test_no_place_has_another_length_and_the_waves_are_those_worked_out():
    table = recipes.run("waves-that-tell-a-place", "tiny")
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows[1][:4] == pytest.approx((0.841471, 0.540302, 0.821856, 0.569695), abs=1e-6)
    assert rows[99][:2] == pytest.approx((-0.999207, 0.039821), abs=1e-6)
    assert all(row[-1] == pytest.approx(256, rel=1e-5) for row in rows.values())
    assert "1 apart, 249.1021 to 249.1021" in table.notes[1]


def test_the_book_s_bandwidth_beats_too_little_too_much_and_the_wrong_sign():
    errors = {row[0]: row[1] for row in recipes.run("mean-weighted-by-nearness", "tiny").rows}
    best = errors["bandwidth 0.5"]
    assert best < min(errors["bandwidth 0.05"], errors["bandwidth 10"], errors["the printed kernel, bandwidth .5"])
