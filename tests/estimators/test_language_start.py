"""Language models that go on from folders and from each other, and are written for others with their units."""

import json

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer as Rust
from tokenizers import decoders, models, pre_tokenizers

import parnassus as pn
from parnassus.data.text.stream_pieces import StreamPieces
from parnassus.data.text.token_stream import NextToken, TokenStream
from parnassus.data.text.tokenizers import Tokenizer

TEXTS = ["the cat sat on the mat", "the dog sat on the log", "a cat and a dog sat on the mat"] * 4
ODD = [
    "The cat's on  the\tmat\n",
    "\u039f\u0394\u039f\u03a3 \u03a3\u03a3, na\u00efve caf\u00e9 x\u00b2",
    "",
    " ",
    "\u4e2d\u6587 \u0639\u0631\u0628\u064a",
]
QUICK = {"progress": False, "batch_size": 8, "lr": 0.005}


def gpt(unit, epochs=1, **settings):
    net = pn.model("gpt", width=16, n_layers=1, n_heads=2)
    return pn.LanguageModel(net, unit=unit, context=32, epochs=epochs, **QUICK | settings).fit(TEXTS)


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("unit", ["words", "characters", "bytes", "bpe", "byte_bpe", "wordpiece", "unigram"])
def test_every_unit_is_written_as_a_tokenizer_that_gives_the_same_ids(unit, lower):
    own = Tokenizer(unit, lower=lower, size=300).fit([*TEXTS, *ODD])
    theirs = Rust.from_str(StreamPieces.of(own).written())
    ids, lengths = own.ids([*ODD, *TEXTS[:2]])
    found = [theirs.encode(text, add_special_tokens=False).ids for text in [*ODD, *TEXTS[:2]]]
    assert found == [row.tolist() for row in np.split(ids, lengths.cumsum()[:-1])]
    assert theirs.token_to_id("<|endoftext|>") == own.n_ids
    assert [theirs.decode(row, skip_special_tokens=False) for row in found] == [own.text(row) for row in found]


def test_a_text_that_names_the_end_does_not_take_its_place():
    own = Tokenizer("characters").fit(["ab"])
    own.names.append("<|endoftext|>")
    assert StreamPieces.of(own._indexed()).marks["eos_token"] == "<<|endoftext|>>"


@pytest.mark.parametrize("unit", [None, "words", "byte_bpe"])
def test_a_folder_says_and_writes_what_the_model_does_that_wrote_it(unit, tmp_path):
    lm = gpt(unit, epochs=8)
    pn.hub.save_pretrained(lm, tmp_path / "a")
    again = pn.LanguageModel.read(tmp_path / "a")
    prompts = ["the dog", "", "a cat "]
    assert again.generate(prompts, n_tokens=8, temperature=0) == lm.generate(prompts, n_tokens=8, temperature=0)
    np.testing.assert_allclose(again.log_prob(ODD[:1] + TEXTS[:3]), lm.log_prob(ODD[:1] + TEXTS[:3]), rtol=1e-6)
    again.save(tmp_path / "again.parnassus")
    loaded = pn.load(tmp_path / "again.parnassus")
    assert loaded.generate(prompts, n_tokens=8, beam=3) == lm.generate(prompts, n_tokens=8, beam=3)
    assert loaded.perplexity(TEXTS) == pytest.approx(lm.perplexity(TEXTS))


def test_learning_goes_on_from_a_folder_with_fewer_places_and_from_an_estimator(tmp_path):
    lm = gpt(None, epochs=4)
    pn.hub.save_pretrained(lm, tmp_path / "a")
    for start in (str(tmp_path / "a"), lm):
        still = pn.LanguageModel(start=start, epochs=1, **QUICK | {"lr": 1e-12}).fit(TEXTS)
        np.testing.assert_allclose(still.log_prob(TEXTS[:3]), lm.log_prob(TEXTS[:3]), rtol=1e-5)
        assert still.codec_.context == 32
    on = pn.LanguageModel(start=tmp_path / "a", context=8, epochs=10, **QUICK).fit(TEXTS)
    assert on.objective_.model.place.weight.shape[0] == 8
    assert on.score(TEXTS) > lm.score(TEXTS) + 0.2
    on.save(tmp_path / "on.parnassus")
    np.testing.assert_allclose(pn.load(tmp_path / "on.parnassus").log_prob(TEXTS[:3]), on.log_prob(TEXTS[:3]))


