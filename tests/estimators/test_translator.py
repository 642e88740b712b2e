"""Translator: tasks that it learns, what it writes, keeps and refuses."""

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus import Translator
from parnassus.functional.reranking import minimum_risk
from parnassus.recipes.translation import copied, dates, drawn_pairs, reverse, sorted_letters

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:no text that was written has 4 words"),
]  # toys are short

SMALL = {
    "rnnsearch": {"width": 16, "hidden": 24, "n_maxout": 16},
    "seq2seq": {"width": 16, "hidden": 24},
    "transformer": {"width": 16, "n_layers": 1, "n_heads": 2, "dropout": 0.0},
}
PAIRS = drawn_pairs(copied, 60, seed=0, longest=4)


def small(name="rnnsearch", **settings):
    return Translator(pn.model(name, **SMALL[name]), **{"epochs": 3, "lr": 0.01, "seed": 1} | settings)


@pytest.fixture(scope="module")
def fitted():
    return small(epochs=30).fit(PAIRS)


@pytest.mark.parametrize("name", SMALL)
def test_every_model_learns_writes_is_judged_and_travels(name, tmp_path):
    X, y = map(list, zip(*PAIRS, strict=True))
    model = small(name).fit(X, y, validation=0.2)
    assert {"validation_loss", "validation_accuracy"} <= model.history_[-1].keys()
    model.save(tmp_path / "t")
    again = pn.load(tmp_path / "t")
    assert again.translate(X[:5], beam=3, n_best=2) == model.translate(X[:5], beam=3, n_best=2)
    assert again.log_prob(X[:5], y[:5]).tolist() == model.log_prob(X[:5], y[:5]).tolist()
    report = model.report(tmp_path / "r.html", X, y)
    assert report["bleu"].value == pytest.approx(model.score(X, y))
    assert report["exact_match"].value == pytest.approx(model.score(X, y, metric="exact"))
    assert report["chrf"].value == pytest.approx(model.score(X, y, metric="chrf"))


TASKS = {
    "copy": (copied, "rnnsearch", 24, {}),
    "reverse": (reverse, "rnnsearch", 24, {}),
    "sort": (sorted_letters, "seq2seq", 60, {"hidden": 64}),
}


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_it_learns_to(task):
    pairs, name, epochs, options = TASKS[task]
    train, test = drawn_pairs(pairs, 400, seed=0, longest=5), drawn_pairs(pairs, 100, seed=1, longest=5)
    net = pn.model(name, **{"width": 32, "hidden": 48} | options)
    # at a rate that stays, the last step's noise decides: .79 to .97 for copying, by the seed
    model = Translator(net, epochs=epochs, lr=0.01, schedule="cosine", batch_size=32, seed=0).fit(train)
    assert model.score(test, metric="exact") > 0.9


@pytest.mark.slow
def test_it_learns_to_write_dates_in_one_way():
    train, test = dates(600, seed=0), dates(60, seed=1)
    model = Translator(
        pn.model("rnnsearch", width=24, hidden=48), unit="characters", epochs=12, lr=0.01, batch_size=32, seed=0
    ).fit(train)
    assert model.score(test, metric="exact") > 0.8
    (looked,) = model.align([test[0][0]])
    assert looked.weights.shape == (10, len(test[0][0]))


def test_scores_are_those_of_the_texts_and_the_likelier_come_first(fitted):
    X = [x for x, _ in PAIRS[:6]]
    found = fitted.translate(X, beam=4, n_best=3, length_penalty=0.0)
    for x, row in zip(X, found, strict=True):
        assert [s for _, s in row] == sorted((s for _, s in row), reverse=True)
        for text, score in row:
            if text and "<unknown>" not in text:
                # of the ids that may be written: the padding and the unknown have hardly any share
                assert float(fitted.log_prob([x], [text])[0]) == pytest.approx(score, abs=0.1)
    assert fitted.translate(X, beam=4) == [row[0][0] for row in fitted.translate(X, beam=4, n_best=2)]
    assert fitted.predict(X) == fitted.translate(X)


