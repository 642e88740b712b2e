"""How near texts are to references by the runs of words or characters that they share: BLEU and chrF."""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from ...errors import DataError, SettingError, did_you_mean

Smoothing = Literal["exp", "floor", "add_k", "none"]
References = Sequence[str] | Sequence[Sequence[str]]

SIGNS = "".join(map(chr, (*range(32, 39), *range(40, 44), 47, *range(58, 65), *range(91, 97), *range(123, 127))))
APART = re.compile(f"([{re.escape(SIGNS)}])")  # signs of ASCII but ' , - and .
RULES = (  # in this order
    (APART, r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
PUNCTUATION = set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
FLOOR, ADDED = 0.1, 1.0  # what "floor" and "add_k" take unless told otherwise
BANDS = (
    (10, "almost useless"),
    (20, "the gist is hard to get"),
    (30, "the gist is clear, with errors of grammar"),
    (40, "understandable to good"),
    (50, "high quality"),
    (60, "very high quality"),
)


def tokens_13a(text: str) -> list[str]:
    """The words of a text as NIST's mteval-v13a cuts them: signs apart, but . , and - within numbers not.

    >>> tokens_13a('Pay $1,000.50 (now), "please".')
    ['Pay', '$', '1,000.50', '(', 'now', ')', ',', '"', 'please', '"', '.']
    """
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for written, sign in ENTITIES:
        text = text.replace(written, sign)
    text = f" {text} "
    for pattern, apart in RULES:
        text = pattern.sub(apart, text)
    return text.split()


TOKENIZERS: dict[str, Callable[[str], list[str]]] = {
    "13a": tokens_13a,
    "none": str.split,
    "char": lambda text: list("".join(text.split())),
}


class Bleu(NamedTuple):
    """BLEU from 0 to 100, and what it is made of."""

    score: float
    precisions: tuple[float, ...]  # in percent, smoothed
    brevity_penalty: float
    n_tokens: int
    n_reference_tokens: int
    matches: tuple[float, ...]
    totals: tuple[float, ...]

    @property
    def band(self) -> str:
        """What such a score usually means; a number on a bound belongs to the band above it."""
        return next((words for bound, words in BANDS if self.score < bound), "often better than a person's")


def bleu(
    hypotheses: Sequence[str],
    references: References,
    *,
    max_n: int = 4,
    tokenize: str = "13a",
    lower: bool = False,
    smoothing: Smoothing = "exp",
    amount: float | None = None,
    effective_order: bool = False,
) -> Bleu:
    """BLEU of a corpus: the geometric mean of clipped n-gram precisions, times a penalty for being short.

        p_n = sum of min(count in hypothesis, most in any of its references) / n-grams of all hypotheses
        BP  = 1 if c >= r, else exp(1 - r / c)
        BLEU = 100 BP exp(sum_n ln p_n / max_n)

    c is the length of all hypotheses, r that of each one's reference of nearest length, the shorter of two as near.

    Parameters
    ----------
    references : one text a hypothesis, or several, as a list a hypothesis.
    tokenize : "13a" (see `tokens_13a`), "none" (white space) or "char".
    smoothing : of orders without a match: "exp" halves from order to order (1/2, 1/4, ... of a match), "floor" takes
        `amount` (0.1) matches, "add_k" adds `amount` (1) to matches and totals of n > 1, "none" leaves 0.
    effective_order : mean over those orders alone that the hypotheses have n-grams of; for single sentences.

    Systems: bleu
    Source: Papineni et al. 2002; Chen and Cherry 2014 (smoothing); Martinez-Ramon 5.2 and 5.7.6, which uses it without
    its definition and prints bands that share their ends.

    >>> found = bleu(["the the the the the the the"], ["the cat is on the mat"], tokenize="none")
    >>> found.matches[0], found.totals[0], round(found.score, 2)
    (2.0, 7.0, 7.81)
    """
    counts = bleu_counts(hypotheses, references, max_n=max_n, tokenize=tokenize, lower=lower)
    return bleu_of_counts(counts.sum(0), smoothing=smoothing, amount=amount, effective_order=effective_order)


def sentence_bleu(hypothesis: str, references: str | Sequence[str], **options: object) -> Bleu:
    """BLEU of one sentence, over the orders that it has n-grams of.

    >>> round(sentence_bleu("the cat sat", "the cat sat down").score, 2)
    71.65
    """
    texts = [references] if isinstance(references, str) else list(references)
    return bleu([hypothesis], [texts], **{"effective_order": True, **options})  # type: ignore[arg-type]


def bleu_counts(
    hypotheses: Sequence[str], references: References, *, max_n: int = 4, tokenize: str = "13a", lower: bool = False
) -> np.ndarray:
    """What BLEU adds up, (rows, 2 + 2 max_n): lengths of hypothesis and reference, matches and totals by order."""
    if tokenize not in TOKENIZERS:
        raise SettingError(f"tokenize={tokenize!r}; {did_you_mean(tokenize, TOKENIZERS)}")
    if max_n < 1:
        raise SettingError(f"max_n is at least 1; got {max_n}")
    cut = TOKENIZERS[tokenize]

    def words(text: str) -> list[str]:
        return cut(text.lower() if lower else text)

    rows = []
    for said, texts in _paired(hypotheses, references):
        own, others = words(said), [words(text) for text in texts]
        nearest = min((len(other) for other in others), key=lambda n: (abs(n - len(own)), n))
        matches, totals = [], []
        for n in range(1, max_n + 1):
            most: Counter[tuple[str, ...]] = Counter()
            for other in others:
                most |= grams(other, n)
            matches.append((grams(own, n) & most).total())
            totals.append(max(len(own) - n + 1, 0))
        rows.append([len(own), nearest, *matches, *totals])
    return np.array(rows, dtype=np.float64)


def bleu_of_counts(
    counts: np.ndarray, *, smoothing: Smoothing = "exp", amount: float | None = None, effective_order: bool = False
) -> Bleu:
    """BLEU of a row of `bleu_counts`, or of the sum of many."""
    if smoothing not in get_args(Smoothing):
        raise SettingError(f"smoothing={smoothing!r}; {did_you_mean(smoothing, get_args(Smoothing))}")
    c, r, n = counts[0], counts[1], (len(counts) - 2) // 2
    matches, totals = counts[2 : 2 + n].copy(), counts[2 + n :].copy()
    penalty = 1.0 if c >= r else math.exp(1 - r / c) if c else 0.0
    shares, order, share = np.zeros(n), n, 1.0
    if matches.any():
        if smoothing == "add_k":
            added = ADDED if amount is None else amount
            matches[1:], totals[1:] = matches[1:] + added, totals[1:] + added
        there = int(np.argmin(np.append(totals, 0) > 0))  # orders before the first without n-grams
        order = there if effective_order else n
        for i in range(there):
            if matches[i]:
                shares[i] = matches[i] / totals[i]
            elif smoothing == "exp":
                share /= 2
                shares[i] = share / totals[i]
            elif smoothing == "floor":
                shares[i] = (FLOOR if amount is None else amount) / totals[i]
    used = shares[:order]
    score = 100 * penalty * math.exp(np.log(used).mean()) if order and (used > 0).all() else 0.0
    return Bleu(
        score, tuple((100 * shares).tolist()), penalty, int(c), int(r), tuple(matches.tolist()), tuple(totals.tolist())
    )


def chrf(
    hypotheses: Sequence[str],
    references: References,
    *,
    n_characters: int = 6,
    n_words: int = 0,
    beta: float = 2.0,
    lower: bool = False,
) -> float:
    """chrF of a corpus, 0 to 100: the F score of shared runs of characters; with n_words=2 it is chrF++.

        P, R = means over n of matches_n / n-grams of the hypotheses, and of the references
        chrF = 100 (1 + beta^2) P R / (beta^2 P + R)

    Spaces are left out. Of several references the one that the row scores best by counts.

    Source: Popovic 2015, 2017 (chrF++).

    >>> round(chrf(["the cat sat"], ["the cat sat down"]), 2), chrf(["same"], ["same"])
    (66.02, 100.0)
    """
    counts = chrf_counts(hypotheses, references, n_characters=n_characters, n_words=n_words, beta=beta, lower=lower)
    return chrf_of_counts(counts.sum(0), beta=beta)


def chrf_counts(
    hypotheses: Sequence[str],
    references: References,
    *,
    n_characters: int = 6,
    n_words: int = 0,
    beta: float = 2.0,
    lower: bool = False,
) -> np.ndarray:
    """What chrF adds up, (rows, orders, 3): n-grams of the hypothesis, of the reference, and those they share."""
    if n_characters < 1 or n_words < 0 or not beta > 0:
        raise SettingError(
            f"n_characters is at least 1, n_words at least 0 and beta above 0; got {n_characters}, {n_words}, {beta}"
        )

    def counted(text: str) -> list[Counter]:
        text = text.lower() if lower else text
        run, words = "".join(text.split()), _words_apart(text)
        return [grams(run, n) for n in range(1, n_characters + 1)] + [grams(words, n) for n in range(1, n_words + 1)]

    rows = []
    for said, texts in _paired(hypotheses, references):
        own = counted(said)
        tried = []
        for text in texts:
            pairs = zip(own, counted(text), strict=True)
            tried.append(np.array([[a.total() if b else 0, b.total(), (a & b).total()] for a, b in pairs], dtype=float))
        rows.append(max(tried, key=lambda counts: chrf_of_counts(counts, beta=beta)))
    return np.array(rows)


def chrf_of_counts(counts: np.ndarray, *, beta: float = 2.0) -> float:
    """chrF of counts (orders, 3), of one row or summed over many; orders that either side has none of are left out."""
    there = (counts[:, 0] > 0) & (counts[:, 1] > 0)
    if not there.any():
        return 0.0
    said, due, shared = counts[there].T
    p, r = float((shared / said).mean()), float((shared / due).mean())
    return 100 * (1 + beta**2) * p * r / (beta**2 * p + r) if p + r else 0.0


def grams(row: Sequence[str], n: int) -> Counter:
    """How often each run of n things is in a row.

    >>> grams("abab", 2)[("a", "b")]
    2
    """
    return Counter(zip(*(row[i:] for i in range(n)), strict=False))


def _words_apart(text: str) -> list[str]:
    """Words between spaces, one sign at their end or else at their beginning apart."""
    found = []
    for word in text.split():
        if len(word) > 1 and word[-1] in PUNCTUATION:
            found += [word[:-1], word[-1]]
        elif len(word) > 1 and word[0] in PUNCTUATION:
            found += [word[0], word[1:]]
        else:
            found.append(word)
    return found


def _paired(hypotheses: Sequence[str], references: References) -> list[tuple[str, list[str]]]:
    """Each hypothesis with its references; refuses what does not match."""
    if isinstance(hypotheses, str) or isinstance(references, str):
        raise DataError("hypotheses and references are lists of texts; got one text: give [text]")
    if len(hypotheses) != len(references):
        raise DataError(f"{len(hypotheses)} hypotheses and {len(references)} references; give one a row, or lists")
    if not len(hypotheses):
        raise DataError("there are no hypotheses to score; give one at least")
    rows = []
    for i, (said, due) in enumerate(zip(hypotheses, references, strict=True)):
        texts = [due] if isinstance(due, str) else list(due)
        if not texts or not all(isinstance(text, str) for text in (said, *texts)):
            raise DataError(f"row {i} holds {said!r} and {due!r}; give a text and one reference or more")
        rows.append((said, texts))
    return rows
