"""Files of language models and taggers: ids made by what travels inside, answers held to the estimator's own."""

import json

import numpy as np
import pytest

import parnassus as pn
from parnassus.cli import main
from parnassus.errors import SettingError

pytestmark = pytest.mark.slow

onnx = pytest.importorskip("onnx", reason="the extra 'export' is not installed")
runtime = pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")
TEXTS = ["the cat sat", "a dog ran off", "Übung macht the cat", "sat", ""] * 6
ROWS = [["Anna", "Lee", "sings"], ["Bo", "ran", "to", "Oslo", "."], ["rain"]] * 6
TAGS = [["B-PER", "I-PER", "O"], ["B-PER", "O", "O", "B-LOC", "O"], ["O"]] * 6
FEW = {"epochs": 2, "progress": False}
LOOSE = {"constraints": "none", "lower": False, "n_endings": 0}


def opened(path):
    """The file in ONNX Runtime, what it takes, and the texts inside; nothing of this library."""
    entries = {p.key: p.value for p in onnx.load(path).metadata_props}
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"]), entries


def ln_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def likely(say, tokenizer, told, text):
    """ln p of each id of a text and of its end, by a file's logits."""
    ids = [told["inputs"]["ids"]["start"], *tokenizer.encode(text, add_special_tokens=False).ids]
    each = ln_softmax(say(np.array([ids], dtype=np.int64))[0])
    return each[np.arange(len(ids)), [*ids[1:], told["output"]["end"]]]


@pytest.mark.parametrize(("model", "unit"), [("gpt", "byte_bpe"), ("lstm", "words"), ("rnn", "characters")])
def test_a_language_model_says_what_follows_ids(model, unit, tmp_path):
    from tokenizers import Tokenizer

    lm = pn.LanguageModel(model, unit=unit, context=16, lower=unit == "words", **FEW).fit(TEXTS)
    made = pn.export.to_onnx(lm, tmp_path / "m.onnx")
    session, entries = opened(made.path)
    told, tokenizer = json.loads(entries["parnassus"]), Tokenizer.from_str(entries["tokenizer.json"])
    fixed = 16 if model == "rnn" else "steps"  # whose steps follow each other in the graph
    assert told["inputs"]["ids"]["type_and_shape"] == ["tensor(int64)", "rows", fixed]

    assert session.get_outputs()[0].shape == ["rows", fixed, lm.codec_.n_ids]

    def say(ids):
        n = ids.shape[1]
        return session.run(None, {"ids": np.pad(ids, [(0, 0), (0, 16 - n)]) if fixed == 16 else ids})[0][:, :n]

    for text in ("The cat ran", "dog", "", "a CAT Übung"):
        (due,) = lm.token_log_probs([text], stride=16)
        np.testing.assert_allclose(likely(say, tokenizer, told, text), due, atol=1e-5)


def test_a_program_of_a_language_model_holds_its_tokenizer(tmp_path):
    import torch
    from tokenizers import Tokenizer

    lm = pn.LanguageModel("gpt", context=16, **FEW).fit(TEXTS)
    path = pn.export.to_program(lm, tmp_path / "m.pt2", X=["a dog", "the"]).path
    inside = {"tokenizer.json": ""}
    read = torch.export.load(path, extra_files=inside).module()
    ids = [lm.codec_.start, *Tokenizer.from_str(inside["tokenizer.json"]).encode("dog").ids]
    each = ln_softmax(read(torch.tensor([ids, ids])).detach().numpy()[1])
    due = lm.token_log_probs(["dog"], stride=16)[0]
    np.testing.assert_allclose(each[np.arange(4), [*ids[1:], lm.codec_.end]], due, atol=1e-5)


def placed(words, row):
    """Ids of tokens by the lists inside a file, written out here."""

    def shape(token):
        if any(c.isdigit() for c in token):
            return "digits"
        if not any(c.isalpha() for c in token):
            return "sign"
        return "CAPITALS" if token.isupper() and len(token) > 1 else "Capital" if token[0].isupper() else "small"

    def at(known, key):
        return known.index(key) if key in known else 1

    n = words["n_endings"]
    cased = [t.lower() if words["lower"] else t for t in row]
    endings = [at(words["endings"], t.lower()[-n:] if n else "") for t in row]
    places = [at(words["words"], t) for t in cased]
    return np.array([*zip(places, endings, map(words["shapes"].index, map(shape, row)), strict=True)], dtype=np.int32)


