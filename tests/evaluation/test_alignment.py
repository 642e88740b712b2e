"""Alignments as CTM and TextGrid, by the formats' own descriptions."""

import itertools
import re

import pytest

from parnassus.errors import DataError
from parnassus.evaluation.alignment import Alignment

WORDS = [("one", 0.1, 0.35), ('t"wo', 0.35, 0.8)]
UNITS = [("w", 0.1, 0.2), ("n", 0.2, 0.35), (" ", 0.35, 0.35), ("t", 0.4, 0.8)]


@pytest.fixture
def alignment() -> Alignment:
    return Alignment({"words": WORDS, "units": UNITS}, 1.0, "call7")


def test_ctm_holds_name_channel_start_duration_and_word(alignment):
    assert alignment.ctm().splitlines() == ["call7 1 0.100 0.250 one", 'call7 1 0.350 0.450 t"wo']
    assert alignment.ctm("units", channel="A").splitlines()[2] == "call7 A 0.400 0.400 t"


def test_intervals_of_a_textgrid_cover_the_whole_recording(alignment):
    text = alignment.textgrid()
    assert text.startswith('File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 1.000000\n')
    for tier in re.split(r"item \[\d\]:", text)[1:]:
        spans = re.findall(r"xmin = ([\d.]+)\s+xmax = ([\d.]+)\s+text", tier)
        size = int(re.search(r"intervals: size = (\d+)", tier)[1])
        assert len(spans) == size
        assert float(spans[0][0]) == 0
        assert float(spans[-1][1]) == 1
        assert all(a[1] == b[0] for a, b in itertools.pairwise(spans))
    assert 'text = "t""wo"' in text  # a quotation mark is written twice


def test_segments_that_overlap_or_lie_outside_are_refused():
    for segments in ([("a", 0.0, 0.5), ("b", 0.4, 0.6)], [("a", 0.5, 0.4)], [("a", 0.5, 1.4)]):
        with pytest.raises(DataError, match=r"tier 'words': '[ab]' lies from"):
            Alignment({"words": segments}, 1.0)


def test_the_plot_has_a_box_for_each_segment(alignment):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ax = alignment.plot()
    assert len(ax.patches) == len(WORDS) + len(UNITS)
    plt.close(ax.figure)
