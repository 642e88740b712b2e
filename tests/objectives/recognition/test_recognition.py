"""Recognisers by hidden Markov models and templates, on made-up speech whose frames spell the characters."""

import copy
import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.audio.lexicon import Lexicon, letters
from parnassus.errors import DataError, SettingError
from parnassus.estimators.speech_recognizer import SpeechRecognizer
from parnassus.functional.edit_distance import error_rate
from parnassus.functional.ngrams import NGrams
from parnassus.functional.search_graph import best_path
from parnassus.objectives.recognition.acoustic import Acoustic
from parnassus.objectives.recognition.embedded import Embedded, Plan, Utterance, spoken_lexicon
from parnassus.objectives.recognition.topology import SILENCE, Topology, bigram_of

WORDS = ("ab", "cad", "bda", "cab")  # none joined to another could be a third
SOUND = dict(zip("abcd", np.random.default_rng(5).normal(0, 3, (4, 6)), strict=True))
EDGES = 4  # frames of silence at both ends


def utterance(text: str, rng: np.random.Generator, *, vary: bool = False) -> np.ndarray:
    """Frames (time, 6): 4 to 7 of each character, and silence around; with `vary`, b sounds otherwise after a."""
    parts = [np.zeros((EDGES, 6))]
    for word in text.split():
        for i, c in enumerate(word):
            shift = 4.0 if vary and c == "b" and i and word[i - 1] == "a" else 0.0
            parts.append(np.tile(SOUND[c] + shift, (rng.integers(4, 8), 1)))
    whole = np.concatenate([*parts, np.zeros((EDGES, 6))])
    return whole + rng.normal(0, 0.5, whole.shape)


def corpus(n: int, seed: int = 0, *, vary: bool = False) -> tuple[list[np.ndarray], list[str]]:
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 4))) for _ in range(n)]
    return [utterance(t, rng, vary=vary) for t in texts], texts


def recognizer(
    name: str = "gmm_hmm", units: str | None = None, epochs: int | None = None, **options
) -> SpeechRecognizer:
    return SpeechRecognizer(pn.model(name, **options), units=units, epochs=epochs, progress=False)


QUICK = {"first_steps": 4, "steps_between": 2}
SETTINGS = [
    ("word_hmm", {"n_states": 4, **QUICK}),
    ("gmm_hmm", {"context": "none", **QUICK}),
    ("gmm_hmm", {"min_count": 10.0, "n_tied": 30, **QUICK}),
    ("gmm_hmm", {"context": "none", "grammar": "bigram", "n_mixtures": 3, **QUICK}),
    ("hybrid", {"context": "none", "width": 24, "n_layers": 2, "reach": 2, **QUICK}),
]
IDS = ["words", "characters", "triphones", "bigram", "hybrid"]


@pytest.fixture(scope="module")
def trained() -> SpeechRecognizer:
    return recognizer(context="none", **QUICK).fit(*corpus(30))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=IDS)
def test_what_is_said_is_heard_and_a_saved_model_hears_the_same(name, options, tmp_path):
    found = recognizer(name, **options).fit(*corpus(30))
    X, texts = corpus(12, seed=1)
    assert error_rate(texts, found.predict(X)).rate <= 0.05
    found.save(tmp_path / "model.parnassus")
    again = pn.load(tmp_path / "model.parnassus")
    assert again.transcribe(X, n_best=2) == found.transcribe(X, n_best=2)
    assert again.align(X, texts) == found.align(X, texts)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["tdnn", "lstm"])
def test_hybrids_of_time_delay_nets_and_of_lstms_learn(network):
    spec = pn.model("hybrid", network=network, context="none", width=24, n_layers=2, **QUICK)
    found = SpeechRecognizer(spec, lr=0.01, progress=False).fit(*corpus(30))
    assert found.score(*corpus(8, seed=1)) >= 0.9
    assert len(found.history_) == 100  # 30 recordings are two steps an epoch


