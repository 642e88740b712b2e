"""Questions answered by spans of their contexts: learned, cut into windows, left unanswered, saved, refused."""

import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus.cli import main
from parnassus.data.text.passages import Passages
from parnassus.data.text.questions import write_questions
from parnassus.data.text.told_facts import told_facts
from parnassus.errors import DataError, DataWarning, SettingError

pytestmark = pytest.mark.slow

STILL = {"dropout": 0.0, "attention_dropout": 0.0}
SMALL = pn.model("bert", width=32, **STILL)
TRAINING = {"epochs": 8, "batch_size": 16, "lr": 5e-3, "clip_norm": 1.0, "progress": False}


@pytest.fixture(scope="module")
def learned():
    return pn.QuestionAnswerer(SMALL, **TRAINING).fit(*told_facts(500, n_facts=1, none=0.25))


def test_unseen_contexts_are_answered_exactly_or_not_at_all(learned):
    X, y = told_facts(200, n_facts=1, none=0.25, seed=9)
    told = learned.evaluate(X, y, n_bootstrap=200)
    assert told["exact_match"].value > 0.95
    assert told["exact_match"].low > told["exact_match"].baseline + 0.5
    assert told["exact_match"].value == learned.score(X, y)
    assert [row["name"] for row in told.by_class] == ["with an answer", "without an answer"]
    assert min(row["exact_match"] for row in told.by_class) > 0.9
    said = learned.predict(X)
    assert all(text in context for text, (_, context) in zip(said, X, strict=True))


def test_several_answers_come_with_their_characters_and_probabilities(learned):
    X, _ = told_facts(12, n_facts=1, none=0.25, seed=4)
    for (_, context), found in zip(X, learned.n_best(X, n=400), strict=True):
        assert math.isclose(sum(one.probability for one in found), 1, abs_tol=1e-9)
        spans = [(one.start, one.start + len(one.text)) for one in found if one.text]
        assert len(set(spans)) == len(spans) == len(found) - 1
        assert all(context[a:b] == one.text for (a, b), one in zip(spans, [f for f in found if f.text], strict=True))
        assert sorted((one.score for one in found), reverse=True) == [one.score for one in found]
        gap = found[0].score - found[1].score
        assert math.isclose(found[0].probability / found[1].probability, math.exp(gap), rel_tol=1e-6)
    assert [len(found) for found in learned.n_best(X, n=2)] == [2] * 12


def test_a_threshold_decides_when_nothing_is_answered(learned):
    X, _ = told_facts(40, n_facts=1, none=0.5, seed=3)
    kept = learned.null_threshold
    try:
        learned.null_threshold = 1e9
        assert all(learned.predict(X))
        learned.null_threshold = -1e9
        assert not any(learned.predict(X))
    finally:
        learned.null_threshold = kept
    assert 0 < sum(map(bool, learned.predict(X))) < 40
    always = pn.QuestionAnswerer(SMALL, **TRAINING | {"epochs": 1}).fit(*told_facts(32, n_facts=1))
    always.null_threshold = -1e9
    assert all(always.predict(X))
    assert all(one.text for one in always.n_best(X[:1], n=100)[0])


def unseen(X, others, answers):
    kept = [i for i, one in enumerate(others) if one not in X]
    return [others[i] for i in kept], [answers[i] for i in kept]


def test_a_threshold_is_tuned_on_questions_held_out(tmp_path):
    X, y = told_facts(240, n_facts=1, none=0.4)
    held = unseen(X, *told_facts(120, n_facts=1, none=0.4, seed=2))
    net = pn.QuestionAnswerer(SMALL, null_threshold="exact_match", **TRAINING | {"epochs": 3})
    net.fit(X, y, validation=held)
    tuned, scores = net.null_threshold_, {}
    for net.null_threshold in (-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, tuned):
        scores[net.null_threshold] = net.score(*held)
    assert scores[tuned] == max(scores.values())
    assert scores[tuned] > min(scores.values())
    net.null_threshold = "exact_match"
    net.save(tmp_path / "q.parnassus")
    again = pn.load(tmp_path / "q.parnassus")
    assert again.null_threshold_ == tuned
    assert again.score(*held) == scores[tuned]


