"""Commands: what may be said to a machine, as alternatives, words that may be left out, repetitions and slots."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ...errors import DataError, did_you_mean

Phrase = list[Any]  # [kind, ...] as JSON has it: a word, or what trees below it stand for
Way = tuple[int, tuple[tuple[str, int, int], ...]]  # how far a tree reaches, and the slots on the way there

SIGNS = "()[]|+*"
_TOKEN = re.compile(r"<[^<>]*>|[()\[\]|+*]|[^\s()\[\]|+*<>]+")
_RULE = re.compile(r"(?:public\s+)?<\s*([^<>=]+?)\s*>\s*=(.*)", re.S)
_HEADER = re.compile(r"#JSGF\b[^;]*;|^\s*grammar\s+[^;]*;|//[^\n]*", re.M)


class Commands:
    """A grammar of commands, in the manner of JSGF.

    text : "turn [the] (light | radio) (on | off)": words in a row, alternatives between `|`, grouped by parentheses,
        brackets around what may be left out, `+` behind what is said once or more often, `*` behind what may also be
        left out. Slots are rules of their own, divided by semicolons: "turn <device> on; <device> = light | radio";
        the first rule is the command. A rule may not hold itself.

    `tree` is the whole as nested lists, `words` every word of it.

    Source: JSpeech Grammar Format, W3C Note of 5 June 2000, without weights, tags and imports.

    Raises
    ------
    DataError : a bracket without its other half, an unknown slot, one that holds itself, a repetition of nothing.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = _Reader(text).tree()
        self.words = set(_words(self.tree))

    def __repr__(self) -> str:
        return f"Commands({self.text!r})"

    def slots(self, sentence: str) -> dict[str, str] | None:
        """What each slot of a sentence holds, or None where the grammar does not allow the sentence.

        A slot that was filled more than once holds everything in its order.
        """
        words = sentence.split()
        for end, filled in _ways(self.tree, words, 0):
            if end == len(words):
                found: dict[str, list[str]] = {}
                for name, first, last in filled:
                    found.setdefault(name, []).extend(words[first:last])
                return {name: " ".join(said) for name, said in found.items()}
        return None


def is_commands(text: str) -> bool:
    """Whether a text has any sign of a grammar in it."""
    return any(sign in text for sign in (*SIGNS, "<"))


class _Place(NamedTuple):
    """Where a reader is: the rule, for errors, and the tokens that are left, the next one last."""

    rule: str
    left: list[str]

    def next(self) -> str:
        return self.left[-1] if self.left else ""


class _Reader:
    """A text, rule by rule, to one tree without references."""

    def __init__(self, text: str) -> None:
        self.rules: dict[str, str] = {}
        self.read: dict[str, Phrase] = {}
        self.within: list[str] = []
        for part in _HEADER.sub(" ", text).split(";"):
            if part.strip():
                self._enter(part.strip())
        if not self.rules:
            raise DataError("the grammar has no word; give one such as 'turn the (light | radio) (on | off)'")

    def _enter(self, part: str) -> None:
        rule = _RULE.fullmatch(part)
        if rule is None and self.rules:
            raise DataError(f"{part!r} is no rule of the grammar; rules behind the first read '<name> = ...'")
        name, body = rule.groups() if rule else ("", part)
        if name in self.rules:
            raise DataError(f"the grammar has two rules <{name}>; give each slot once")
        odd = next((sign for sign in "/{}=" if sign in body), None)
        if odd:
            raise DataError(
                f"the grammar has {odd!r} in {body.strip()!r}; weights, tags and other settings are not read"
            )
        self.rules[name] = body

    def tree(self) -> Phrase:
        """The tree of the first rule, slots put in."""
        return self._rule(next(iter(self.rules)))

    def _rule(self, name: str) -> Phrase:
        if name not in self.rules:
            known = [f"<{rule}>" for rule in self.rules if rule]
            raise DataError(f"the grammar has no rule for the slot <{name}>; {did_you_mean(f'<{name}>', known)}")
        if name in self.within:
            raise DataError(f"the slot <{name}> holds itself; say repetition by + or *")
        if name not in self.read:
            self.within.append(name)
            place = _Place(self.rules[name].strip(), _TOKEN.findall(self.rules[name])[::-1])
            self.read[name] = self._either(place)
            if place.left:
                raise DataError(f"{place.next()!r} closes nothing in the rule {place.rule!r} of the grammar")
            self.within.pop()
        return self.read[name]

    def _either(self, place: _Place) -> Phrase:
        found = [self._row(place)]
        while place.next() == "|":
            place.left.pop()
            found.append(self._row(place))
        return found[0] if len(found) == 1 else ["either", *found]

    def _row(self, place: _Place) -> Phrase:
        found: list[Phrase] = []
        while place.next() and place.next() not in ("|", ")", "]"):
            found.append(self._repeated(place))
        if not found:
            raise DataError(f"nothing stands where a word is due in {place.rule!r} of the grammar; [x] may be left out")
        return found[0] if len(found) == 1 else ["row", *found]

    def _repeated(self, place: _Place) -> Phrase:
        tree = self._one(place)
        while place.next() in ("+", "*"):
            sign = place.left.pop()
            if _may_be_empty(tree):
                raise DataError(f"{sign!r} repeats what may be left out in {place.rule!r} of the grammar; repeat words")
            tree = ["again", tree] if sign == "+" else ["maybe", ["again", tree]]
        return tree

    def _one(self, place: _Place) -> Phrase:
        token = place.left.pop()
        if token in ("(", "["):
            inner, close = self._either(place), ")" if token == "(" else "]"
            if place.next() != close:
                raise DataError(f"{token!r} is not closed by {close!r} in {place.rule!r} of the grammar")
            place.left.pop()
            return inner if token == "(" else ["maybe", inner]
        if token in ("+", "*"):
            raise DataError(f"{token!r} stands behind nothing in {place.rule!r} of the grammar")
        if token.startswith("<"):
            name = token[1:-1].strip()
            return ["slot", name, self._rule(name)]
        return ["word", token]


def _may_be_empty(tree: Phrase) -> bool:
    kind, *below = tree
    if kind in ("word", "maybe"):
        return kind == "maybe"
    if kind == "slot":
        return _may_be_empty(below[1])
    return (any if kind == "either" else all)(map(_may_be_empty, below))


def _words(tree: Phrase) -> Iterator[str]:
    kind, *below = tree
    if kind == "word":
        yield below[0]
        return
    for inner in below[1:] if kind == "slot" else below:
        yield from _words(inner)


def _ways(tree: Phrase, words: list[str], at: int) -> Iterator[Way]:
    """Every place that a tree can reach from this one, longest repetitions first."""
    kind, *below = tree
    if kind == "word":
        if words[at : at + 1] == below:
            yield at + 1, ()
    elif kind == "slot":
        yield from ((end, ((below[0], at, end), *filled)) for end, filled in _ways(below[1], words, at))
    elif kind in ("either", "maybe"):
        for inner in below:
            yield from _ways(inner, words, at)
        if kind == "maybe":
            yield at, ()
    elif kind == "row":
        yield from _row_ways(below, words, at)
    else:  # "again": what is repeated is never empty, so that this ends
        yield from _row_ways([below[0], tree], words, at)
        yield from _ways(below[0], words, at)


def _row_ways(trees: list[Phrase], words: list[str], at: int) -> Iterator[Way]:
    """Every place behind these trees in a row."""
    if not trees:
        yield at, ()
        return
    for end, filled in _ways(trees[0], words, at):
        for last, more in _row_ways(trees[1:], words, end):
            yield last, (*filled, *more)