def test_a_texts_translation_does_not_depend_on_the_others(fitted):
    X = [x for x, _ in PAIRS[:20]]
    together = fitted.translate(X, beam=3, n_best=1)
    for x, ((text, score),) in zip(X, together, strict=True):
        (((own, own_score),),) = fitted.translate([x], beam=3, n_best=1)
        assert own == text
        assert own_score == pytest.approx(score, abs=1e-5)


def test_of_a_beam_the_text_of_least_risk_may_be_taken(fitted):
    X = [x for x, _ in PAIRS[:6]]
    beams = fitted.translate(X, beam=5, n_best=5, length_penalty=0.0)
    chosen = fitted.translate(X, beam=5, n_best=2, length_penalty=0.0, choose="risk")
    for beam, found in zip(beams, chosen, strict=True):
        wanted = minimum_risk([text for text, _ in beam], [score for _, score in beam])[:2]
        assert [text for text, _ in found] == [text for text, _ in wanted]
        assert [gain for _, gain in found] == pytest.approx([gain for _, gain in wanted])
    one = fitted.translate(X, beam=5, choose="risk", length_penalty=1.0)
    assert one == [row[0][0] for row in fitted.translate(X, beam=5, n_best=1, choose="risk", length_penalty=1.0)]


def test_several_translators_write_together(fitted):
    other = small(epochs=2, seed=7).fit(PAIRS)
    X = [x for x, _ in PAIRS[:5]]
    (((_, alone),), *_), (((_, both),), *_) = (
        fitted.translate(X, n_best=1, beside=beside) for beside in ((), (other,))
    )
    assert both != alone
    assert fitted.translate(X, beside=[fitted]) == fitted.translate(X)
    stranger = small(epochs=1).fit(["p q", "q p"] * 4, ["p", "q"] * 4)
    with pytest.raises(pn.SettingError, match="same vocabularies"):
        fitted.translate(X, beside=[stranger])


@pytest.mark.parametrize("name", ["rnnsearch", "transformer"])
def test_an_alignment_has_a_row_for_each_unit_written_and_can_be_drawn(name):
    model = small(name).fit(PAIRS)
    found = model.align([x for x, _ in PAIRS[:3]], [y for _, y in PAIRS[:3]])
    for (x, y), one in zip(PAIRS[:3], found, strict=True):
        assert (list(one.sources), list(one.targets)) == (x.split(), y.split())
        assert one.weights.shape == (len(y.split()), len(x.split()))
        assert (one.weights >= 0).all()
        assert (one.weights.sum(1) <= 1 + 1e-6).all()  # the rest is on the end
        assert len(one.table().splitlines()) == len(y.split()) + 1
        assert [target for target, _ in one.links()] == y.split()
    assert found[0].plot().axes


def test_the_alignment_of_a_copier_goes_along_the_diagonal():
    train = drawn_pairs(copied, 300, seed=0, longest=5)
    model = Translator(pn.model("rnnsearch", width=24, hidden=32), epochs=15, lr=0.01, batch_size=32, seed=0).fit(train)
    (found,) = model.align(["a b c d e"], ["a b c d e"])
    looked = found.weights.argmax(1)
    assert (np.diff(looked) >= 0).all()
    assert (np.abs(looked - np.arange(5)) <= 1).all()  # a state knows its neighbours too


def test_a_net_without_attention_has_no_alignment():
    with pytest.raises(pn.SettingError, match="no attention"):
        small("seq2seq", epochs=1).fit(PAIRS).align(["a b"])


