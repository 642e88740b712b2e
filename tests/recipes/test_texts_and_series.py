"""Recipes on texts and series that are made: what is right is known because it was put in."""

import numpy as np
import pytest

from parnassus import recipes
from parnassus.recipes.power_and_beats import load_and_weather, notes_played, traces
from parnassus.recipes.template_texts import manifesto, reviews
from parnassus.recipes.words_in_order import FOX, banks


def rows_of(name, data=None):
    return {row[0]: row for row in recipes.run(name, "tiny", data).rows}


def test_skip_gram_pairs_are_those_of_the_notes():
    rows = recipes.run("skip-gram-pairs", "tiny").rows
    assert [row[3] for row in rows[:4]] == [int(row[2]) for row in rows[:4]] == [2, 3, 4, 4]
    assert sum(row[3] for row in rows) == 30 == 2 * 2 * len(FOX) - 2 * 3


def test_no_word_alone_tells_a_verdict():
    texts, verdicts = reviews(4000, seed=0)
    for word in ("not", "warm", "dull"):
        share = np.mean([v == "pos" for t, v in zip(texts, verdicts, strict=True) if word in t.split()])
        assert share == pytest.approx(0.5, abs=0.06)


def test_reviews_are_read_from_disk(tmp_path):
    for part in ("train", "test"):
        for label, word in (("neg", "dull"), ("pos", "warm")):
            (tmp_path / part / label).mkdir(parents=True)
            for i in range(12):
                (tmp_path / part / label / f"{i}.txt").write_text(f"a {word} film , not long , part {i}")
    found = recipes.run("reviews-with-negation", "tiny", tmp_path)
    assert "IMDb" in found.notes[0]
    assert len(found.rows) == 5


def test_both_topics_stand_in_a_sentence_in_either_language():
    texts, topics = manifesto(50, 1, seed=0)
    assert set(topics) <= {"welfare", "defence", "schools", "climate", "taxes"}
    assert all("mehr" in t for t in texts)


@pytest.mark.slow
def test_subjects_lie_nearer_to_themselves_than_chance():
    rows = {row[0]: row[1] for row in recipes.run("document-map", "tiny").rows}
    same = rows["nearest other paragraph of the same subject, share"]
    assert same > rows["the same with subjects at random"] + 0.1
    assert len(recipes.run("paragraphs-by-subject", "tiny").rows) == 4
    assert len(recipes.run("topics-in-two-languages", "tiny").rows) == 6


@pytest.mark.slow
def test_a_short_word_is_learnt_letter_by_letter():
    rows = {row[0]: row[1] for row in recipes.run("letters-one-on", "tiny").rows}
    assert float(rows["perplexity of a letter of 'machine' after training"]) < 2
    assert rows["what is due"] == "a c h i n e"


def test_a_bank_has_other_vectors_in_other_sentences():
    assert len(banks(["a", "b"])) == 6
    rows = rows_of("one-word-two-senses")
    assert rows["one of each"][2] < 0.999  # other neighbours, other vectors


def test_stray_lines_of_a_log_are_left_out():
    rows = {row[0]: row[1] for row in recipes.run("log-lines", "tiny").rows}
    assert rows["kinds of events, numbers taken out"] == "4"


def test_load_needs_its_weather():
    y, warm = load_and_weather(30)
    assert len(y) == len(warm) == 720
    found = {row[:2]: row[2] for row in recipes.run("load-from-features", "tiny").rows}
    assert found["calendar, weather", "linear"] < found["calendar", "linear"]
    assert found["calendar, weather", "linear"] > 0.028  # the noise that is in the load


@pytest.mark.parametrize("draw", [traces, notes_played])
def test_made_sequences_have_four_kinds(draw):
    X, y = draw(80, seed=0)
    assert X.ndim == 3
    assert set(y) == {0, 1, 2, 3}


@pytest.mark.slow
def test_put_in_patterns_are_found():
    rows = {row[0]: row[2] for row in recipes.run("patterns-in-beats-and-bases", "tiny").rows}
    assert rows["beats like a given beat"] == "18 of the right kind"
    assert rows["commonest eight bases"] == "TATAAAGC, 8 times"
    assert recipes.run("load-profiles", "tiny").rows[0][2] == 1
    assert rows_of("dilated-nets")
    assert rows_of("power-and-sound-classes")
