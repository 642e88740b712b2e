"""Anything at all through fit, predict, evaluate, load and the command line: it works, or it is refused in our words.

PARNASSUS_FUZZ says how many inputs there are at least, over all tests; 2,000 are the proof. Every run has the same.
"""

import contextlib
import datetime
import decimal
import io
import json
import os
import random
import signal
import struct
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import parnassus as pn

N_INPUTS = int(os.environ.get("PARNASSUS_FUZZ", "300"))
SECONDS = 30  # of computing, which no input here can need
pytestmark = [pytest.mark.timeout(60 + 2 * N_INPUTS), pytest.mark.slow]


def share(part):
    """Settings of a test that takes this part of all inputs."""
    n = max(10, round(part * N_INPUTS))
    return settings(
        max_examples=n, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )


class Hang(BaseException):
    pass


@contextlib.contextmanager
def limited():
    """Fails what computes for longer than any input here needs."""

    def stop(number, frame):
        raise Hang(f"still computing after {SECONDS} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def outcome(work):
    """What `work()` gives, or our refusal of it; every other error fails. The random states stay as they were."""
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    with warnings.catch_warnings(), limited():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", RuntimeWarning)  # NumPy's: of sums that overflow, means of nothing
        try:
            result = work()
        except pn.ParnassusError as error:
            result = error
    assert not isinstance(result, Exception) or len(str(result)) > 20, f"too few words: {result!r}"
    assert torch.equal(before[0], torch.get_rng_state()), "torch's random state changed"
    assert (before[1] == np.random.get_state()[1]).all(), "NumPy's random state changed"
    assert before[2] == random.getstate(), "Python's random state changed"
    return result


# --- data -----------------------------------------------------------------------------------------

ROWS = 12
BLANK = (None, np.nan, pd.NA, pd.NaT, "", b"", float("inf"), -np.inf)
CELLS = (
    *BLANK, 0, 1, -1, 2**31, 2**63, 2**70, -(2**70), 1e308, -1e308, 5e-324, 1e-40, 3.4e38, 1e39, True, "1", "1e5",
    "nan",
    "a", "\x00", "\ud800", "\u00e9\u4e00", "=1+1", b"\xff", 1 + 2j, {}, {"a": 1}, [1], [], (), {1, 2}, object(), int,
    len,
    datetime.date(1, 1, 1), datetime.datetime(9999, 12, 31), datetime.timedelta(3), decimal.Decimal("sNaN"),
    decimal.Decimal("1.5"), np.datetime64("NaT"), np.datetime64("2020-01-01"), np.float16(1.5), np.uint64(2**64 - 1),
    np.array(3), np.array([1, 2]), torch.tensor(2.0), torch.ones(2), Path("x"), range(3), Ellipsis,
)  # fmt: skip
DTYPES = (
    "f2", "f4", "f8", "g", "i1", "i8", "u1", "u8", "?", "c8", "c16", "O", "U3", "S3", "M8[D]", "M8[ns]", "m8[s]", ">f8",
    "V4", [("a", "f8"), ("b", "i4")],
)  # fmt: skip
SHAPES = (
    (), (0,), (1,), (ROWS,), (0, 3), (ROWS, 0), (1, 3), (ROWS, 1), (ROWS, 3), (ROWS, 40), (2, 3), (ROWS, 4, 4),
    (ROWS, 4, 4, 1), (ROWS, 5, 5, 3), (ROWS, 3, 5, 5), (ROWS, 4, 4, 7), (ROWS, 0, 4), (ROWS, 1, 1), (ROWS, 2, 3, 4, 2),
    (ROWS, 1, 1, 1, 1), (0, 4, 4),
)  # fmt: skip
WHOLE = (
    None, 0, 3.5, True, "", "no/such/path.csv", b"bytes", Path("/no/such"), Path("/"), "/dev/null", "\x00", "a" * 5000,
    {}, {"a": [1, 2]}, {1: 2}, set(), {1, 2, 3}, [], (), [[]], [[[]]], [()] * ROWS, [{}] * ROWS, [None] * ROWS,
    [np.nan] * ROWS, range(ROWS), object(), object, np.float64(3), np.array(None), [set()] * ROWS, [b"a"] * ROWS,
    [{"a": 1, "b": 2}] * ROWS, [{"a": 1}, {"b": 2}] * (ROWS // 2), ["a", "b c"] * (ROWS // 2), [""] * ROWS,
    [["a", 1]] * ROWS, [[1, 2], [3]] * (ROWS // 2), [[1, [2]]] * ROWS, [[1, 2]] * ROWS + [3], slice(3), Ellipsis,
    memoryview(b"abcd"), bytearray(b"abcd"), np.ma.masked_all((ROWS, 3)), pd.DataFrame(), pd.DataFrame({"a": []}),
    pd.Series(range(ROWS)), pd.Series(["a", "b"] * 6, dtype="category"), pd.Index(range(ROWS)), pl.DataFrame(),
    pl.LazyFrame({"a": [1, 2]}), pl.Series(range(ROWS)), [np.zeros((4, 4), np.uint8), np.zeros((5, 3), np.uint8)] * 6,
    [np.zeros((4, 3))] * ROWS, [Path("a.png")] * ROWS, [torch.zeros(3)] * ROWS, [torch.zeros(2, 3)] * ROWS,
    torch.zeros(ROWS, 3, requires_grad=True), torch.zeros(ROWS, 3, dtype=torch.bfloat16), torch.zeros(()),
    torch.eye(ROWS).to_sparse(), torch.zeros(ROWS, 3, dtype=torch.complex64), torch.zeros(ROWS, 1, 4, 4),
    torch.zeros(ROWS, 3, device="meta"),
)  # fmt: skip


def drawn_array(shape, dtype, seed):
    """An array of this shape and type; what the type cannot hold becomes what it can."""
    values = np.random.default_rng(seed).normal(size=shape) * 10.0 ** (seed % 5)
    if isinstance(dtype, list) or dtype == "V4":
        return np.zeros(shape, dtype=dtype)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return (values.astype("i8") if dtype[0] in "mM" else values).astype(dtype)


def good_table(seed):
    return np.random.default_rng(seed).normal(size=(ROWS, 3))


def frame_of(seed, names):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=ROWS),
            "whole": rng.integers(0, 9, ROWS),
            "bit": rng.random(ROWS) > 0.5,
            "word": rng.choice(["a", "b"], ROWS),
            "kind": pd.Categorical(rng.choice(["x", "y"], ROWS), ordered=bool(seed % 2)),
            "day": pd.date_range("2020", periods=ROWS),
            "zone": pd.date_range("2020", periods=ROWS, tz="UTC"),
            "gap": pd.array([1, None] * (ROWS // 2), dtype="Int64"),
            "long": pd.timedelta_range("1h", periods=ROWS),
            "span": pd.period_range("2020-01", periods=ROWS, freq="M"),
        }
    )
    kept = frame.iloc[:, np.sort(rng.choice(10, 1 + seed % 5, replace=False))] if seed else frame.iloc[:, :6]
    if names != "kept":
        width = kept.shape[1]
        kept.columns = {
            "numbers": range(width),
            "mixed": [0, *map(str, range(width - 1))],
            "twice": ["a"] * width,
            "pairs": pd.MultiIndex.from_tuples([("a", i) for i in range(width)]),
            "none": [None] * width,
        }[names]
    return kept


NAMES = st.sampled_from(["kept", "kept", "numbers", "mixed", "twice", "pairs", "none"])
SEEDS = st.integers(0, 999)


@st.composite
def spoilt_tables(draw):
    """A good table with a few cells or a column of something else, as a frame, lists, or an array of objects."""
    table = good_table(draw(SEEDS)).astype(object)
    for row, column, k in draw(
        st.lists(st.tuples(st.integers(0, ROWS - 1), st.integers(0, 2), st.integers(0, len(CELLS) - 1)), max_size=3)
    ):
        put(table, row, column, CELLS[k])
    form = draw(st.sampled_from(["array", "lists", "tuples", "pandas", "records", "float"]))
    if form == "float":
        try:
            return table.astype(np.float64)
        except (TypeError, ValueError, OverflowError, RuntimeError):
            return table
    if form == "pandas":
        return pd.DataFrame(table, columns=list("abc")).infer_objects()
    if form == "records":
        return [dict(zip("abc", row, strict=True)) for row in table]
    return {"array": table, "lists": table.tolist(), "tuples": [tuple(r) for r in table.tolist()]}[form]


def put(table, row, column, value):
    """Lay any value into a cell: NumPy would spread a sequence."""
    cell = np.empty((), dtype=object)
    cell[()] = value
    table[row, column] = cell[()]


ARRAYS = st.builds(drawn_array, st.sampled_from(SHAPES), st.sampled_from(DTYPES), SEEDS)
ANY = st.integers(0, len(WHOLE) - 1).map(WHOLE.__getitem__)
TABLES = st.one_of(spoilt_tables(), st.builds(frame_of, SEEDS, NAMES), ARRAYS, ANY, SEEDS.map(good_table))
ANSWERS = st.one_of(
    st.sampled_from([np.arange(ROWS) % 2, np.arange(ROWS) % 3, ["a", "b", "c"] * 4, np.linspace(0, 1, ROWS)]),
    st.sampled_from([np.arange(ROWS) % 2, np.eye(3, dtype=int)[np.arange(ROWS) % 3], [{1}, {2, 1}] * 6]),
    st.lists(st.integers(0, len(CELLS) - 1).map(CELLS.__getitem__), min_size=ROWS, max_size=ROWS),
    st.tuples(st.integers(0, ROWS - 1), st.integers(0, len(CELLS) - 1)).map(
        lambda at: [CELLS[at[1]] if i == at[0] else i % 2 for i in range(ROWS)]
    ),
    ARRAYS,
    ANY,
)
MODELS = st.sampled_from([None, "mlp", "mlp", "logistic", "perceptron", "adaline", "linear", "cnn", "lenet", "lms"])
KINDS = st.sampled_from([pn.Classifier, pn.Regressor])


def used(fitted, X, y, others):
    """Everything a person does with a model."""
    fitted.predict(X)
    outcome(lambda: fitted.predict(others))
    outcome(lambda: fitted.predict(others, on_error="skip"))
    outcome(lambda: fitted.evaluate(others, y))
    fitted.score(X, y)
    fitted.evaluate(X, y)
    with tempfile.TemporaryDirectory() as folder:
        fitted.save(Path(folder) / "m")
        again = pn.load(Path(folder) / "m")
        assert np.array_equal(np.asarray(again.predict(X), object), np.asarray(fitted.predict(X), object))


def learned(kind, model, X, y, others, **more):
    fitted = kind(model, epochs=1, batch_size=8).fit(X, y, **more)
    used(fitted, X, y, others)
    return fitted


@share(0.3)
@given(KINDS, MODELS, TABLES, ANSWERS, TABLES)
def test_any_data_are_learned_or_refused(kind, model, X, y, others):
    outcome(lambda: learned(kind, model, X, y, others))


@share(0.12)
@given(KINDS, TABLES, st.sampled_from([np.arange(ROWS) % 2, np.arange(ROWS) % 3]), TABLES)
def test_any_inputs_beside_good_answers_are_learned_or_refused(kind, X, y, others):
    outcome(lambda: learned(kind, None, X, y, others))


@share(0.1)
@given(KINDS, SEEDS, ANSWERS)
def test_any_answers_beside_good_inputs_are_learned_or_refused(kind, seed, y):
    outcome(lambda: learned(kind, "mlp", good_table(seed), y, good_table(seed + 1)))


@share(0.06)
@given(KINDS, st.one_of(ANY, ARRAYS, st.sampled_from(CELLS)), st.one_of(ANY, st.sampled_from([0.3, 0.0, 1, -0.5])))
def test_any_weights_validation_and_target_are_taken_or_refused(kind, weight, validation):
    X, y = good_table(0), np.arange(ROWS) % 2
    outcome(lambda: learned(kind, "mlp", X, y, X, sample_weight=weight))
    outcome(lambda: learned(kind, "mlp", X, y, X, validation=validation))
    outcome(lambda: learned(kind, "mlp", X, y, X, validation=(weight, y)))
    outcome(lambda: kind("mlp", epochs=1).fit(frame_of(3, "kept"), target=validation))
    outcome(lambda: kind("mlp", epochs=1).partial_fit(X, y).partial_fit(weight, y))


@share(0.01)
@given(KINDS, TABLES)
def test_any_rows_are_reported_or_refused(kind, X):
    y = np.arange(ROWS) % 2
    fitted = outcome(lambda: kind("mlp", epochs=1).fit(X, y))
    if not isinstance(fitted, Exception):
        with tempfile.TemporaryDirectory() as folder:
            outcome(lambda: fitted.report(Path(folder) / "r.html", X, y))


# --- settings -------------------------------------------------------------------------------------

VALUES = (
    None, 0, 1, 2, -1, 3.5, 1e9, 10**9, 10**30, 2**63, 0.5, 1.0, -0.1, float("nan"), float("inf"), -np.inf, True, False,
    "", "x", "adam", "mlp", "cosine", "loss", "accuracy", "auto", "cpu", "cuda:99", "\x00", b"x", [], [1], (), (1,
    2), {},
    {"fit": "adam"}, {"fit": 3}, {3: "adam"}, {0: 1.0, 1: 2.0}, set(), object(), object, int, np.float32(0.01),
    np.int64(3),
    np.array([0.5, 0.5]), torch.tensor(0.5), pn.model("mlp"), pn.optimizer("sgd"), pn.schedule("cosine"),
    pn.loss("huber"),
    pn.Table(), pn.Image(), pn.Text(), pn.Table, torch.nn.Identity(), torch.nn.Linear(3, 1), torch.nn.Linear(7, 7),
    torch.device("cpu"), "vector", "image", "columns", "balanced", "f1", lambda: 3,
)  # fmt: skip
SETTINGS = sorted(set(pn.Classifier().get_params(deep=False)) - {"out", "epochs", "progress", "checkpoint_every"})
SOME = st.integers(0, len(VALUES) - 1).map(VALUES.__getitem__)
CHOSEN = st.lists(st.tuples(st.sampled_from(SETTINGS), SOME), min_size=1, max_size=2).map(dict)


@share(0.15)
@given(KINDS, CHOSEN)
def test_any_setting_is_taken_or_refused(kind, chosen):
    X, y = good_table(0), np.arange(ROWS) % 2
    chosen = {k: v for k, v in chosen.items() if k in kind().get_params(deep=False)}

    def work():
        fitted = kind(**{"epochs": 1, "model": "mlp"} | chosen).fit(X, y, validation=0.3)
        fitted.predict(X)
        repr(fitted)

    outcome(work)


@share(0.05)
@given(st.sampled_from(["epochs", "out", "checkpoint_every", "progress"]), SOME)
def test_any_length_or_folder_of_a_run_is_taken_or_refused(name, value):
    if name == "epochs" and isinstance(value, int) and value > 99:
        return  # a long training, which is what was asked for
    X, y = good_table(0), np.arange(ROWS) % 2
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.redirect_stderr(io.StringIO()):
        outcome(lambda: pn.Classifier("mlp", **{"epochs": 1, "out": "run", name: value}).fit(X, y))


FITTING = st.sampled_from(
    [
        (3,),
        (),
        (0,),
        (-1,),
        (10**12,),
        (10**30,),
        (2.5,),
        ("a",),
        (3, (4,)),
        (1, 2, 3, 4, 5),
        0,
        3,
        -3,
        10**12,
        0.0,
        0.5,
        1.0,
    ]
    + [
        -1.0,
        1e300,
        float("nan"),
        float("inf"),
        "tanh",
        "plain",
        "averaged",
        "one_vs_rest",
        "max",
        "gradient",
        True,
        False,
    ]
)
OPTIONS = [
    (kind, builder.name, option)
    for kind in (pn.Classifier, pn.Regressor)
    for builder in pn.model
    for option in ("x", *builder.defaults)
    if kind.task in builder.tasks
]


@share(0.06)
@given(st.sampled_from(OPTIONS), st.one_of(SOME, FITTING, FITTING))
def test_any_option_of_a_model_is_taken_or_refused(which, value):
    kind, model, option = which
    X, y = np.arange(ROWS * 64, dtype=np.uint8).reshape(ROWS, 8, 8), np.arange(ROWS) % 2
    outcome(lambda: kind(pn.model(model, **{option: value}), epochs=1).fit(X, y).predict(X))
    outcome(lambda: kind(model, epochs=1).set_params(**{f"model__{option}": value}).fit(X, y).predict(X))


# --- files ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files():
    """Models as bytes, and what each was trained on."""
    y = np.arange(ROWS) % 3
    texts, pictures = ["good film", "bad", "so so"] * 4, np.arange(ROWS * 64, dtype=np.uint8).reshape(ROWS, 8, 8)
    made = [
        (pn.Classifier("mlp", epochs=1), good_table(0), y),
        (pn.Classifier("mlp", epochs=1), good_table(0), [{"a"}, {"a", "b"}] * 6),
        (pn.Regressor(pn.model("mlp", hidden=(3,)), epochs=1), frame_of(0, "kept"), y),
        (pn.Classifier(pn.model("cnn", channels=(2,), hidden=3), epochs=1), pictures, y),
        (pn.Classifier("logistic", epochs=1, threshold=0.4), texts, y > 1),
    ]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "m"
        kept = []
        for estimator, X, answers in made:
            estimator.fit(X, answers).save(path)
            kept.append((path.read_bytes(), X, scores_of(estimator, X)))
    return kept


def scores_of(fitted, X):
    """What a model says before it decides, in which one flipped bit of a weight can be seen."""
    return fitted.decision_function(X) if isinstance(fitted, pn.Classifier) else fitted.predict(X)


def loaded_and_asked(data, X):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m"
        path.write_bytes(data)
        return scores_of(pn.load(path), X)


DAMAGE = st.one_of(
    st.tuples(st.just("flip"), st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=4)),
    st.tuples(st.just("cut"), st.floats(0, 1)),
    st.tuples(st.just("append"), st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("zero"), st.tuples(st.floats(0, 1), st.integers(1, 400))),
    st.tuples(st.just("replace"), st.binary(max_size=200)),
)


def damaged(data, how, detail):
    changed = bytearray(data)
    if how == "flip":
        for at, mask in detail:
            changed[int(at * (len(data) - 1))] ^= mask
    elif how == "cut":
        del changed[int(detail * (len(data) - 1)) :]
    elif how == "append":
        changed += detail
    elif how == "zero":
        start = int(detail[0] * (len(data) - 1))
        changed[start : start + detail[1]] = bytes(len(changed[start : start + detail[1]]))
    else:
        changed[:] = detail
    return bytes(changed)


@share(0.15)
@given(which=st.integers(0, 4), damage=DAMAGE)
def test_a_damaged_file_is_refused_or_answers_as_before(files, which, damage):
    data, X, answers = files[which]
    changed = damaged(data, *damage)
    if changed == data:
        return
    result = outcome(lambda: loaded_and_asked(changed, X))
    refused = isinstance(result, Exception)
    assert refused or np.array_equal(result, answers), "a damaged file answers otherwise, without a word"


def places(tree, at=()):
    """Every place in nested dicts and lists."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    yield from ((*at, key) for key, _ in inner)
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(value, (*at, key))


JSON = st.sampled_from(
    [None, 0, -1, 3, 2**70, 0.5, 1e300, True, "", "x", "os.system", "mlp", [], [1], ["x"], {}, {"x": 1}, [[]], "GONE",
     {"$tensor": "x"}, {"$text": "x"}, {"$json": "x"}, {"spec": ["model", "mlp", {"dict": []}]}, {"codec": ["text", 1]},
     {"tuple": 3}, {"array": 3}, {"$tensor": "weights/model.0.weight"}, {"$tensor": []}, {"$text": {}}]
)  # fmt: skip


@share(0.15)
@given(which=st.integers(0, 4), where=st.integers(0, 10**6), value=JSON)
def test_a_forged_manifest_is_read_or_refused(files, which, where, value):
    data, _, _ = files[which]
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    manifest = json.loads(header["__metadata__"]["parnassus"])
    spots = list(places(manifest))
    *above, last = spots[where % len(spots)]
    node = manifest
    for key in above:
        node = node[key]
    if value == "GONE":
        del node[last]
    else:
        node[last] = value
    header["__metadata__"]["parnassus"] = json.dumps(manifest)
    packed = json.dumps(header).encode()
    body = data[8 + struct.unpack("<Q", data[:8])[0] :]

    def work():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "m"
            path.write_bytes(struct.pack("<Q", len(packed)) + packed + body)
            return pn.load(path)

    outcome(work)


# --- the command line -----------------------------------------------------------------------------

WORDS = (
    "train", "evaluate", "predict", "report", "models", "systems", "classifier", "regressor", "forecaster",
    "--model", "mlp",
    "cnn", "--epochs", "1", "0", "-1", "x", "1e9", "--out", "run", "-o", "--target", "y", "a", "nothing", "--json",
    "--help",
    "--seed", "--lr", "nan", "--test", "0.2", "1.5", "--validation", "--drop", "--overwrite", "--config", "c.toml",
    "c.yaml",
    "--resume", "--proba", "--on-error", "skip", "--text", "--report", "r.html", "--task", "--modality", "table",
    "image",
    "data.csv", "odd.csv", "empty.csv", "none.csv", ".", "/", "", "--", "-", "--model.hidden", "(3,)", "3",
    "--optimizer",
    "sgd", "--optimizer.momentum", "--no-progress", "--progress", "--version", "\x00", "\u00e9", "[", "{}", "--claimed",
    "--device", "cuda:7", "--codec", "--codec.missing", "median", "--batch-size", "true", "none", "saved",
    "--family", "gru",
)  # fmt: skip
STARTS = (
    ("train", "classifier", "data.csv", "--target", "y", "--epochs", "1", "--out", "run"),
    ("train", "regressor", "data.csv", "--target", "a", "--epochs", "1", "--out", "run", "--overwrite"),
    ("train", "classifier", "odd.csv", "--target", "y", "--epochs", "1", "--out", "run"),
    ("evaluate", "saved", "data.csv"),
    ("predict", "saved", "data.csv"),
    ("report", "saved", "data.csv", "-o", "r.html"),
    ("models",),
    ("systems",),
    (),
)
TEXTS = st.lists(st.sampled_from(WORDS), max_size=4)
FILES = st.fixed_dictionaries(
    {
        "odd.csv": st.one_of(st.binary(max_size=60), st.text(alphabet="ab1,;\t\n\"'#.y-", max_size=60).map(str.encode)),
        "c.toml": st.sampled_from(
            [b"epochs = 1", b"epochs = 'x'", b"[model]\nname = 3", b"\xff", b"a = [", b"x = 1", b""]
        ),
        "c.yaml": st.sampled_from(
            [b"epochs: 1", b"- 1", b"{", b"!!python/object/apply:os.abort []", b"model: {name: mlp}"]
        ),
    }
)


@pytest.fixture(scope="module")
def saved():
    """A model that the command line asks, as bytes, and its table."""
    before = random.getstate()
    import rich.style  # noqa: F401  # draws from Python's random numbers, once in a process

    random.setstate(before)
    with tempfile.TemporaryDirectory() as folder:
        table = {"a": np.arange(ROWS) / 3, "b": np.arange(ROWS) % 5, "y": ["yes", "no"] * 6}
        pn.Classifier("mlp", epochs=1).fit(pd.DataFrame(table), target="y").save(Path(folder) / "m")
        return (Path(folder) / "m").read_bytes(), pd.DataFrame(table).to_csv(index=False).encode()


@share(0.15)
@given(start=st.sampled_from(STARTS), more=TEXTS, files_=FILES)
def test_any_command_line_ends_with_an_exit_code_and_no_fault(saved, start, more, files_):
    from parnassus.cli import main

    held = {"data.csv": saved[1], "empty.csv": b"", "saved": saved[0], **files_}
    if "--epochs" in more and "1e9" in more:
        return  # a long training, which is what was asked for
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name, data in held.items():
            Path(name).write_bytes(data)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = outcome(lambda: main([*start, *more]))
    assert code in (0, 1, 2), f"{[*start, *more]} ended with {code}: {said.getvalue()[-1500:]}"
    assert "Traceback" not in said.getvalue()
