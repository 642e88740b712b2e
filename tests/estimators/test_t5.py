"""T5 from raw texts: pre-trained on spans, asked for what is missing, fine-tuned, started from folders, refused."""

import json
import math

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.data.text.broken_spans import BrokenSpans
from parnassus.models.text.t5 import T5

pytestmark = pytest.mark.slow

WHO, DOES, WHAT = ("anna", "boris", "clara"), ("sees", "finds"), ("a cat", "the sea", "two dogs")
TEXTS = [f"{who} {does} {what} today" for who in WHO for does in DOES for what in WHAT]
PAIRS = [(f"{who} sees {what}", f"{what} sees {who}") for who in WHO for what in WHAT]
NET = {"width": 32, "n_heads": 2, "n_layers": 1, "dropout": 0.0}
QUICK = {"lr": 0.004, "batch_size": 8, "progress": False}


def learned(**more) -> pn.LanguageModel:
    settings = {"max_words": 160, "context": 40, "epochs": 2} | QUICK | more
    return pn.LanguageModel(pn.model("t5", **NET), **settings).fit(TEXTS)


@pytest.fixture(scope="module")
def lm():
    return learned(epochs=60)


def test_it_learns_to_write_what_was_left_out(lm):
    assert isinstance(lm.codec_, BrokenSpans)
    first, last = lm.history_[0]["loss"], lm.history_[-1]["loss"]
    assert last < 0.45 * first
    assert lm.perplexity(TEXTS) < 0.2 * lm.codec_.end
    assert lm.evaluate(TEXTS)["perplexity"].value == pytest.approx(lm.perplexity(TEXTS))


def test_a_subword_costs_what_the_net_says_of_it_behind_a_sentinel(lm):
    known, objective = lm.codec_.tokenizer, lm.objective_.eval()
    row = known.rows(["anna sees a cat"])[0]
    (found,) = lm.token_log_probs(["anna sees a cat"])
    assert len(found) == len(row)
    for i in (0, 3, len(row) - 1):
        x = torch.tensor([[*row[:i], known.sentinels[0], *row[i + 1 :], known.end]])
        with torch.no_grad():
            logits = objective.net(x, torch.tensor([[known.start, known.sentinels[0]]]), None)[0, -1]
        assert found[i] == pytest.approx(float(logits.double().log_softmax(0)[row[i]]), abs=1e-5)


def test_gaps_are_filled_by_spans_with_probabilities(lm):
    found = lm.fill("anna sees [MASK] today", n=4)
    assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)
    assert len({span for span, _ in found}) == len(found) <= 4
    assert 0 < sum(p for _, p in found) <= 1
    known = lm.codec_.tokenizer
    x = torch.tensor([[*known.rows(["anna sees <extra_id_0> today"])[0], known.end]])
    answers = lm.objective_.translate(
        {"x": x, "lengths": torch.tensor([x.shape[1]])}, n_tokens=12, beam=8, n_best=8, length_penalty=0.0,
        never=(0, 2),
    )[0]  # fmt: skip
    assert found[0][1] >= math.exp(answers[0][1]) * 0.999
    with pytest.raises(pn.DataError, match="once"):
        lm.fill("no gap")
    with pytest.raises(pn.SettingError, match="does not write on"):
        lm.generate("anna")


def test_it_is_saved_and_each_epoch_hides_other_spans(lm, tmp_path):
    lm.save(tmp_path / "lm.parnassus")
    again = pn.load(tmp_path / "lm.parnassus")
    assert again.fill("boris [MASK] the sea today", n=2) == lm.fill("boris [MASK] the sea today", n=2)
    one, other, seeded = (learned(seed=seed) for seed in (0, 0, 1))
    assert one.history_ == other.history_ != seeded.history_


def test_the_worst_texts_are_shown(lm):
    odd = lm.worst(pn.estimators.fitting.intake.Examples(["boris sees a cat today", "zzz"]), 1)
    assert odd[0][1] == "zzz"


@pytest.mark.parametrize("way", ["fitted", "path", "folder"])
def test_a_translator_goes_on_from_it(lm, way, tmp_path):
    start = lm
    if way == "path":
        lm.save(tmp_path / "lm.parnassus")
        start = str(tmp_path / "lm.parnassus")
    if way == "folder":
        pn.hub.save_pretrained(lm, tmp_path / "folder")
        start = tmp_path / "folder"
    still = pn.Translator(start=start, epochs=1, lr=1e-12, progress=False).fit(PAIRS)
    for name, tensor in lm.objective_.model.state_dict().items():
        torch.testing.assert_close(still.objective_.model.state_dict()[name], tensor, rtol=0, atol=1e-9)
    assert still.start_["new"] == []
    assert still.codec_.tokenizer.rows(["anna"]) == lm.codec_.tokenizer.rows(["anna"])
    assert still.target_.facts()["end_id"] == 1