def test_the_likelihood_rises_at_each_step_between_growths(trained):
    losses = [row["loss"] for row in trained.history_]
    growths = {4}  # after the fourth step every state gets its second Gaussian
    falls = [i for i in range(1, len(losses)) if losses[i] > losses[i - 1] + 1e-6]
    assert set(falls) <= growths
    assert losses[-1] < losses[0] - 1


def test_alignments_find_where_characters_begin():
    X, texts = corpus(30)
    found = recognizer(units="characters", context="none", **QUICK).fit(X, texts)
    rng = np.random.default_rng(9)
    sound = np.concatenate(
        [
            np.zeros((4, 6)),
            np.tile(SOUND["c"], (6, 1)),
            np.tile(SOUND["a"], (5, 1)),
            np.tile(SOUND["b"], (7, 1)),
            np.zeros((4, 6)),
        ]
    )
    (row,) = found.align([sound + rng.normal(0, 0.3, sound.shape)], ["cab"])
    assert [s.unit for s in row] == ["c", "a", "b"]
    assert np.abs(np.array([[s.start, s.end] for s in row]) - [[4, 10], [10, 15], [15, 22]]).max() <= 1
    (words,) = found.align([utterance("ab bda", rng)], ["ab bda"], level="words")
    assert [s.unit for s in words] == ["ab", "bda"]
    assert words[0].end <= words[1].start


def test_states_between_neighbours_explain_what_a_plain_state_cannot():
    X, texts = corpus(40, vary=True)
    plain = recognizer(context="none", n_mixtures=1, **QUICK).fit(X, texts)
    tied = recognizer(n_mixtures=1, min_count=10.0, n_tied=40, **QUICK).fit(X, texts)
    topology = tied.objective_.acoustic.topology
    middle = topology.offset["b"] + 1
    assert topology.density(middle, "a", "#") != topology.density(middle, "#", "a")
    assert tied.history_[-1]["loss"] < plain.history_[-1]["loss"] - 0.5


def test_a_recording_of_a_graph_is_scored_as_all_its_ways_are():
    """The score of a one-word sentence by hand: pauses of 1/2 each, states that stay or go on."""
    topology = Topology(Lexicon({"w": [("x",), ("y",)]}), n_states=1, n_silence=0)
    stay = torch.tensor([0.6, 0.8], dtype=torch.float64)
    table = torch.cat([stay.log(), (1 - stay).log()])
    logs = torch.tensor([[-1.0, -2.0], [-0.5, -0.3], [-1.5, -0.2]], dtype=torch.float64)
    graph = topology.sentence(["w"]).graph
    ways = [np.log(0.5) + 2 * np.log(s) + np.log(1 - s) + float(logs[:, k].sum()) for k, s in ((0, 0.6), (1, 0.8))]
    assert best_path(graph, graph.weighted(table), logs).score == pytest.approx(max(ways))


def test_pauses_may_stand_between_words_and_count_one_half():
    topology = Topology(letters(["a"]), n_states=1, n_silence=1)
    table = torch.full((4,), 0.5, dtype=torch.float64).log()
    graph = topology.sentence(["a"]).graph
    logs = torch.tensor([[0.0, -50.0]], dtype=torch.float64)
    assert best_path(graph, graph.weighted(table), logs).score == pytest.approx(3 * np.log(0.5))  # two pauses, leaving


def test_bigrams_are_counted_with_one_added():
    first, follows, last = bigram_of([["a", "b"], ["a", "a"]], ["a", "b"])
    assert first == pytest.approx([3 / 4, 1 / 4])
    np.testing.assert_allclose(follows, [[2 / 6, 2 / 6], [1 / 4, 1 / 4]])
    assert last == pytest.approx([2 / 6, 2 / 4])


def test_a_grammar_of_sentences_hears_nothing_else(trained):
    allowed = ("ab bda", "cab")
    found = recognizer(context="none", grammar=allowed, **QUICK).fit(*corpus(30))
    assert set(found.predict(corpus(12, seed=1)[0])) <= set(allowed)
    with pytest.raises(DataError, match=r"row 0|'add2'"):
        recognizer(context="none", grammar=("add2",), lexicon=letters(WORDS).plain(), **QUICK).fit(*corpus(30))


