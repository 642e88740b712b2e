"""The pages as a browser shows them: built from the schema, answered by the server, and from nowhere else."""

import re
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus.data.text.questions import Span
from parnassus.serve import app_of
from parnassus.serve.files import Picture, Sound
from parnassus.serve.inputs import Input
from parnassus.serve.page import HEADERS, page
from parnassus.serve.videos import Clip

from .conftest import asking
from .driving import Driven

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the pages are not looked at")


@pytest.mark.parametrize("name", ["page", "docs"])
def test_a_page_is_one_file_that_asks_no_other_host(name):
    text = page(name)
    assert "/*STYLE*/" not in text
    assert "/*SCRIPT*/" not in text
    addresses = set(re.findall(r"https?://[^\s\"'`<>)]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # a name, which nobody fetches
    assert not re.findall(r"<script[^>]+src|<link[^>]+stylesheet|@import|\burl\(", text)
    assert "innerHTML" not in text  # what comes from data is text, never markup
    for part in ('lang="en"', "<title>", "viewport", "prefers-color-scheme: dark", ":focus-visible", "aria-live"):
        assert part in text


def test_every_kind_of_input_has_a_form():
    known = {*kinds_below(Input), Picture, Sound, Clip}
    kinds = {one.kind for one in known if getattr(one, "kind", "")} | {"prompt", "draw", "series"}
    assert kinds >= {"row", "question", "picture", "sound", "tokens", "video", "chain"}
    missing = [kind for kind in sorted(kinds) if not re.search(rf"\bforms\.{kind} =", page("page"))]
    assert missing == []


def kinds_below(base):
    return [one for made in base.__subclasses__() for one in [made, *kinds_below(made)]]


def test_the_pages_forbid_what_they_do_not_need(table):
    with asking(table) as client:
        for path in ("/", "/docs"):
            policy = client.get(path).headers["content-security-policy"]
            assert policy == HEADERS["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "connect-src 'self'" in policy


# --- in a browser ---------------------------------------------------------------------------------


@contextmanager
def served(model, **limits):
    """The address of a server in a thread of this process."""
    import uvicorn

    config = uvicorn.Config(app_of(model, **limits), port=0, log_level="warning", lifespan="on", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


def looked(address, tmp_path, *flags, size="1100,900"):
    """The page once its scripts have run; nothing but this machine can be reached."""
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={size}",
        "--virtual-time-budget=8000", f"--user-data-dir={tmp_path / 'browser'}",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", *flags, address,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    return done.stdout


def words(html):
    """What a person reads."""
    html = re.sub(r"<(script|style|noscript).*?</\1>", " ", html, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.mark.slow
@browser
def test_a_row_is_filled_in_answered_and_explained(table, tmp_path):
    with served(table) as address:
        html = looked(address + "/?example=1", tmp_path, "--dump-dom")
    said = words(html)
    assert "Classifier Model mlp, version memory" in said
    assert re.search(r"(leaves|stays) \d\d\.\d %", said), said
    assert html.count("<label") == 4
    assert re.search(r'<label for="f0">age', html)
    assert '<option value="1"' in html
    assert 'class="error"' not in html.partition("<noscript>")[0]


@pytest.mark.slow
@browser
@pytest.mark.parametrize(("size", "scheme"), [("1100,900", "light"), ("500,900", "dark")])
def test_a_digit_that_is_drawn_is_looked_at_and_the_picture_shows_why(tmp_path, size, scheme):
    from PIL import Image

    rng = np.random.default_rng(0)
    X = (rng.random((40, 8, 8)) * 60).astype(np.uint8)
    model = pn.Classifier("cnn", epochs=1, progress=False).fit(X, rng.integers(0, 10, 40))
    shot = tmp_path / "page.png"
    flags = ("--dump-dom", f"--screenshot={shot}", f"--blink-settings=preferredColorScheme={int(scheme == 'light')}")
    with served(model) as address:
        looked(address + "/?example=1", tmp_path, *flags[1:], size=size)
        html = looked(address + "/?example=1", tmp_path, flags[0], size=size)
    assert 'class="pad"' in html
    assert html.count('class="track"') == len(model.classes_)
    assert 'src="data:image/png;base64,' in html
    pixels = np.asarray(Image.open(shot).convert("L"), dtype=float)
    assert pixels.shape[1] == int(size.split(",")[0])
    assert (np.median(pixels) > 128) == (scheme == "light")
    assert len(np.unique(pixels)) > 20


@pytest.mark.slow
@browser
def test_the_token_is_asked_for_and_a_text_is_kept_as_text(texts, tmp_path):
    with served(texts, token="sesame") as address:
        html = looked(address + "/", tmp_path, "--dump-dom")
    assert 'type="password"' in html
    assert "This server asks for its token." in words(html)
    X = ["<b>good</b> film", "<i>bad</i> film"] * 4
    model = pn.Classifier("mlp", epochs=1, progress=False).fit(X, ["<img src=x onerror=alert(1)>", "no"] * 4)
    with served(model) as address:
        html = looked(address + "/?example=1", tmp_path, "--dump-dom")
    assert "&lt;img src=x" in html.partition("<main>")[2]
    assert "<img src=x" not in re.sub(r'title="[^"]*"', "", html.partition("<main>")[2])


@pytest.mark.slow
@browser
def test_the_interface_is_described_without_a_network(sounds, tmp_path):
    with served(sounds) as address:
        said = words(looked(address + "/docs", tmp_path, "--dump-dom"))
    assert "POST /predict" in said
    assert "curl -F file=@FILE http://127.0.0.1" in said
    assert "503 the queue is full" in said


@pytest.mark.slow
@browser
def test_boxes_are_drawn_over_the_picture_they_were_found_in(tmp_path):
    big = np.random.default_rng(0).integers(0, 255, (6, 80, 80, 3), dtype=np.uint8)
    boxes = [pn.Boxes(np.array([[2, 2, 60, 60.0]]), np.array(["cat"]))] * 6
    model = pn.Detector(epochs=1, progress=False).fit(list(big), boxes)
    with served(model) as address:
        html = looked(address + "/?example=1", tmp_path, "--dump-dom", f"--screenshot={tmp_path / 'x.png'}")
    found = re.search(r'aria-label="(\d+) boxes found"', html)
    assert found, words(html)
    assert html.count(">cat<") == min(int(found[1]), 12)
    assert 'src="blob:' in html


@pytest.mark.slow
@browser
def test_a_question_is_typed_and_its_answer_is_marked_in_the_text(tmp_path):
    towns = ("Rome", "Oslo")
    asked = [("Where?", f"Anna lives in {town} today") for town in towns] * 6
    told = [[Span(town, text.index(town))] for town, (_, text) in zip(towns * 6, asked, strict=True)]
    bert = pn.model("bert", width=16, n_layers=1, n_heads=2)
    with served(pn.QuestionAnswerer(bert, epochs=1, progress=False).fit(asked, told)) as address:
        html = looked(address + "/?example=1", tmp_path, "--dump-dom").partition("<main>")[2]
    assert html.count("<textarea") == 2
    assert re.search(r'<p class="prose">.*<mark>\w', html), words(html)


@pytest.mark.slow
@browser
def test_a_forecast_of_a_frame_is_a_line_and_a_table_and_drawn_rows_are_one(tmp_path):
    days = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=60), "sold": np.sin(np.arange(60.0))})
    with served(pn.Forecaster("ridge", horizon=3, time="day", progress=False).fit(days, target="sold")) as address:
        html = looked(address + "/?example=1", tmp_path, "--dump-dom").partition("<main>")[2]
    assert html.count("<tr>") == 4
    assert "<td>2024-03-01</td>" in html
    assert 'class="ahead"' in html


@pytest.mark.slow
@browser
def test_points_are_drawn_over_the_picture_they_were_found_in(tmp_path):
    rng = np.random.default_rng(0)
    pictures, places = rng.integers(0, 255, (8, 16, 16, 3), dtype=np.uint8), rng.uniform(2, 14, (8, 2, 2))
    finder = pn.KeypointFinder(epochs=1, progress=False).fit(pictures, places)
    with served(finder) as address:
        html = looked(address + "/?example=1", tmp_path, "--dump-dom").partition("<main>")[2]
    assert 'aria-label="2 points found"' in html
    assert "<th>heat</th>" in html


@pytest.mark.slow
@browser
def test_a_row_and_a_picture_are_shown_beside_what_their_codes_give_back(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=30), "city": rng.choice(["Oslo", "Rome"], 30)})
    with served(pn.Autoencoder("vae", epochs=1, progress=False).fit(frame)) as address:
        html = looked(address + "/?example=1", tmp_path, "--dump-dom").partition("<main>")[2]
    assert re.search(r"(Not odd|Odd) Score .* is odd Rebuilt from its code column sent rebuilt a ", words(html))
    X = rng.integers(0, 255, (12, 8, 8), dtype=np.uint8)
    with served(pn.Autoencoder("vae", epochs=1, progress=False).fit(X)) as address:
        html = looked(address + "/?example=1", tmp_path, "--dump-dom").partition("<main>")[2]
    assert 'alt="the picture rebuilt from its code"' in html


@pytest.mark.slow
@browser
def test_a_picture_is_shown_beside_what_it_was_made_into_and_the_way_is_chosen(tmp_path):
    rng = np.random.default_rng(0)
    A, B = rng.integers(0, 255, (4, 16, 16), dtype=np.uint8), rng.integers(0, 255, (4, 16, 16, 3), dtype=np.uint8)
    net = pn.model("cyclegan", width=4, n_blocks=1, identity=0.0)
    with (
        served(pn.ImageTranslator(net, epochs=1, progress=False).fit(A, B)) as address,
        Driven(CHROMIUM, tmp_path / "browser") as seen,
    ):
        seen.open(address + "/?example=1")
        for to in ("B", "A"):
            seen.do(f"(() => {{ const to = document.querySelector('#to'); to.value = '{to}'; ask(); }})()")
            seen.wait(f"(document.querySelector('#answer .big') || {{}}).innerText === 'Made into {to}'")
        assert seen.do("document.querySelectorAll('#answer img').length") == 2