def test_frames_files_and_pairs_say_the_same(tmp_path):
    frame = pd.DataFrame(PAIRS, columns=["letters", "copy"])
    frame.to_csv(tmp_path / "p.csv", index=False)
    for side, name in ((0, "x"), (1, "y")):
        (tmp_path / name).write_text("\n".join(pair[side] for pair in PAIRS) + "\n")
    wanted = small(epochs=1).fit(PAIRS).log_prob(frame["letters"], frame["copy"])
    for model in (
        small(epochs=1).fit(frame, target="copy"),
        small(epochs=1).fit(tmp_path / "p.csv", target="copy"),
        small(epochs=1).fit(tmp_path / "x", tmp_path / "y"),
        small(epochs=1).fit(frame[["letters"]], frame["copy"]),
    ):
        assert model.log_prob(frame["letters"], frame["copy"]).tolist() == wanted.tolist()
    model = small(epochs=1).fit(frame, target="copy")
    assert model.predict(frame) == model.predict([x for x, _ in PAIRS])
    assert model.score(frame) == model.score(PAIRS)


def test_one_vocabulary_lets_a_transformer_tie_all_its_tables():
    model = Translator(pn.model("transformer", width=16, n_layers=1, n_heads=2, tied="all"), shared=True, epochs=1).fit(
        ["ja nein", "nein"], ["yes no", "no"]
    )
    assert model.codec_.tokenizer.names == ["ja", "nein", "no", "yes"]
    assert model.objective_.model.sources is model.objective_.model.targets
    with pytest.raises(pn.SettingError, match="one vocabulary"):
        Translator(pn.model("transformer", width=16, tied="all"), epochs=1).fit(["ja nein"], ["yes"])
    for net in (pn.model("transformer", width=16, tied="all"), pn.model("t5", width=16), pn.model("marian", width=16)):
        with pytest.raises(pn.SettingError, match="give shared=True"):  # two vocabularies of two words each
            Translator(net, epochs=1).fit(["ja nein"], ["yes no"])
    with pytest.raises(pn.SettingError, match="one unit"):
        Translator(shared=True, target_unit="characters").fit(PAIRS)


@pytest.mark.parametrize("forcing", ["free", "linear", "exponential", "inverse_sigmoid", "professor"])
def test_every_forcing_trains_and_travels(forcing, tmp_path):
    net = pn.model("rnnsearch", width=8, hidden=8, forcing=forcing)
    settings = {"lr": 0.01, "batch_size": 16, "seed": 0}
    whole = Translator(net, epochs=4, **settings).fit(PAIRS)
    assert all(np.isfinite(v) for row in whole.history_ for v in row.values())
    assert int(whole.objective_.gone) == whole.n_steps_
    whole.save(tmp_path / "t")
    assert pn.load(tmp_path / "t").translate(["a b"]) == whole.translate(["a b"])


def test_rare_words_are_read_as_unknown_and_never_written():
    pairs = [("a b", "a b"), ("a b", "b a"), ("b zebra", "b zebra")]
    with pytest.warns(pn.DataWarning, match="1 of 3 .* hold 1 words"):
        model = small(min_count=2, epochs=2).fit(pairs)
    assert model.target_.tokenizer.names == ["a", "b"]
    with pytest.warns(pn.DataWarning, match="'yak'"):
        texts = model.translate(["a yak", "b"], beam=3, n_best=3)
    assert "<unknown>" not in str(texts)


def test_the_longest_text_may_be_set(fitted):
    assert all(len(text.split()) <= 2 for text in fitted.translate(["a b c d"] * 2, max_length=2, beam=2))


def test_rows_that_cannot_be_read_are_skipped_if_asked(fitted):
    with pytest.warns(pn.DataWarning, match="1 of 3 rows were skipped"):
        found = fitted.translate(["a b", " ", "b a"], on_error="skip")
    assert found[1] is None
    assert list(fitted.skipped_) == [1]
    with pytest.raises(pn.DataError, match="row 1 of X is empty"):
        fitted.predict(["a b", " "])


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: small().fit(["a b", "b"], ["a"]), "2 sources and 1 targets"),
        (lambda: small().fit(["a b", ""], ["a", "b"]), "row 1 of X is empty"),
        (lambda: small().fit(["a b", "b"], ["a", None]), "row 1 of y is missing"),
        (lambda: small().fit(["a b", "b"]), "nothing to write"),
        (lambda: small().fit(pd.DataFrame(PAIRS)), "target="),
        (lambda: small().fit("a b", "b a"), "cannot be read"),
        (lambda: small(codec=pn.Text()).fit(PAIRS), "SourceTexts"),
        (lambda: small(unit="hashed").fit(PAIRS), "unit"),
        (lambda: Translator(torch.nn.Identity()).fit(PAIRS), "not a module"),
        (lambda: Translator("lstm").fit(PAIRS), "lstm"),
        (lambda: small(sample_weight=1), "sample_weight"),
    ],
)
def test_what_means_nothing_is_refused_at_fit(work, words):
    with pytest.raises(pn.ParnassusError, match=words):
        work()


