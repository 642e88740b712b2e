"""Series as they come: out of order, twice, with holes, in time zones; and windows that leak nothing."""

import numpy as np
import pandas as pd
import pytest
import torch

from parnassus.data.timeseries.calendar import calendar_features, calendar_periods
from parnassus.data.timeseries.covariates import known_ahead
from parnassus.data.timeseries.grids import Grid
from parnassus.data.timeseries.series import Reading, read_panel
from parnassus.data.timeseries.series_windows import SeriesWindows, training_spans
from parnassus.errors import DataError, DataWarning, SettingError


def frame(n=30, freq="D", **columns):
    made = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=n, freq=freq), "y": np.arange(n) + 1.0})
    return made.assign(**columns)


def read(raw, **reading):
    return read_panel(raw, Reading(**reading))


def test_arrays_lists_and_dicts_are_series():
    assert read(np.arange(5)).form == "array"
    assert [t.y.tolist() for t in read(np.arange(6).reshape(3, 2)).tracks] == [[0, 2, 4], [1, 3, 5]]
    assert read([[1, 2, 3], [4, 5]]).names == ["0", "1"]
    assert read({"a": [1.0, 2], "b": [3.0]}).names == ["a", "b"]
    assert read(torch.arange(4)).tracks[0].y.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("freq", "season", "periods"),
    [("D", 7, ("weekday", "year")), ("h", 24, ("hour", "weekday", "year")), ("MS", 12, ("year",)),
     ("ME", 12, ("year",)), ("QS", 4, ("year",)), ("W-MON", 52, ("year",)), ("30min", 48, ("hour", "weekday", "year")),
     ("YS", 1, ()), ("B", 5, ("weekday", "year"))],
)  # fmt: skip
def test_the_step_its_season_and_its_calendar_are_found(freq, season, periods):
    panel = read(frame(60, freq))
    assert panel.season == season
    assert calendar_periods(panel.grid) == periods
    stamps = panel.tracks[0].stamps
    assert list(panel.grid.after(stamps[-2], 1)) == [stamps[-1]]


@pytest.mark.parametrize("freq", ["D", "MS", "ME", "h", "QS", "W-SUN"])
def test_a_step_that_is_not_there_is_found_and_filled_as_asked(freq):
    given = frame(40, freq).drop(index=[10, 11])
    with pytest.raises(DataError, match=r"the series has no value at .* missing="):
        read(given)
    assert read(given, missing="linear").tracks[0].y.tolist() == list(range(1, 41))
    assert read(given, missing="last").tracks[0].y[9:13].tolist() == [10, 10, 10, 13]
    assert read(given, missing="zero").tracks[0].y[9:13].tolist() == [10, 0, 0, 13]
    assert read(given, missing="seasonal", season=7).tracks[0].y[9:13].tolist() == [10, 4, 5, 13]


def test_nan_is_refused_with_series_and_time_or_filled():
    given = pd.concat([frame(5, id="a"), frame(5, id="b")])
    given.iloc[7, 1] = np.nan
    with pytest.raises(DataError, match="series 'b' has no value at 2024-01-03"):
        read(given, series="id", target=("y",))
    assert read(given, series="id", target=("y",), missing="linear").tracks[1].y.tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("many", [False, True])
def test_values_that_an_array_masks_are_missing(many):
    y = np.ma.array([1.0, 2.0, 1e20, 4.0], mask=[False, False, True, False])
    raw = np.ma.stack([y, y], 1) if many else y
    with pytest.raises(DataError, match="no value at 2"):
        read_panel(raw, Reading())
    assert read_panel(raw, Reading(missing="linear")).tracks[-1].y.tolist() == [1, 2, 3, 4]


def test_values_missing_at_the_ends_are_cut_or_refused():
    y = [np.nan, 2.0, 3.0]
    assert read(y, missing="last").tracks[0].y.tolist() == [2, 3]
    with pytest.raises(DataError, match="ends without a value"):
        read([1.0, 2.0, np.nan], missing="linear")
    with pytest.raises(DataError, match="no value at all"):
        read([np.nan, np.nan], missing="last")
    with pytest.raises(DataError, match="infinite at 1"):
        read([1.0, np.inf], missing="last")


