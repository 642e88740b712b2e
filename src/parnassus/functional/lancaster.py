"""Paice and Husk's stemmer (Lancaster): a table of endings, applied again and again."""

import re
from functools import cache
from typing import NamedTuple

# Each rule: the ending written backwards, * where the word must be untouched, letters to take, letters to add, and
# whether to go on (>) or to stop (.). Paice 1990, SIGIR Forum 24(3).
RULES = """
ai*2. a*1. bb1. city3s. ci2> cn1t> dd1. dei3y> deec2ss. dee1. de2> dooh4> e1> feil1v. fi2> gni3> gai3y. ga2> gg1. ht*2.
hsiug5ct. hsi3> i*1. i1y> ji1d. juf1s. ju1d. jo1d. jeh1r. jrev1t. jsim2t. jn1d. j1s. lbaifi6. lbai4y. lba3> lbi3. lib2l>
lc1. lufi4y. luf3> lu2. lai3> lau3> la2> ll1. mui3. mu*2. msi3> mm1. nois4j> noix4ct. noi3> nai3> na2> nee0. ne2> nn1.
pihs4> pp1. re2> rae0. ra2. ro2> ru2> rr1. rt1> rei3y> sei3y> sis2. si2> ssen4> ss0. suo3> su*2. s*1> s0. tacilp4y. ta2>
tnem4> tne3> tna3> tpir2b. tpro2b. tcud1. tpmus2. tpec2iv. tulo2v. tsis0. tsi3> tt1. uqi3. ugo1. vis3j> vie0. vi2> ylb1>
yli3y> ylp0. yl2> ygo1. yhp1. ymo1. ypo1. yti3> yte3> ytl2. yrtsi5. yra3> yro3> yfi3. ycn2t> yca3> zi2> zy1s.
"""
VOWELS = "aeiouy"


class Rule(NamedTuple):
    """An ending, whether it is of untouched words alone, letters to take off and to put on, and whether to go on."""

    ending: str
    untouched: bool
    n_off: int
    put_on: str
    again: bool


@cache
def rules() -> dict[str, list[Rule]]:
    """The rules by the last letter that they look at, in order."""
    found: dict[str, list[Rule]] = {}
    for written in RULES.split():
        parts = re.fullmatch(r"([a-z]+)(\*?)(\d)([a-z]*)([>.])", written)
        assert parts is not None
        ending, star, off, on, after = parts.groups()
        found.setdefault(ending[0], []).append(Rule(ending[::-1], bool(star), int(off), on, after == ">"))
    return found


def lancaster(word: str) -> str:
    """The stem of an English word; it stems harder than Porter.

    A rule applies where two letters stay of a word that begins with a vowel, and three, a vowel among its second and
    third, of another.

    Systems: stemming
    Source: Paice 1990; Baker 7.2.

    >>> [lancaster(word) for word in ("connection", "maximum", "presumably", "provision", "owed")]
    ['connect', 'maxim', 'presum', 'provid', 'ow']
    """
    stem = word.lower()
    while stem:
        rule = next((r for r in rules().get(stem[-1], ()) if _applies(r, stem, word.lower())), None)
        if rule is None:
            break
        stem = stem[: len(stem) - rule.n_off] + rule.put_on
        if not rule.again:
            break
    return stem


def _applies(rule: Rule, stem: str, word: str) -> bool:
    if not stem.endswith(rule.ending) or (rule.untouched and stem != word):
        return False
    left = len(stem) - rule.n_off
    if stem[0] in VOWELS:
        return left >= 2
    return left >= 3 and (stem[1] in VOWELS or stem[2] in VOWELS)