def test_n_best_lists_begin_with_the_best_and_fall(trained):
    X, _ = corpus(3, seed=1)
    for best, several in zip(trained.transcribe(X, n_best=1), trained.transcribe(X, n_best=4), strict=True):
        assert best[0][0] == several[0][0]
        assert best[0][1] == pytest.approx(several[0][1])
        assert [s for _, s in several] == sorted((s for _, s in several), reverse=True)
        assert len({text for text, _ in several}) == 4


def test_a_beam_that_loses_all_paths_is_widened(trained):
    X, _ = corpus(3, seed=1)
    assert all(trained.transcribe(X, beam=1))
    assert trained.transcribe(X, beam=500) == trained.transcribe(X)


def test_padding_never_changes_the_score(trained):
    X, _ = corpus(6, seed=1)
    one = [trained.transcribe([x], n_best=1)[0][0] for x in X]
    for alone, beside in zip(one, trained.transcribe(X, n_best=1), strict=True):
        assert alone[0] == beside[0][0]
        assert alone[1] == pytest.approx(beside[0][1])


def test_micro_batches_add_up_to_the_whole():
    X, texts = corpus(12)
    settings = {"epochs": 5, "progress": False}
    whole, cut = (
        SpeechRecognizer(pn.model("gmm_hmm", context="none", **QUICK), micro_batch_size=m, **settings).fit(X, texts)
        for m in (None, 5)
    )
    np.testing.assert_allclose([r["loss"] for r in whole.history_], [r["loss"] for r in cut.history_], rtol=1e-9)


def test_a_weight_of_two_is_a_recording_given_twice():
    X, texts = corpus(6)
    weight = np.array([2.0, 1, 1, 1, 1, 1])
    twice = recognizer(context="none", epochs=4, **QUICK).fit([X[0], *X], [texts[0], *texts])
    # the flat start and the scale of the features count rows, so compare the steps from one start
    objective = twice.objective_
    frames = [torch.from_numpy(x).float() for x in X]
    sums = []
    for rows in (
        [Utterance(f, t.split(), w) for f, t, w in zip(frames, texts, weight, strict=True)],
        [Utterance(f, t.split()) for f, t in zip([frames[0], *frames], [texts[0], *texts], strict=True)],
    ):
        own = Embedded(copy.deepcopy(objective.acoustic), objective.plan, tol=0.0)
        sums.append((own.expect(rows), own._sums))
    assert sums[0][0] == pytest.approx(sums[1][0])
    for one, two in zip(sums[0][1], sums[1][1], strict=True):
        torch.testing.assert_close(one, two)


def test_splitting_a_gaussian_changes_little_and_two_halves_weigh_one():
    X, texts = corpus(8)
    acoustic = Acoustic(6, floor=0.01)
    embedded = Embedded(acoustic, Plan(2, 2, 1, 0, 0.0), tol=0.0)
    rows = [Utterance(torch.from_numpy(x), t.split()) for x, t in zip(X, texts, strict=True)]
    description = {"lexicon": letters(WORDS).plain(), "n_states": 2, "n_silence": 1, "trees": None, "n_mixtures": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        embedded.begin(rows, description)
    acoustic.split(3)
    weights = acoustic.emissions.weights
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)).double())
    assert sorted(weights[0].tolist()) == pytest.approx([0.25, 0.25, 0.5])


def test_templates_know_the_phrases_of_training():
    rng = np.random.default_rng(0)
    texts = [w for w in WORDS for _ in range(3)]
    found = recognizer("dtw", n_neighbors=2, band=0.3).fit([utterance(t, rng) for t in texts], texts)
    assert found.predict([utterance(t, rng) for t in WORDS]) == list(WORDS)
    (row,) = found.transcribe([utterance("cab", rng)], n_best=3)
    assert row[0][0] == "cab"
    assert len(row) == 3
    assert row[0][1] > row[1][1]


# --- what is refused ------------------------------------------------------------------------------


