"""BERT on texts and pairs: equal to transformers', pre-trained from raw text, started from folders, saved, refused."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import parnassus as pn
from parnassus.data.text.pieces import Pieces, shortened
from parnassus.objectives.text.masked_language import MaskedLanguage

pytestmark = pytest.mark.slow

TEXTS = ["a fine, funny film", "dull and far too long", "funny and warm", "long, dull, cold"] * 10
SAID = ["good", "bad", "good", "bad"] * 10
SHORT = {"lr": 0.001, "batch_size": 8, "progress": False}
TINY = {"width": 16, "n_layers": 2, "n_heads": 2, "hidden": 24}
STILL = {"dropout": 0.0, "attention_dropout": 0.0}
SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
DISTIL = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24}


@pytest.fixture
def peer(draws):
    return pytest.importorskip("transformers", reason="transformers is not installed: no peer for BERT")


def folder_of(peer, tmp_path, kind, **settings):
    """A folder that others wrote: random weights by transformers, a tokenizer.json by tokenizers' own trainer."""
    from tokenizers.implementations import BertWordPieceTokenizer
    from tokenizers.processors import BertProcessing

    theirs = BertWordPieceTokenizer(lowercase=True)
    theirs.train_from_iterator(TEXTS, vocab_size=60, show_progress=False)
    theirs.post_processor = BertProcessing(*((name, theirs.token_to_id(name)) for name in ("[SEP]", "[CLS]")))
    shape = DISTIL if kind.startswith("Distil") else SHAPE
    config = getattr(peer, "DistilBertConfig" if kind.startswith("Distil") else "BertConfig")(
        vocab_size=64, max_position_embeddings=20, **shape, **settings
    )
    net = getattr(peer, kind)(config).eval()
    net.save_pretrained(tmp_path)
    theirs.save(str(tmp_path / "tokenizer.json"))
    fast = peer.PreTrainedTokenizerFast(
        tokenizer_file=str(tmp_path / "tokenizer.json"), pad_token="[PAD]", mask_token="[MASK]"
    )
    return net, fast


def batch_of(codec, raw):
    rows = codec.encode(raw)
    return codec.prepare(rows.take(torch.arange(len(rows))), "pieces")


PAIRS = [("a fine film", "funny and warm"), ("dull", "far too long, and cold"), ("warm", "long")]