def test_two_columns_of_one_name_are_refused():
    given = frame()
    with pytest.raises(DataError, match="two columns or more named"):
        read(pd.concat([given, given.iloc[:, -1:]], axis=1))


def test_rows_out_of_order_are_sorted_and_said_so():
    given = frame().sample(frac=1, random_state=0)
    with pytest.warns(DataWarning, match="were not in the order of 'day'"):
        assert read(given).tracks[0].y.tolist() == list(range(1, 31))


def test_rows_of_one_time_are_refused_or_joined():
    given = pd.concat([frame(4), frame(4).iloc[1:2].assign(y=10.0)])
    with pytest.warns(DataWarning), pytest.raises(DataError, match="1 times are there twice, the first is 2024-01-02"):
        read(given)
    for how, due in (("mean", 6.0), ("sum", 12.0), ("first", 2.0), ("last", 10.0)):
        with pytest.warns(DataWarning):
            assert read(given, duplicates=how).tracks[0].y[1] == due


def test_another_frequency_inside_a_series_is_refused_with_the_time():
    given = pd.concat([frame(10), frame(5, "h").assign(day=pd.date_range("2024-01-20 05:00", periods=5, freq="h"))])
    with pytest.raises(DataError, match="2024-01-20 05:00:00 does not lie on the grid"):
        read(given)


def test_hours_with_a_time_zone_pass_the_change_to_summer_time():
    stamps = pd.date_range("2024-03-30", periods=72, freq="h", tz="Europe/Berlin")
    panel = read(pd.DataFrame({"t": stamps, "y": np.arange(72.0)}))
    assert len(panel.tracks[0]) == 72
    ahead = panel.grid.shown(panel.grid.after(panel.tracks[0].stamps[-1], 1))
    assert ahead[0] == stamps[-1] + pd.Timedelta(hours=1)
    assert str(ahead.tz) == "Europe/Berlin"


def test_days_with_a_time_zone_are_days_of_the_wall_clock():
    stamps = pd.date_range("2024-03-29", periods=5, freq="D", tz="Europe/Berlin")
    panel = read(pd.DataFrame({"t": stamps, "y": np.arange(5.0)}))
    assert panel.grid.shown(panel.tracks[0].stamps)[-1] == stamps[-1]


def test_numbers_and_indexes_are_times_too():
    years = pd.DataFrame({"year": np.arange(1900.0, 1910), "y": np.arange(10.0)})
    panel = read(years, time="year", target=("y",))
    assert panel.grid.after(panel.tracks[0].stamps[-1], 2).tolist() == [1910, 1911]
    series = pd.Series(np.arange(9.0), pd.period_range("2020-01", periods=9, freq="M"), name="v")
    assert read(series).grid.offset == "MS"
    with pytest.raises(DataError, match="does not lie on the grid"):
        read(years.assign(year=[*range(1900, 1909), 1909.5]), time="year", target=("y",))


def test_columns_that_nobody_named_are_not_used_without_a_word():
    with pytest.warns(DataWarning, match="'z' are not used"):
        read(frame(z=1.0), target=("y",))
    with pytest.raises(SettingError, match="target="):
        read(frame(z=1.0))
    with pytest.raises(DataError, match="did you mean 'y'"):
        read(frame(), target=("yy",))


def test_polars_csv_and_parquet_are_read_alike(tmp_path):
    polars = pytest.importorskip("polars", reason="polars is not installed")
    due = read(frame()).tracks[0]
    frame().to_csv(tmp_path / "a.csv", index=False)
    frame().to_parquet(tmp_path / "a.parquet")
    for raw in (polars.from_pandas(frame()), str(tmp_path / "a.csv"), tmp_path / "a.parquet"):
        found = read(raw).tracks[0]
        assert found.y.tolist() == due.y.tolist()
        assert list(found.stamps) == list(due.stamps)


def test_numbers_beyond_what_can_be_squared_are_refused():
    for size in (1e300, 1e-300):
        with pytest.raises(DataError, match="divide it by a constant"):
            read(size * np.arange(1, 9.0))


def test_a_dict_of_series_with_times_is_a_long_table():
    days = pd.date_range("2024-01-01", periods=4)
    panel = read({"a": pd.Series([1.0, 2, 3, 4], days), "b": pd.Series([5.0, 6, 7], days[1:])})
    assert panel.names == ["a", "b"]
    assert panel.tracks[1].stamps[0] == days[1]


