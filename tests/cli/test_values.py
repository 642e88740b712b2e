"""Words as values and back, configurations as TOML, messages as flags."""

import string
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parnassus.cli.configuration import toml
from parnassus.cli.console import spoken
from parnassus.cli.settings import Setting
from parnassus.cli.training import joined
from parnassus.cli.values import value_of, words_of
from parnassus.errors import SettingError


@pytest.mark.parametrize(
    ("words", "annotation", "default", "value"),
    [
        (["3"], "int | None", None, 3),
        (["none"], "int | None", None, None),
        (["1e-3"], "float", 0.1, 1e-3),
        (["-2"], "float | None", None, -2.0),
        (["64", "32"], "tuple[int, ...]", (64,), (64, 32)),
        (["64"], "tuple[int, ...]", (64,), (64,)),
        ([], "tuple[int, ...]", (64,), ()),
        (["0.9", "0.99"], "tuple[float, float]", (0.9, 0.999), (0.9, 0.99)),
        (["8"], "int | Sequence[int] | None", None, 8),
        (["8", "9"], "int | Sequence[int] | None", None, (8, 9)),
        (["none"], "Any", "standard", "none"),  # a word of its own where the default is no None
        (["f1"], "Any", 0.5, "f1"),
        (["0.3"], "Any", 0.5, 0.3),
        (['{"cat": 2}'], "Any", None, {"cat": 2}),
        ([], "bool", False, True),
        (["off"], "bool", True, False),
        (["none"], "bool | None", None, None),
        (["kesler"], "Multiclass", "kesler", "kesler"),
        (["7"], "str", "x", "7"),
    ],
)
def test_words_become_what_the_signature_says(words, annotation, default, value):
    found = value_of(words, Setting("x", annotation, default), "--x")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("words", "annotation", "told"),
    [
        (["ten"], "int | None", "--x is a whole number or none; got 'ten'"),
        (["1.5"], "int", "--x is a whole number; got '1.5'"),
        (["1", "2"], "int", "--x takes one value; got 2 values: 1 2"),
        ([], "float", "--x takes one value; got none"),
        (["maybe"], "bool", "--x is true or false; got 'maybe'"),
        (["64,32"], "tuple[int, ...]", "--x takes several values one by one, --x 64 --x 32; got '64,32'"),
    ],
)
def test_words_of_another_kind_are_refused(words, annotation, told):
    with pytest.raises(SettingError) as error:
        value_of(words, Setting("x", annotation, 0), "--x")
    assert str(error.value) == told


plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)


@given(st.dictionaries(st.text(string.printable, min_size=1), st.one_of(plain, st.lists(st.integers(0, 9)))))
def test_toml_is_read_by_python_as_it_was_meant(values):
    expected = {k: "none" if v is None else v for k, v in values.items()}
    assert tomllib.loads(toml(values, "a comment\nof two lines")) == expected
    assert tomllib.loads(toml({"a": 1, "t": values})) == {"a": 1, "t": expected}


def test_defaults_stand_in_comments():
    text = toml({"optimizer": {"name": "sgd"}}, defaults={"optimizer": {"lr": 0.01}})
    assert "# lr = 0.01" in text
    assert tomllib.loads(text) == {"optimizer": {"name": "sgd"}}


@given(st.one_of(st.integers(), st.floats(allow_nan=False)))
def test_a_number_survives_the_words(value):
    setting = Setting("x", "int" if isinstance(value, int) else "float", 0)
    assert value_of(words_of(value), setting, "--x") == value


def test_yes_and_no_belong_to_their_flag():
    assert joined(["--resume", "true", "x.csv"]) == ["--resume=true", "x.csv"]
    assert joined(["--resume", "x.csv"]) == ["--resume", "x.csv"]


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("fill by codec=pn.Table(missing='median')", "fill by --codec.missing median"),
        ('pn.optimizer("sgd", momentum=0.9)', "sgd --optimizer.momentum 0.9"),
        ('pn.model("mlp", hidden=(64, 64))', "mlp --model.hidden 64 64"),
        ("use class_weight='balanced'", "use --class-weight balanced"),
        ("likelihood='bernoulli' or loss='huber'", "--model.likelihood bernoulli or --loss huber"),
        ("nothing to say: x = 3", "nothing to say: x = 3"),
        (
            "name them in time= (of rows), known= (ahead) or series=, or not",
            "name them in --time (of rows), --known (ahead) or --series, or not",
        ),
        (
            "say by missing= how; fit with n_cross_fits=2 (two more)",
            "say by --missing how; fit with --n-cross-fits 2 (two more)",
        ),
        ("call fit(X, known=ahead)", "call fit(X, known=ahead)"),
    ],
)
def test_messages_speak_in_flags(text, flags):
    assert spoken(text) == flags
