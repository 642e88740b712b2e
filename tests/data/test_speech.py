"""The codec of sounds: rates, features, norms, views, augmentation."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

import parnassus as pn
from parnassus.data.audio.sounds import Sounds
from parnassus.data.rows import Stream
from parnassus.functional import signal
from parnassus.train.randomness import kept_random

RATE = 16_000
RNG = np.random.default_rng(0)
WAVES = [(0.3 * RNG.standard_normal(n)).clip(-0.9, 0.9).astype(np.float32) for n in (4000, 1600, 8123)]
CPU = torch.device("cpu")


def features(codec, raw, view="features", training=False):
    rows = codec.encode(raw)
    return codec.prepare(rows.take(torch.arange(len(rows))), view, training=training)


@pytest.mark.parametrize("hold", ["features", "wave"])
def test_features_are_those_of_the_equations(hold):
    codec = pn.Speech(sample_rate=RATE, features="mfcc", normalize="none", deltas=1, hold=hold).fit(WAVES)
    batch = features(codec, WAVES)
    for row, wave in enumerate(WAVES):
        wanted = signal.with_deltas(signal.mfcc(torch.from_numpy(wave), codec.analysis), orders=1)
        n = int(batch["lengths"][row])
        assert n == len(wanted) == 1 + (len(wave) - 400) // 160
        torch.testing.assert_close(batch["x"][row, :n], wanted)
        assert not batch["x"][row, n:].any()


def test_training_teaches_mean_and_deviation():
    codec = pn.Speech(sample_rate=RATE).fit(WAVES)
    batch = features(codec, WAVES)
    inside = batch["x"][signal.inside(batch["x"], batch["lengths"])[..., 0]]
    np.testing.assert_allclose(inside.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(inside.std(0, correction=0), 1, atol=1e-3)


def test_both_ways_of_holding_rows_give_the_same_features():
    kept, made = (pn.Speech(sample_rate=RATE, hold=hold, deltas=2).fit(WAVES) for hold in ("features", "wave"))
    torch.testing.assert_close(features(kept, WAVES)["x"], features(made, WAVES)["x"])
    assert features(made, WAVES, "wave")["x"].shape == (3, 8123)
    assert list(made.views()) == ["features", "wave", "vector"]


@pytest.mark.parametrize("normalize", ["utterance", "mean", "sliding", "none"])
def test_other_norms_learn_nothing_from_training(normalize):
    codec = pn.Speech(sample_rate=RATE, normalize=normalize).fit(WAVES)
    assert not codec.mean.any()
    if normalize != "none":
        assert abs(float(features(codec, WAVES[:1])["x"].mean())) < 1e-4


def by_hand(who, codec, deltas=1):
    """Cepstra of WAVES less the mean of their speaker's frames, over their deviation, with deltas."""
    plain = [signal.mfcc(torch.from_numpy(wave), codec.analysis).double().numpy() for wave in WAVES]
    found = []
    for x, own in zip(plain, who, strict=True):
        together = np.concatenate([p for p, other in zip(plain, who, strict=True) if other == own])
        normed = torch.from_numpy(((x - together.mean(0)) / together.std(0)).astype(np.float32))
        found.append(signal.with_deltas(normed, orders=deltas))
    return found


def written_waves(folder, who):
    """WAVES as files, each in its speaker's folder; their paths."""
    paths = []
    for i, (name, wave) in enumerate(zip(who, WAVES, strict=True)):
        (folder / name).mkdir(exist_ok=True)
        paths.append(folder / name / f"{i}.wav")
        soundfile.write(paths[-1], wave, RATE, subtype="FLOAT")
    return paths


@pytest.mark.parametrize("form", ["arrays", "folders", "table", "files beyond the budget"])
def test_speakers_are_normalised_over_all_they_say(form, tmp_path):
    who, told = ["ann", "bob", "ann"], {"speaker": "folder"} if "f" in form else {"speaker": "name"}
    codec = pn.Speech(
        features="mfcc", normalize="speaker", deltas=1, memory=100 if "budget" in form else 1 << 30, **told
    )
    paths = written_waves(tmp_path, who)
    raw = {"arrays": Sounds(WAVES, RATE, speakers=who), "table": pd.DataFrame({"path": map(str, paths), "name": who})}
    raw = raw.get(form, paths)
    rows = codec.fit(raw).encode(raw)
    assert isinstance(rows, Stream) == ("budget" in form)
    batch = codec.prepare(rows.take(torch.tensor([2, 0, 1])), "features")
    for row, wanted in zip((1, 2, 0), by_hand(who, codec), strict=True):
        n = int(batch["lengths"][row])
        torch.testing.assert_close(batch["x"][row, :n], wanted, rtol=1e-3, atol=1e-4)


