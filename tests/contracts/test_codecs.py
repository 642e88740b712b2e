"""What every codec goes through, of inputs and of targets; a new kind needs a sample here and nothing else."""

import copy
import json
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus import store
from parnassus.data.audio.transcripts import Transcripts
from parnassus.data.codec import Codec, codec_kinds
from parnassus.data.conditions import Conditions
from parnassus.data.detection.boxes import Boxes, BoxTargets
from parnassus.data.detection.keypoints import Points, PointTargets
from parnassus.data.detection.masks import MaskTargets
from parnassus.data.gaussians import Gaussians
from parnassus.data.ordered import Ordered
from parnassus.data.quantiles import Quantiles
from parnassus.data.rows import Stream
from parnassus.data.spilled import Spilled
from parnassus.data.tables.chunks import Chunks
from parnassus.data.tables.holed import HoledTable
from parnassus.data.targets import Labels, Multilabel, Numbers, Target
from parnassus.data.text.parallel import SourceTexts, TargetTexts
from parnassus.data.timeseries.sequences import SequenceList, Sequences
from parnassus.data.timeseries.series import Reading, read_panel
from parnassus.data.timeseries.series_windows import SeriesWindows, training_spans
from parnassus.estimators.fitting.intake import take_rows

N = 24
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "size": RNG.normal(5, 2, N).round(3),
        "count": RNG.integers(0, 9, N),
        "new": RNG.random(N) > 0.5,
        "colour": RNG.choice(["red", "green", "blue"], N),
        "grade": pd.Categorical(RNG.choice(["low", "mid", "high"], N), ["low", "mid", "high"], ordered=True),
        "day": pd.date_range("2020-01-01", periods=N, freq="D"),
    }
)
NUMBERS = RNG.normal(3, 4, (N, 3))
CLIPS = RNG.integers(0, 256, (N, 3, 5, 4, 3), dtype=np.uint8)
TEXTS = [" ".join(RNG.choice(["a", "fine", "good", "film", "!"], 1 + i % 6)) for i in range(N)]
PIXELS = RNG.integers(0, 256, (N, 5, 4, 3), dtype=np.uint8)
SOUNDS = [RNG.uniform(-0.5, 0.5, 800 + 37 * (i * 7 % N)) for i in range(N)]
STEPS = RNG.normal(2, 3, (N, 4, 2))
RAGGED = [RNG.normal(2, 3, (1 + i % 5, 2)) for i in range(N)]
SYMBOLS = SequenceList(RNG.integers(0, 5, 1 + i % 4) for i in range(N))
PANEL = read_panel(RNG.normal(5, 2, (16, 2)), Reading())
SHADES = RNG.random((N, 5, 4)).astype(np.float32)


@dataclass
class Sample:
    """A codec, raw rows for it, others it must refuse with words that name both sides, and what comes back."""

    make: Any
    raw: Any
    refused: Any
    words: tuple[str, ...]
    back: Any = None  # what decode(encode(raw)) is; None where the coding loses something on purpose
    tolerance: float = 0.0