def test_words_outside_the_lexicon_are_refused_by_row_and_name():
    X, texts = corpus(3)
    found = recognizer(lexicon=letters(WORDS).plain(), **QUICK)
    with pytest.raises(DataError, match=r"row 1: the word 'zz' is outside the lexicon of 4 words"):
        found.fit(X, [texts[0], "ab zz", texts[2]])


def test_words_of_the_lexicon_that_training_did_not_have_are_heard_and_known():
    lexicon = {word: " ".join(word) for word in (*WORDS, "dac")}
    found = recognizer(context="none", lexicon=lexicon, first_steps=4, steps_between=1).fit(*corpus(12))
    said = ["dac ab", "cad xy"]  # of which xy is in no lexicon
    judged = found.evaluate([utterance("dac ab", np.random.default_rng(3)), *corpus(1)[0]], said)
    assert judged["word_error_rate"].value < 1
    assert judged.by_class[0]["unknown"] == 1  # xy
    (segments,) = found.align([utterance("dac ab", np.random.default_rng(3))], ["dac ab"])
    assert [segment.unit for segment in segments] == ["dac", "ab"]
    with pytest.raises(DataError, match=r"'cad xy', holds words that fit did not see: .'xy'"):
        found.align(corpus(1)[0], ["cad xy"])


def test_an_empty_transcript_is_refused():
    X, texts = corpus(3)
    with pytest.raises(DataError, match="row 1 has an empty transcript"):
        recognizer(context="none", **QUICK).fit(X, [texts[0], "", texts[2]])


@pytest.mark.parametrize("name", ["gmm_hmm", "word_hmm", "hybrid"])
def test_a_recording_shorter_than_its_states_is_refused_with_both_numbers(name):
    X, texts = corpus(4)
    needed = 9 if name != "word_hmm" else 12
    with pytest.raises(DataError, match=rf"row 2 has 8 frames.*'cab' needs {needed}"):
        recognizer(name, **QUICK).fit([*X[:2], X[2][:8], X[3]], [*texts[:2], "cab", texts[3]])


def test_units_never_heard_are_left_out_with_a_warning():
    X, texts = corpus(20)
    lexicon = letters([*WORDS, "xyz"]).plain()
    with pytest.warns(pn.errors.DataWarning, match=r"1 words of the lexicon.*x, y, z.*xyz"):
        found = recognizer(lexicon=lexicon, context="none", **QUICK).fit(X, texts)
    assert "xyz" not in found.objective_.acoustic.topology.words


def test_a_lexicon_keeps_the_ways_whose_units_are_heard():
    full = Lexicon({"a": ["x", "y z"], "b": ["x x"]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert spoken_lexicon(Lexicon({"a": ["x"], "b": ["x x"]}), [["a"], ["b"]]).units == ["x"]
        assert spoken_lexicon(full, [["a", "b"]])["a"] == [("x",), ("y", "z")]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"context": "quad"}, "quad"),
        ({"n_states": 0}, "n_states"),
        ({"grammar": "free"}, "free"),
        ({"n_tied": 0}, "n_tied"),
        ({"lexicon": Path("words.txt")}, "as text"),
    ],
)
def test_settings_that_mean_nothing_are_refused(options, words):
    with pytest.raises(SettingError, match=words):
        recognizer(**options).fit(*corpus(4))


def by_sentence(trained, frames, text):
    """The log probability of the best path through a text's own graph."""
    acoustic = trained.objective_.acoustic
    graph = acoustic.topology.sentence(text.split()).graph
    batch = trained.codec_.prepare(trained.codec_.encode([frames]).take(torch.tensor([0])), trained.view_)
    logs = trained.objective_.log_scores(batch)
    return best_path(graph, graph.weighted(acoustic.table), logs[0]).score


