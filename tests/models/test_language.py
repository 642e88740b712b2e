"""Language models as nets: the books' numbers, published counts, reading on equals reading at once."""

import pytest
import torch

import parnassus as pn
from parnassus.models.text.followers import following
from parnassus.models.text.gpt import GPT
from parnassus.models.text.language import FeedForwardLM, MaskedAttentionLM

NETS = ["rnn", "lstm", "gru", "gpt", "mamba", "ffn_lm", "masked_attention"]
SMALL = {
    "gpt": {"width": 16, "n_layers": 2, "n_heads": 2},
    "mamba": {"hidden": 8, "n_layers": 1, "n_state": 4},
    **{name: {"width": 6, "hidden": 9} for name in ("rnn", "lstm", "gru", "ffn_lm")},
}


def net(name, vocab_size=11, context=8):
    from parnassus.registry import model

    spec = model(name, **SMALL.get(name, {}))
    builder = next(b for b in spec.builders("language_model"))
    facts = {"vocab_size": vocab_size, "max_length": context, "n_samples": 3}
    made = builder.make(
        **{k: v for k, v in facts.items() if k in builder.facts}, **spec.get_params(task="language_model")
    )
    return made.double().eval()


def test_0_B25_the_feed_forward_net(draws):
    lm = FeedForwardLM(5, window=3, width=2, hidden=3).double()
    with torch.no_grad():
        lm.embedding.weight.copy_(torch.tensor([[0.1, 0.3], [0.4, 0.2], [0.5, 0.8], [0.6, 0.9], [0.7, 0.1]]))
        rows = [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.7, 0.8, 0.9, 0.1, 0.2, 0.3], [0.4, 0.5, 0.6, 0.7, 0.8, 0.9]]
        lm.inner.weight.copy_(torch.tensor(rows))
        lm.inner.bias.copy_(torch.tensor([0.1, 0.2, 0.3]))
        lm.outer.weight.copy_(torch.arange(1, 16).view(5, 3) / 10)
        lm.outer.bias.fill_(0.1)
        z = lm(torch.tensor([[1, 2, 3]]))[0, -1]
    expected = [0.6707719855, 1.5137509651, 2.3567299447, 3.1997089243, 4.0426879039]
    assert z.tolist() == pytest.approx(expected, abs=1e-7)  # the book rounds h to .90, .91, .99 and gives .669 to 4.029
    shares = [0.0198430977, 0.0461010258, 0.1071054841, 0.2488357800, 0.5781146125]
    assert z.softmax(0).tolist() == pytest.approx(shares, abs=1e-7)


def test_2b_A6_11_parameters_of_the_masked_attention_net(draws):
    parts = {k: v.numel() for k, v in MaskedAttentionLM(30, width=32, n_heads=16, size=16).named_parameters()}
    assert parts["embedding.weight"] == 960
    assert parts["qkv.weight"] == 24_576
    assert parts["inner.weight"] + parts["inner.bias"] == 8_224
    assert parts["outer.weight"] + parts["outer.bias"] == 990


@pytest.mark.parametrize(("vocab_size", "count"), [(30, 10_762_014), (65, 10_788_929)])
def test_2b_A6_15_parameters_of_the_character_transformer(vocab_size, count, draws):
    spec = pn.model("gpt", n_layers=6, n_heads=6, width=384, activation="relu", tied=False, bias=False)
    (builder,) = spec.builders("language_model")
    made = builder.make(vocab_size=vocab_size, max_length=256, **spec.get_params(task="language_model"))
    assert isinstance(made, GPT)
    assert sum(p.numel() for p in made.parameters()) == count


@pytest.mark.parametrize("name", NETS)
def test_what_follows_never_changes_what_was_said(name, draws):
    lm = net(name)
    x = torch.randint(1, 11, (2, 8))
    other = x.clone()
    other[:, 5:] = 1
    with torch.no_grad():
        torch.testing.assert_close(lm(x)[:, :5], lm(other)[:, :5])


@pytest.mark.parametrize("name", NETS)
def test_reading_on_equals_reading_at_once(name, draws):
    lm = net(name)
    x = torch.randint(1, 11, (3, 8))
    with torch.no_grad():
        whole = lm(x)
        follower = following(lm, x[:, :3], torch.full((3,), 3), context=8)
        torch.testing.assert_close(follower.first, whole[:, 2])
        rows = torch.tensor([2, 0])
        for t in range(3, 7):
            torch.testing.assert_close(
                follower.step(x[:, t] if t < 5 else x[rows, t]), whole[:, t] if t < 5 else whole[rows, t]
            )
            if t == 4:
                follower.select(rows)


def test_a_gpt_reads_prompts_of_different_lengths_together(draws):
    lm = net("gpt")
    x = torch.randint(1, 11, (2, 6))
    with torch.no_grad():
        follower = following(
            lm, torch.where(torch.arange(6) < torch.tensor([[6], [4]]), x, 0), torch.tensor([6, 4]), context=8
        )
        alone = lm(x[1:, :4])[:, -1]
        torch.testing.assert_close(follower.first[1:], alone)
        after = torch.cat([x[1:, :4], torch.tensor([[7]])], 1)
        torch.testing.assert_close(follower.step(torch.tensor([7, 7]))[1:], lm(after)[:, -1])


def test_a_full_cache_is_read_again_from_its_newer_half(draws):
    lm = net("gpt", context=6)
    x = torch.randint(1, 11, (2, 9))
    with torch.no_grad():
        follower = following(lm, x[:, :4], torch.full((2,), 4), context=6)
        for t in range(4, 6):
            follower.step(x[:, t])
        torch.testing.assert_close(follower.step(x[:, 6]), lm(x[:, 4:7])[:, -1])
        torch.testing.assert_close(follower.step(x[:, 7]), lm(x[:, 4:8])[:, -1])


@pytest.mark.parametrize(
    "options",
    [
        ("rnn", {"hidden": 0}),
        ("gru", {"reset": "never"}),
        ("lstm", {"dropout": 1.0}),
        ("ffn_lm", {"window": 0}),
        ("masked_attention", {"n_heads": 0}),
        ("ngram", {"order": 0}),
        ("ngram", {"smoothing": "kn"}),
    ],
)
def test_settings_out_of_range_are_refused(options):
    from parnassus import LanguageModel

    name, given = options
    with pytest.raises(pn.SettingError, match=name):
        LanguageModel(pn.model(name, **given), epochs=1).fit(["ab ba", "abc"])