@pytest.mark.parametrize(
    "net", [pn.model("lstm", hidden=4), pn.model("bert", width=8, n_layers=1), pn.model("t5", width=8, n_heads=1)]
)
def test_other_nets_go_on_from_themselves_and_folders_where_they_have_a_layout(net, tmp_path):
    lm = pn.LanguageModel(net, context=32, epochs=1, **QUICK).fit(TEXTS)
    starts = [lm]
    if net.name != "lstm":
        pn.hub.save_pretrained(lm, tmp_path)
        starts.append(tmp_path)
        read = pn.LanguageModel.read(tmp_path)
        np.testing.assert_allclose(read.log_prob(TEXTS[:2]), lm.log_prob(TEXTS[:2]), rtol=1e-5)
        assert dict(read.fill("the [MASK] sat")) == pytest.approx(dict(lm.fill("the [MASK] sat")))
    for start in starts:
        still = pn.LanguageModel(start=start, epochs=1, **QUICK | {"lr": 1e-12}).fit(TEXTS)
        np.testing.assert_allclose(still.log_prob(TEXTS[:2]), lm.log_prob(TEXTS[:2]), rtol=1e-4)


def test_what_cannot_be_gone_on_from_is_refused(tmp_path):
    lm = gpt(None)
    counted = pn.LanguageModel("ngram").fit(TEXTS)
    with pytest.raises(pn.SettingError, match="no net that models language"):
        pn.LanguageModel("gpt", start=counted).fit(TEXTS)
    with pytest.raises(pn.SettingError, match="go on from nothing"):
        pn.LanguageModel("ngram", start=lm).fit(TEXTS)
    with pytest.raises(pn.SettingError, match="unit, lower: the units are those that the start learned with"):
        pn.LanguageModel(start=lm, unit="words", lower=True).fit(TEXTS)
    with pytest.raises(pn.SettingError, match="has 32 places; give a context of 32 at most"):
        pn.LanguageModel(start=lm, context=64, epochs=1).fit(TEXTS)
    with pytest.raises(pn.SettingError, match="do not fit this net"):
        pn.LanguageModel(pn.model("gpt", width=8), start=lm, epochs=1).fit(TEXTS)
    with pytest.raises(pn.SettingError, match="give start="):
        pn.LanguageModel(unit="pieces").fit(TEXTS)
    with pytest.warns(pn.DataWarning, match="hold 1 of 23 units that the vocabulary has not"):
        pn.LanguageModel(start=lm, epochs=1, **QUICK).fit(["the cat sat on the mat?"])
    pn.hub.save_pretrained(lm, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"eos_token_id": 99}))
    with pytest.raises(pn.FileError, match="has no id 99, which ends a text"):
        pn.LanguageModel.read(tmp_path)
    classifier = pn.Classifier(pn.model("bert", width=8, n_layers=1), epochs=1, progress=False)
    pn.hub.save_pretrained(classifier.fit(TEXTS, [0, 1, 2] * 4), tmp_path / "b")
    with pytest.raises(pn.SettingError, match="with head 'sequence', which models no language"):
        pn.LanguageModel.read(tmp_path / "b")


def test_texts_begin_with_what_the_configuration_says_where_it_is_no_end():
    """Ids: <s> 0, </s> 1, <unk> 2, a 3, b 4; the net has two rows more."""
    made = Rust(models.WordLevel({"<s>": 0, "</s>": 1, "<unk>": 2, "a": 3, "b": 4}, unk_token="<unk>"))
    made.pre_tokenizer, made.decoder = pre_tokenizers.Split("", "isolated"), decoders.Fuse()
    codec = TokenStream.of(StreamPieces(made, "made here", end=1, start=0, vocab_size=7), context=3).measured(
        ["ab", "b"]
    )
    assert codec.encode(["ab", "b"]).stream.tolist() == [0, 3, 4, 1, 0, 4, 1, 0]
    assert [row.tolist() for row in codec.rows(["ab", ""])] == [[0, 3, 4, 1], [0, 1]]
    assert (codec.never, codec.n_choices) == ([2, 5, 6], 4)
    assert codec.views()["tokens"]["vocab_size"] == 7
    assert codec.n_blocks == len(codec.encode(["ab", "b"])) == 3
    rows = codec.encode(["ab", "b"])
    batch = codec.prepare(NextToken().cut(rows.take(torch.arange(3))), "tokens")
    assert batch["y"].flatten().tolist() == [3, 4, 1, 0, 4, 1, 0, -100, -100]
    assert TokenStream.from_state(codec.state()).rows(["ab"])[0].tolist() == [0, 3, 4, 1]