SAMPLES = {
    "table of numbers": Sample(pn.Table, NUMBERS, NUMBERS[:, :2], ("2", "3"), NUMBERS, 1e-5),
    "table by range": Sample(lambda: pn.Table(scaling="minmax"), NUMBERS, NUMBERS[0], ("(3,)", "rows"), NUMBERS, 1e-5),
    "table as it is": Sample(lambda: pn.Table(scaling="none"), NUMBERS, NUMBERS[:, :1], ("1", "3"), NUMBERS, 1e-5),
    "table of all kinds": Sample(pn.Table, FRAME, FRAME.drop(columns="new"), ("new",), FRAME, 1e-4),
    "table of another type": Sample(pn.Table, FRAME, FRAME.assign(size="big"), ("size", "'big'", "numbers")),
    "table to be embedded": Sample(
        lambda: pn.Table(categories="embedding"), FRAME, FRAME[FRAME.columns[::-1]], ("order", "size")
    ),
    "table with holes": Sample(HoledTable, NUMBERS, NUMBERS[:, :2], ("2", "3"), NUMBERS, 1e-5),
    "coloured pictures": Sample(pn.Image, PIXELS, PIXELS[:, :4], ("(3, 5, 4)", "(3, 4, 4)"), PIXELS),
    "grey pictures": Sample(pn.Image, PIXELS[..., 0], PIXELS, ("(1, 5, 4)", "(3, 5, 4)"), PIXELS[..., 0]),
    "pictures of fractions": Sample(
        pn.Image, SHADES, SHADES * 255, ("255", "uint8"), np.rint(SHADES * 255).astype(np.uint8)
    ),
    "videos": Sample(lambda: pn.Video(n_frames=3), CLIPS, CLIPS[:, :, :4], ("video 0", "5 x 4", "4 x 4"), CLIPS),
    "words": Sample(pn.Text, TEXTS, [3, 4], ("3", "int", "text"), TEXTS),
    "bytes": Sample(lambda: pn.Text(unit="bytes"), TEXTS, [None], ("row 0", "missing"), TEXTS),
    "sounds": Sample(lambda: pn.Speech(sample_rate=16000), SOUNDS, [SOUNDS[0], np.zeros(99)], ("sound 1", "25 ms")),
    "cepstra of sounds": Sample(
        lambda: pn.Speech(sample_rate=8000, features="mfcc", convention="librosa", deltas=2, normalize="utterance"),
        SOUNDS,
        [np.array([[0.5, np.nan] * 300] * 2).T],
        ("sound 0", "NaN"),
    ),
    "sequences of one length": Sample(Sequences, STEPS, STEPS[..., :1], ("1", "2"), STEPS, 1e-5),
    "ragged sequences": Sample(lambda: Sequences(standardize=True), RAGGED, [np.ones((2, 1))], ("1", "2")),
    "symbols": Sample(lambda: Sequences(n_symbols=5), SYMBOLS, SequenceList([np.array([9])]), ("9", "0 to 4")),
    "windows of series": Sample(
        SeriesWindows,
        training_spans(PANEL, history=3, horizon=2),
        training_spans(PANEL, history=4, horizon=2),
        ("3", "4"),
    ),
    "source texts": Sample(
        lambda: SourceTexts(unit="characters"),
        ["ab c", "b", "cab"] * 8,
        ["a", ""],
        ("row 1", "''"),
        ["ab c", "b", "cab"] * 8,
    ),
    "rare words": Sample(lambda: pn.Text(weighting="tfidf", min_count=2), TEXTS, "text", ("list", "single string")),
}
TARGETS = {
    "two classes": Sample(Labels, ["no", "yes"] * 12, ["maybe"] * 3, ("maybe", "'no', 'yes'"), ["no", "yes"] * 12),
    "three classes": Sample(Labels, [3, 5, 9] * 8, ["3"] * 3, ("type", "int"), [3, 5, 9] * 8),
    "indicator": Sample(
        Multilabel, np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0], [1, 1, 0]] * 6), np.ones((2, 2), int), ("2", "3")
    ),
    "sets": Sample(Multilabel, [{"a"}, {"a", "b"}, set()] * 8, [{"c"}], ("'c'", "'a', 'b'")),
    "one number": Sample(Numbers, NUMBERS[:, 0], NUMBERS[:, :2], ("2", "1"), NUMBERS[:, 0], 1e-5),
    "several numbers": Sample(Numbers, NUMBERS, NUMBERS[:, :2], ("2", "3"), NUMBERS, 1e-5),
    "ordered classes": Sample(
        lambda: Ordered(order=("low", "mid", "high")),
        ["mid", "high", "low"] * 8,
        ["huge"] * 3,
        ("huge", "'low', 'mid'"),
    ),
    "ordered numbers": Sample(Ordered, [3, 10, 5] * 8, ["3"] * 3, ("type", "int")),
    "noises": Sample(Gaussians, NUMBERS, NUMBERS[:, :2], ("2", "3")),
    "quantiles": Sample(lambda: Quantiles(quantiles=(0.2, 0.7)), NUMBERS, NUMBERS[:, :2], ("2", "3")),
    "transcripts": Sample(Transcripts, ["ab", "b a", ""] * 8, ["abz"], ("'z'", "'a', 'b'")),
    "transcripts of words": Sample(
        lambda: Transcripts(units="words"), ["one two", "two"] * 12, ["six"], ("six", "two")
    ),
    "target texts": Sample(TargetTexts, ["one two", "two"] * 12, ["one", " "], ("row 1", "' '")),
    "numbers told": Sample(Conditions, NUMBERS, NUMBERS[:, :2], ("2", "3"), NUMBERS, 1e-5),
    "counts": Sample(lambda: Numbers(link="log"), np.arange(N) % 7, [["x"]], ("numbers", "x")),
    "masks": Sample(
        MaskTargets, [np.full((4, 5), i % 3) for i in range(N)], [np.full((4, 5), 9)], ("mask 0", "[9]", "[0, 1, 2]")
    ),
    "boxes": Sample(
        BoxTargets,
        [
            Boxes(np.array([[1.0, 2, 3 + i, 4]] * (i % 3)).reshape(-1, 4), np.array(["b", "a"][: i % 3]))
            for i in range(N)
        ],
        [Boxes(np.ones((1, 4)), np.array(["c"]))],
        ("picture 0", "'c'", "'a', 'b'"),
    ),
    "points": Sample(
        PointTargets,
        [Points(np.array([[1.0 + i % 3, 2], [3, 4]]), (6, 8)) for i in range(N)],
        [Points(np.ones((3, 2)), (6, 8))],
        ("picture 0", "3 keypoints", "2 in each"),
    ),
}
# a stream of texts, whose rows are no texts, and the target that is cut out of it: tests/data/test_token_stream.py;
# texts laid end to end without padding: tests/data/test_corpus.py; vectors from elsewhere: tests/data/test_word_rows.py
STREAMED = {"token_stream", "next_token", "corpus", "word_rows"}
STREAMED |= {"pieces", "hidden_pieces", "tokens", "tags", "picture_target"}  # each tested beside its estimator
STREAMED |= {"broken_spans"}  # tests/data/test_broken_spans.py
STREAMED |= {"residues", "contacts"}
STREAMED |= {"passages", "spans"}  # tests/data/test_passages.py
inputs = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
targets = pytest.mark.parametrize("sample", TARGETS.values(), ids=TARGETS)
both = pytest.mark.parametrize("sample", [*SAMPLES.values(), *TARGETS.values()], ids=[*SAMPLES, *TARGETS])


