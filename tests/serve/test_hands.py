"""The pages under a hand: a row is typed, a picture is dropped, a digit is drawn, a sound is dropped or recorded."""

import os
from pathlib import Path

import numpy as np
import pytest

import parnassus as pn

from .conftest import film, png, wav
from .driving import Driven
from .test_page import CHROMIUM, browser, served

pytestmark = [pytest.mark.slow, browser]
ANSWER = "document.querySelector('#answer .big')"
SHOTS = os.environ.get("PARNASSUS_SHOTS")  # a folder for pictures of the pages, to be looked at


def shown(page, name):
    if SHOTS:
        page.shoot(Path(SHOTS) / f"{name}.png")
    return page.do(f"{ANSWER}.innerText")


def test_a_row_is_typed_and_another_value_changes_the_answer(tmp_path):
    ages = np.arange(20.0, 80.0)
    X = np.stack([ages, np.random.default_rng(0).normal(size=60)], 1)
    model = pn.Classifier("mlp", epochs=60, progress=False).fit(X, np.where(ages > 50, "old", "young"))
    with served(model) as address, Driven(CHROMIUM, tmp_path / "browser") as page:
        page.open(address)
        said = []
        for age in ("22", "77,5"):  # a comma is taken too
            page.type("#f0", age)
            page.click("#go")
            page.wait(f"{ANSWER} !== null && !document.querySelector('#go').disabled")
            page.wait("document.querySelector('#why').children.length > 0")
            said.append(shown(page, f"row {age}"))
        assert said == ["young", "old"]
        page.type("#f0", "many")
        page.click("#go")
        page.wait("document.querySelector('.error') !== null")
        assert "takes a number" in page.do("document.querySelector('.error').innerText")


def test_a_picture_is_dropped_and_a_stroke_is_drawn(tmp_path):
    """Of pictures with an upright and a level bar; what is drawn is brought to the middle as they are."""
    rng, X, y = np.random.default_rng(0), [], []
    for i in range(80):
        pixels = rng.integers(0, 20, (16, 16)).astype(np.uint8)
        at = rng.integers(6, 9)
        pixels[(slice(2, 14), slice(at, at + 2)) if i % 2 else (slice(at, at + 2), slice(2, 14))] = 255
        X.append(pixels)
        y.append("upright" if i % 2 else "level")
    model = pn.Classifier("cnn", epochs=20, progress=False).fit(np.stack(X), y)
    for i in (0, 1):
        (tmp_path / f"{i}.png").write_bytes(png(X[i]))
    with served(model) as address, Driven(CHROMIUM, tmp_path / "browser") as page:
        page.open(address)
        for i in (0, 1):
            page.drop(".drop", tmp_path / f"{i}.png")
            page.wait(f"{ANSWER} !== null && {ANSWER}.innerText === {y[i]!r}")
            page.wait("document.querySelector('#why img') !== null")
            assert page.do("document.querySelector('.drop img').naturalWidth") == 16
            shown(page, f"dropped {y[i]}")
        page.draw("canvas.pad", [(0.5, 0.1), (0.5, 0.5), (0.5, 0.9)])
        page.wait("document.querySelector('.drop img') === null")  # of the picture that was dropped before
        page.wait(f"{ANSWER}.innerText === 'upright' && !document.querySelector('#go').disabled")
        page.click("#extra button")
        page.draw("canvas.pad", [(0.1, 0.5), (0.5, 0.5), (0.9, 0.5)])
        page.wait(f"{ANSWER}.innerText === 'level'")
        shown(page, "drawn")
        (tmp_path / "text.png").write_text("no picture")
        page.drop(".drop", tmp_path / "text.png")
        page.wait("document.querySelector('.error') !== null")
        assert "cannot be read as a picture" in page.do("document.querySelector('.error').innerText")