def test_one_text_alone_is_no_list(fitted):
    with pytest.raises(pn.DataError, match="one text"):
        fitted.translate("a b")


@pytest.mark.parametrize(
    "settings",
    [{"beam": 0}, {"n_best": 0}, {"max_length": 0}, {"beam": 1.5}, {"on_error": "ignore"}, {"choose": "best"}],
)
def test_settings_of_writing_that_mean_nothing_are_refused(fitted, settings):
    with pytest.raises(pn.SettingError):
        fitted.translate(["a b"], **settings)
    with pytest.raises(pn.SettingError, match="metric"):
        fitted.score(PAIRS, metric="rouge")


def test_one_pair_is_enough_to_fit():
    assert small(epochs=1).fit(["a"], ["b"]).translate(["a"], beam=5)[0] in (
        "",
        "b",
        *(" ".join("b" * n) for n in range(30)),
    )


def test_weights_count_pairs():
    X, y = ["a", "a"] * 10, ["b", "c"] * 10
    model = small(epochs=20).fit(X, y, sample_weight=[1.0, 0.0] * 10)
    assert model.translate(["a"]) == ["b"]


def test_a_bleu_that_no_text_is_long_enough_for_is_said():
    from parnassus.evaluation.translation import score_of_texts

    with pytest.warns(pn.DataWarning, match="4 words"):
        assert score_of_texts(["eine Katze"], ["eine Katze"], "bleu") == 0
    assert score_of_texts(["eine Katze"], ["eine Katze"], "chrf") == 100


def test_risk_without_a_beam_has_nothing_to_choose_from(fitted):
    with pytest.raises(pn.SettingError, match="beam of 2"):
        fitted.translate(["ab"], choose="risk")


def test_a_report_and_a_diagnosis_take_pairs_as_fit_does(tmp_path):
    model = small(epochs=1).fit(PAIRS)
    apart = [x for x, _ in PAIRS], [y for _, y in PAIRS]
    assert model.report(tmp_path / "r.html", PAIRS)["bleu"] == model.report(tmp_path / "s.html", *apart)["bleu"]
    assert str(model.diagnose(PAIRS, by_heart=False)) == str(model.diagnose(*apart, by_heart=False))


@pytest.mark.slow
def test_smoothed_answers_hide_no_net_that_learns_by_heart():
    net = pn.model("transformer", width=16, n_layers=1, n_heads=2, dropout=0.0)
    model = Translator(net, epochs=1, lr=0.01, progress=False).fit(PAIRS)
    assert model.diagnose(PAIRS).by_heart.learned


def test_columns_that_look_like_numbers_and_dates_are_texts(tmp_path):
    path = tmp_path / "turned.csv"
    path.write_text("a,b\n" + "".join(f"{n},{str(n)[::-1]}\n" for n in range(100, 120)) + "2026-01-02,20-10-6202\n")
    fitted = Translator(
        pn.model("transformer", width=8, n_layers=1, n_heads=2), unit="characters", epochs=1, progress=False
    ).fit(path, target="b")
    ids, lengths = fitted.codec_.tokenizer.ids(["2026-01-02"])
    known = {fitted.codec_.tokenizer.name(i) for i in ids.tolist()}
    assert (known, lengths.tolist()) == (set("2026-01-02"), [10])