def test_a_threshold_that_cannot_be_tuned_is_refused():
    few = {"epochs": 1, "progress": False}
    with pytest.raises(SettingError, match="a number, or one of exact_match, f1; got 'f2'"):
        pn.QuestionAnswerer(SMALL, null_threshold="f2", **few).fit(*told_facts(20, n_facts=1, none=0.5))
    with pytest.raises(DataError, match="every question has an answer"):
        pn.QuestionAnswerer(SMALL, null_threshold="f1", **few).fit(*told_facts(20, n_facts=1))
    X, y = told_facts(20, n_facts=1, none=0.5)
    with pytest.warns(DataWarning, match="stays 0.0"):
        net = pn.QuestionAnswerer(SMALL, null_threshold="f1", **few).fit(
            X, y, validation=unseen(X, *told_facts(5, n_facts=1, seed=1))
        )
    assert net.null_threshold_ == 0


def test_answers_are_the_same_alone_together_and_once_saved(learned, tmp_path):
    X, _ = told_facts(40, n_facts=1, seed=5)
    X = [(question, context + " It rained." * (i % 3)) for i, (question, context) in enumerate(X)]
    together = learned.n_best(X, n=3)
    for i in (0, 7, 39):
        for one, other in zip(learned.n_best(X[i : i + 1], n=3)[0], together[i], strict=True):
            assert one.text == other.text
            assert one.score == pytest.approx(other.score, abs=1e-4)
    learned.save(tmp_path / "q.parnassus")
    assert pn.load(tmp_path / "q.parnassus").n_best(X, n=3) == together


def test_a_long_context_is_read_in_windows(learned):
    def rained(X, y):
        X = [(question, "It rained. " * 6 + context) for question, context in X]
        return X, [[span._replace(start=span.start + 66) for span in spans] for spans in y]

    codec = Passages(max_length=18, stride=6)
    net = pn.QuestionAnswerer(SMALL, codec=codec, **TRAINING).fit(*rained(*told_facts(300, n_facts=1)))
    X, y = rained(*told_facts(60, n_facts=1, seed=6))
    assert len(net.codec_.encode(X).windows) > 3 * len(X)
    assert net.score(X, y) > 0.9
    assert next(one[0].start for one in net.n_best(X, n=1)) == y[0][0].start
    with pytest.warns(DataWarning, match="stand whole in no window of 12"):
        pn.QuestionAnswerer(SMALL, codec=Passages(max_length=12), epochs=1, progress=False).fit(
            [("Who?", "a b c d e f g h i j k l"), ("Who?", "a b")], ["a b c d e f g h i j k", "a"]
        )


def test_of_windows_the_best_span_counts_and_the_least_score_of_none(learned):
    X, _ = told_facts(2, n_facts=5, seed=3)  # longer than the rows that were learned
    codec, objective = learned.codec_, learned.objective_
    batch = codec.prepare(codec.encode(X).take(torch.arange(2)), "pieces")
    with torch.no_grad():
        scores = objective.outputs(batch).double()
    at, sizes = 0, (batch["lengths"] > 0).sum(1).tolist()
    assert min(sizes) > 1
    for row, found in enumerate(learned.n_best(X, n=10_000)):
        best, none = {}, math.inf
        for window in range(sizes[row]):
            own, place = scores[at], batch["offsets"][row, window].tolist()
            none = min(none, float(own[0, 0] + own[0, 1]))
            inside = batch["inside"][row, window].nonzero()[:, 0].tolist()
            for k, i in enumerate(inside):
                for j in inside[k : k + learned.longest]:
                    span = X[row][1][place[i][0] : place[j][1]], place[i][0]
                    best[span] = max(best.get(span, -math.inf), float(own[i, 0] + own[j, 1]))
            at += 1
        assert len(found) == len(best) + 1
        for one in found:
            due = best[one.text, one.start] if one.text else none
            assert one.score == pytest.approx(due, abs=1e-4)