def test_several_targets_are_several_series():
    panel = read(frame(z=np.arange(30.0)), target=("y", "z"))
    assert panel.names == ["y", "z"]


def test_what_is_no_series_is_refused():
    for raw, words in (
        (np.zeros((2, 3, 4)), "one series"), (["a", "b"], "no numbers"), ([], "no steps"), (frame(0), "no rows"),
        (np.array([1 + 2j]), "no numbers"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=words):
            read(raw)
    with pytest.raises(DataError, match="holds no times"):
        read(frame().assign(day="noon"), time="day", target=("y",))
    with pytest.raises(SettingError, match="missing='drop'"):
        read([1.0], missing="drop")


def test_the_future_of_known_covariates_is_needed_in_full():
    given = frame(10, price=np.arange(10.0))
    panel = read(given, target=("y",), known=("price",))
    after = pd.DataFrame({"day": pd.date_range("2024-01-11", periods=3, freq="D"), "price": [5.0, 6.0, 7.0]})
    assert known_ahead(panel, after.iloc[::-1], 3)[0][:, 0].tolist() == [5, 6, 7]
    with pytest.raises(DataError, match="no row for the series at 2024-01-14"):
        known_ahead(panel, after, 4)
    with pytest.raises(DataError, match="known ahead"):
        known_ahead(panel, None, 3)
    with pytest.raises(DataError, match="NaN"):
        known_ahead(panel, after.assign(price=np.nan), 3)


# --- windows --------------------------------------------------------------------------------------


def test_windows_hold_what_was_seen_and_what_came():
    panel = read(np.arange(10.0))
    spans = training_spans(panel, history=3, horizon=2)
    codec = SeriesWindows(scaling="none").fit(spans)
    batch = codec.encode(spans).take(torch.arange(len(spans)))
    assert len(spans) == 6
    assert batch["seen"][0].tolist() == [0, 1, 2]
    assert batch["y"][-1].tolist() == [8, 9]


def test_scales_are_learned_from_the_training_steps_alone():
    y = np.concatenate([np.arange(20.0), np.full(10, 1e6)])
    panel = read(y)
    spans = training_spans(panel.until(10), history=4, horizon=2)
    codec = SeriesWindows(scaling="series").fit(spans)
    assert codec.centers[""] == np.arange(20).mean()
    later = training_spans(panel, history=4, horizon=2)
    codec.encode(later).take(torch.arange(len(later)))
    assert codec.centers[""] == np.arange(20).mean()


def test_a_window_is_scaled_by_what_it_saw_and_not_by_what_came():
    y = np.array([1.0, 2.0, 3.0, 100.0])
    panel = read(y)
    spans = training_spans(panel, history=3, horizon=1)
    batch = SeriesWindows().fit(spans).encode(spans).take(torch.arange(1))
    assert batch["center"].item() == 2.0
    np.testing.assert_allclose(batch["seen"].mean(), 0, atol=1e-6)


def test_small_swings_of_large_numbers_are_kept():
    y = 1e9 + np.sin(np.arange(40.0))
    panel = read(y)
    spans = training_spans(panel, history=8, horizon=1)
    batch = SeriesWindows().fit(spans).encode(spans).take(torch.arange(4))
    np.testing.assert_allclose(batch["seen"].std(1, correction=0), 1.0, rtol=1e-5)


def test_views_put_beside_each_step_what_is_known_ahead_of_it():
    price = np.arange(10.0)
    panel = read(frame(10, price=price), target=("y",), known=("price",))
    spans = training_spans(panel, history=3, horizon=2)
    codec = SeriesWindows(scaling="none").fit(spans)
    batch = codec.encode(spans).take(torch.arange(1))
    scaled = (price - price.mean()) / price.std()
    x = codec.prepare(batch, "steps")["x"][0]
    np.testing.assert_allclose(x[:, 1], scaled[:3], rtol=1e-5)
    np.testing.assert_allclose(x[:, 2], scaled[2:5], rtol=1e-5)
    np.testing.assert_allclose(codec.prepare(batch, "vector")["x"][0], [1, 2, 3, *scaled[3:5]], rtol=1e-5)


def test_a_series_too_short_for_a_window_is_refused_by_name():
    with pytest.raises(DataError, match="series '1' has 4 steps"):
        training_spans(read([np.arange(9.0), np.arange(4.0)]), history=3, horizon=2)


def test_the_calendar_is_a_point_on_a_circle():
    stamps = pd.DatetimeIndex(["2024-01-01 00:00", "2024-01-01 06:00", "2024-01-08 00:00"])
    found = calendar_features(stamps, ("hour", "weekday"))
    np.testing.assert_allclose(found[0], [0, 1, 0, 1], atol=1e-12)
    np.testing.assert_allclose(found[1, :2], [1, 0], atol=1e-12)
    np.testing.assert_allclose(found[2], found[0], atol=1e-12)
    with pytest.raises(SettingError, match="weekdy"):
        calendar_features(stamps, ("weekdy",))


def test_a_grid_says_its_step():
    assert Grid(offset="MS").words == "'MS'"
    assert Grid(step=0.5).words == "0.5"


def test_one_date_says_no_step():
    one = pd.DataFrame({"day": [pd.Timestamp("2024-01-01")], "y": [3.0]})
    with pytest.raises(DataError, match="holds one time, 2024-01-01"):
        read_panel(one, Reading(time="day", target=("y",)))
    found = read_panel(one, Reading(time="day", target=("y",), frequency="D"))
    assert len(found.tracks[0]) == 1


def test_texts_that_are_all_dates_are_the_time_and_other_texts_are_not():
    frame = pd.DataFrame({"day": ["2024-01-01", "2024-01-02", "2024-01-03"], "y": [1.0, 2.0, 3.0]})
    assert read_panel(frame, Reading(target=("y",))).reading.time == "day"
    frame["day"] = ["2024-01-01", "may", "2024-01-03"]
    with pytest.warns(DataWarning, match="'day' are not used"):
        assert read_panel(frame, Reading(target=("y",))).reading.time is None


def test_a_day_that_may_be_a_month_is_refused_and_one_that_cannot_is_read():
    months = pd.date_range("2020-01-01", periods=12, freq="MS")
    frame = pd.DataFrame({"day": months.strftime("%d.%m.%Y"), "v": np.arange(12.0)})
    with pytest.raises(DataError, match="may come first or second"):
        read_panel(frame, Reading(time="day", target=("v",)))
    days = pd.date_range("2020-01-01", periods=40)
    frame = pd.DataFrame({"day": days.strftime("%d.%m.%Y"), "v": np.arange(40.0)})
    (track,) = read_panel(frame, Reading(time="day", target=("v",))).tracks
    assert list(track.stamps) == list(days)


@pytest.mark.parametrize(("how", "due"), [("mean", [1, 4, 3]), ("sum", [1, 8, 3]), ("first", [1, 5, 3])])
def test_a_missing_value_beside_others_of_its_time_does_not_take_them_away(how, due):
    days = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-02", "2024-01-02", "2024-01-03"])
    given = pd.DataFrame({"t": days, "v": [1.0, 5.0, np.nan, 3.0, 3.0]})
    assert read(given, duplicates=how).tracks[0].y.ravel().tolist() == due
    gone = pd.DataFrame({"t": days[[0, 1, 2, 4]], "v": [1.0, np.nan, np.nan, 3.0]})
    assert read(gone, duplicates=how, missing="linear").tracks[0].y.ravel().tolist() == [1, 2, 3]


@pytest.mark.parametrize(("night", "fault"), [("2025-03-30", "has no value at"), ("2025-10-26", "are there twice")])
def test_nights_in_which_clocks_move_are_named_and_pass_with_their_zone(night, fault):
    zoned = pd.date_range(pd.Timestamp(night, tz="Europe/Berlin") - pd.Timedelta("3D"), periods=150, freq="h")
    given = pd.DataFrame({"day": zoned, "y": np.arange(150.0)})
    assert len(read(given).tracks[0]) == 150
    with pytest.raises(DataError, match=f"{fault}.*with their zone"):
        read(given.assign(day=zoned.tz_localize(None)))
    with pytest.raises(DataError, match="has no value at") as caught:
        read(given.drop(index=50))
    assert "zone" not in str(caught.value)
