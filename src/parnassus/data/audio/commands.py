"""Commands: what may be said to a machine, as alternatives, words that may be left out, repetitions and slots."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ...errors import DataError, did_you_mean

Phrase = list[Any]  # [kind, ...] as JSON has it: a word, or what trees below it stand for
Step = tuple[Any, ...]  # ("word", said, next), ("ways", nexts), ("slot", name or None at its end, next), ("end",)
Marks = tuple[Any, str | None, int] | None  # slots begun (by name) and ended (None) at words, the last one first

SIGNS = "()[]|+*"
DEEPEST = 100  # brackets and slots within one another
MOST = 100_000  # words of a tree
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
    DataError : a bracket without its other half, an unknown slot, one that holds itself, a repetition of nothing, more
        than 100 brackets and slots within one another, more than 100,000 words with every slot put in.
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
        found: dict[str, list[str]] = {}
        begun: list[tuple[str, int]] = []
        marks = _marked(*_steps(self.tree), words)
        if marks is None:
            return None
        for name, at in marks:
            if name is not None:
                begun.append((name, at))
                found.setdefault(name, [])
            else:
                name, first = begun.pop()
                found[name] += words[first:at]
        return {name: " ".join(said) for name, said in found.items()}


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
        self.sizes: dict[str, int] = {}
        self.n_words = 0  # of what was read, slots put in
        self.within: list[str] = []
        self.depth = 0
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
        odd = next((sign for sign in '/{}="' if sign in body), None) or _TOKEN.sub("", body).strip()
        if odd:
            raise DataError(
                f"the grammar has {odd!r} in {body.strip()!r}; weights, tags, quotes and other settings are not read"
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
            before = self.n_words
            place = _Place(self.rules[name].strip(), _TOKEN.findall(self.rules[name])[::-1])
            self.read[name] = self._either(place)
            if place.left:
                raise DataError(f"{place.next()!r} closes nothing in the rule {place.rule!r} of the grammar")
            self.within.pop()
            self.sizes[name] = self.n_words - before
        else:
            self._count(self.sizes[name])
        return self.read[name]

    def _count(self, n_words: int) -> None:
        self.n_words += n_words
        if self.n_words > MOST:
            raise DataError(f"the grammar has more than {MOST:,} words with every slot put in; divide it")

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
        if place.next() in ("+", "*"):
            sign = place.left.pop()
            if _may_be_empty(tree):
                raise DataError(f"{sign!r} repeats what may be left out in {place.rule!r} of the grammar; repeat words")
            tree = ["again", tree] if sign == "+" else ["maybe", ["again", tree]]
        return tree

    def _one(self, place: _Place) -> Phrase:
        token = place.left.pop()
        if token in ("+", "*"):
            raise DataError(f"{token!r} stands behind no word in {place.rule!r} of the grammar")
        if token[0] not in "([<":
            self._count(1)
            return ["word", token]
        self.depth += 1
        if self.depth > DEEPEST:
            raise DataError(f"the grammar has more than {DEEPEST} brackets and slots in one another; write it flatter")
        tree = self._within(token, place)
        self.depth -= 1
        return tree

    def _within(self, token: str, place: _Place) -> Phrase:
        if token.startswith("<"):
            name = token[1:-1].strip()
            return ["slot", name, self._rule(name)]
        inner, close = self._either(place), ")" if token == "(" else "]"
        if place.next() != close:
            raise DataError(f"{token!r} is not closed by {close!r} in {place.rule!r} of the grammar")
        place.left.pop()
        return inner if token == "(" else ["maybe", inner]


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


def _steps(tree: Phrase) -> tuple[list[Step], int]:
    """A tree as steps, and the first of them; of several ways the longest repetition stands first."""
    steps: list[Step] = [("end",)]

    def before(tree: Phrase, then: int) -> int:
        """Enter a tree in front of a step; where it begins."""
        kind, *below = tree
        if kind == "row":
            for inner in reversed(below):
                then = before(inner, then)
            return then
        if kind == "again":
            steps.append(("ways", ()))
            back = len(steps) - 1
            first = before(below[0], back)
            steps[back] = ("ways", (first, then))
            return first
        if kind == "slot":
            steps.append(("slot", None, then))
            step: Step = ("slot", below[0], before(below[1], len(steps) - 1))
        elif kind == "word":
            step = ("word", below[0], then)
        else:
            step = ("ways", (*(before(inner, then) for inner in below), *((then,) if kind == "maybe" else ())))
        steps.append(step)
        return len(steps) - 1

    first = before(tree, 0)
    return steps, first


def _marked(steps: list[Step], first: int, words: list[str]) -> list[tuple[str | None, int]] | None:
    """The slots that the first way through the steps begins and ends, or None where no way takes every word.

    All ways go on together, word by word, the preferred first; of two that meet at a step the later is given up, so
    that the time grows with words times steps.

    Source: R. Pike's machine, as in Cox, "Regular Expression Matching: the Virtual Machine Approach" (2009).
    """
    ways: list[tuple[int, Marks]] = [(first, None)]
    for at, said in enumerate([*words, None]):
        onward, met, open_ = [], set[int](), ways[::-1]
        while open_:
            number, marks = open_.pop()
            if number in met:
                continue
            met.add(number)
            kind, *rest = steps[number]
            if kind == "word" and rest[0] == said:
                onward.append((rest[1], marks))
            elif kind == "ways":
                open_ += [(then, marks) for then in reversed(rest[0])]
            elif kind == "slot":
                open_.append((rest[1], (marks, rest[0], at)))
            elif kind == "end" and said is None:
                return _in_order(marks)
        ways = onward
    return None


def _in_order(marks: Marks) -> list[tuple[str | None, int]]:
    found = []
    while marks is not None:
        marks, name, at = marks
        found.append((name, at))
    return found[::-1]