def test_speakers_that_nothing_tells_are_refused_in_fit_and_normalised_alone_in_use(tmp_path):
    codec = pn.Speech(features="mfcc", normalize="speaker", sample_rate=RATE)
    with pytest.raises(pn.DataError, match=r"3 of 3 .* who speaks, .* sound 0; give a table with a column 'speaker'"):
        codec.fit(Sounds(WAVES, RATE))
    with pytest.raises(pn.DataError, match=r"2 of 3 .* sound 1;"):
        codec.fit(Sounds(WAVES, RATE, speakers=["ann", None, float("nan")]))
    with pytest.raises(pn.DataError, match="3 sounds and 2 speakers"):
        Sounds(WAVES, RATE, speakers=["ann", "bob"])
    with pytest.raises(pn.DataError, match=r"all 3 recordings lie in .*one"):
        pn.Speech(normalize="speaker", speaker="folder").fit(written_waves(tmp_path, ["one"] * 3))
    codec.fit(Sounds(WAVES, RATE, speakers=["ann", "bob", "ann"]))
    with pytest.warns(pn.DataWarning, match="3 of 3 recordings do not say who speaks"):
        batch = features(codec, Sounds(WAVES, RATE))
    wanted = by_hand([0, 1, 2], codec, deltas=0)
    torch.testing.assert_close(batch["x"][1, : len(wanted[1])], wanted[1], rtol=1e-3, atol=1e-4)


def test_the_vector_is_mean_and_deviation_over_time():
    codec = pn.Speech(sample_rate=RATE).fit(WAVES)
    batch, vector = features(codec, WAVES), features(codec, WAVES, "vector")["x"]
    for row, n in enumerate(batch["lengths"].tolist()):
        x = batch["x"][row, :n].double().numpy()
        np.testing.assert_allclose(vector[row], np.concatenate([x.mean(0), x.std(0)]), atol=1e-5)