# --- Their folders --------------------------------------------------------------------------------------------------


@pytest.fixture
def peer(draws):
    found = pytest.importorskip("transformers", reason="transformers is not installed: no peer for GPT-2")
    found.logging.set_verbosity_error()
    found.logging.disable_progress_bar()
    return found


def their_folder(peer, path):
    """Random weights by transformers; GPT-2's kind of tokenizer, learned by the Rust package, in a net of 300 ids."""
    from tokenizers import trainers

    made = Rust(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=290, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(TEXTS, trainer)
    end = made.token_to_id("<|endoftext|>")
    fast = peer.PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|endoftext|>", bos_token="<|endoftext|>")
    fast.save_pretrained(path)
    config = peer.GPT2Config(
        vocab_size=300, n_positions=24, n_embd=12, n_layer=2, n_head=3, n_inner=20, bos_token_id=end, eos_token_id=end,
        layer_norm_epsilon=1e-4,
    )  # fmt: skip
    net = peer.GPT2LMHeadModel(config).eval()
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.3)
    net.save_pretrained(path)
    return net, fast, end


def test_their_folder_scores_and_writes_as_transformers_do(peer, tmp_path):
    net, fast, end = their_folder(peer, tmp_path)
    lm = pn.LanguageModel.read(tmp_path)
    for text in [*TEXTS[:2], "a na\u00efve caf\u00e9"]:
        ids = torch.tensor([[end, *fast(text)["input_ids"], end]])
        with torch.no_grad():
            log_p = net(ids).logits[0, :-1].double().log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
        np.testing.assert_allclose(lm.token_log_probs([text])[0], log_p.numpy(), rtol=1e-4, atol=1e-5)
    unnamed = [[i] for i in range(len(fast), 300)]
    for beam, told in ((None, {"num_beams": 1}), (3, {"num_beams": 3, "early_stopping": "never"})):
        given = torch.tensor([[end, *fast("the dog")["input_ids"]]])
        wanted = net.generate(given, attention_mask=torch.ones_like(given), max_new_tokens=9, do_sample=False,
                              bad_words_ids=unnamed, renormalize_logits=True, pad_token_id=end, **told)  # fmt: skip
        ours = lm.generate("the dog", n_tokens=9, beam=beam, **({} if beam else {"temperature": 0}))
        assert ours == fast.decode(wanted[0], skip_special_tokens=True)
    tuned = pn.LanguageModel(start=tmp_path, epochs=8, **QUICK).fit(TEXTS)
    assert tuned.score(TEXTS) > lm.score(TEXTS) + 0.3
    pn.hub.save_pretrained(tuned, tmp_path / "back")
    back = peer.GPT2LMHeadModel.from_pretrained(tmp_path / "back").eval()
    ids = torch.tensor([[end, 5, 7, 280]])
    with torch.no_grad():
        torch.testing.assert_close(tuned.objective_.model.eval()(ids), back(ids).logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("unit", ["characters", "words", "bytes", "unigram"])
def test_what_is_written_is_cut_as_here_by_their_automatic_tokenizer(peer, unit, tmp_path):
    lm = gpt(unit)
    pn.hub.save_pretrained(lm, tmp_path)
    fast, net = peer.AutoTokenizer.from_pretrained(tmp_path), peer.AutoModelForCausalLM.from_pretrained(tmp_path)
    for text in (*ODD, *TEXTS[:3]):
        assert fast(text, add_special_tokens=False)["input_ids"] == lm.codec_.tokenizer.ids([text])[0].tolist()
    assert fast.eos_token_id == net.config.eos_token_id == lm.codec_.end
    ids = torch.tensor([lm.codec_.rows(["the cat"])[0].tolist()])
    with torch.no_grad():
        torch.testing.assert_close(net.eval()(ids).logits, lm.objective_.model.eval()(ids), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["bert", "t5"])
def test_other_subwords_are_cut_as_here_by_their_automatic_tokenizer(peer, name, tmp_path):
    net = pn.model(name, width=8, n_layers=1, n_heads=1)
    lm = pn.LanguageModel(net, context=32, epochs=1, **QUICK).fit([*TEXTS, *(text.title() for text in TEXTS)])
    pn.hub.save_pretrained(lm, tmp_path)
    fast = peer.AutoTokenizer.from_pretrained(tmp_path)
    for text in ("The Cat sat", *TEXTS[:3]):
        assert fast(text, add_special_tokens=False)["input_ids"] == lm.codec_.tokenizer.rows([text])[0]