def best(scores, chain, names):
    """The tags of the largest sum, by all paths; without a chain the largest of each step."""
    if chain is None:
        return [names[i] for i in scores.argmax(-1)]
    start, steps, end = (np.array(chain[name]) for name in ("start", "transitions", "end"))
    sums, paths = start + scores[0], [[i] for i in range(len(names))]
    for row in scores[1:]:
        total = sums[:, None] + steps + row
        paths = [[*paths[total[:, j].argmax()], j] for j in range(len(names))]
        sums = total.max(0)
    return [names[i] for i in paths[int((sums + end).argmax())]]


@pytest.mark.parametrize(
    ("model", "settings"),
    [("bilstm_crf", {}), ("bilstm_crf", LOOSE), ("crf", LOOSE), ("bilstm", {}), ("transformer", LOOSE)],
)
def test_a_tagger_says_scores_whose_best_path_is_predicted(model, settings, tmp_path):
    tagger = pn.Tagger(model, **FEW, **settings).fit(ROWS, TAGS)
    asked = [["Bo", "sings"], ["Zoe", "flew", "to", "Oslo", "7"]]
    made = pn.export.to_onnx(tagger, tmp_path / "m.onnx", X=asked)
    session, entries = opened(made.path)
    words, output = json.loads(entries["words.json"]), json.loads(entries["parnassus"])["output"]
    x = np.full((2, 5, 3), 1, dtype=np.int32)  # anything behind the end
    for row, tokens in zip(x, asked, strict=True):
        row[: len(tokens)] = placed(words, tokens)
    scores = session.run(None, {"x": x, "lengths": np.array([2, 5])})[0]
    said = [
        best(row[: len(tokens)], output["chain"], output["tags"]) for row, tokens in zip(scores, asked, strict=True)
    ]
    assert said == tagger.predict(asked)
    assert (output["chain"] is None) == (not model.endswith("crf") and bool(settings))
    assert not scores[0, 2:].any()
    if output["chain"] is None:
        np.testing.assert_allclose(np.exp(scores[1]), tagger.predict_proba(asked)[1], atol=1e-6)


def test_a_tagger_of_steps_takes_them_in_their_own_units(tmp_path):
    rng = np.random.default_rng(0)
    X = [rng.normal(5, 3, (n, 2)) for n in (4, 7, 3, 5) * 4]
    y = [["high" if step[0] > 5 else "low" for step in row] for row in X]
    tagger = pn.Tagger("transformer", **FEW).fit(X, y)
    session, entries = opened(pn.export.to_onnx(tagger, tmp_path / "m.onnx").path)
    scores = session.run(None, {"x": X[1][None], "lengths": np.array([7])})[0][0]
    np.testing.assert_allclose(np.exp(scores), tagger.predict_proba(X[1:2])[0], atol=1e-6)
    assert json.loads(entries["parnassus"])["output"]["tags"] == ["high", "low"]