@pytest.mark.parametrize("order", [1, 2, 3])
def test_n_gram_models_weigh_words_in_place_of_the_grammar(trained, order):
    language = NGrams(order).fit(["ab cad bda", "ab cad", "cab", "bda ab cad bda"])
    X = corpus(1, seed=4)[0][0]
    hot = {"cad": 2.0, "ab cad": 7.0}
    for weight, gains in ((1.0, {}), (3.0, {}), (1.0, hot)):
        found = trained.transcribe([X], n_best=4, language_model=language, language_weight=weight, hot_words=gains)[0]
        assert len({answer for answer, _ in found}) == 4
        for answer, score in found:
            pairs = list(itertools.pairwise(["", *answer.split()]))
            gained = sum(7.0 if pair == ("ab", "cad") else 2.0 for pair in pairs if gains and pair[1] == "cad")
            wanted = by_sentence(trained, X, answer) + weight * language.score(answer) + gained
            assert score == pytest.approx(wanted, rel=1e-9), answer


def test_hot_words_gain_under_any_grammar(trained):
    X = corpus(1, seed=4)[0]
    plain = dict(trained.transcribe(X, n_best=6)[0])
    hot = dict(trained.transcribe(X, n_best=6, hot_words={"cad": 1.5, "ab": 0.5})[0])
    both = plain.keys() & hot.keys()
    assert len(both) > 2
    for text in both:
        gain = 1.5 * text.split().count("cad") + 0.5 * text.split().count("ab")
        assert hot[text] == pytest.approx(plain[text] + gain, rel=1e-12)
    loud = trained.transcribe(X, hot_words={"bda": 1e4})[0]
    assert loud.split().count("bda") > next(iter(plain)).split().count("bda")


def test_what_no_graph_can_be_weighed_by_is_refused(trained):
    X = corpus(1)[0]
    with pytest.raises(SettingError, match=r"'xy' holds .*cannot write"):
        trained.transcribe(X, hot_words=["xy"])
    with pytest.raises(SettingError, match="'ab cad' is a phrase; without a language_model"):
        trained.transcribe(X, hot_words=["ab cad"])
    with pytest.raises(SettingError, match="counts characters"):
        trained.transcribe(X, language_model=NGrams(2, unit="characters").fit(["ab"]))
    said = trained.objective_.language
    trained.objective_.language = said._replace(grammar=("ab", "cad"))
    try:
        with pytest.raises(SettingError, match="language_model weighs any words after any, and grammar"):
            trained.transcribe(X, language_model=NGrams(1).fit(["ab"]))
    finally:
        trained.objective_.language = said


def test_silence_is_no_unit_of_an_alignment(trained):
    X, texts = corpus(2, seed=1)
    assert all(s.unit != SILENCE for row in trained.align(X, texts) for s in row)


def test_a_training_goes_on_where_it_was_cut(tmp_path):
    X, texts = corpus(10)
    settings = {"epochs": 6, "progress": False}

    def made(**more) -> SpeechRecognizer:
        return SpeechRecognizer(pn.model("gmm_hmm", min_count=10.0, first_steps=2, steps_between=2), **settings, **more)

    whole = made().fit(X, texts)
    from parnassus.train.trainer import Trainer

    held, step = Trainer.train_step, [0]

    def cut(self, window):
        step[0] += 1
        if step[0] == 5:
            raise RuntimeError("cut")
        return held(self, window)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train_step", cut)
        with pytest.raises(RuntimeError, match="cut"):
            made(out=str(tmp_path)).fit(X, texts)
    again = made(out=str(tmp_path), resume=True).fit(X, texts)
    np.testing.assert_allclose([r["loss"] for r in again.history_], [r["loss"] for r in whole.history_], rtol=1e-12)
    assert again.transcribe(X, n_best=1) == whole.transcribe(X, n_best=1)


