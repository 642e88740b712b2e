"""Nets that write of pictures: step by step as at once, both encoders; `checks.captioning` asks transformers."""

import pytest
import torch

from parnassus.errors import DataError, SettingError
from parnassus.models.text.captioning import vit_gpt

pytestmark = pytest.mark.usefixtures("draws")
WORDS = 11


def made(**options):
    small = {"width": 16, "n_layers": 2, "n_heads": 2, "context": 9, "patch_size": 4}
    return vit_gpt(in_channels=3, image_size=(8, 12), target_vocab_size=WORDS, **small | options).eval()


@pytest.mark.parametrize("encoder", ["vit", "cnn"])
def test_word_by_word_it_says_what_it_says_at_once(encoder):
    net = made(encoder=encoder).model
    x, ids = torch.randn(3, 3, 8, 12), torch.randint(0, WORDS, (3, 6))
    with torch.no_grad():
        whole_ = net(x, ids)
        writing = net.begin(*net.encode(x), n_steps=6)
        steps = torch.stack([net.step(ids[:, i], writing) for i in range(6)], 1)
    torch.testing.assert_close(steps, whole_, rtol=1e-4, atol=1e-5)


def test_no_word_sees_those_behind_it():
    net, x, ids = made().model, torch.randn(1, 3, 8, 12), torch.randint(0, WORDS, (1, 6))
    other = ids.clone()
    other[:, 4:] = (other[:, 4:] + 1) % WORDS
    with torch.no_grad():
        torch.testing.assert_close(net(x, ids)[:, :4], net(x, other)[:, :4])


def test_a_text_longer_than_the_context_is_refused():
    with pytest.raises(DataError, match="longer than the 9 positions"):
        made().model(torch.zeros(1, 3, 8, 12), torch.zeros(1, 10, dtype=torch.long))


@pytest.mark.parametrize(("options", "words"), [
    ({"encoder": "vgg"}, "encoder='vgg'"), ({"width": 15}, "heads divide the width"), ({"context": 0}, "at least 1"),
])  # fmt: skip
def test_settings_without_meaning_are_refused(options, words):
    with pytest.raises(SettingError, match=words):
        made(**options)