def test_the_loss_is_the_mean_of_ln_p_over_windows(learned):
    codec, target, objective = Passages(max_length=14, stride=4), learned.target_, learned.objective_
    codec.tokenizer, codec.vocab_size, codec.max_length = learned.codec_.tokenizer, learned.codec_.vocab_size, 14
    X, y = told_facts(3, n_facts=3, seed=1)
    raw = codec.encode(X).take(torch.arange(3)) | target.encode(y).take(torch.arange(3))
    batch = codec.prepare(target.cut(raw), "pieces") | {"weight": torch.tensor([1.0, 0.0, 2.5])}
    objective.eval()
    due, counted = 0.0, 0.0
    for row in range(3):
        for window in range(int((batch["lengths"][row] > 0).sum())):
            n = int(batch["lengths"][row, window])
            with torch.no_grad():  # one window alone, without padding
                scores = objective.model(
                    batch["x"][row, window, None, :n], None, batch["segments"][row, window, None, :n]
                )[0].double()
            allowed = [0, *batch["inside"][row, window].nonzero()[:, 0].tolist()]
            first, last = batch["y"][row, window].tolist()
            p = scores[allowed].exp() / scores[allowed].exp().sum(0)
            nll = -math.log(p[allowed.index(first), 0]) - math.log(p[allowed.index(last), 1])
            due, counted = due + nll * float(batch["weight"][row]), counted + float(batch["weight"][row])
    assert float(objective.weight(batch)) == counted
    with torch.no_grad():
        assert float(objective.mean_loss(batch)) == pytest.approx(due / counted, rel=1e-5)


# --- beside transformers --------------------------------------------------------------------------

SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}


@pytest.fixture
def peer(draws):
    return pytest.importorskip("transformers", reason="transformers is not installed: no peer for BERT")


def logits_of(theirs, batch):
    with torch.no_grad():
        read = (torch.arange(batch["x"].shape[2]) < batch["lengths"][..., None]).long()
        said = theirs(batch["x"][:, 0], token_type_ids=batch["segments"][:, 0], attention_mask=read[:, 0])
    return torch.stack([said.start_logits, said.end_logits], -1)


def test_what_was_learned_is_read_by_transformers(peer, learned, tmp_path):
    X, _ = told_facts(20, n_facts=1, none=0.25, seed=8)
    pn.hub.save_pretrained(learned, tmp_path)
    theirs = peer.BertForQuestionAnswering.from_pretrained(tmp_path).eval()
    codec = learned.codec_
    batch = codec.prepare(codec.encode(X).take(torch.arange(20)), "pieces")
    scores, wanted = learned.objective_.outputs(batch), logits_of(theirs, batch)
    told = scores.isfinite()
    torch.testing.assert_close(scores[told], wanted[told], atol=1e-5, rtol=1e-5)
    for i, found in enumerate(learned.predict(X)):  # the best pair of places in a plain loop over their numbers
        pairs = [(0, 0)] + [(a, b) for a in range(wanted.shape[1]) for b in range(a, wanted.shape[1])
                            if batch["inside"][i, 0, a] and batch["inside"][i, 0, b]]  # fmt: skip
        a, b = max(pairs, key=lambda pair: float(wanted[i, pair[0], 0] + wanted[i, pair[1], 1]))
        place = batch["offsets"][i, 0]
        assert found == (X[i][1][place[a, 0] : place[b, 1]] if a else "")