def taken(codec, raw, index=None):
    rows = codec.encode(raw)
    return rows.take(torch.arange(len(rows)) if index is None else index)


def prepared(codec, raw):
    """Every view of the rows, one tensor by name."""
    if isinstance(codec, Target):
        return taken(codec, raw)
    return {f"{v} {k}": t for v in codec.views() for k, t in codec.prepare(taken(codec, raw), v).items()}


def alike(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def quiet(work):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.DataWarning)
        return work()


def test_every_kind_of_codec_has_a_sample():
    kinds = {sample.make().kind for sample in [*SAMPLES.values(), *TARGETS.values()]}
    assert kinds == set(codec_kinds()) - STREAMED


def plain(tree):
    """The state as `json` may write it, tensors aside."""
    if isinstance(tree, torch.Tensor):
        return None
    if isinstance(tree, dict):
        return {k: plain(v) for k, v in tree.items()}
    return [plain(v) for v in tree] if isinstance(tree, list | tuple) else tree


@both
def test_the_state_is_json_and_tensors_and_makes_an_equal_codec(sample, tmp_path):
    codec = sample.make().fit(sample.raw)
    state = codec.state()
    json.dumps(plain(state))
    store.save(tmp_path / "codec", {"state": state})
    again = type(codec).from_state(store.load(tmp_path / "codec")["state"])
    assert alike(prepared(codec, sample.raw), prepared(again, sample.raw))
    assert again.views() == codec.views()
    assert repr(again) == repr(codec)
    store.save(tmp_path / "again", {"state": again.state()})
    assert (tmp_path / "again").read_bytes() == (tmp_path / "codec").read_bytes()


def states_equal(one, other):
    a, b = one.state(), other.state()
    return a.keys() == b.keys() and all(
        torch.equal(a[k], b[k]) if isinstance(a[k], torch.Tensor) else a[k] == b[k] for k in a
    )