def test_a_saved_model_needs_its_lexicon_file_no_more(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("ab a b\ncad c a d\nbda b d a\ncab c a b\n", encoding="utf-8")
    X, texts = corpus(20)
    for name in ("gmm_hmm", "hybrid"):
        found = recognizer(name, lexicon=str(path), context="none", epochs=6, **QUICK).fit(X, texts)
        found.save(tmp_path / "model.parnassus")
        held = path.read_text(encoding="utf-8")
        path.unlink()
        assert pn.load(tmp_path / "model.parnassus").align(X, texts) == found.align(X, texts)
        path.write_text(held, encoding="utf-8")


@pytest.mark.slow
def test_digits_of_voices_never_heard_are_recognised():
    from parnassus.recipes.spoken import TEST_VOICES, spoken_digits, why_silent

    if reason := why_silent():
        pytest.skip(reason)
    train, test = spoken_digits(60, seed=0), spoken_digits(30, voices=TEST_VOICES, seed=7)
    found = recognizer("word_hmm").set_params(
        codec=pn.Speech(sample_rate=16_000, features="mfcc", deltas=2, normalize="utterance")
    )
    found.fit(train.sounds, train.transcripts)
    assert found.score(test.sounds, test.transcripts) >= 0.95


def test_a_hybrid_divides_posteriors_by_the_shares_of_its_alignment():
    X, texts = corpus(10)
    found = recognizer("hybrid", context="none", width=16, epochs=2, rounds=1, dropout=0.0, **QUICK).fit(X, texts)
    objective = found.objective_
    x, lengths = torch.from_numpy(X[0])[None], torch.tensor([len(X[0])])
    with torch.no_grad():
        scores = objective.log_scores({"x": x, "lengths": lengths})[0]
        posterior = objective.head(objective.net(x.float(), lengths))[0].double()[:, : scores.shape[1]].softmax(1)
    n = scores.shape[1]
    share = (objective.counts[:n] + 1) / (objective.counts[:n] + 1).sum()
    differing = scores - (posterior / share).log()  # the same number for all states of a frame
    torch.testing.assert_close(differing, differing[:, :1].expand_as(differing), atol=1e-4, rtol=0)
    assert int(objective.counts.sum()) == 2 * sum(map(len, X))  # every frame has one state in each of two epochs


# --- words looked for -----------------------------------------------------------------------------


def test_words_are_found_that_training_never_had(trained):
    """A word is spelled of sounds that were heard, and is not found where another was said."""
    rng = np.random.default_rng(5)
    sound = utterance("ab dac cab", rng)
    (row,) = trained.spot([sound], ["dac", "ab"], threshold=-6.0)
    whole = trained.align([utterance("ab", np.random.default_rng(5))], ["ab"])[0][0]
    assert [s.word for s in row] == ["ab", "dac", "ab"]  # the last within "cab"
    assert row[0].start == pytest.approx(whole.start, abs=1)
    assert all(s.score <= 0 for s in row)
    assert all(a.end <= b.start for a, b in itertools.pairwise(row))
    assert trained.spot([utterance("bda bda", rng)], ["dac"], threshold=-3.0) == [[]]


def test_phrases_of_several_words_are_one(trained):
    rng = np.random.default_rng(6)
    X = [utterance("bda ab cad", rng), utterance("ab bda cad", rng)]
    found = trained.spot(X, ["ab cad"], threshold=-6.0)
    assert [[s.word for s in row] for row in found] == [["ab cad"], []]
    assert found[0][0].end - found[0][0].start > 15  # five sounds of four frames and more


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), [SETTINGS[0], SETTINGS[4]], ids=["words", "hybrid"])
def test_siblings_look_for_words_too(name, options):
    faster = {"lr": 0.01} if name == "hybrid" else {}
    found = SpeechRecognizer(pn.model(name, **options), progress=False, **faster).fit(*corpus(30))
    X, texts = corpus(12, seed=1)
    heard = [[s.word for s in row] for row in found.spot(X, ["bda", "cad"])]
    assert (
        np.mean([h == [w for w in t.split() if w in ("bda", "cad")] for h, t in zip(heard, texts, strict=True)]) > 0.8
    )


def test_words_outside_what_was_heard_are_refused(trained):
    with pytest.raises(DataError, match="'axe' has units that fit did not hear: e, x"):
        trained.spot(corpus(1)[0], ["axe"])
    whole = recognizer("word_hmm", n_states=4, n_mixtures=1, first_steps=2, steps_between=1).fit(*corpus(10))
    with pytest.raises(DataError, match="'dac' is outside the lexicon"):
        whole.spot(corpus(1)[0], ["dac"])