@pytest.mark.filterwarnings("ignore::parnassus.DataWarning")
def test_texts_and_pairs_of_a_classifier_bring_their_tokenizer(tmp_path):
    from tokenizers import Tokenizer

    texts, answers = [t for t in TEXTS if t], [len(t) > 8 for t in TEXTS if t]
    clf = pn.Classifier("mlp", **FEW).fit(texts, answers)
    session, entries = opened(pn.export.to_onnx(clf, tmp_path / "m.onnx").path)
    ids = Tokenizer.from_str(entries["tokenizer.json"]).encode("The CAT sat Übung").ids
    said = session.run(None, {"x": np.array([ids], dtype=np.int32), "lengths": np.array([len(ids)])})[0]
    np.testing.assert_allclose(said, clf.predict_proba(["The CAT sat Übung"]), atol=1e-6)
    pairs = list(zip(texts, texts[::-1], strict=True))
    bert = pn.Classifier(pn.model("bert", width=16, n_heads=2, n_layers=1), **FEW).fit(pairs, answers)
    assert pn.export.to_onnx(bert, tmp_path / "b.onnx").difference < 1e-5  # on rows that are made up


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pn.LanguageModel("ngram", progress=False).fit(TEXTS), "counts, and has no net"),
        (lambda: pn.LanguageModel("bert", context=8, **FEW).fit(TEXTS), "save_pretrained"),
        (lambda: pn.Translator("seq2seq", **FEW).fit([("a b", "b a"), ("b", "b")] * 8), "Translator.*parnassus serve"),
    ],
)
@pytest.mark.filterwarnings("ignore::parnassus.DataWarning")
def test_what_is_no_net_of_ids_is_refused_and_told_where_to_go(make, words, tmp_path):
    with pytest.raises(SettingError, match=words):
        pn.export.to_onnx(make(), tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_the_command_line_exports_a_language_model(tmp_path, capsys):
    (tmp_path / "lines.txt").write_text("\n\n".join(t for t in TEXTS if t), encoding="utf-8")
    out = str(tmp_path / "run")
    asked = ["--model", "gpt", "--context", "8", "--epochs", "1", "--out", out]
    assert main(["train", "language-model", str(tmp_path / "lines.txt"), *asked]) == 0
    capsys.readouterr()
    for more in ([], [str(tmp_path / "lines.txt"), "--to", "program"]):
        assert main(["export", out, *more, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["difference"] < 1e-5


def test_counts_are_written_as_arpa_and_read_again(tmp_path, capsys):
    texts = [t for t in TEXTS if t]
    lm = pn.LanguageModel("ngram", progress=False).fit(texts)
    path = pn.export.to_arpa(lm, tmp_path / "m.arpa")
    read = pn.LanguageModel.read(path)
    asked = ["the cat ran off", "Übung sat", "a zebra sat", "the cat!"]
    np.testing.assert_allclose(read.log_prob(asked[:3]), lm.log_prob(asked[:3]), rtol=1e-7)
    words = read.codec_.tokenizer.ids(asked)[1].tolist()  # those between spaces
    assert words == [4, 2, 3, 2]
    assert read.generate("the cat", n_tokens=3, seed=2).startswith("the cat")
    read.save(tmp_path / "m.parnassus")
    again = pn.load(tmp_path / "m.parnassus")
    assert again.log_prob(asked).tolist() == read.log_prob(asked).tolist()
    assert main(["export", str(tmp_path / "m.parnassus"), "--to", "arpa", "--out", str(tmp_path / "n.arpa")]) == 0
    assert (tmp_path / "n.arpa").read_text("utf-8") == path.read_text("utf-8")
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed")
    theirs = [kenlm.Model(str(path)).score(text) for text in asked]
    np.testing.assert_allclose(read.log_prob(asked) / np.log(10), theirs, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::parnassus.DataWarning")
def test_what_no_arpa_file_holds_is_refused(tmp_path):
    with pytest.raises(pn.DataError, match="unit='words'"):
        pn.export.to_arpa(pn.LanguageModel("ngram", unit="characters").fit(TEXTS), tmp_path / "m")
    with pytest.raises(pn.DataError, match="back off"):
        pn.export.to_arpa(pn.LanguageModel(pn.model("ngram", smoothing="laplace")).fit(TEXTS), tmp_path / "m")
    with pytest.raises(SettingError, match="counts no n-grams"):
        pn.export.to_arpa(pn.LanguageModel("gpt", context=8, **FEW).fit(TEXTS), tmp_path / "m")
    with pytest.raises(SettingError, match=r"n-grams of a LanguageModel.*got NaiveBayes"):
        pn.export.to_arpa(pn.NaiveBayes().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]), tmp_path / "m")
    (tmp_path / "endless.arpa").write_text("\\data\\\n\\1-grams:\n-1 a\n\\end\\\n")
    with pytest.raises(pn.FileError, match="no 1-gram </s>"):
        pn.LanguageModel.read(tmp_path / "endless.arpa")
