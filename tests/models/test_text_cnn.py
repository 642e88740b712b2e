"""Phrases of several widths: by hand, against the equation, counted, padded, learned from, refused."""

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.functional.convolution.phrases import strongest_phrases
from parnassus.models.text.text_cnn import PhraseNet

pytestmark = pytest.mark.usefixtures("draws")


def test_two_widths_by_hand():
    """Words 1, -2, 4: alone the strongest is 4; of pairs e_t - e_{t+1} it is 4 - 0 behind the end, not 1 + 2."""
    net = PhraseNet(1, 1, widths=(1, 2), hidden=1, dropout=0.0)
    with torch.no_grad():
        for kernel, weight in zip(net.kernels, ([[[1.0]]], [[[1.0, -1.0]]]), strict=True):
            kernel.weight.copy_(torch.tensor(weight))
            kernel.bias.fill_(-0.5)
    x = torch.tensor([[[1.0], [-2.0], [4.0]], [[1.0], [-2.0], [4.0]]])
    assert net.features(x, torch.tensor([3, 2])).tolist() == [[3.5, 3.5], [0.5, 2.5]]


def test_the_net_is_its_equation():
    net = PhraseNet(6, 3, widths=(3, 4, 5), hidden=7, dropout=0.0).double()
    x, lengths = torch.randn(4, 9, 6, dtype=torch.float64), torch.tensor([9, 4, 1, 0])
    kernels, biases = [k.weight for k in net.kernels], [k.bias for k in net.kernels]
    torch.testing.assert_close(net.features(x, lengths), strongest_phrases(x, kernels, biases, lengths))
    assert not net.features(x, lengths)[3].any()


def test_against_torch_where_all_rows_are_full():
    net = PhraseNet(4, 2, widths=(2, 3), hidden=5, dropout=0.0)
    x = torch.randn(3, 8, 4)
    due = [torch.nn.functional.pad(x.mT, (h - 1, h - 1)) for h in (2, 3)]
    due = [
        torch.relu(torch.nn.functional.conv1d(p, k.weight, k.bias)).amax(2)
        for p, k in zip(due, net.kernels, strict=True)
    ]
    torch.testing.assert_close(net.features(x), torch.cat(due, 1))


def test_what_fills_rows_never_changes_a_score():
    net = PhraseNet(4, 2, widths=(3, 4, 5), hidden=5, dropout=0.0).eval()
    for kernel in net.kernels:
        torch.nn.init.constant_(kernel.bias, 2.0)  # windows of nothing would answer loudest
    x = torch.randn(3, 12, 4)
    for n in (0, 1, 2, 5, 12):
        alone = net(x[:, :n], torch.full((3,), n)) if n else net(x[:, :1], torch.zeros(3, dtype=torch.int64))
        torch.testing.assert_close(net(x, torch.full((3,), n)), alone)


def test_counts_are_those_of_the_closed_form():
    """Kim's sizes: 300 numbers a word, 100 filters of 3, 4 and 5 words, two classes as one logit each."""
    net = PhraseNet(300, 2, widths=(3, 4, 5), hidden=100, dropout=0.5)
    assert sum(p.numel() for p in net.parameters()) == 300 * 100 * (3 + 4 + 5) + 300 + 300 * 2 + 2


def test_it_finds_a_phrase_wherever_it_stands():
    """ "not bad" is good and "bad" is bad, among words that say nothing: a bag of words cannot tell "not ... bad"."""
    rng = np.random.default_rng(0)
    filler, texts, said = ["the", "film", "was", "so", "and", "then", "it", "we", "saw", "not", "bad"], [], []
    for i in range(240):
        words = rng.choice(filler[:9], 8).tolist()
        at = int(rng.integers(0, 6))
        words[at : at + 3] = ["not", "bad", "it"] if i % 2 else ["bad", "it", "not"]
        texts.append(" ".join(words))
        said.append("good" if i % 2 else "bad")
    spec = pn.model("text_cnn", widths=(2, 3), hidden=16, embedding=8)
    clf = pn.Classifier(spec, epochs=10, lr=0.01, batch_size=16).fit(texts[:160], said[:160])
    assert clf.score(texts[160:], said[160:]) > 0.95


@pytest.mark.parametrize(
    "options", [{"widths": ()}, {"widths": (0, 2)}, {"hidden": 0, "embedding": 4}, {"dropout": 1.0}]
)
def test_settings_without_meaning_are_refused(options):
    with pytest.raises(pn.SettingError, match="widths and hidden are at least 1"):
        pn.Classifier(pn.model("text_cnn", **options), epochs=1).fit(["a b", "c d"], [0, 1])