def test_it_is_fine_tuned_faster_than_from_nothing_and_saved(lm, tmp_path):
    tr = pn.Translator(start=lm, epochs=60, **QUICK).fit(PAIRS)
    assert tr.score(PAIRS, metric="exact") > 0.8
    tr.save(tmp_path / "tr.parnassus")
    again = pn.load(tmp_path / "tr.parnassus")
    assert again.translate([PAIRS[0][0]], beam=3) == tr.translate([PAIRS[0][0]], beam=3)
    further = pn.Translator(start=again, epochs=1, lr=1e-12, progress=False).fit(PAIRS[:4])
    np.testing.assert_allclose(further.log_prob(*zip(*PAIRS, strict=True)), tr.log_prob(*zip(*PAIRS, strict=True)))


def test_any_translator_may_go_on_from_itself_on_other_pairs():
    settings = {"epochs": 3, "progress": False, "batch_size": 8}
    one = pn.Translator(pn.model("seq2seq", width=8, hidden=8), **settings).fit(PAIRS)
    other = pn.Translator(start=one, lr=1e-12, **settings).fit(PAIRS[:3])
    np.testing.assert_allclose(other.log_prob(*zip(*PAIRS, strict=True)), one.log_prob(*zip(*PAIRS, strict=True)))


def test_starts_that_do_not_fit_are_refused(lm, tmp_path):
    with pytest.raises(pn.SettingError, match="do not fit this net"):
        pn.Translator(pn.model("t5", width=16, n_heads=2), start=lm, epochs=1).fit(PAIRS)
    with pytest.raises(pn.SettingError, match="writes no texts"):
        pn.Translator(start=pn.LanguageModel("ngram").fit(TEXTS), epochs=1).fit(PAIRS)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(pn.FileError, match="safetensors"):
        pn.Translator(start=tmp_path, epochs=1).fit(PAIRS)
    with pytest.raises(pn.SettingError, match="leave unit='words' out"):
        learned(unit="words")


def test_a_folder_answers_without_learning(lm, tmp_path):
    pn.hub.save_pretrained(lm, tmp_path / "a")
    tr = pn.Translator.read(tmp_path / "a")
    x = torch.tensor([[*tr.codec_.tokenizer.rows(["anna sees"])[0], 1]])
    batch = {"x": x, "lengths": torch.tensor([x.shape[1]])}
    with torch.no_grad():
        ids = lm.objective_.translate(batch, n_tokens=9, never=(0, 2))[0][0][0]
    assert tr.translate(["anna sees"], max_length=9) == [tr.target_.text(ids)]
    (tmp_path / "a" / "tokenizer.json").unlink()
    with pytest.raises(pn.FileError, match=r"tokenizer\.json"):
        pn.Translator.read(tmp_path / "a")
    bert = pn.LanguageModel(pn.model("bert", width=8, n_layers=1), epochs=1, progress=False).fit(TEXTS)
    pn.hub.save_pretrained(bert, tmp_path / "b")
    with pytest.raises(pn.SettingError, match="BERTWithHead, which writes no texts"):
        pn.Translator.read(tmp_path / "b")


# --- Folders --------------------------------------------------------------------------------------------------------


@pytest.fixture
def peer(draws):
    found = pytest.importorskip("transformers", reason="transformers is not installed: no peer for T5")
    found.logging.set_verbosity_error()
    found.logging.disable_progress_bar()
    return found


def their_folder(peer, path):
    """A folder that others wrote: random weights by transformers, a tokenizer.json by its own T5 tokenizer."""
    letters = [(c, -2.0 - i / 50) for i, c in enumerate("\u2581abcdefghilnorstwy")]
    words = [(f"\u2581{w}", -3.0) for w in ("anna", "sees", "a", "cat", "the", "sea")]
    names = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary = [*names, *letters, *words, *((f"<extra_id_{i}>", 0.0) for i in reversed(range(5)))]
    tokenizer = peer.T5Tokenizer(vocab=vocabulary, extra_ids=5)
    tokenizer.save_pretrained(path)
    config = peer.T5Config(
        vocab_size=64, d_model=16, d_kv=4, d_ff=24, num_layers=2, num_heads=3, decoder_start_token_id=0
    )
    net = peer.T5ForConditionalGeneration(config)
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.3)
    net.eval().save_pretrained(path)
    return net, tokenizer


def test_a_folder_s_words_and_texts_are_transformers_own(peer, tmp_path):
    net, tokenizer = their_folder(peer, tmp_path)
    tr = pn.Translator(start=str(tmp_path), epochs=1, lr=1e-12, progress=False).fit(PAIRS)
    given = tokenizer([a for a, _ in PAIRS], return_tensors="pt", padding=True)
    rows = tr.codec_.encode([a for a, _ in PAIRS])
    assert rows.take(torch.arange(len(rows)))["x"].tolist() == given["input_ids"].tolist()
    assert tr.target_.facts()["target_vocab_size"] == 64
    unnamed = [[i] for i in range(len(tokenizer), 64)]
    wanted = net.generate(**given, max_new_tokens=10, num_beams=4, do_sample=False, early_stopping="never",
                          length_penalty=1.0, bad_words_ids=[[0], [2], *unnamed], renormalize_logits=True)  # fmt: skip
    texts = tokenizer.batch_decode(wanted, skip_special_tokens=True)
    assert tr.translate([a for a, _ in PAIRS], beam=4, max_length=10) == texts
    ready = pn.Translator.read(tmp_path)
    assert ready.translate([a for a, _ in PAIRS], beam=4, max_length=10) == texts
    ready.save(tmp_path / "ready.parnassus")
    again = pn.load(tmp_path / "ready.parnassus")
    assert again.translate([a for a, _ in PAIRS], beam=4, max_length=10) == texts
    assert ready.evaluate(PAIRS)["bleu"].value == again.score(PAIRS)