@pytest.mark.parametrize("kind", ["BertForSequenceClassification", "DistilBertForSequenceClassification"])
def test_logits_loss_and_gradients_are_transformers_on_the_same_tokenizer(peer, tmp_path, kind):
    net, fast = folder_of(peer, tmp_path, kind, num_labels=3)
    ours, codec = pn.hub.load(tmp_path), Pieces.read(tmp_path).fit(PAIRS)
    batch, y = batch_of(codec, PAIRS), torch.tensor([2, 0, 1])
    first, second = [a for a, _ in PAIRS], [b for _, b in PAIRS]
    given = fast(first, second, return_tensors="pt", padding=True, return_token_type_ids=True)
    assert batch["x"].tolist() == given["input_ids"].tolist()
    own = {} if kind.startswith("Distil") else {"segments": batch["segments"]}
    if own:
        assert batch["segments"].tolist() == given["token_type_ids"].tolist()
    else:
        given.pop("token_type_ids", None)
    theirs = net(**given, labels=y)
    logits = ours(batch["x"], batch["lengths"], **own)
    torch.testing.assert_close(logits, theirs.logits, atol=1e-5, rtol=0)
    loss = torch.nn.functional.cross_entropy(logits, y)
    torch.testing.assert_close(loss, theirs.loss)
    loss.backward()
    theirs.loss.backward()
    names = {"out.weight": "classifier.weight"}
    body = "distilbert." if kind.startswith("Distil") else "bert."
    names["body.tokens.weight"] = f"{body}embeddings.word_embeddings.weight"
    mine, due = dict(ours.named_parameters()), dict(net.named_parameters())
    for name, other in names.items():
        torch.testing.assert_close(mine[name].grad, due[other].grad, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("kind", ["BertForMaskedLM", "BertForPreTraining"])
def test_what_it_is_pre_trained_on_costs_what_transformers_says(peer, tmp_path, kind):
    net, _ = folder_of(peer, tmp_path, kind)
    ours = MaskedLanguage(pn.hub.load(tmp_path))
    codec = Pieces.read(tmp_path).fit(PAIRS)
    batch = batch_of(codec, PAIRS)
    asked = torch.zeros_like(batch["x"], dtype=torch.bool)
    asked[0, 1] = asked[1, 2] = asked[2, 1] = True
    batch |= {"y": batch["x"].masked_fill(~asked, -100), "next": torch.tensor([0, 1, 1])}
    batch["x"] = torch.where(asked, codec.tokenizer.mask, batch["x"])
    mask = torch.arange(batch["x"].shape[1]) < batch["lengths"][:, None]
    more = {"next_sentence_label": batch["next"]} if kind.endswith("PreTraining") else {}
    theirs = net(
        input_ids=batch["x"], attention_mask=mask.long(), token_type_ids=batch["segments"], labels=batch["y"], **more
    )
    loss = ours.eval().mean_loss(batch)
    torch.testing.assert_close(loss, theirs.loss)
    loss.backward()
    theirs.loss.backward()
    due = dict(net.named_parameters())["bert.embeddings.word_embeddings.weight"].grad
    torch.testing.assert_close(ours.model.body.tokens.weight.grad, due, atol=1e-6, rtol=1e-4)
    assert int(ours.weight(batch)) == 3


@pytest.mark.filterwarnings("ignore:.*start anew")
@pytest.mark.filterwarnings("ignore:.*are not used")
@pytest.mark.parametrize(("kind", "new"), [
    ("BertModel", set()), ("BertForMaskedLM", {"body.pooler.weight", "body.pooler.bias"}),
    ("BertForPreTraining", set()), ("DistilBertForMaskedLM", {"body.pooler.weight", "body.pooler.bias"}),
    ("BertForSequenceClassification", set()),
])  # fmt: skip
def test_a_classifier_starts_from_a_folder_s_body_words_and_sizes(peer, tmp_path, kind, new):
    net, fast = folder_of(peer, tmp_path, kind)
    clf = pn.Classifier(start=str(tmp_path), epochs=1, lr=1e-12, batch_size=20, progress=False).fit(TEXTS, SAID)
    assert set(clf.start_["new"]) == {"out.weight", "out.bias"} | new
    table = next(p for name, p in net.named_parameters() if name.endswith("word_embeddings.weight"))
    torch.testing.assert_close(clf.objective_.model.body.tokens.weight, table, atol=1e-6, rtol=0)
    given = fast(TEXTS[:4], return_tensors="pt", padding=True)["input_ids"]
    assert batch_of(clf.codec_, TEXTS[:4])["x"].tolist() == given.tolist()
    assert clf.codec_.max_length == 20
    clf.save(tmp_path / "clf.parnassus")
    assert np.array_equal(pn.load(tmp_path / "clf.parnassus").predict_proba(TEXTS[:4]), clf.predict_proba(TEXTS[:4]))


@pytest.mark.parametrize(("name", "kind"), [("bert", "Bert"), ("distilbert", "DistilBert")])
def test_what_is_written_back_is_read_by_transformers(peer, tmp_path, name, kind):
    clf = pn.Classifier(pn.model(name, **TINY), epochs=3, **SHORT).fit(TEXTS[:-1] + ["so so"], SAID[:-1] + ["fair"])
    pn.hub.save_pretrained(clf, tmp_path)
    net = getattr(peer, f"{kind}ForSequenceClassification").from_pretrained(tmp_path).eval()
    fast = peer.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"), pad_token="[PAD]")
    given = fast(TEXTS[:4], return_tensors="pt", padding=True)
    given.pop("token_type_ids", None)
    with torch.no_grad():
        torch.testing.assert_close(
            net(**given).logits.double(), torch.from_numpy(clf.decision_function(TEXTS[:4])), atol=1e-5, rtol=0
        )


@pytest.mark.parametrize("name", ["bert", "distilbert"])
def test_it_learns_texts_and_answers_alike_alone_and_in_company(name):
    clf = pn.Classifier(pn.model(name, **TINY, **STILL), epochs=25, **SHORT).fit(TEXTS, SAID)
    assert clf.score(TEXTS[:4], SAID[:4]) == 1.0
    together = clf.predict_proba(TEXTS[:4])
    for i in range(4):
        np.testing.assert_allclose(together[[i]], clf.predict_proba(TEXTS[i : i + 1]), atol=1e-6)
    assert np.isfinite(clf.predict_proba(["", "zz"])).all()


def inference(n, seed):
    """Pairs (premise, hypothesis): it follows, contradicts, or says nothing, by the animal and "not"."""
    rng, found, said = np.random.default_rng(seed), [], []
    animals = ["cat", "dog", "bird"]
    for i in range(n):
        a, b = rng.permutation(animals)[:2]
        kind = ("follows", "contradicts", "open")[i % 3]
        second = {"follows": f"the {a} sleeps", "contradicts": f"the {a} sleeps not", "open": f"the {b} sleeps"}[kind]
        found.append((f"the {a} sleeps", second))
        said.append(kind)
    return found, said


def test_pairs_are_told_apart_by_both_texts():
    pairs, said = inference(300, 0)
    spec = pn.model("bert", width=48, n_layers=2, n_heads=4, **STILL)
    clf = pn.Classifier(spec, epochs=40, lr=0.001, batch_size=16, progress=False).fit(pairs, said)
    assert clf.score(*inference(60, 1)) > 0.95
    frame = pd.DataFrame(pairs[:6], columns=["premise", "hypothesis"])
    assert clf.predict(frame).tolist() == clf.predict(pairs[:6]).tolist()
    swapped = [(b, a) for a, b in pairs[1:2]]
    assert not np.allclose(clf.decision_function(swapped), clf.decision_function(pairs[1:2]), atol=1e-3)


def test_several_labels_a_text_and_numbers():
    labels = [["funny"] if "funny" in t else ["dull", "cold"] if "cold" in t else ["dull"] for t in TEXTS]
    clf = pn.Classifier(pn.model("bert", **TINY), epochs=40, **SHORT).fit(TEXTS, labels)
    assert clf.predict(["long, dull, cold", "funny and warm"]) == [["cold", "dull"], ["funny"]]
    lengths = np.array([float(len(t.split())) for t in TEXTS])
    reg = pn.Regressor(pn.model("bert", **TINY, **STILL), epochs=40, **SHORT).fit(TEXTS, lengths)
    assert reg.score(TEXTS, lengths) > 0.9


STORIES = [f"the {a} says {b}. it is a {a}, and {b} is what it says." for a, b in
           [("cat", "meow"), ("dog", "woof"), ("cow", "moo"), ("duck", "quack"), ("sheep", "baa")]] * 12  # fmt: skip


@pytest.fixture(scope="module")
def pretrained():
    spec, rate = pn.model("bert", width=32, n_layers=2, n_heads=4, **STILL), pn.schedule("linear", warmup=0.1)
    lm = pn.LanguageModel(spec, context=32, epochs=150, lr=0.002, schedule=rate, batch_size=20, progress=False)
    return lm.fit(STORIES)


def test_hidden_words_are_learned_from_raw_texts(pretrained):
    assert pretrained.fill("the cow says [MASK].", n=1)[0][0] == "moo"
    assert pretrained.fill("the dog says [MASK].", n=1)[0][0] == "woof"
    before, after = pretrained.history_[0]["loss"], pretrained.history_[-1]["loss"]
    assert after < before / 3
    assert pretrained.perplexity(["the cat says meow."]) < pretrained.perplexity(["meow cat the says."])
    assert pretrained.choose("the duck says ", ["moo", "quack"]) == "quack"


def test_whether_a_sentence_follows_is_learned_beside():
    spec = pn.model("bert", width=32, n_layers=2, n_heads=4, **STILL, next_sentence=True)
    rate = pn.schedule("linear", warmup=0.1)
    lm = pn.LanguageModel(spec, context=40, epochs=60, lr=0.003, schedule=rate, batch_size=20, progress=False)
    lm.fit(STORIES)
    rows = lm.codec_.encode(STORIES)
    taken = rows.take(torch.arange(len(rows)))
    assert 0.2 < taken["next"].float().mean() < 0.8
    whole = {"y": torch.full(taken["x"].shape[:2], -100), "lengths": taken["lengths"], "next": taken["next"]}
    x, segments = taken["x"].long().unbind(-1)
    told = lm.objective_.eval().evaluate(whole | {"x": x, "segments": segments})
    assert told["next_right"] > 0.75


def test_a_pretrained_body_starts_a_classifier_and_is_saved(pretrained, tmp_path):
    pretrained.save(tmp_path / "lm.parnassus")
    again = pn.load(tmp_path / "lm.parnassus")
    assert again.fill("the dog says [MASK].") == pretrained.fill("the dog says [MASK].")
    loud = ["the cow says moo.", "the dog says woof.", "the cat says meow.", "the duck says quack."] * 4
    said = ["big", "big", "small", "small"] * 4
    clf = pn.Classifier(start=str(tmp_path / "lm.parnassus"), epochs=30, **SHORT).fit(loud, said)
    assert set(clf.start_["new"]) == {"out.weight", "out.bias", "body.pooler.weight", "body.pooler.bias"}
    assert clf.codec_.tokenizer.written() == pretrained.codec_.tokenizer.written()
    assert clf.score(loud, said) == 1.0
    frozen = pn.Classifier(start=pretrained, freeze=("body.tokens", "body.blocks"), epochs=1, **SHORT).fit(loud, said)
    kept, due = frozen.objective_.model.body.state_dict(), pretrained.objective_.model.body.state_dict()
    assert all(torch.equal(kept[name], due[name]) for name in due if name.startswith(("tokens", "blocks")))


def test_what_is_hidden_changes_from_epoch_to_epoch_and_stays_where_nothing_is_learned(pretrained):
    codec = pretrained.codec_
    rows = codec.encode(STORIES[:20])
    taken = rows.take(torch.arange(len(rows)))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        a, b = (codec.prepare(taken, "pieces", training=True)["x"] for _ in range(2))
    assert not torch.equal(a, b)
    c, d = (codec.prepare(taken, "pieces")["x"] for _ in range(2))
    assert torch.equal(c, d)


def test_the_longer_text_of_a_pair_is_cut_first_and_it_is_said():
    assert shortened(([1, 2, 3], [4, 5, 6]), 5) == ([1, 2, 3], [4, 5])
    assert shortened(([1], [4, 5, 6]), 3) == ([1], [4, 5])
    codec = Pieces(max_length=8).fit(PAIRS)
    with pytest.warns(pn.DataWarning, match=r"of 3 rows are longer than 8 subwords and are cut"):
        rows = codec.encode(PAIRS)
    assert int(rows.lengths.max()) == 8


@pytest.mark.parametrize(("X", "y", "words"), [
    ([("a", "b"), ("c",)], [0, 1], "row 1 of X is 1 texts, and a pair of two texts is due"),
    ([("a", "b"), "c d"], [0, 1], "row 1 of X is 'c d', and a pair of two texts is due"),
    ([("a", None), ("c", "d")], [0, 1], "row 0 of X: the second text is missing"),
    (["a b", 3], [0, 1], "row 1 of X is 3"),
    (["", " "], [0, 1], "no word seen"), (np.ones((2, 3)), [0, 1], "X holds numbers"),
    (["a b", "c d"], [1, 1], "one class"),
])  # fmt: skip
def test_rows_that_are_no_texts_or_pairs_are_refused(X, y, words):
    with pytest.raises(pn.DataError, match=words):
        pn.Classifier(pn.model("bert", **TINY), epochs=1).fit(X, y)


def test_pairs_where_texts_were_and_folders_that_do_not_fit_are_refused(tmp_path):
    clf = pn.Classifier(pn.model("bert", **TINY), epochs=1, **SHORT).fit(TEXTS, SAID)
    with pytest.raises(pn.DataError, match="fit saw texts, and these are pairs of texts"):
        clf.predict(PAIRS)
    with pytest.raises(pn.DataError, match="X is one text"):
        clf.predict("a fine film")
    pn.hub.save_pretrained(clf, tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(pn.FileError, match=r"is no tokenizer\.json"):
        pn.Classifier(start=str(tmp_path), epochs=1).fit(TEXTS, SAID)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(pn.FileError, match=r"needs a tokenizer\.json"):
        pn.Classifier(start=str(tmp_path), epochs=1).fit(TEXTS, SAID)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "bert"


@pytest.mark.parametrize(("options", "words"), [
    ({"context": 4}, "context is 4, and rows have up to"), ({"n_heads": 3}, "no multiple of 3 heads"),
    ({"dropout": 1.0}, r"dropout is in \[0, 1\)"), ({"n_layers": 0}, "n_layers is at least 1"),
])  # fmt: skip
def test_settings_without_meaning_are_refused(options, words):
    with pytest.raises(pn.SettingError, match=words):
        pn.Classifier(pn.model("bert", **options), epochs=1).fit(TEXTS, SAID)


def test_a_net_that_reads_both_ways_writes_nothing_on_and_others_fill_no_gaps(pretrained):
    with pytest.raises(pn.SettingError, match="does not write on"):
        pretrained.generate("the cow")
    with pytest.raises(pn.SettingError, match="context is at least 5"):
        pn.LanguageModel("bert", context=3, epochs=1).fit(STORIES)
    with pytest.raises(pn.DataError, match=r"\[MASK\] once"):
        pretrained.fill("the cow says moo")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ngram = pn.LanguageModel("ngram").fit(STORIES)
    with pytest.raises(pn.SettingError, match="fills no gaps"):
        ngram.fill("the [MASK]")