def test_a_video_is_dropped_and_the_frames_it_rests_on_are_listed(tmp_path):
    """Of dark and bright videos, which a chosen file is the one and the other of."""
    rng = np.random.default_rng(0)
    X = np.stack([rng.integers(a, a + 60, (6, 16, 16, 3)).astype(np.uint8) for a in (10, 180) * 10])
    plan = {"codec": pn.Video(n_frames=6, size=16), "epochs": 20, "lr": 0.01, "progress": False}
    model = pn.Classifier(**plan).fit(X, ["dark", "bright"] * 10)
    for i in (0, 1):
        (tmp_path / f"{i}.webm").write_bytes(film(X[i].repeat(8, 1).repeat(8, 2), "webm", "libvpx"))
    with served(model) as address, Driven(CHROMIUM, tmp_path / "browser") as page:
        page.open(address)
        for i, name in enumerate(("dark", "bright")):
            page.drop(".drop", tmp_path / f"{i}.webm")
            page.wait(f"{ANSWER} !== null && {ANSWER}.innerText === {name!r}")
            page.wait("document.querySelector('.drop video').videoWidth === 128")  # it can be seen
            page.wait("document.querySelectorAll('#why .bars li').length === 6")
            shown(page, f"video {name}")
        (tmp_path / "text.mp4").write_text("no video")
        page.drop(".drop", tmp_path / "text.mp4")
        page.wait("document.querySelector('.error') !== null")
        assert "no video that is known" in page.do("document.querySelector('.error').innerText")


def test_a_chain_is_typed_and_its_map_is_drawn(predictor, tmp_path):
    with served(predictor) as address, Driven(CHROMIUM, tmp_path / "browser") as page:
        page.open(address)
        page.type("#text", "PGLMMNCGGGPGGQKRFHGPGPYIDETG")
        page.click("#go")
        page.wait(f"{ANSWER} !== null && {ANSWER}.innerText === 'The likeliest contacts'")
        page.wait("document.querySelector('canvas.map').width === 28")
        assert page.do("document.querySelectorAll('#answer .bars li').length") == 12
        shown(page, "chain")
        page.type("#text", "PG-L")
        page.click("#go")
        page.wait("document.querySelector('.error') !== null")
        assert "place 2 is '-', which is no amino acid" in page.do("document.querySelector('.error').innerText")


def test_a_sound_is_dropped_or_recorded_and_its_moments_are_marked(tmp_path):
    """The microphone is Chromium's own file: a high tone, which the model has learned beside a low one."""
    time, rng = np.arange(8000) / 8000, np.random.default_rng(0)

    def tone(pitch, n=8000):
        return (0.5 * np.sin(2 * np.pi * pitch * time[:n]) + rng.normal(0, 0.01, n)).astype(np.float32)

    X = [tone(p, n) for n in (4000, 6000, 8000) for p in (200, 250, 300, 1500, 2000, 2500)]
    y = ["low"] * 3 + ["high"] * 3
    model = pn.Classifier("tdnn", epochs=20, progress=False, codec=pn.Speech(sample_rate=8000)).fit(X, y * 3)
    (tmp_path / "low.wav").write_bytes(wav(tone(270)))
    (tmp_path / "microphone.wav").write_bytes(wav(tone(1800)))
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    flags += (f"--use-file-for-fake-audio-capture={tmp_path / 'microphone.wav'}",)
    with served(model) as address, Driven(CHROMIUM, tmp_path / "browser", *flags) as page:
        page.open(address)
        page.drop(".drop", tmp_path / "low.wav")
        page.wait(f"{ANSWER} !== null && {ANSWER}.innerText === 'low'")
        page.wait("document.querySelectorAll('#why svg rect').length === 20")
        page.wait("Math.abs(document.querySelector('audio').duration - 1) < 0.01")  # it can be heard again
        shown(page, "sound")
        page.click("#extra button")
        page.wait("document.querySelector('#extra button').innerText === 'Stop'")
        page.do("new Promise((done) => setTimeout(done, 900))")
        page.click("#extra button")
        page.wait(f"{ANSWER}.innerText === 'high'")
        shown(page, "recorded")