@pytest.mark.parametrize("kind", ["BertForQuestionAnswering", "BertForMaskedLM"])
def test_learned_weights_are_gone_on_with(peer, learned, tmp_path, kind):
    config = peer.BertConfig(vocab_size=learned.codec_.vocab_size, max_position_embeddings=40, **SHAPE)
    theirs = getattr(peer, kind)(config).eval()
    theirs.save_pretrained(tmp_path)
    pn.hub.write_tokenizer(tmp_path, learned.codec_.tokenizer)
    X, y = told_facts(20, n_facts=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net = pn.QuestionAnswerer(start=str(tmp_path), epochs=1, lr=1e-9, progress=False).fit(X, y)
    anew = any("start anew" in str(one.message) for one in caught)
    assert anew == (kind == "BertForMaskedLM")
    assert net.codec_.max_length == 40
    batch = net.codec_.prepare(net.codec_.encode(X).take(torch.arange(20)), "pieces")
    net.objective_.eval()
    if not anew:
        scores, wanted = net.objective_.outputs(batch), logits_of(theirs, batch)
        torch.testing.assert_close(scores[scores.isfinite()], wanted[scores.isfinite()], atol=1e-4, rtol=1e-4)
    own, weight = net.objective_.model.body.tokens.weight, theirs.bert.embeddings.word_embeddings.weight
    torch.testing.assert_close(own, weight, atol=1e-6, rtol=0)
    net.save(tmp_path / "q.parnassus")
    assert pn.load(tmp_path / "q.parnassus").predict(X) == net.predict(X)


def test_an_estimator_goes_on_from_another(learned):
    X, y = told_facts(20, n_facts=1)
    other = pn.QuestionAnswerer(start=learned, epochs=1, lr=1e-9, progress=False).fit(X, y)
    assert other.predict(X) == [one[0].text for one in y]
    with pytest.raises(SettingError, match="reads no subwords"):
        pn.QuestionAnswerer(start=pn.Classifier("mlp", epochs=1).fit([[0.0], [1.0]], [0, 1])).fit(X, y)
    with pytest.raises(SettingError, match="max_length is 600"):
        pn.QuestionAnswerer(start=learned, codec=Passages(max_length=600)).fit(X, y)
    with pytest.raises(SettingError, match="absent in a fitted QuestionAnswerer, or of another shape"):
        pn.QuestionAnswerer(pn.model("bert", width=16), start=learned).fit(X, y)


# --- in use ---------------------------------------------------------------------------------------


def test_a_question_that_does_not_fit_is_passed_over(learned):
    X, _ = told_facts(3, n_facts=1)
    X[1] = ("who " * 40, "Anna.")
    with pytest.raises(DataError, match="row 1: the question has"):
        learned.predict(X)
    with pytest.warns(DataWarning, match="1 of 3 rows were skipped"):
        said = learned.predict(X, on_error="skip")
    assert said == [learned.predict(X[:1])[0], None, learned.predict(X[2:])[0]]


def test_a_file_a_frame_and_lists_teach_the_same(tmp_path):
    X, y = told_facts(12, n_facts=1, none=0.3)
    path = write_questions(tmp_path / "q.json", X, y)
    frame = pd.DataFrame(X, columns=["question", "context"])
    frame["answer"], frame["answer_start"] = zip(*[one[0] if one else (None, None) for one in y], strict=True)
    short = {"model": SMALL, "epochs": 1, "progress": False}
    nets = [pn.QuestionAnswerer(**short).fit(*given) for given in ((path,), (frame,), (X, y))]
    said = [net.n_best(X, n=1) for net in nets]
    assert said[0] == said[1] == said[2]
    assert nets[0].evaluate(path, n_bootstrap=0).n_rows == 12
    assert nets[0].predict(frame) == nets[0].predict(path)


def test_validation_weights_and_report(learned, tmp_path):
    X, y = told_facts(40, n_facts=1, none=0.25)
    net = pn.QuestionAnswerer(SMALL, **TRAINING | {"epochs": 2}, patience=2)
    net.fit(X, y, validation=0.25, sample_weight=np.arange(40) + 1.0)
    assert "validation_loss" in net.history_[0]
    found = learned.report(tmp_path / "q.html", *told_facts(60, n_facts=2, none=0.25, seed=2))
    page = (tmp_path / "q.html").read_text()
    assert all(words in page for words in ("Exact match", "without an answer", "F1 of words", "Who was in"))
    assert found.n_rows == 60


@pytest.mark.parametrize(("settings", "data", "words"), [
    ({}, (["a"], ["b"]), "a pair of texts"),
    ({}, ([("a", "b c")], None), "there are no answers"),
    ({}, ([("a", "b c")], [("d", 0)]), "does not stand at character 0"),
    ({}, ([("a", "")], ["b"]), "the context is empty"),
    ({}, ([("a", "b c")], ["b", "c"]), "1 questions and 2 answers"),
    ({}, ([("a", "b c")], [None]), "no question has an answer"),
    ({"codec": Passages(max_length=8)}, ([("who " * 9, "b c")], ["b"]), "leaves no room"),
    ({"longest": 0}, ([("a", "b c")], ["b"]), "longest"),
    ({"codec": pn.Pieces()}, ([("a", "b c")], ["b"]), "Passages"),
    ({"model": torch.nn.Flatten()}, ([("a", "b c")], ["b"]), "no module"),
])  # fmt: skip
def test_what_cannot_be_learned_is_refused(settings, data, words):
    with pytest.raises((DataError, SettingError), match=words):
        pn.QuestionAnswerer(**{"epochs": 1, "progress": False} | settings).fit(*data)


def test_other_questions_are_refused(learned):
    X, y = told_facts(2, n_facts=1)
    for call, words in (
        (lambda: learned.n_best(X, n=0), "n is how many"), (lambda: learned.evaluate(X, y, target="a"), "answers as y"),
        (lambda: pn.QuestionAnswerer().fit(X, y, target="a"), "no column"),
        (lambda: pn.QuestionAnswerer().fit("squad.json", y), "leave y out"),
    ):  # fmt: skip
        with pytest.raises(SettingError, match=words):
            call()


def test_the_command_line_learns_judges_and_answers(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_questions(tmp_path / "facts.json", *told_facts(60, n_facts=1, none=0.25))
    flags = ["--model", "bert", "--model.width", "16", "--epochs", "1", "--out", "run"]
    assert main(["train", "question-answerer", "facts.json", *flags]) == 0
    assert "Exact match" in capsys.readouterr().out
    assert main(["evaluate", "run", "run/test.json", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["metrics"] == json.loads((tmp_path / "run" / "evaluation.json").read_text())["metrics"]
    assert main(["predict", "run", "facts.json", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["prediction"] for row in rows] == pn.load("run/model.parnassus").predict("facts.json")
    assert rows[0]["question"].endswith("?")
    assert main(["train", "question-answerer", "facts.json", "--target", "answer"]) == 2
    assert "leave --target and --drop out" in capsys.readouterr().err


def test_answers_are_served(learned):
    from parnassus.serve.service import Service
    from parnassus.serve.settings import Settings

    X, _ = told_facts(1, n_facts=1)
    service = Service(learned, Settings())
    service.try_out()
    asked = service.input.read({"question": X[0][0], "context": X[0][1]}, "inputs[0]")
    assert learned.predict([asked]) == learned.predict(X)


def test_a_threshold_that_is_no_number_is_refused():
    with pytest.raises(SettingError, match="null_threshold"):
        pn.QuestionAnswerer(SMALL, null_threshold=float("nan")).fit([("who?", "Lena")], ["Lena"])


@pytest.mark.slow
def test_its_training_is_looked_over_on_questions_as_fit_takes_them(learned):
    X, y = told_facts(20, n_facts=1, none=0.25, seed=9)
    assert learned.diagnose(X, y, by_heart=False).n_rows == 20