@both
def test_encoding_other_rows_teaches_nothing(sample):
    half, rest = (take_rows(sample.raw, np.arange(N)[part]) for part in (slice(0, N // 2), slice(N // 2, N)))
    codec = quiet(lambda: sample.make().fit(half))
    before = copy.deepcopy(codec)
    first = prepared(codec, half)
    quiet(lambda: prepared(codec, rest))
    assert states_equal(codec, before)
    assert alike(first, prepared(codec, half))


@both
def test_rows_are_encoded_alike_alone_and_together_and_in_any_order(sample):
    codec = sample.make().fit(sample.raw)
    order = torch.from_numpy(RNG.permutation(N)[:9])
    whole, few = prepared(codec, sample.raw), quiet(lambda: prepared(codec, take_rows(sample.raw, order.numpy())))
    for name, tensor in few.items():
        width = tensor.shape[1] if tensor.ndim > 1 else None  # padding is to the longest row taken
        assert torch.equal(whole[name][order][:, :width] if width else whole[name][order], tensor), name


@inputs
def test_what_was_encoded_comes_back(sample):
    codec = sample.make().fit(sample.raw)
    if sample.back is None:
        return
    view = "vector" if "vector" in codec.views() and codec.kind != "text" else next(iter(codec.views()))
    back = codec.decode(codec.prepare(taken(codec, sample.raw), view)["x"])
    if isinstance(sample.back, pd.DataFrame):
        for name in sample.back:
            ours, theirs = back[name], sample.back[name]
            if theirs.dtype.kind in "fi":
                np.testing.assert_allclose(ours, theirs, atol=sample.tolerance)
            else:
                assert ours.astype(str).tolist() == theirs.astype(str).tolist(), name
    elif isinstance(sample.back, np.ndarray):
        assert back.shape == sample.back.shape
        np.testing.assert_allclose(back, sample.back, atol=sample.tolerance)
    else:
        assert list(back) == list(sample.back)


def steps_to(rank, n_outputs):
    """Outputs whose cumulative logits are 50 below each row's rank and -50 or less from it on."""
    steps = 100.0 * (torch.arange(n_outputs) == rank[:, None]) - 50 * (torch.arange(n_outputs) != rank[:, None])
    return torch.where(torch.arange(n_outputs) == 0, torch.where(rank[:, None] > 0, 50.0, -50.0), steps)


@targets
def test_answers_that_a_model_is_sure_of_come_back_as_they_were_given(sample):
    target = sample.make().fit(sample.raw)
    y = taken(target, sample.raw)["y"]
    if target.kind == "masks":
        assert all(np.array_equal(a, b) for a, b in zip(target.decode(y), sample.raw, strict=True))
        return
    if target.kind == "points":
        np.testing.assert_allclose(target.decode(y[..., :2], [(6, 8)] * N), [one.points for one in sample.raw])
        return
    outputs = {
        "binary": lambda: (y - 0.5) * 50,
        "labels": lambda: torch.nn.functional.one_hot(y).float() * 50,
        "multilabel": lambda: (y - 0.5) * 50,
        "numbers": lambda: y if target.options.get("link") != "log" else y.log(),
        "gaussians": lambda: y.repeat_interleave(2, 1),
        "quantiles": lambda: y.repeat_interleave(len(target.quantiles), 1),
        "ordinal": lambda: steps_to(y, target.facts()["n_outputs"]),
        "transcripts": lambda: y.tolist(),
        "target_texts": lambda: y.tolist(),
        "boxes": lambda: [
            (boxes[:n], None, labels[:n])
            for boxes, labels, n in zip(
                *(taken(target, sample.raw)[k] for k in ("y", "y_labels", "y_lengths")), strict=True
            )
        ],
    }[target.loss_kind]()
    back = target.decode(outputs)
    if isinstance(sample.raw, np.ndarray):
        assert back.shape == sample.raw.shape
        np.testing.assert_allclose(back, sample.raw, atol=1e-5)
    else:
        assert list(back) == sample.raw
        assert type(back[0]) is type(sample.raw[0]) or np.asarray(back).dtype.kind == np.asarray(sample.raw).dtype.kind


@both
def test_rows_unlike_those_of_fit_are_refused_with_both_sides_named(sample):
    codec = sample.make().fit(sample.raw)
    with pytest.raises(pn.DataError) as caught:
        codec.encode(sample.refused)
    message = str(caught.value)
    assert all(word in message for word in sample.words), message


@inputs
def test_prepare_never_changes_the_rows(sample):
    codec = sample.make().fit(sample.raw)
    rows = codec.encode(sample.raw)
    for view in codec.views():
        batch = rows.take(torch.arange(N))
        kept = {k: t.clone() for k, t in batch.items()}
        for training in (False, True):
            codec.prepare(batch, view, training=training)
            assert alike(batch, kept), view
        assert alike(rows.take(torch.arange(N)), kept), view


@both
def test_fit_and_encode_never_change_what_they_are_given(sample):
    kept = copy.deepcopy(sample.raw)
    prepared(sample.make().fit(sample.raw), sample.raw)
    if isinstance(kept, pd.DataFrame):
        pd.testing.assert_frame_equal(kept, sample.raw)
    elif isinstance(kept, np.ndarray):
        np.testing.assert_array_equal(kept, sample.raw)
    elif isinstance(kept[0], np.ndarray):
        assert all(np.array_equal(one, other) for one, other in zip(kept, sample.raw, strict=True))
    else:
        assert kept == sample.raw


@both
def test_a_codec_moves_to_a_device_and_back(sample):
    codec = sample.make().fit(sample.raw)
    before = prepared(codec, sample.raw)
    assert codec.to(torch.device("cpu")) is codec
    assert alike(before, prepared(codec, sample.raw))
    moved = copy.deepcopy(codec).to(torch.device("meta"))
    held = [v for v in vars(moved).values() if isinstance(v, torch.Tensor)]
    assert all(t.device.type == "meta" for t in held)


@inputs
def test_views_keep_the_shapes_that_their_facts_fix(sample):
    codec = sample.make().fit(sample.raw)
    for view, facts in codec.views().items():
        batch = codec.prepare(taken(codec, sample.raw), view)
        x = batch["x"]
        if "in_features" in facts:
            assert x.shape == (N, facts["in_features"])
            assert x.dtype == torch.float32
        if "cardinalities" in facts:
            assert (batch["columns"].amax(0) < torch.tensor(facts["cardinalities"])).all()
        if "image_size" in facts:
            frames = [facts["frames"]] if "frames" in facts else []
            assert x.shape == (N, facts["in_channels"], *frames, *facts["image_size"])
        if "vocab_size" in facts:
            assert 0 <= int(x.min()) <= int(x.max()) < facts["vocab_size"]
            assert x.shape == (N, min(int(batch["lengths"].max()), facts["max_length"]))


@inputs
def test_a_codec_says_what_it_is_by_its_options(sample):
    codec = sample.make()
    assert type(codec)(**codec.options).options == codec.options
    assert isinstance(codec, Codec)
    json.dumps(plain(dict(codec.options)))


# --- streamed is in memory ------------------------------------------------------------------------


def in_chunks(frame, size=5):
    return Chunks(lambda: (frame[i : i + size] for i in range(0, len(frame), size)), len(frame))


@pytest.mark.parametrize("raw", [FRAME, NUMBERS], ids=["frame", "numbers"])
def test_a_table_in_chunks_gives_the_rows_of_the_table_whole(raw):
    order = torch.from_numpy(RNG.permutation(N))
    whole, parts = pn.Table().fit(raw), pn.Table().fit(in_chunks(raw))
    rows = parts.encode(in_chunks(raw))
    assert isinstance(rows, Spilled)
    assert rows.n_bytes == 0
    for key, tensor in taken(whole, raw, order).items():
        torch.testing.assert_close(rows.take(order)[key], tensor, rtol=1e-6, atol=1e-6)
    picked = in_chunks(raw).take_rows(order.numpy()[:7])
    torch.testing.assert_close(taken(whole, picked)["x"], taken(whole, raw, order[:7])["x"])


def written(folder):
    from PIL import Image

    for i, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
    return sorted(folder.iterdir())


def test_pictures_left_in_files_give_the_batches_of_those_in_memory(tmp_path):
    files = written(tmp_path)
    held, streamed = pn.Image().fit(files), pn.Image(memory=100).fit(files)
    rows = streamed.encode(files)
    assert isinstance(rows, Stream)
    assert states_equal(held, type(held).from_state(streamed.state() | {"options": dict(held.options)}))
    order = torch.from_numpy(RNG.permutation(N))
    for index in order.split(7):
        assert alike(rows.take(index), taken(held, files, index))


def test_streamed_and_in_memory_training_end_with_the_same_weights(tmp_path):
    (tmp_path / "pictures").mkdir()
    files, y = written(tmp_path / "pictures"), np.arange(N) % 2
    model = pn.model("cnn", channels=(2,), hidden=4)
    one, other = (
        pn.Classifier(model, epochs=2, batch_size=8, memory=memory).fit(files, y).objective_.state_dict()
        for memory in (None, 100)
    )
    assert alike(one, other)


def test_a_table_larger_than_its_budget_trains_to_the_weights_of_one_in_memory(tmp_path):
    path = tmp_path / "t.csv"
    FRAME.drop(columns="grade").assign(y=np.arange(N) % 2).to_csv(path, index=False)
    one, other = (
        pn.Classifier("mlp", epochs=2, batch_size=8, memory=memory).fit(path, target="y").objective_.state_dict()
        for memory in (None, 100)
    )
    assert alike(one, other)
