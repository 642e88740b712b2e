"""Word and character error rates with intervals; numbers counted by hand."""

import pytest

from parnassus.errors import DataError
from parnassus.evaluation.recognition import evaluate_recognition

SAID = ["one two three", "four", "five six"]
HEARD = ["one too three", "four", "five six seven"]  # a substitution, an insertion; 6 words


def test_rates_are_errors_over_the_length_of_all():
    found = evaluate_recognition(SAID, HEARD, commonest="four")
    assert found["word_error_rate"].value == pytest.approx(2 / 6)
    assert found["character_error_rate"].value == pytest.approx((1 + 6) / (13 + 4 + 8))  # w for o, " seven"
    assert found["exact_match"].value == pytest.approx(1 / 3)
    words = next(row for row in found.by_class if row["name"] == "words")
    assert (words["substitutions"], words["deletions"], words["insertions"], words["said"]) == (1, 0, 1, 6)


def test_the_interval_holds_the_value_and_resamples_recordings():
    found = evaluate_recognition(SAID * 20, HEARD * 20, commonest="four")["word_error_rate"]
    assert found.low < found.value < found.high
    # the delta method: errors less rate times length are 0, -1/3, 1/3; over 60 recordings of mean length 2
    width = 2 * 1.96 * (2 / 27 / 60) ** 0.5 / 2
    assert (found.high - found.low) == pytest.approx(width, rel=0.15)


def test_the_baseline_is_the_better_of_two_constant_answers():
    found = evaluate_recognition(SAID, HEARD, commonest="four")
    assert found["word_error_rate"].baseline == pytest.approx(5 / 6)  # "four": 3 + 0 + 2 errors of 6
    assert found["exact_match"].baseline == pytest.approx(1 / 3)


def test_weights_count_recordings():
    found = evaluate_recognition(SAID, HEARD, commonest="", sample_weight=[0, 1, 0])
    assert found["word_error_rate"].value == 0


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(DataError, match="3 references and 2"):
        evaluate_recognition(SAID, HEARD[:2], commonest="")
    with pytest.raises(DataError, match="empty"):
        evaluate_recognition(["", " "], ["a", ""], commonest="")
