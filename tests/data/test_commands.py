"""Grammars of commands: what they allow, what their slots hold, what is no grammar."""

import json

import pytest

from parnassus.data.audio.commands import Commands, is_commands
from parnassus.errors import DataError

LIGHTS = "(turn | switch) [the] <device> <state>; <device> = light | radio | coffee machine; <state> = on | off"


def test_slots_hold_what_was_said():
    lights = Commands(LIGHTS)
    assert lights.slots("turn the coffee machine off") == {"device": "coffee machine", "state": "off"}
    assert lights.slots("switch light on") == {"device": "light", "state": "on"}
    assert lights.words == {"turn", "switch", "the", "light", "radio", "coffee", "machine", "on", "off"}


@pytest.mark.parametrize("said", ["", "turn", "turn the the light on", "turn the light on now", "light on"])
def test_what_is_not_allowed_has_no_slots(said):
    assert Commands(LIGHTS).slots(said) is None


def test_repetitions_take_as_many_words_as_are_said():
    dial = Commands("call <number> [now]; <number> = <digit>+; <digit> = one | two | oh two")
    assert dial.slots("call one oh two two now") == {"number": "one oh two two", "digit": "one oh two two"}
    assert dial.slots("call now") is None
    assert Commands("please* stop").slots("please please stop") == {}
    assert Commands("please* stop").slots("stop") == {}


def test_a_grammar_in_the_format_of_java_is_read():
    text = """#JSGF V1.0 UTF-8 en;
    grammar lights;  // of one room
    public <command> = turn <device> (on | off);
    <device> = light | radio;
    """
    assert Commands(text).slots("turn radio off") == {"device": "radio"}


def test_a_tree_is_what_json_holds():
    tree = Commands("a [b] (a | b)+").tree
    assert tree == [
        "row",
        ["word", "a"],
        ["maybe", ["word", "b"]],
        ["again", ["either", ["word", "a"], ["word", "b"]]],
    ]
    assert json.loads(json.dumps(tree)) == tree


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no word"),
        ("turn (light | radio", r"'\(' is not closed by '\)'"),
        ("turn light)", r"'\)' closes nothing"),
        ("turn (light | )", "nothing stands"),
        ("turn <devise>; <device> = light", "no rule for the slot <devise>.*<device>"),
        ("<a> = x <b>; <b> = y <a>", "<a> holds itself"),
        ("[x]+ y", "repeats what may be left out"),
        ("+ y", "stands behind no word"),
        ("y++", "stands behind no word"),
        ("a < b", "'<' in 'a < b'"),
        ('go to "new york"', "quotes"),
        ("<a> = x; <a> = y", "two rules <a>"),
        ("turn /0.8/ light", "'/'.*weights"),
        ("x; y", "'y' is no rule"),
    ],
)
def test_what_is_no_grammar_is_refused(text, said):
    with pytest.raises(DataError, match=said):
        Commands(text)


def test_names_are_no_grammars():
    assert not is_commands("loop")
    assert is_commands("light | radio")


@pytest.mark.parametrize(
    ("text", "said", "slots"),
    [
        ("(<n>)+; <n> = one | two", "one two " * 3000, {"n": " ".join(["one two"] * 3000)}),
        ("(a+)+ b", "a " * 200, None),  # 2^199 ways to divide them
        ("[a] " * 40 + "<b>; <b> = a | b", "a " * 40 + "b", {"b": "b"}),
        ("mach die <Gerät> an; <Gerät> = Lampe | Tür", "mach die Tür an", {"Gerät": "Tür"}),
    ],
)
def test_long_sentences_and_grammars_of_many_ways_are_read_at_once(text, said, slots):
    assert Commands(text).slots(said) == slots


def test_grammars_that_grow_beyond_reason_are_refused():
    doubled = "; ".join(f"<r{i}> = <r{i + 1}> <r{i + 1}>" for i in range(20)) + "; <r20> = x"
    with pytest.raises(DataError, match="more than 100,000 words"):
        Commands(doubled)
    with pytest.raises(DataError, match="more than 100 brackets"):
        Commands("(" * 2000 + "a" + ")" * 2000)
    assert Commands("(" * 90 + "a" + ")" * 90).slots("a") == {}
