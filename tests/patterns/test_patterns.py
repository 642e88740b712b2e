"""Patterns in series, as a user finds them: with dates, with several series, with what is wrong refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

import parnassus as pn
from parnassus.errors import DataError, DataWarning, SettingError
from parnassus.patterns import cluster_series, find_motifs, match_pattern, segment_series

RNG = np.random.default_rng
BEAT = np.exp(-((np.arange(30) - 15) ** 2) / 12.0)


def heartbeats(places=(50, 200, 420), n=600):
    y = RNG(0).normal(size=n) * 0.05
    for k, place in enumerate(places):
        y[place : place + 30] += BEAT * (k + 1)
    return y


def test_the_functions_are_public():
    public = (pn.match_pattern, pn.find_motifs, pn.segment_series, pn.cluster_series)
    assert public == (match_pattern, find_motifs, segment_series, cluster_series)


@pytest.mark.parametrize("method", ["shape", "warped"])
def test_a_heartbeat_of_any_size_is_found(method):
    found = match_pattern(heartbeats(), BEAT, n=3, method=method)
    assert all(abs(a - b) <= 6 for a, b in zip(sorted(found.starts), (50, 200, 420), strict=True))
    assert (np.diff(found.distances) >= 0).all()


def test_values_count_sizes_and_a_distance_ends_the_list():
    found = match_pattern(heartbeats(), 2 * BEAT, n=None, within=1.0, method="values")
    assert found.starts.tolist() == [200]
    assert found.distances[0] == pytest.approx(np.linalg.norm(heartbeats()[200:230] - 2 * BEAT))


def test_dates_come_back_as_dates():
    times = pd.date_range("2026-01-01", periods=600, freq="h")
    found = match_pattern(pd.Series(heartbeats(), index=times), BEAT, n=1)
    assert pd.Timestamp(found.starts[0]) in (times[50], times[200], times[420])
    table = found.table()
    assert (table.end - table.start).iloc[0] == pd.Timedelta(hours=29)
    assert "distance" in str(found)
    found.plot()


def test_motifs_and_discords_of_a_series():
    t = np.arange(1500)
    y = np.sin(t / 10) + 0.05 * RNG(0).normal(size=1500)
    y[700:720] += np.hanning(20) * 2
    found = find_motifs(y, 63, n=2)
    assert 700 - 63 < found.discords[0] < 720
    assert len(found.found[0].places) > 5
    assert abs((found.found[0].pair[1] - found.found[0].pair[0]) / (20 * np.pi) % 1 - 0.5) > 0.4  # whole periods apart
    assert set(found.table().kind) == {"motif", "discord"}
    assert "discord" in str(found)
    found.plot()


def test_segments_are_pieces_with_their_means():
    rng = RNG(1)
    y = np.concatenate([rng.normal(m, 1, 50) for m in (0, 5, -3)])
    found = segment_series(y)
    assert found.changes.tolist() == [50, 100]
    np.testing.assert_allclose(found.means, [y[:50].mean(), y[50:100].mean(), y[100:].mean()])
    assert found.table().n_steps.tolist() == [50, 50, 50]
    assert segment_series(y, n_pieces=2).means.shape == (2,)
    assert "3 pieces" in str(found)
    found.plot()
    spread = np.concatenate([RNG(1).normal(0, 1, 120), RNG(2).normal(0, 5, 120)])
    assert np.abs(segment_series(spread, cost="variance").cuts - 120).min() <= 4
    assert len(segment_series(RNG(3).normal(size=200)).cuts) == 0
    with pytest.warns(DataWarning, match=r"take cost='variance'"):
        segment_series(np.concatenate([RNG(4).normal(size=200), RNG(5).normal(size=200) * 9]))


def waves(n_each=6, lengths=(80,)):
    rng, rows = RNG(0), []
    for k in (1, 2, 3):
        for i in range(n_each):
            t = np.linspace(0, 1, lengths[i % len(lengths)])
            rows.append(rng.uniform(1, 9) * np.sin(2 * np.pi * (k * t + rng.uniform(0, 0.05))) + rng.uniform(-9, 9))
    return rows, np.repeat([0, 1, 2], n_each)


@pytest.mark.parametrize(
    ("method", "lengths"), [("kmeans", (80,)), ("kshape", (80,)), ("dtw", (80,)), ("dtw", (60, 80))]
)
def test_waves_of_three_frequencies_are_three_groups(method, lengths):
    rows, truth = waves(lengths=lengths)
    found = cluster_series(rows, 3, method=method)
    groups = {frozenset(np.flatnonzero(found.labels == k)) for k in range(3)}
    assert groups == {frozenset(np.flatnonzero(truth == k)) for k in range(3)}
    assert found.distances.shape == (18, 3)
    assert found.centres.shape == (3, 80)
    own = found.distances[np.arange(18), found.labels]
    assert found.inertia == pytest.approx(float((own**2).sum()))
    assert len(found.table()) == 18
    found.plot()


def test_k_means_on_profiles_is_scikit_learns():
    rows, _ = waves()
    shapes = np.stack([(r - r.mean()) / r.std() for r in rows])
    ours = cluster_series(rows, 3, n_init=10)
    theirs = KMeans(3, n_init=10, random_state=0).fit(shapes)
    assert ours.inertia == pytest.approx(theirs.inertia_, rel=1e-9)


def test_a_seed_gives_the_same_groups_again():
    rows, _ = waves()
    assert cluster_series(rows, 4, seed=3).inertia == cluster_series(rows, 4, seed=3).inertia


def test_as_many_groups_as_series_are_each_alone():
    found = cluster_series([np.arange(5.0)] * 2 + [-np.arange(5.0)], 3)
    assert sorted(np.bincount(found.labels, minlength=3)) == [1, 1, 1]


SERIES = np.arange(20.0)


@pytest.mark.parametrize(("error", "words", "call"), [
    (SettingError, "method='shapes'", lambda: match_pattern(SERIES, [1, 2, 1], method="shapes")),
    (SettingError, "n is a whole number", lambda: match_pattern(SERIES, [1, 2, 1], n=0)),
    (SettingError, "within", lambda: match_pattern(SERIES, [1, 2, 1], n=None)),
    (SettingError, "band", lambda: match_pattern(SERIES, [1, 2, 1], band=2)),
    (SettingError, "band is a whole", lambda: match_pattern(SERIES, [1, 2, 1], method="warped", band=-1)),
    (SettingError, "band is a whole", lambda: cluster_series([SERIES, SERIES], 2, method="dtw", band=1.5)),
    (SettingError, "within is a distance", lambda: match_pattern(SERIES, [1, 2, 1], within=-1)),
    (SettingError, "threshold is a score", lambda: pn.AnomalyDetector(threshold=float("nan")).fit(SERIES)),
    (DataError, "constant", lambda: match_pattern(SERIES, [1, 1, 1])),
    (DataError, "fewer than a window", lambda: match_pattern([1, 2], [1, 2, 1])),
    (DataError, "2 series", lambda: match_pattern(np.zeros((20, 2)), [1, 2, 1])),
    (DataError, "no value at", lambda: find_motifs([1, np.nan, 2, 3, 4, 5, 6, 7], 3)),
    (SettingError, "radius", lambda: find_motifs(SERIES, 4, radius=0.5)),
    (SettingError, "give one of them", lambda: segment_series(SERIES, n_pieces=2, penalty=3.0)),
    (DataError, "method='dtw'", lambda: cluster_series([np.arange(5.0), np.arange(6.0)], 2)),
    (SettingError, "n_clusters", lambda: cluster_series([SERIES, SERIES], 3)),
    (SettingError, "method='k_shape'", lambda: cluster_series([SERIES, SERIES], 2, method="k_shape")),
    (SettingError, "n_clusters", lambda: cluster_series([SERIES, SERIES], 2.0)),
    (SettingError, "n_pieces", lambda: segment_series(SERIES, n_pieces="two")),
    (SettingError, "window is", lambda: find_motifs(SERIES, 4.5)),
    (SettingError, "n_init", lambda: cluster_series([SERIES, SERIES], 2, n_init=0)),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(error, words, call):
    with pytest.raises(error, match=words):
        call()


def test_steps_are_those_of_what_was_given_where_its_start_is_missing():
    y = np.concatenate([[np.nan] * 10, heartbeats(places=(50,))])
    assert match_pattern(y, BEAT, n=1, missing="linear").starts[0] == pytest.approx(60, abs=1)


@pytest.mark.parametrize(
    "ask", [lambda x, **k: pn.segment_series(x, **k), lambda x, **k: pn.cluster_series([x, x], 1, **k)]
)
def test_settings_that_are_none_are_named(ask):
    with pytest.raises(SettingError, match=r"no setting 'n_segments'.*missing"):
        ask(np.arange(20.0), n_segments=3)
