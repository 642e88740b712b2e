"""The recogniser: learns toy speech whose frames spell the characters, saves, resumes, refuses, aligns, reports."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

import parnassus as pn
from parnassus.data.audio.sounds import Sounds
from parnassus.errors import DataError, SettingError
from parnassus.estimators.answers.alignments import tiers_of
from parnassus.estimators.speech_recognizer import Segment, words_of
from parnassus.functional.edit_distance import error_rate
from parnassus.functional.ngrams import NGrams

LETTERS = "abc "
MODELS = {
    "ctc": pn.model("ctc", hidden=16, n_layers=1, subsample=2, dropout=0.0),
    "ctc tdnn": pn.model("ctc", encoder="tdnn", hidden=16, n_layers=2, subsample=2),
    "ctc conformer": pn.model("ctc", encoder="conformer", hidden=16, n_layers=1, subsample=2, n_heads=2),
    "attention": pn.model("attention", hidden=16, n_layers=1, subsample=2, dropout=0.0),
    "transducer": pn.model("transducer", hidden=16, n_layers=1, subsample=2, dropout=0.0),
}
TRAINING = {"epochs": 25, "lr": 0.02, "batch_size": 16, "progress": False}
every_model = pytest.mark.parametrize("name", MODELS)


def toy(n, seed=0):
    """Frames (time, 6) that spell a text: four to six frames a character, a mark behind each."""
    rng = np.random.default_rng(seed)
    X, texts = [], []
    for _ in range(n):
        text = " ".join("".join(rng.choice(list("abc"), rng.integers(1, 4))) for _ in range(rng.integers(1, 3)))
        frames = []
        for character in text:
            frames += [2 * np.eye(6)[LETTERS.index(character)]] * rng.integers(3, 6) + [np.eye(6)[5]]
        X.append(np.stack(frames) + rng.normal(0, 0.2, (len(frames), 6)))
        texts.append(text)
    return X, texts


X, Y = toy(96)
NEW, SAID = toy(24, seed=1)


def recogniser(name="ctc", **settings):
    return pn.SpeechRecognizer(MODELS[name], **TRAINING | settings)


@pytest.fixture(scope="module")
def trained():
    made: dict[str, pn.SpeechRecognizer] = {}

    def get(name="ctc"):
        if name not in made:
            made[name] = recogniser(name).fit(X, Y)
        return made[name]

    return get


# --- it learns, and says so -----------------------------------------------------------------------


@pytest.mark.slow
@every_model
def test_it_reads_what_frames_spell(trained, name):
    heard = trained(name).predict(NEW)
    assert error_rate(SAID, heard, unit="characters").rate < 0.1
    assert trained(name).score(NEW, SAID) == pytest.approx(1 - error_rate(SAID, heard).rate)


@pytest.mark.slow
@every_model
def test_a_transcript_does_not_depend_on_what_stands_beside_it(trained, name):
    model = trained(name)
    assert model.predict(NEW) == [model.predict([x])[0] for x in NEW]


@pytest.mark.slow
@every_model
def test_the_n_best_are_texts_in_order_the_first_being_the_beam_search_s(trained, name):
    model = trained(name)
    found = model.transcribe(NEW[:6], beam=6, n_best=3)
    assert [row[0][0] for row in found] == model.transcribe(NEW[:6], beam=6)
    for row in found:
        assert 1 <= len(row) <= 3
        assert len({text for text, _ in row}) == len(row)
        assert [score for _, score in row] == sorted((score for _, score in row), reverse=True)


@every_model
def test_units_are_found_where_they_are_said(trained, name):
    spelled = "abca"
    frames = np.concatenate([np.stack([2 * np.eye(6)[LETTERS.index(c)]] * 4 + [np.eye(6)[5]]) for c in spelled])
    (row,) = trained(name).align([frames], [spelled])
    assert [s.unit for s in row] == list(spelled)
    for i, segment in enumerate(row):
        assert 0 <= segment.start < segment.end <= len(frames)
        assert abs(segment.start - 5 * i) <= 5


def test_segments_of_words_join_those_of_characters():
    row = [Segment("a", 0, 1), Segment("b", 1, 3), Segment(" ", 3, 4), Segment("c", 5, 6), Segment(" ", 7, 8)]
    assert words_of(row) == [Segment("ab", 0, 3), Segment("c", 5, 6)]


def test_a_language_model_and_hot_words_turn_the_second_best_into_the_best(trained):
    model = trained()
    first, second = model.transcribe(NEW[:1], n_best=2)[0]
    word = next(w for w in second[0].split() if w not in first[0].split())
    turned = model.transcribe(NEW[:1], language_model=NGrams(2).fit([second[0]] * 200), language_weight=3.0)
    assert turned == [second[0]]
    assert word in model.transcribe(NEW[:1], hot_words={word: 100.0})[0].split()


@pytest.mark.slow
def test_an_empty_transcript_may_be_learned():
    silence = [np.zeros((12, 6)) for _ in range(24)]
    model = recogniser().fit(X + silence, Y + [""] * 24)
    assert model.predict([np.zeros((15, 6))]) == [""]


@pytest.mark.slow
def test_units_may_be_words():
    model = recogniser(units="words").fit(X, [text.replace(" ", " x ") for text in Y])
    assert "x" in model.units_
    assert all(" " not in unit for unit in model.units_)


# --- how good it is -------------------------------------------------------------------------------


def test_the_evaluation_counts_words_beside_a_constant_answer(trained):
    found = trained().evaluate(NEW, SAID)
    rate = found["word_error_rate"]
    assert rate.value == pytest.approx(error_rate(SAID, trained().predict(NEW)).rate)
    assert rate.baseline > 0.8
    assert rate.verdict == "better"


@pytest.mark.slow
def test_the_report_shows_what_was_misheard(trained, tmp_path):
    wrong = [SAID[1], *SAID[1:]] if SAID[0] != SAID[1] else [SAID[2], *SAID[1:]]
    trained().report(tmp_path / "report.html", NEW, wrong)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Word error rate" in page
    assert "wrong words" in page


def test_validation_is_watched_by_the_share_of_wrong_units():
    model = recogniser(patience=20, monitor="unit_error", epochs=4).fit(X, Y, validation=(NEW, SAID))
    assert {"validation_loss", "validation_unit_error"} <= model.history_[-1].keys()


# --- save and resume ------------------------------------------------------------------------------


@pytest.mark.slow
@every_model
def test_a_saved_recogniser_is_the_same(trained, name, tmp_path):
    trained(name).save(tmp_path / "model")
    again = pn.load(tmp_path / "model")
    assert again.predict(NEW) == trained(name).predict(NEW)
    assert again.align(NEW[:2], SAID[:2]) == trained(name).align(NEW[:2], SAID[:2])


def test_a_run_that_goes_on_ends_with_the_same_weights(tmp_path):
    from parnassus.train.trainer import Trainer

    whole = recogniser(epochs=4).fit(X, Y)
    first, end_epoch = recogniser(epochs=4, out=str(tmp_path)), Trainer.end_epoch

    def killed(self, *given):
        end_epoch(self, *given)
        if len(self.history) == 2:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "end_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            first.fit(X, Y)
    second = recogniser(epochs=4, out=str(tmp_path), resume=True).fit(X, Y)
    one, other = whole.objective_.state_dict(), second.objective_.state_dict()
    assert all(torch.equal(one[k], other[k]) for k in one)


def test_the_same_seed_gives_the_same_weights_and_leaves_random_state_alone():
    before = torch.get_rng_state()
    one, two = (recogniser("attention", epochs=2).fit(X[:32], Y[:32]).objective_.state_dict() for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(one[k], two[k]) for k in one)


def test_weights_count_rows():
    plain = {"epochs": 1, "batch_size": 200, "codec": pn.data.timeseries.sequences.Sequences(standardize=False)}
    doubled = recogniser(**plain).fit(X + X[:48], Y + Y[:48])
    weighted = recogniser(**plain).fit(X, Y, sample_weight=np.where(np.arange(96) < 48, 2.0, 1.0))
    assert doubled.history_[0]["loss"] == pytest.approx(weighted.history_[0]["loss"], rel=1e-5)


# --- sounds ---------------------------------------------------------------------------------------


def tones(n, seed=0):
    """Half-second sounds at 8 kHz of one or two tones, each of which is a letter."""
    rng = np.random.default_rng(seed)
    sounds, texts = [], []
    for _ in range(n):
        text = "".join(rng.choice(list("ab"), rng.integers(1, 3)))
        parts = [np.sin(2 * np.pi * {"a": 500, "b": 1500}[c] * np.arange(1600) / 8000) for c in text]
        wave = np.concatenate([np.concatenate([p, np.zeros(400)]) for p in parts])
        sounds.append((0.5 * wave + rng.normal(0, 0.01, len(wave))).astype(np.float32))
        texts.append(text)
    return sounds, texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("tones")
    sounds, texts = tones(48)
    for i, wave in enumerate(sounds):
        soundfile.write(path / f"{i:02}.wav", wave, 8000)
    pd.DataFrame({"path": [f"{i:02}.wav" for i in range(48)], "said": texts}).to_csv(path / "all.csv", index=False)
    return path


@pytest.mark.slow
def test_a_table_of_paths_is_learned_scored_and_timed(folder, tmp_path):
    model = recogniser("ctc tdnn", epochs=25, lr=0.01, batch_size=8, codec=pn.Speech()).fit(
        folder / "all.csv", target="said"
    )
    assert model.score(folder / "all.csv") > 0.9
    frame = pd.read_csv(folder / "all.csv").assign(path=[str(folder / f"{i:02}.wav") for i in range(48)])
    assert model.predict(frame) == model.predict(frame.drop(columns="said")) == model.predict(folder / "all.csv")
    new, said = tones(6, seed=1)
    heard = model.predict(Sounds(new, 8000))
    assert error_rate(said, heard, unit="characters").rate < 0.2
    (row,) = model.align([folder / "00.wav"], [tones(1)[1][0]])
    assert 0 <= row[0].start < row[-1].end <= len(tones(1)[0][0]) / 8000 + 0.01
    spoilt = tmp_path / "broken.wav"
    spoilt.write_bytes(b"RIFF")
    with pytest.warns(pn.DataWarning, match="1 of 2 rows were skipped"):
        assert model.transcribe([folder / "00.wav", spoilt], on_error="skip")[1] is None


# --- what is refused ------------------------------------------------------------------------------

SHORT = [np.zeros((3, 6)), *X[1:]]
REFUSED = {
    "other numbers": (lambda: recogniser().fit(X, Y[:-1]), DataError, ("96", "95")),
    "no transcripts": (lambda: recogniser().fit(X), DataError, ("transcripts", "target=")),
    "a missing transcript": (lambda: recogniser().fit(X, [None, *Y[1:]]), DataError, ("row 0", "None")),
    "too few frames": (
        lambda: recogniser().fit(SHORT, ["abcab", *Y[1:]]),
        DataError,
        ("row 0", "2 frames", "'abcab'", "needs 5"),
    ),
    "too few held-out frames": (
        lambda: recogniser().fit(X, Y, validation=(SHORT[:2], ["aaa", Y[1]])),
        DataError,
        ("validation row 0", "needs 5"),
    ),
    "sounds without a rate": (lambda: pn.SpeechRecognizer().fit([np.zeros(9000)] * 2, Y[:2]), DataError, ("rate",)),
    "a table": (lambda: pn.SpeechRecognizer().fit(np.zeros((2, 3)), ["a", "b"]), DataError, ("table", "Speech")),
    "a module": (lambda: pn.SpeechRecognizer(torch.nn.Identity()).fit(X, Y), SettingError, ("'ctc'",)),
    "an unknown encoder": (
        lambda: pn.SpeechRecognizer(pn.model("ctc", encoder="lstm")).fit(X, Y),
        SettingError,
        ("'lstm'", "bilstm"),
    ),
    "CTC alone in attention": (
        lambda: pn.SpeechRecognizer(pn.model("attention", ctc_weight=1.0)).fit(X, Y),
        SettingError,
        ("ctc_weight",),
    ),
    "a classifier's model": (lambda: pn.SpeechRecognizer("mlp").fit(X, Y), SettingError, ("classifier",)),
}


@pytest.mark.parametrize(("work", "kind", "words"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_with_both_sides_named(work, kind, words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.DataWarning)
        with pytest.raises(kind) as error:
            work()
    assert all(word in str(error.value) for word in words), str(error.value)


def test_words_that_fit_did_not_see_count_as_errors_and_are_told(trained):
    model = trained()
    heard = model.predict(NEW[:4])
    n = sum(len(text.split()) for text in heard)
    said = [heard[0] + " azz", *heard[1:]]  # one word more, with two characters that it cannot write
    assert model.score(NEW[:4], said) == pytest.approx(1 - 1 / (n + 1))
    found = model.evaluate(NEW[:4], said)
    assert found["word_error_rate"].value == pytest.approx(1 / (n + 1))
    assert [row["unknown"] for row in found.by_class] == [1, 2]
    weighed = model.evaluate(NEW[:4], said, sample_weight=[3.0, 1, 1, 1])
    assert weighed.by_class[0]["unknown"] == 3


def test_a_fitted_recogniser_refuses_what_it_cannot_write_or_do(trained):
    model = trained()
    with pytest.raises(DataError, match=r"row 1.*'z'"):
        model.align(NEW[:2], ["ab", "abz"])
    with pytest.raises(DataError, match=r"row 0.*needs 7"):
        model.align([np.zeros((6, 6))], ["aaaa"])
    with pytest.raises(SettingError, match=r"'beams'.*beam"):
        model.transcribe(NEW[:1], beams=3)
    with pytest.raises(SettingError, match="level"):
        model.align(NEW[:1], SAID[:1], level="word")
    with pytest.raises(pn.NotFitted):
        recogniser().predict(NEW)


# --- alignments as tiers --------------------------------------------------------------------------


def test_alignments_have_words_and_the_units_they_are_made_of(trained):
    model = trained()
    texts = [SAID[0], "", SAID[1]]
    found = model.alignments(NEW[:3], texts, frame_seconds=0.01)
    rows = model.align([NEW[0], NEW[2]], [SAID[0], SAID[1]])
    assert [one.name for one in found] == ["recording0", "recording1", "recording2"]
    assert [one.duration for one in found] == pytest.approx([len(x) / 100 for x in NEW[:3]])
    assert found[1].tiers == {"words": [], "units": []}
    for one, text, row in ((found[0], texts[0], rows[0]), (found[2], texts[2], rows[1])):
        assert [word for word, _, _ in one.tiers["words"]] == text.split()
        assert [start for _, start, _ in one.tiers["units"]] == pytest.approx(
            [segment.start / 100 for segment in row if segment.unit != " "]
        )
        assert one.ctm().count("\n") == len(text.split()) - 1
        assert 'name = "units"' in one.textgrid()


def test_units_that_are_written_in_one_frame_share_it(trained):
    """A transducer writes several units in a frame, which tiers that follow each other could not hold."""
    model = trained("transducer")
    for one, text in zip(model.alignments(NEW, SAID, frame_seconds=0.01), SAID, strict=True):
        assert [word for word, _, _ in one.tiers["words"]] == text.split()
        assert all(start < end for _, start, end in one.tiers["units"])


def test_what_is_heard_is_aligned(trained):
    model = trained()
    found = model.alignments(NEW[:4], heard=True, frame_seconds=0.01)
    assert [" ".join(word for word, _, _ in one.tiers["words"]) for one in found] == model.transcribe(NEW[:4])


def test_seconds_of_arrays_of_features_are_told(trained):
    with pytest.raises(SettingError, match=r"frame_seconds=0\.01"):
        trained().alignments(NEW[:1], SAID[:1])


def test_words_of_a_lexicon_are_spelled_as_in_the_text():
    segments = [("W", 0.0, 0.1), ("AH", 0.1, 0.2), (" ", 0.2, 0.2), ("T", 0.2, 0.3)]
    tiers = tiers_of(segments, "one two")
    assert tiers["words"] == [("one", 0.0, 0.2), ("two", 0.2, 0.3)]
    assert [unit for unit, _, _ in tiers["units"]] == ["W", "AH", "T"]


# --- words looked for -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ctc", "attention"])
def test_words_are_found_where_they_are_said(trained, name):
    model = trained(name)
    wanted = sorted({word for text in SAID for word in text.split()})[:4]
    found = model.spot(NEW, wanted, threshold=-1.0)
    said = [[word for word in text.split() if word in wanted] for text in SAID]
    assert np.mean([[s.word for s in row] == words for row, words in zip(found, said, strict=True)]) > 0.8
    for row, frames in zip(found, NEW, strict=True):
        assert all(0 <= s.start < s.end <= len(frames) and -1 < s.score <= 1e-6 for s in row)
    placed = model.alignments(NEW, SAID, frame_seconds=1.0)
    gaps = [
        abs(s.start - start)
        for row, one in zip(found, placed, strict=True)
        for s, (word, start, _) in zip(row, [w for w in one.tiers["words"] if w[0] in wanted], strict=False)
        if s.word == word
    ]
    assert np.median(gaps) <= 2


def test_words_that_cannot_be_looked_for_are_refused(trained):
    with pytest.raises(SettingError, match="list"):
        trained().spot(NEW[:1], "ab")
    with pytest.raises(SettingError, match="none of them empty"):
        trained().spot(NEW[:1], ["ab", " "])
    with pytest.raises(SettingError, match="below 0"):
        trained().spot(NEW[:1], ["ab"], threshold=0.5)
    with pytest.raises(DataError, match="'x'"):
        trained().spot(NEW[:1], ["ax"])
    with pytest.raises(SettingError, match="choose one of ctc"):
        trained("transducer").spot(NEW[:1], ["ab"])
