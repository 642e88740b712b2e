"""Texts that stand for something else: numbers, quantities with signs, dates, prose; one name spelled in two ways."""

import re
from collections.abc import Sequence
from typing import Literal

Said = tuple[Literal["info", "warning"], str, str]  # how bad, what, and what to do
MOSTLY = 0.9  # of the texts of a column
PROSE, SEEN = 3, 1000  # words that texts have in the middle, from which they are prose; texts that are looked at
QUANTITY = re.compile(r"[^\w\s]?\s?[-+]?[^\w\s]?\s?\d{1,3}(?:[ ,.'_]?\d{3})*(?:[.,]\d+)?\s?(?:[^\w\s]|[A-Za-z]{1,3})?")
DATE = re.compile(r"(?:\d{4}([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(?:\d{4}|\d{2}))(?:[ T]\d{1,2}:\d{2}.*)?")


def is_number(text: str) -> bool:
    """Whether text is a number as Python reads it."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def numbers_in(texts: Sequence[str]) -> Said | None:
    """What is to be said where nearly all texts are numbers; None where they are not."""
    numeral = [is_number(text) for text in texts]
    if not texts or sum(numeral) < MOSTLY * len(texts):
        return None
    if all(numeral):
        return (
            "info",
            "numbers written as text count as categories",
            "give the column as numbers if it is a quantity",
        )
    row = numeral.index(False)
    return (
        "warning",
        f"text where nearly all is numbers: {texts[row]!r} (value {row}), {len(texts) - sum(numeral)} in all",
        "mend the cells, or mark them as missing, so that the column is one of numbers",
    )


def quantities_in(texts: Sequence[str]) -> Said | None:
    """The same of dates in whatever order, and of numbers with one sign of money, one unit, marks between thousands."""
    dates = [text for text in texts if DATE.fullmatch(text.strip())]
    if texts and len(dates) >= MOSTLY * len(texts):
        return (
            "warning",
            f"dates written as text count as categories, such as {dates[0]!r}",
            "write them as 2026-01-31, or give pandas.to_datetime(column, dayfirst=True) if the day comes first",
        )
    quantities = [text for text in texts if QUANTITY.fullmatch(text.strip())]
    units = {re.sub(r"[\d\s,.'_+-]", "", text) for text in quantities}
    if texts and len(quantities) >= MOSTLY * len(texts) and len(units) == 1:  # 10a and 10b are names
        return (
            "warning",
            f"numbers with signs, a unit or marks between thousands count as categories, such as {quantities[0]!r}",
            "take all but digits, one point and the minus away, so that the column is one of numbers",
        )
    return None


def spellings_in(texts: Sequence[str]) -> Said | None:
    """The same of distinct texts that differ in case or in spaces alone."""
    found: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        found.setdefault(" ".join(text.split()).casefold(), []).append(text)
    twins = [sorted(group) for group in found.values() if len(group) > 1]
    if not twins:
        return None
    return (
        "warning",
        f"{twins[0][0]!r} and {twins[0][1]!r} differ in case or spaces alone"
        + (f", as {len(twins) - 1} more do" if len(twins) > 1 else ""),
        "spell them alike if they are the same",
    )


def holds_prose(values: Sequence[object]) -> bool:
    """Whether values are texts of several words each, most of them unlike all others: to be read, and no names.

    >>> holds_prose(["a fine film", "dull and long", "a film to see"]), holds_prose(["New York City"] * 3)
    (True, False)
    """
    texts = [value for value in values[:SEEN] if value is not None and value == value]
    if not texts or not all(isinstance(text, str) for text in texts):
        return False
    words = sorted(len(str(text).split()) for text in texts)
    return words[len(words) // 2] >= PROSE and len(set(texts)) > len(texts) / 2
