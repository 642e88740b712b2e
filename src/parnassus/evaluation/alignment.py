"""Alignments as the files that phoneticians and scorers read: CTM and Praat's TextGrid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import DataError

Segment = tuple[str, float, float]  # what is said, from which second, to which
SMALL = 1e-6  # seconds that segments may overlap by rounding


@dataclass(frozen=True)
class Alignment:
    """What is said when in one recording, in one tier or several (words, units).

    Parameters
    ----------
    tiers : name -> segments (text, start, end) in seconds, in order; silence is what lies between.
    duration : seconds of the recording.
    name : what the recording goes by in a CTM file.

    Raises
    ------
    DataError : a segment that ends before it starts, overlaps the one before, or lies outside the recording.
    """

    tiers: Mapping[str, Sequence[Segment]]
    duration: float
    name: str = "recording"

    def __post_init__(self) -> None:
        for tier, segments in self.tiers.items():
            before = 0.0
            for text, start, end in segments:
                if start < before - SMALL or end < start or end > self.duration + SMALL:
                    raise DataError(
                        f"tier {tier!r}: {text!r} lies from {start:g} to {end:g} s; segments follow each other within "
                        f"0 to {self.duration:g} s, and the one before ends at {before:g} s"
                    )
                before = end

    def ctm(self, tier: str | None = None, *, channel: str = "1") -> str:
        """Lines "name channel start duration text", as NIST's scorers read them; of the first tier if none is named.

        >>> print(Alignment({"words": [("one", 0.1, 0.35)]}, 1.0, "call7").ctm())
        call7 1 0.100 0.250 one
        """
        segments = self.tiers[tier or next(iter(self.tiers))]
        return "\n".join(
            f"{self.name} {channel} {start:.3f} {end - start:.3f} {text}"
            for text, start, end in segments
            if text.strip()
        )

    def textgrid(self) -> str:
        """A TextGrid of interval tiers, long form, UTF-8; what is silent has an empty text."""
        lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', ""]
        lines += ["xmin = 0", f"xmax = {self.duration:.6f}", "tiers? <exists>", f"size = {len(self.tiers)}", "item []:"]
        for number, (tier, segments) in enumerate(self.tiers.items(), 1):
            whole = filled(segments, self.duration)
            lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{_quoted(tier)}"']
            lines += ["        xmin = 0", f"        xmax = {self.duration:.6f}"]
            lines += [f"        intervals: size = {len(whole)}"]
            for i, (text, start, end) in enumerate(whole, 1):
                lines += [
                    f"        intervals [{i}]:",
                    f"            xmin = {start:.6f}",
                    f"            xmax = {end:.6f}",
                ]
                lines += [f'            text = "{_quoted(text)}"']
        return "\n".join(lines) + "\n"

    def plot(self, ax: Any = None) -> Any:
        """Axes with a row of boxes for each tier, the text of a segment in each."""
        import matplotlib.pyplot as plt

        ax = ax if ax is not None else plt.subplots(figsize=(8, 0.6 + 0.5 * len(self.tiers)))[1]
        for row, segments in enumerate(self.tiers.values()):
            for text, start, end in segments:
                ax.barh(row, end - start, left=start, height=0.8, color="white", edgecolor="black")
                ax.text((start + end) / 2, row, text, ha="center", va="center")
        ax.set_yticks(range(len(self.tiers)), list(self.tiers))
        ax.invert_yaxis()
        ax.set_xlim(0, self.duration)
        ax.set_xlabel("seconds")
        return ax


def filled(segments: Sequence[Segment], duration: float) -> list[Segment]:
    """The same segments without empty ones, and silence where none is, from 0 to the end.

    >>> filled([("a", 0.2, 0.5)], 1.0)
    [('', 0.0, 0.2), ('a', 0.2, 0.5), ('', 0.5, 1.0)]
    """
    found: list[Segment] = []
    at = 0.0
    for text, start, end in segments:
        if end - start <= SMALL:
            continue
        if start - at > SMALL:
            found.append(("", at, start))
        found.append((text.strip(), max(start, at), end))
        at = end
    return [*found, ("", at, duration)] if duration - at > SMALL else found


def _quoted(text: str) -> str:
    return text.replace('"', '""')
