"""Texts through one vector: the loss by a loop, the ends, padding, and texts that come back."""

import random

import numpy as np
import pytest
import torch

import parnassus as pn
from parnassus.errors import SettingError
from parnassus.models.generative.text_autoencoder import text_ae

pytestmark = pytest.mark.usefixtures("draws")


def made(**options):
    small = {"vocab_size": 7, "pad_id": 0, "width": 5, "hidden": 6, "n_latent": 4}
    return text_ae(**small | options).eval()


def test_the_loss_is_the_mean_of_next_id_terms_the_end_among_them():
    objective = made()
    x, lengths = torch.tensor([[3, 4, 5], [6, 0, 0]]), torch.tensor([3, 1])
    losses = objective.row_losses({"x": x, "lengths": lengths}).detach()
    for row, n, found in zip(x, lengths.tolist(), losses, strict=True):
        code = objective.net.encode(row[None, :n])
        due, total = [*row[:n].tolist(), 0], 0.0
        for i, target in enumerate(due):
            given = torch.tensor([[0, *due[:i]]])
            total -= float(objective.net.write(code, given)[0, -1].log_softmax(-1)[target].detach())
        assert float(found) == pytest.approx(total / (n + 1), rel=1e-5)


def test_padding_changes_nothing():
    objective, x = made(), torch.tensor([[3, 4, 5], [6, 2, 0]])
    wide = torch.nn.functional.pad(x, (0, 4))
    lengths = torch.tensor([3, 2])
    a, b = ({"x": rows, "lengths": lengths} for rows in (x, wide))
    torch.testing.assert_close(objective.codes(a), objective.codes(b))
    torch.testing.assert_close(objective.row_losses(a), objective.row_losses(b))
    assert torch.equal(objective.rebuilt(a), objective.rebuilt(b))


def test_nothing_stands_behind_an_end():
    objective = made()
    objective.longest.fill_(6)
    objective.net.greedy = lambda codes, n: torch.tensor([[3, 0, 4, 4, 0, 2], [1, 2, 3, 4, 5, 6]])
    assert objective.decoded(torch.zeros(2, 4)).tolist() == [[3, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6]]


def phrases(n, seed=0):
    rng = random.Random(seed)
    who, what, where = ("the cat", "a dog", "my owl"), ("sleeps", "runs", "sings"), ("here", "at home", "in the sun")
    return [f"{rng.choice(who)} {rng.choice(what)} {rng.choice(where)}" for _ in range(n)]


@pytest.mark.slow
def test_texts_come_back_and_odd_ones_do_not(tmp_path):
    texts = phrases(160)
    spec = pn.model("text_ae", width=24, hidden=48, n_latent=16)
    coder = pn.Autoencoder(spec, epochs=40, lr=0.01, batch_size=32).fit(texts)
    new = phrases(30, seed=1)
    assert np.mean([a == b for a, b in zip(coder.reconstruct(new), new, strict=True)]) > 0.9
    codes = coder.encode(new)
    assert codes.shape == (30, 16)
    assert list(coder.decode(codes)) == list(coder.reconstruct(new))
    assert coder.anomaly_score(["sun the in sings cat"])[0] > 3 * coder.anomaly_score(new).mean()
    found = coder.evaluate(new)["wrong_ids"]
    assert found.value < 0.05 < found.baseline
    coder.save(tmp_path / "c.parnassus")
    assert list(pn.load(tmp_path / "c.parnassus").reconstruct(new)) == list(coder.reconstruct(new))


@pytest.mark.parametrize(("options", "words"), [
    ({"n_latent": 0}, "1 or more"), ({"dropout": 1.0}, "dropout"), ({"pad_id": 3}, "fill with 3"),
])  # fmt: skip
def test_settings_without_meaning_are_refused(options, words):
    with pytest.raises(SettingError, match=words):
        made(**options)


def test_empty_texts_are_read_and_written():
    coder = pn.Autoencoder(pn.model("text_ae", hidden=8, n_latent=4), epochs=2).fit(["a b", "c d", "", "a d"] * 4)
    assert coder.encode(["", "a b"]).shape == (2, 4)
    assert len(coder.reconstruct([""])) == 1