def test_rates_are_brought_to_that_of_most_files(tmp_path):
    tone = [0.3 * np.sin(2 * np.pi * 440 * np.arange(rate // 2) / rate) for rate in (16000, 16000, 8000)]
    for i, (wave, rate) in enumerate(zip(tone, (16000, 16000, 8000), strict=True)):
        soundfile.write(tmp_path / f"{i}.wav", wave, rate)
    paths = sorted(tmp_path.iterdir())
    codec = pn.Speech(normalize="none").fit(paths)
    assert codec.sample_rate == 16000
    x = features(codec, paths)["x"]
    assert x.shape[1] == 48
    torch.testing.assert_close(x[2, 5:-5, 3:8], x[0, 5:-5, 3:8], rtol=0.05, atol=0.3)


def test_arrays_must_say_their_rate():
    with pytest.raises(pn.DataError, match="sample_rate=16000"):
        pn.Speech().fit(WAVES)
    codec = pn.Speech().fit(Sounds(WAVES, 8000))
    assert codec.sample_rate == 8000
    half = Sounds([signal.resample(w, 8000, 16000) for w in WAVES], 16000)
    assert features(codec, half)["lengths"].tolist() == features(codec, Sounds(WAVES, 8000))["lengths"].tolist()


def test_a_table_with_a_column_of_paths(tmp_path):
    for i, wave in enumerate(WAVES):
        soundfile.write(tmp_path / f"{i}.wav", wave, RATE, subtype="FLOAT")
    frame = pd.DataFrame({"who": ["a", "b", "c"], "file": [f"{i}.wav" for i in range(3)]})
    codec = pn.Speech(folder=str(tmp_path), sample_rate=RATE).fit(frame)
    torch.testing.assert_close(features(codec, frame)["x"], features(codec, WAVES)["x"])
    with pytest.raises(pn.DataError, match="did you mean 'file'"):
        pn.Speech(column="fil").fit(frame)
    with pytest.raises(pn.DataError, match="none hold paths"):
        pn.Speech().fit(frame[["who"]])


def test_files_beyond_the_budget_are_read_when_needed(tmp_path):
    for i, wave in enumerate(WAVES):
        soundfile.write(tmp_path / f"{i}.wav", wave, RATE)
    paths = sorted(tmp_path.iterdir())
    held, streamed = pn.Speech().fit(paths), pn.Speech(memory=100).fit(paths)
    rows = streamed.encode(paths)
    assert isinstance(rows, Stream)
    torch.testing.assert_close(held.std, streamed.std)
    index = torch.tensor([2, 0])
    assert torch.equal(rows.take(index)["x"], held.encode(paths).take(index)["x"])


def test_silent_and_clipped_recordings_are_named():
    clipped = (2 * np.sin(np.arange(4000) / 9)).clip(-1, 1)
    codec = pn.Speech(sample_rate=RATE).fit(WAVES)
    with pytest.warns(pn.DataWarning, match=r"1 of 2 recordings are clipped: .*sound 1 \(6\d\.\d% of samples\)"):
        codec.encode([WAVES[0], clipped])
    with pytest.warns(pn.DataWarning, match=r"1 of 2 recordings are silent: .*sound 0"):
        codec.encode([np.zeros(4000), WAVES[0]])


def test_a_recording_shorter_than_a_frame_is_refused():
    with pytest.raises(pn.DataError, match=r"sound 1 lasts 6\.19 ms, and a frame of 25 ms"):
        pn.Speech(sample_rate=RATE).fit([WAVES[0], np.zeros(99)])


def test_masks_noise_and_speed_change_training_batches_alone():
    codec = pn.Speech(sample_rate=RATE, hold="wave", noise=(0, 10), speed=0.2, mask=2).fit(WAVES)
    plain = features(codec, WAVES)
    assert torch.equal(plain["x"], features(codec, WAVES)["x"])
    with kept_random(CPU, 1):
        one = features(codec, WAVES, training=True)
    with kept_random(CPU, 1):
        two = features(codec, WAVES, training=True)
    with kept_random(CPU, 2):
        three = features(codec, WAVES, training=True)
    assert torch.equal(one["x"], two["x"])
    assert one["x"].shape != three["x"].shape or not torch.equal(one["x"], three["x"])
    assert one["x"].shape != plain["x"].shape or not torch.equal(one["x"], plain["x"])
    assert not one["x"][1, int(one["lengths"][1]) :].any()


def test_rooms_ring_in_training_alone():
    """Of a click the room's answer is heard: the click, then noise of 0.3 its size that dies away within `room`."""
    clicks = [np.zeros(n, np.float32) for n in (8000, 2000)]
    for click in clicks:
        click[100] = 0.5
    codec = pn.Speech(sample_rate=RATE, hold="wave", room=0.3).fit(clicks)
    rows = codec.encode(clicks)
    batch = rows.take(torch.arange(2))
    with kept_random(CPU, 1):
        one = codec.prepare(batch, "wave", training=True)["x"]
    with kept_random(CPU, 2):
        two = codec.prepare(batch, "wave", training=True)["x"]
    torch.testing.assert_close(one[:, :101], torch.from_numpy(np.stack([c[:101] for c in clicks])), atol=1e-6, rtol=0)
    for heard in (one, two):
        assert float(heard[0, 101:].norm()) == pytest.approx(0.15, rel=1e-4)
        assert float(heard[0, 101 : 101 + 400].norm()) > 0.05
        assert float(heard[0, 100 + int(0.3 * RATE) :].abs().max()) < 1e-6
        assert not heard[1, 2000:].any()
    assert not torch.equal(one, two)
    assert torch.equal(codec.prepare(batch, "wave")["x"][0], torch.from_numpy(clicks[0]))
    assert codec.from_state(codec.state()).options["room"] == 0.3


@pytest.mark.parametrize(
    ("options", "words"),
    [({"features": "mel"}, "log_mel"), ({"convention": "htx"}, "htk"), ({"normalize": "cepstral"}, "utterance"),
     ({"normalize": "speaker", "hold": "wave"}, "leave hold"), ({"speaker": None}, "column's name"),
     ({"noise": (0, 10)}, "hold='wave'"), ({"noise": (9, 1), "hold": "wave"}, "low, high"), ({"speed": 2}, "hold"),
     ({"room": 0.5}, "hold='wave'"), ({"room": 9, "hold": "wave"}, "room is 0, or 0.05 to 5 seconds; got 9"),
     ({"sample_rate": 16}, "at least 100"), ({"deltas": -1}, "at least 0")],
)  # fmt: skip
def test_wrong_options_are_refused(options, words):
    with pytest.raises(pn.SettingError, match=words):
        pn.Speech(**options)


# --- classifiers on sounds ------------------------------------------------------------------------


def vowel(pitch: float, formants: tuple[int, ...], seconds: float) -> np.ndarray:
    """A buzz of harmonics, loud near the formants, in a little noise."""
    t = np.arange(int(RATE * seconds)) / RATE
    weights = [sum(np.exp(-0.5 * ((k * pitch - f) / 90) ** 2) for f in formants) for k in range(1, int(3500 / pitch))]
    wave = sum(w * np.sin(2 * np.pi * (k + 1) * pitch * t) for k, w in enumerate(weights))
    return 0.3 * wave / np.abs(wave).max() + 0.01 * RNG.standard_normal(len(t))


VOWELS = {"a": (730, 1090, 2440), "i": (270, 2290, 3010), "u": (300, 870, 2240)}


@pytest.mark.slow
def test_a_folder_of_vowels_is_learned_saved_reported_and_used(tmp_path):
    for name, formants in VOWELS.items():
        (tmp_path / "vowels" / name).mkdir(parents=True)
        for i in range(12):
            wave = vowel(RNG.uniform(90, 220), formants, RNG.uniform(0.15, 0.3))
            soundfile.write(tmp_path / "vowels" / name / f"{i:02}.wav", wave, RATE)
    clf = pn.Classifier(epochs=12).fit(tmp_path / "vowels", validation=0.25)
    assert (clf.model_name, clf.view_) == ("tdnn", "features")
    assert clf.history_[-1]["validation_accuracy"] > 0.85
    paths = [tmp_path / "vowels" / name / "00.wav" for name in VOWELS]
    assert clf.predict(paths[1]) == clf.predict([str(paths[1])])
    clf.save(tmp_path / "v.parnassus")
    again = pn.load(tmp_path / "v.parnassus")
    assert np.array_equal(again.predict_proba(paths), clf.predict_proba(paths))
    clf.report(tmp_path / "report.html")
    assert "tdnn" in (tmp_path / "report.html").read_text(encoding="utf-8")
    (tmp_path / "broken.wav").write_text("no sound")
    with pytest.warns(pn.DataWarning, match=r"1 of 2 rows were skipped.*broken\.wav"):
        assert clf.predict([paths[0], tmp_path / "broken.wav"], on_error="skip")[1] is None


def test_a_dense_net_takes_sounds_as_vectors_and_numbers_can_be_asked_for():
    waves = [vowel(f, VOWELS["a"], 0.1) for f in np.linspace(90, 220, 30)]
    pitch = np.linspace(90, 220, 30)
    net = pn.Regressor("mlp", epochs=60, codec=pn.Speech(sample_rate=RATE)).fit(waves, pitch)
    assert net.view_ == "vector"
    assert net.score(waves, pitch) > 0.8


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
@pytest.mark.parametrize("equal", [True, False])
def test_arrays_of_samples_are_sounds_where_the_codec_says_so(dtype, equal):
    """Whole numbers of different lengths are no ragged table, nor equally long ones a table of columns."""
    rng = np.random.default_rng(0)
    sizes = [1200] * 8 if equal else rng.integers(900, 1500, 8)
    X = [(20_000 * np.sin(np.arange(n) * (0.2 + 0.9 * (i % 2))) + rng.normal(size=n)).astype(dtype)
         for i, n in enumerate(sizes)]  # fmt: skip
    X = [x / 32768 for x in X] if dtype is np.float64 else X
    y = np.arange(8) % 2
    clf = pn.Classifier("gaussian_nb", codec=pn.Speech(sample_rate=8000))
    assert clf.fit(X[:6], y[:6], validation=(X[6:], y[6:])).score(X, y) == 1.0
    with pytest.raises(pn.DataError, match=r"one array a recording, \[X\]"):
        clf.predict(X[0])
