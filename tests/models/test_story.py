"""The teller of stories: its sizes, that it never sees what follows, and a tale told by heart."""

import math

import pytest
import torch

import parnassus as pn
from parnassus.models.text.story import PrefixLM

pytestmark = pytest.mark.usefixtures("draws")
TALE = [
    "once upon a time a king and a queen had a daughter", "a wise woman said that she would sleep for a hundred years",
    "a hedge of thorns grew round the castle", "then a prince came and the hedge let him in",
]  # fmt: skip
SMALL = {"width": 8, "hidden": 6, "upper": 5, "dense": 7, "dropout": 0.0}


def test_the_books_layers_have_the_books_parameters():
    """2b A5.19 with 100 numbers a word: 301,200 both ways and 160,400 above, one bias a gate as in Keras."""
    net = PrefixLM(50, width=100, hidden=150, upper=100, dense=100, dropout=0.2)
    extra_both, extra_upper = 2 * 4 * 150, 4 * 100  # torch's cells have a second bias a gate
    assert sum(p.numel() for p in net.both.parameters()) == 301_200 + extra_both
    assert sum(p.numel() for p in net.upper.parameters()) == 160_400 + extra_upper


def test_a_beginning_is_scored_as_if_nothing_followed():
    net = PrefixLM(20, **SMALL).double().eval()
    x = torch.randint(20, (3, 7))
    whole = net(x)
    for t in range(7):
        torch.testing.assert_close(net(x[:, : t + 1])[:, -1], whole[:, t])
    other = x.clone()
    other[:, 4:] = (other[:, 4:] + 1) % 20
    torch.testing.assert_close(net(other)[:, :4], whole[:, :4])


def test_it_is_torch_s_layers_one_beginning_at_a_time():
    net = PrefixLM(20, **SMALL).double().eval()
    both = torch.nn.LSTM(8, 6, batch_first=True, bidirectional=True).double()
    ours = [net.both.forwards[0].inner, net.both.backwards[0].inner]
    with torch.no_grad():
        for cell, end in zip(ours, ("", "_reverse"), strict=True):
            for name, p in cell.named_parameters():
                getattr(both, f"{name}{end}").copy_(p)
    x = torch.randint(20, (1, 5))
    for t in range(5):
        h, _ = net.upper.forwards[0].inner(both(net.embedding(x[:, : t + 1]))[0])
        torch.testing.assert_close(net.head(h[:, -1]), net(x)[:, t])


@pytest.mark.slow
def test_it_tells_a_tale_by_heart_and_is_saved(tmp_path):
    spec = pn.model("story", width=24, hidden=24, upper=24, dense=24, dropout=0.0)
    lm = pn.LanguageModel(spec, unit="words", context=16, epochs=90, lr=0.01, batch_size=4, progress=False).fit(TALE)
    assert lm.generate("a hedge of", n_tokens=10, temperature=0).startswith("a hedge of thorns grew round the castle")
    assert lm.perplexity(TALE) < 2
    lm.save(tmp_path / "tale.parnassus")
    again = pn.load(tmp_path / "tale.parnassus")
    assert again.generate("then a", temperature=0) == lm.generate("then a", temperature=0)


def test_an_untrained_net_guesses():
    lm = pn.LanguageModel(pn.model("story", **SMALL), unit="words", epochs=1, lr=1e-9, context=8, progress=False)
    lm.fit(TALE)
    assert lm.perplexity(TALE) == pytest.approx(lm.codec_.end + 1, rel=0.2)
    assert math.isfinite(lm.bits_per_character(TALE))


@pytest.mark.parametrize("options", [{"hidden": 0}, {"dropout": 1.0}])
def test_settings_without_meaning_are_refused(options):
    with pytest.raises(pn.SettingError, match="model 'story'"):
        pn.LanguageModel(pn.model("story", **options), epochs=1).fit(TALE)
