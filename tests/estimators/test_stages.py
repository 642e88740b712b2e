"""Grids of pictures drawn while a generator learns: there, the same noises, and nothing learned otherwise."""

import random

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

import parnassus as pn
from parnassus.insight.generated import tiled

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS, LABELS = (DIGITS.reshape(-1, 8, 8) * 255 / 16).round().astype(np.uint8)[:64], LABELS[:64]
pytestmark = pytest.mark.filterwarnings("ignore:the generator has collapsed")
GAN = pn.model("dcgan", width=4, n_noise=6)
DIFFUSION = pn.model("ddpm", channels=(4,), n_sampled=3, sampler="ddpm")


def grids(folder):
    return {path.name: np.asarray(Image.open(path)) for path in sorted((folder / "pictures").iterdir())}


def weights(made):
    return made.objective_.state_dict()


@pytest.mark.slow
@pytest.mark.parametrize(("model", "average"), [(GAN, None), (GAN, 0.9), (DIFFUSION, 0.5)])
def test_training_notes_nothing_of_the_pictures_drawn_on_the_way(model, average, tmp_path):
    states = [torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()]
    options = {"epochs": 5, "batch_size": 16, "average": average, "progress": False}
    plain = pn.Generator(model, **options).fit(DIGITS, LABELS)
    drawn = pn.Generator(model, **options, out=str(tmp_path), pictures_every=2).fit(DIGITS, LABELS)
    assert all(torch.equal(v, weights(drawn)[k]) for k, v in weights(plain).items())
    assert plain.history_ == drawn.history_
    assert list(grids(tmp_path)) == ["epoch_0002.png", "epoch_0004.png", "epoch_0005.png"]
    assert torch.equal(states[0], torch.get_rng_state())
    assert (states[1] == np.random.get_state()[1]).all()
    assert states[2] == random.getstate()


@pytest.mark.parametrize("average", [None, 0.8])
def test_the_last_grid_is_what_the_generator_then_samples(average, tmp_path):
    options = {"epochs": 3, "batch_size": 16, "lr": 0.02, "average": average, "seed": 4, "progress": False}
    made = pn.Generator(GAN, **options, out=str(tmp_path), pictures_every=1).fit(DIGITS, LABELS)
    found = grids(tmp_path)
    sampled = made.sample(16, condition=[i % 10 for i in range(16)], seed=4)
    wanted = tiled(sampled, n_columns=4)
    assert found["epoch_0003.png"].shape == (4 * 32 + 3, 4 * 32 + 3)
    assert np.abs(found["epoch_0003.png"].astype(int) - wanted).max() <= 1  # a sum may round otherwise on more threads
    assert not np.array_equal(found["epoch_0001.png"], found["epoch_0002.png"])


@pytest.mark.slow
def test_they_are_in_tensorboards_events_and_in_the_report(tmp_path):
    colours = np.repeat(DIGITS[..., None], 3, 3)
    made = pn.Generator(GAN, epochs=9, out=str(tmp_path), pictures_every=1, progress=False).fit(colours)
    events = b"".join(path.read_bytes() for path in (tmp_path / "events").iterdir())
    assert events.count(b"\x89PNG") == 9
    made.report(tmp_path / "report.html", colours)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Pictures drawn from the same noises" in page
    shown = [e for e in range(1, 10) if f">epoch {e}<" in page]
    assert shown == [1, 3, 4, 6, 7, 9]
    pn.Generator(GAN, epochs=1, progress=False).fit(colours).report(tmp_path / "plain.html", colours)
    assert "same noises" not in (tmp_path / "plain.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("model", [GAN, DIFFUSION])
def test_the_report_of_a_generator_that_was_told_classes_shows_no_wrong_answers(model, tmp_path):
    made = pn.Generator(model, epochs=2, out=str(tmp_path), pictures_every=1, progress=False).fit(DIGITS, LABELS)
    found = made.report(tmp_path / "report.html", DIGITS, LABELS)
    assert found.headline.name == "squared_mmd"
    assert "same noises" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_resumed_run_has_the_grids_of_one_that_nobody_disturbed(tmp_path):
    options = {"epochs": 4, "batch_size": 32, "pictures_every": 1, "progress": False}
    pn.Generator(GAN, **options, out=str(tmp_path / "whole")).fit(DIGITS)

    class Stop(Exception):
        pass

    from parnassus.train.record import Record, listening

    class Breaker(Record):
        def epoch(self, trainer, summary):
            if len(trainer.history) == 2:
                raise Stop

    with pytest.raises(Stop), listening(Breaker()):
        pn.Generator(GAN, **options, out=str(tmp_path / "cut")).fit(DIGITS)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "cut" / "pictures" / "epoch_0007.png")
    pn.Generator(GAN, **options, out=str(tmp_path / "cut"), resume=True).fit(DIGITS)
    whole, cut = grids(tmp_path / "whole"), grids(tmp_path / "cut")
    assert list(whole) == list(cut) == [f"epoch_000{e}.png" for e in (1, 2, 3, 4)]
    assert all(np.array_equal(whole[k], cut[k]) for k in whole)


def test_words_are_drawn_of_the_first_texts(tmp_path):
    small = {"coder": (8,), "channels": (8,), "width": 8, "n_layers": 1, "n_tokens": 2}
    spec = pn.model("latent_diffusion", **small, n_steps=20, n_sampled=2)
    made = pn.Generator(spec, condition="text", epochs=1, out=str(tmp_path), pictures_every=1, progress=False)
    made.fit(DIGITS[:20], ["a digit", "one more"] * 10)
    assert list(grids(tmp_path)) == ["epoch_0001.png"]


@pytest.mark.parametrize(("rows", "options", "words"), [
    (DIGITS, {"pictures_every": 0}, "at least 1"), (DIGITS, {"pictures_every": 1.5}, "1.5"),
    (DIGITS, {"pictures_every": True}, "True"), (DIGITS, {"pictures_every": 1, "out": None}, "out="),
    (DIGITS, {"pictures_every": 1, "parallelism": "fsdp"}, "fsdp"),
    (np.random.default_rng(0).normal(size=(20, 2)), {"pictures_every": 1}, "rows are none"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_refused_in_words(rows, options, words, tmp_path):
    with pytest.raises(pn.SettingError, match=words):
        pn.Generator(**{"epochs": 1, "out": str(tmp_path), "progress": False} | options).fit(rows)