def test_what_is_written_back_is_read_by_transformers_with_its_words(peer, lm, tmp_path):
    pn.hub.save_pretrained(lm, tmp_path)
    net = peer.T5ForConditionalGeneration.from_pretrained(tmp_path).eval()
    fast = peer.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"), pad_token="<pad>")
    given = fast(["anna sees <extra_id_0> today"], return_tensors="pt", return_token_type_ids=False)
    known = lm.codec_.tokenizer
    assert given["input_ids"][0].tolist() == [*known.rows(["anna sees <extra_id_0> today"])[0], known.end]
    ids = torch.tensor([[known.start, known.sentinels[0], 5]])
    ours = lm.objective_.model.eval()
    assert isinstance(ours, T5)
    with torch.no_grad():
        wanted = net(**given, decoder_input_ids=ids).logits
        torch.testing.assert_close(ours(given["input_ids"], ids), wanted, rtol=1e-5, atol=1e-5)


def test_the_loss_of_broken_texts_is_theirs(peer, lm, tmp_path):
    pn.hub.save_pretrained(lm, tmp_path)
    net = peer.T5ForConditionalGeneration.from_pretrained(tmp_path).eval()
    codec, objective = lm.codec_, lm.objective_.eval()
    rows = codec.encode(TEXTS[:5])
    batch = codec.prepare(rows.take(torch.arange(len(rows))), "spans")
    y, counted = objective.due(batch)
    mask = torch.arange(batch["x"].shape[1]) < batch["lengths"][:, None]
    with torch.no_grad():
        wanted = net(batch["x"], attention_mask=mask.long(), labels=y.masked_fill(~counted, -100)).loss
        torch.testing.assert_close(objective.mean_loss(batch), wanted, rtol=1e-5, atol=1e-5)


def test_a_marian_folder_with_a_tokenizer_json_is_read_started_from_and_written(peer, tmp_path):
    """Its </s> is id 0, <unk> 1 and <pad>, which begins what is written, the last."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    words = [("</s>", 0.0), ("<unk>", -9.0)]
    words += [(f"\u2581{w}", -3.0) for w in "anna boris clara sees finds a cat the sea two dogs".split()]  # noqa: SIM905
    made = Tokenizer(models.Unigram([*words, ("<pad>", 0.0)], 1, False))
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    made.add_special_tokens(["</s>", "<unk>", "<pad>"])
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 0)])
    made.save(str(tmp_path / "tokenizer.json"))
    pad = made.token_to_id("<pad>")
    config = peer.MarianConfig(
        vocab_size=pad + 1, d_model=16, encoder_layers=1, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=24, decoder_ffn_dim=24, activation_function="swish",
        scale_embedding=True, pad_token_id=pad, decoder_start_token_id=pad, eos_token_id=0, forced_eos_token_id=None,
        bos_token_id=None, max_position_embeddings=64,
    )  # fmt: skip
    net = peer.MarianMTModel(config).eval()
    for p in net.parameters():
        if p.requires_grad:
            torch.nn.init.normal_(p, std=0.7)
    net.save_pretrained(tmp_path)
    fast = peer.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"), pad_token="<pad>")
    sources = [a for a, _ in PAIRS]
    given = fast(sources, return_tensors="pt", padding=True, return_token_type_ids=False)
    wanted = net.generate(**given, max_new_tokens=8, num_beams=3, do_sample=False, early_stopping="never",
                          length_penalty=1.0, bad_words_ids=[[pad], [1]], renormalize_logits=True)  # fmt: skip
    texts = fast.batch_decode(wanted, skip_special_tokens=True)
    assert len(set(texts)) > 1
    ready = pn.Translator.read(tmp_path)
    assert ready.translate(sources, beam=3, max_length=8) == texts
    tuned = pn.Translator(start=tmp_path, epochs=40, **QUICK).fit(PAIRS)
    before, after = (tr.log_prob(*zip(*PAIRS, strict=True)).mean() for tr in (ready, tuned))
    assert after > before + 5
    pn.hub.save_pretrained(tuned, tmp_path / "back")
    back = peer.MarianMTModel.from_pretrained(tmp_path / "back").eval()
    wanted = back.generate(**given, max_new_tokens=8, num_beams=3, do_sample=False, early_stopping="never",
                           length_penalty=1.0, bad_words_ids=[[pad], [1]], renormalize_logits=True)  # fmt: skip
    assert tuned.translate(sources, beam=3, max_length=8) == fast.batch_decode(wanted, skip_special_tokens=True)
