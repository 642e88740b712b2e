"""Models that were saved in the past still load and still say what they said.

Each folder was written once, by `make.py` as it was then. A folder is never written anew: where one of these fails,
the reader has lost a format.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import parnassus as pn
from parnassus import store

HERE = Path(__file__).parent
FOLDERS = sorted(p for p in HERE.glob("format-*") if p.is_dir())
FILES = sorted(HERE.glob("format-*/*.parnassus"))


def inputs(name: str, raw: list) -> object:
    if name == "table":
        return pd.DataFrame(raw)
    return np.array(raw, dtype=np.uint8 if name == "pictures" else np.float64)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_an_old_model_predicts_what_it_predicted(path):
    expected = json.loads((path.parent / "expected.json").read_text())[path.stem]
    estimator = pn.load(path)
    X = inputs(path.stem, expected["X"])
    if "probability" in expected:
        assert estimator.predict(X).tolist() == expected["predict"]
        np.testing.assert_allclose(estimator.predict_proba(X), expected["probability"], rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_allclose(estimator.predict(X), expected["predict"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_an_old_model_saved_again_predicts_the_same(path, tmp_path):
    expected = json.loads((path.parent / "expected.json").read_text())[path.stem]
    X = inputs(path.stem, expected["X"])
    old = pn.load(path)
    old.save(tmp_path / "again.parnassus")
    np.testing.assert_array_equal(pn.load(tmp_path / "again.parnassus").predict(X), old.predict(X))


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_folder_holds_the_format_of_its_name(path):
    assert f"format-{store.manifest_of(path)['format']}" == path.parent.name


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES[:1], ids=lambda p: p.stem)
def test_a_process_that_has_used_nothing_else_can_load_a_model(path):
    code = "import sys, parnassus as pn; print(type(pn.load(sys.argv[1])).__name__)"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "Classifier", done.stderr


def test_the_format_of_today_is_kept_here():
    assert f"format-{store.FORMAT}" in [p.name for p in FOLDERS], "run make.py for the new format"


def test_the_files_are_small():
    assert sum(p.stat().st_size for p in HERE.rglob("format-*/*")) < 60_000 * len(FOLDERS)


def test_a_diffusion_of_groups_of_one_channel_draws_what_it_drew(tmp_path):
    """Nets of today have wider groups; this one, of the days before, keeps its own, saved again too."""
    folder = HERE / "narrow-groups"
    expected = np.array(json.loads((folder / "expected.json").read_text()))
    old = pn.load(folder / "ddpm.parnassus")
    old.save(tmp_path / "again.parnassus")
    for made in (old, pn.load(tmp_path / "again.parnassus")):
        drawn = made.sample(4, condition=[0, 1, 0, 1], seed=0)
        assert np.abs(drawn.astype(int) - expected).max() <= 1  # bytes, rounded


@pytest.mark.parametrize("name", ["map", "sgld"])
def test_a_net_whose_outputs_shared_one_noise_keeps_it(name, tmp_path):
    """Each output has a noise of its own now; in these files, of two outputs, there is one number for both."""
    folder = HERE / "one-noise"
    expected = json.loads((folder / "expected.json").read_text())
    tree = store.load(folder / f"{name}.parnassus")
    assert tree["weights"]["log_noise"].shape == ()
    old = pn.load(folder / f"{name}.parnassus")
    old.save(tmp_path / "again.parnassus")
    for made in (old, pn.load(tmp_path / "again.parnassus")):
        mean, std = made.predict(np.array(expected["X"]), return_std=True)
        np.testing.assert_allclose(mean, expected[name]["mean"], rtol=1e-5)
        np.testing.assert_allclose(std, expected[name]["std"], rtol=1e-5)
