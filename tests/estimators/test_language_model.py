"""LanguageModel: what it scores, writes, keeps and refuses."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus import LanguageModel
from parnassus.estimators.answers.generation import windows
from parnassus.functional.ngrams import NGrams

TEXTS = ["the cat sat on the mat", "the dog sat on the log", "a cat and a dog sat", "the mat and the log"] * 3
SMALL = {
    "gpt": {"width": 16, "n_layers": 1, "n_heads": 2},
    "mamba": {"hidden": 8, "n_layers": 1, "n_state": 4},
    "ngram": {},
    **{name: {"width": 8, "hidden": 12} for name in ("rnn", "lstm", "gru", "ffn_lm")},
    "masked_attention": {"width": 8, "n_heads": 2, "size": 4},
}


def small(name="gpt", **settings):
    own = {"context": 16, "seed": 1} | ({} if name == "ngram" else {"epochs": 2, "lr": 0.01}) | settings
    return LanguageModel(pn.model(name, **SMALL[name]), **own)


@pytest.fixture(scope="module")
def gpt():
    return small(epochs=40).fit(TEXTS)


@pytest.fixture(scope="module")
def counted():
    return small("ngram").fit(TEXTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_every_model_learns_scores_writes_and_travels(name, tmp_path):
    lm = small(name).fit(TEXTS, validation=["the cat and the dog"])
    assert math.isfinite(lm.perplexity(TEXTS))
    written = lm.generate(["the", "a cat sat on"], n_tokens=5, top_p=0.9)
    assert [w.startswith(p) for w, p in zip(written, ["the", "a cat sat on"], strict=True)] == [True, True]
    lm.save(tmp_path / "lm")
    again = pn.load(tmp_path / "lm")
    assert again.log_prob(TEXTS[:3]).tolist() == lm.log_prob(TEXTS[:3]).tolist()
    assert again.generate("the", n_tokens=6) == lm.generate("the", n_tokens=6)
    assert lm.report(tmp_path / "r.html", TEXTS[:4])["perplexity"].value == pytest.approx(lm.perplexity(TEXTS[:4]))


def test_witten_bell_over_words_is_the_model_that_recognisers_use():
    lm = LanguageModel(pn.model("ngram", order=1, smoothing="witten_bell")).fit(TEXTS)
    ours, other = lm.log_prob(["the cat sat"])[0], NGrams(1).fit(TEXTS)
    assert ours == pytest.approx(other.score("the cat sat"))
    assert lm.perplexity(["the cat sat"]) == pytest.approx(other.perplexity(["the cat sat"]))


def test_n_grams_are_counted_text_by_text_though_training_cuts_a_stream_into_blocks():
    wide = LanguageModel("ngram", context=1000).fit(TEXTS)
    narrow = LanguageModel("ngram", context=3, micro_batch_size=2).fit(TEXTS)
    assert wide.log_prob(TEXTS).tolist() == narrow.log_prob(TEXTS).tolist()


def test_one_look_at_the_data_is_enough_for_counts(counted):
    assert len(counted.history_) == 1
    assert counted.perplexity(TEXTS) < 4


def test_a_nets_score_of_a_short_text_is_one_pass(gpt):
    text = "the cat sat on"
    (row,) = gpt.codec_.rows([text])
    with torch.no_grad():
        logits = gpt.objective_.model(torch.from_numpy(row[:-1])[None])
    expected = logits.log_softmax(-1)[0].gather(1, torch.from_numpy(row[1:])[:, None]).sum()
    assert gpt.log_prob([text])[0] == pytest.approx(float(expected), rel=1e-5)


def test_a_long_text_is_scored_by_windows_each_token_once(gpt):
    text = "the cat sat on the mat and the log"
    (row,) = gpt.codec_.rows([text])
    (each,) = gpt.token_log_probs([text], stride=1)
    assert len(each) == len(text) + 1
    at = 25
    with torch.no_grad():
        logits = gpt.objective_.model(torch.from_numpy(row[at - 15 : at + 1])[None])
    assert each[at] == pytest.approx(float(logits[0, -1].log_softmax(-1)[row[at + 1]]), rel=1e-4)


@pytest.mark.parametrize(("n", "context", "stride"), [(1, 4, 2), (4, 4, 4), (17, 5, 2), (30, 7, 7), (9, 3, 1)])
def test_windows_score_every_target_once_with_enough_before_it(n, context, stride):
    scored = [t for _, end, first in windows(n, context, stride) for t in range(first, end)]
    assert scored == list(range(n))
    for start, end, first in windows(n, context, stride):
        assert end - start <= context
        assert first - start >= min(context - stride, first)


def test_units_of_perplexity_fit_together(gpt):
    texts = TEXTS[:4]
    total, n = gpt.log_prob(texts).sum(), sum(map(len, texts))
    assert gpt.perplexity(texts) == pytest.approx(math.exp(-total / (n + 4)))
    assert gpt.perplexity(texts, per="word") == pytest.approx(
        math.exp(-total / (sum(len(t.split()) for t in texts) + 4))
    )
    assert gpt.bits_per_character(texts) == pytest.approx(-total / n / math.log(2))
    assert gpt.score(texts) == pytest.approx(-math.log(gpt.perplexity(texts)))


def test_2b_B36_perplexity_and_bits():
    from parnassus.evaluation.language import bits, perplexity

    assert perplexity(-2.9091, 1) == pytest.approx(18.34, abs=0.01)
    assert bits(-0.6446, 1) == pytest.approx(0.93, abs=1e-3)
    assert perplexity(-0.6446, 1) == pytest.approx(1.905, abs=1e-3)


def test_a_text_that_cannot_be_has_an_infinite_perplexity(tmp_path):
    lm = pn.LanguageModel(pn.model("ngram", smoothing="mle")).fit(["a b c", "a c b", "b c a"] * 5)
    assert lm.perplexity(["a a a"]) == math.inf
    assert lm.score(["a a a"]) == -math.inf
    found = lm.report(tmp_path / "r.html", ["a a a", "a b c"] * 3)["perplexity"]
    assert (found.value, found.low) == (math.inf, None)
    assert lm.evaluate(["a b c"] * 3)["perplexity"].value == pytest.approx(lm.perplexity(["a b c"]))


def test_a_prompts_text_does_not_depend_on_the_others(gpt):
    prompts = ["the ca", "a", "the dog sat"]
    together = gpt.generate(prompts, n_tokens=12, temperature=0)
    assert together == [gpt.generate(p, n_tokens=12, temperature=0) for p in prompts]
    assert gpt.generate(prompts[:2], n_tokens=12, seed=5)[0] == gpt.generate(prompts[0], n_tokens=12, seed=5)


def test_equal_seeds_write_equal_texts_and_others_do_not(gpt):
    assert gpt.generate("a", n_tokens=20, seed=3) == gpt.generate("a", n_tokens=20, seed=3)
    assert len({gpt.generate("a", n_tokens=20, seed=s, temperature=1.5) for s in range(5)}) > 1


def test_greedy_is_the_filter_that_leaves_one_and_a_beam_is_likelier(gpt):
    greedy = gpt.generate("the", n_tokens=8, temperature=0)
    assert gpt.generate("the", n_tokens=8, top_k=1) == gpt.generate("the", n_tokens=8, top_p=1e-6) == greedy
    assert gpt.generate("the", n_tokens=8, beam=1) == greedy


def test_the_stream_is_the_text_in_pieces_and_stops_alike(gpt):
    for stop in ((), " ", ["sat", "og"]):
        pieces = []
        text = gpt.generate("the c", n_tokens=30, stop=stop, stream=pieces.append, seed=2)
        assert "the c" + "".join(pieces) == text == gpt.generate("the c", n_tokens=30, stop=stop, seed=2)
        for one in [stop] if isinstance(stop, str) else stop:
            assert one not in text[5:]
    told = {}
    texts = gpt.generate(
        ["a", "the"], n_tokens=6, stream=lambda piece, row: told.update({row: told.get(row, "") + piece})
    )
    assert texts == ["a" + told.get(0, ""), "the" + told.get(1, "")]


def test_bytes_are_streamed_as_whole_letters():
    lm = small("ngram", unit="bytes").fit(["\u00e9t\u00e9 \u6c34", "\u00e9t\u00e9"] * 3)
    pieces = []
    text = lm.generate("", n_tokens=12, stream=pieces.append, temperature=0)
    assert "".join(pieces) == text
    assert all("\ufffd" not in piece for piece in pieces)


def test_texts_are_longer_than_the_context(gpt):
    assert len(gpt.generate("the", n_tokens=60, temperature=0.8, stop="\0")) > 0
    long = "the cat sat on the mat and on"
    with pytest.raises(pn.DataError, match="prompt 0 has 29 tokens, and the context has room for 15"):
        gpt.generate(long)
    assert gpt.generate(long, long_prompt="slide", n_tokens=3).startswith(long)


def test_what_is_never_said_is_never_said():
    lm = small("ngram", min_count=2).fit([*TEXTS, "rare"])
    written = lm.generate([""] * 20, n_tokens=30, temperature=3.0)
    assert not any("<unknown>" in text for text in written)


def test_a_choice_is_the_likeliest_continuation(counted):
    assert counted.choose("the cat sat on the", [" zebra", " mat"]) == " mat"
    assert counted.cloze(["the cat sat on the"] * 2, [" mat", " x"], [[" mat", " x"]] * 2) == 0.5


def test_evaluation_has_a_baseline_and_intervals(counted):
    found = counted.evaluate(TEXTS[:8])
    assert found["perplexity"].value == pytest.approx(counted.perplexity(TEXTS[:8]))
    assert found["perplexity"].low <= found["perplexity"].value <= found["perplexity"].high
    assert found["perplexity"].baseline > found["perplexity"].value


def test_files_and_frames_of_texts(tmp_path, counted):
    (tmp_path / "a.txt").write_text("\n\n".join(TEXTS), encoding="utf-8")
    assert small("ngram").fit(tmp_path / "a.txt").log_prob(TEXTS[:2]) == pytest.approx(counted.log_prob(TEXTS[:2]))
    assert small("ngram").fit(str(tmp_path)).perplexity(["the cat"]) > 1
    frame = pd.DataFrame({"n": range(12), "text": TEXTS})
    assert small("ngram").fit(frame, target="text").log_prob(TEXTS[:2]) == pytest.approx(counted.log_prob(TEXTS[:2]))
    assert small("ngram").fit(frame["text"]).log_prob(TEXTS[:2]) == pytest.approx(counted.log_prob(TEXTS[:2]))
    assert small("ngram").fit(np.array(TEXTS)).log_prob(TEXTS[:2]) == pytest.approx(counted.log_prob(TEXTS[:2]))


def test_a_wrong_encoding_names_the_file_and_the_byte(tmp_path):
    (tmp_path / "latin.txt").write_bytes("caf\u00e9 noir".encode("latin-1"))
    with pytest.raises(pn.FileError, match=r"latin\.txt: byte 3 \(0xe9\) is no UTF-8"):
        LanguageModel("ngram").fit(tmp_path / "latin.txt")


@pytest.mark.parametrize(
    ("X", "says"),
    [
        ([], "no texts"),
        (["", ""], "all 2 texts are empty"),
        (["a a a", "a"], "one thing only, 'a'"),
        (["a b", None], "row 1 of X is missing"),
        (["a b", 3], "row 1 of X is 3"),
        ("one single text", "a list of texts"),
        ({"text": ["a b"]}, "by target="),
        (pd.DataFrame({"text": ["a b"]}), "by target="),
        (5, "X is a int"),
    ],
)
def test_texts_that_teach_nothing_are_refused(X, says):
    with pytest.raises(pn.DataError, match=says):
        LanguageModel("ngram").fit(X)


@pytest.mark.parametrize(
    "ask",
    [
        {"temperature": -1},
        {"n_tokens": -1},
        {"top_p": 0},
        {"top_k": 0},
        {"beam": 0},
        {"beam": 2, "top_k": 3},
        {"stop": [""]},
        {"long_prompt": "cut"},
    ],
)
def test_ways_of_writing_that_do_not_exist_are_refused(gpt, ask):
    with pytest.raises(pn.SettingError):
        gpt.generate("a", **ask)


def test_other_settings_are_refused(gpt):
    with pytest.raises(pn.SettingError, match="stride"):
        gpt.log_prob(["a"], stride=17)
    with pytest.raises(pn.SettingError, match="per is one of"):
        gpt.perplexity(["a"], per="byte")
    with pytest.raises(pn.SettingError, match="TokenStream"):
        LanguageModel("ngram", codec=pn.Text()).fit(TEXTS)
    with pytest.raises(pn.SettingError, match="writes words"):
        LanguageModel("ngram", unit="hashed").fit(TEXTS)
    with pytest.raises(pn.SettingError, match="context"):
        LanguageModel(context=0).fit(TEXTS)
    with pytest.raises(pn.SettingError, match="sample_weight"):
        LanguageModel("ngram").fit(TEXTS, sample_weight=[1.0] * 12)
    with pytest.raises(pn.NotFitted):
        LanguageModel().generate("a")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert math.isinf(LanguageModel(pn.model("ngram", smoothing="mle")).fit(TEXTS).log_prob(["zebra"])[0])


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        ({"n_tokens": 2.5}, "n_tokens"),
        ({"top_k": 2.5}, "top_k"),
        ({"beam": 2.5}, "beam"),
        ({"beam": True}, "beam"),
        ({"beam": 2, "length_penalty": math.nan}, "length_penalty"),
        ({"seed": 1.5}, "seed"),
        ({"stop": 5}, "stop"),
        ({"stream": 5}, "stream"),
    ],
)
def test_settings_of_the_wrong_kind_are_refused_by_name(counted, ask, says):
    with pytest.raises(pn.SettingError, match=says):
        counted.generate("the cat", **ask)


def test_a_choice_after_words_needs_no_space_of_its_own(counted):
    for choices in (["dog", "mat"], [" dog", " mat"]):
        assert counted.choose("the cat sat on the", choices).strip() == "mat"
    with pytest.raises(pn.DataError, match="list of texts"):
        counted.choose("the cat sat on the", "mat")


def test_an_order_beyond_the_longest_text_is_an_order_that_is_never_seen():
    texts = ["a b c", "b a"]
    long, enough = (LanguageModel(pn.model("ngram", order=n, smoothing="witten_bell")).fit(texts) for n in (9, 5))
    asked = ["a b c", "c a b", "b"]
    np.testing.assert_allclose(long.log_prob(asked), enough.log_prob(asked), rtol=1e-12)
    assert long.generate("a", n_tokens=4, temperature=0) == enough.generate("a", n_tokens=4, temperature=0)


def test_a_cloze_whose_answer_is_no_choice_is_refused(counted):
    with pytest.raises(pn.DataError, match="none of its choices"):
        counted.cloze(["the"], ["Mat"], [["mat", "log"]])
    with pytest.raises(pn.DataError, match="0 prompts"):
        counted.cloze([], [], [])


def test_a_choice_among_the_impossible_says_so():
    lm = LanguageModel(pn.model("ngram", smoothing="mle")).fit(TEXTS)
    with pytest.warns(pn.DataWarning, match="no choice is possible"):
        lm.choose("zebras", ["gallop", "trot"])


def test_a_beam_tells_its_whole_text_at_the_end(gpt):
    told = []
    written = gpt.generate(["the", "a cat"], n_tokens=6, beam=3, stream=lambda piece, row: told.append((row, piece)))
    assert sorted(told) == [(0, written[0].removeprefix("the")), (1, written[1].removeprefix("a cat"))]


def test_lidstone_adds_k_and_absolute_takes_its_discount_off():
    """Texts "a" and "b a" of two words and an end: starts 2, a 2, b 1, ends 2; p by hand."""
    texts = ["a", "b a"]

    def p(smoothing, order, **options):
        lm = LanguageModel(pn.model("ngram", order=order, smoothing=smoothing, **options)).fit(texts)
        return np.exp(lm.token_log_probs(["a"])[0])

    # of five units said, a 2 and the end 2, of four kinds: <unknown>, a, b and the end
    np.testing.assert_allclose(p("lidstone", 1, k=0.5), [2.5 / 7, 2.5 / 7])
    np.testing.assert_allclose(p("lidstone", 2, k=0.25), [1.25 / 3, 2.25 / 3])
    np.testing.assert_allclose(p("laplace", 2), p("lidstone", 2, k=1.0))
    assert p("absolute", 2, discount=0.1)[1] > p("absolute", 2, discount=0.7)[1]
    for smoothing, options, words in (
        ("laplace", {"k": 0.5}, "k is of smoothing lidstone"),
        ("lidstone", {"k": -1.0}, r"k is from 0 to 1e\+09; got -1.0"),
        ("absolute", {"discount": 1.5}, "discount is from 0 to 1"),
    ):
        with pytest.raises(pn.SettingError, match=words):
            p(smoothing, 2, **options)


@pytest.mark.parametrize("choices", [[], " mat"])
def test_what_is_chosen_from_is_a_list_of_texts(choices):
    with pytest.raises(pn.DataError, match="choices are a list of texts"):
        LanguageModel(pn.model("ngram", order=1)).fit(TEXTS).choose("the", choices)


@pytest.mark.parametrize("smoothing", ["modified_kneser_ney", "good_turing", "mle"])
def test_counts_of_parts_are_those_of_the_whole(smoothing, monkeypatch):
    spec = pn.model("ngram", order=3, smoothing=smoothing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pn.DataWarning)
        whole = LanguageModel(spec).fit(TEXTS)
        in_calls = LanguageModel(spec)
        for part in (TEXTS[:4], TEXTS[4:5], TEXTS[5:]):  # the first four hold all words
            in_calls.partial_fit(part)
        monkeypatch.setattr("parnassus.objectives.text.language.PART", 7)
        by_sevens = LanguageModel(spec, batch_size=2, context=4).fit(TEXTS)
    new = ["the dog sat on the mat and the cat", "mat mat"]
    expected = np.concatenate(whole.token_log_probs(new))
    np.testing.assert_array_equal(np.concatenate(in_calls.token_log_probs(new)), expected)
    np.testing.assert_array_equal(np.concatenate(by_sevens.token_log_probs(new)), expected)


def test_words_of_later_parts_are_unknown_and_counts_are_not_in_files(tmp_path):
    model = small("ngram").partial_fit(["a b", "b a"]).partial_fit(["a zebra b"])
    assert model.choose("a", [" b", " zebra"]) == " b"
    model.save(tmp_path / "m.parnassus")
    with pytest.raises(pn.SettingError, match="holds no counts to add to"):
        pn.load(tmp_path / "m.parnassus").partial_fit(["a b"])


@pytest.mark.parametrize("name", ["gpt", "bert"])
def test_nets_go_on_where_the_last_part_ended(name):
    spec = pn.model(name, width=16, n_layers=1, n_heads=2)
    model = LanguageModel(spec, context=16, seed=1, lr=0.01).partial_fit(TEXTS)
    steps, before = model.n_steps_, model.perplexity(TEXTS)
    for _ in range(8):
        model.partial_fit(TEXTS)
    assert model.n_steps_ == 9 * steps
    assert model.perplexity(TEXTS) < 0.9 * before


def test_parts_that_begin_with_a_start_are_read_by_its_units():
    spec = pn.model("gpt", width=16, n_layers=1, n_heads=2)
    start = LanguageModel(spec, context=16, epochs=1, progress=False).fit(["abcd dcba"] * 4)
    turned = LanguageModel(spec, start=start, lr=1e-9).partial_fit(["dcbab cd"] * 3)  # the same units in another order
    assert turned.perplexity(["abcd dcba"]) == pytest.approx(start.perplexity(["abcd dcba"]), rel=1e-3)


@pytest.mark.parametrize("smoothing", ["kneser_ney", "laplace"])
def test_further_epochs_count_nothing_twice_and_further_parts_do(smoothing):
    spec = pn.model("ngram", order=2, smoothing=smoothing)
    once = LanguageModel(spec).fit(TEXTS)
    thrice = LanguageModel(spec, epochs=3).fit(TEXTS)
    expected = once.perplexity(TEXTS)
    assert thrice.perplexity(TEXTS) == expected
    assert thrice.partial_fit(TEXTS).perplexity(TEXTS) == once.partial_fit(TEXTS).perplexity(TEXTS) != expected
