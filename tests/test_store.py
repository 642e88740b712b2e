"""One file, one metadata key, nothing lost and nothing run."""

import json
import pickle

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from parnassus import store
from parnassus.errors import DataError, FileError

TREE = {
    "numbers": [1, 2.5, True, None, "text"],
    "nested": {"weights": torch.arange(6.0).view(2, 3), "empty": torch.zeros(0)},
    "scalar": np.float64(0.25),
}


def test_a_tree_comes_back_as_it_was(tmp_path):
    store.save(tmp_path / "a", TREE)
    back = store.load(tmp_path / "a")
    assert back["numbers"] == TREE["numbers"]
    assert back["scalar"] == 0.25
    assert torch.equal(back["nested"]["weights"], TREE["nested"]["weights"])
    assert back["nested"]["empty"].numel() == 0


def test_what_is_written_over_a_file_does_not_change_what_was_loaded_from_it(tmp_path):
    store.save(tmp_path / "a", TREE)
    back = store.load(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"\0" * (tmp_path / "a").stat().st_size)
    assert torch.equal(back["nested"]["weights"], TREE["nested"]["weights"])


def test_equal_trees_give_equal_bytes(tmp_path):
    store.save(tmp_path / "a", TREE)
    store.save(tmp_path / "b", dict(reversed(TREE.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_tied_tensors_are_stored_once_and_tied_again(tmp_path):
    shared = torch.ones(3, 3)
    store.save(tmp_path / "a", {"embed": shared, "head": shared, "turned": shared.t()})
    with safe_open(tmp_path / "a", framework="pt") as file:
        assert sorted(file.keys()) == ["embed", "turned"] or len(list(file.keys())) == 1
        assert list(file.metadata()) == ["parnassus"]
    back = store.load(tmp_path / "a")
    assert back["embed"] is back["head"]


def test_long_texts_and_long_manifests_leave_the_header(tmp_path):
    tree = {"text": "x" * 1_500_000, "history": [{"loss": 0.123456789 + i} for i in range(60_000)]}
    store.save(tmp_path / "a", tree)
    assert store.load(tmp_path / "a") == tree
    with safe_open(tmp_path / "a", framework="pt") as file:
        assert len(file.metadata()["parnassus"]) < 1000


@pytest.mark.parametrize("tree", [{1: 2}, {"a": {3: "x"}}, {"$tensor": 1}])
def test_keys_that_json_would_change_are_refused(tmp_path, tree):
    with pytest.raises(DataError, match="keys that are no strings"):
        store.save(tmp_path / "a", tree)
    assert not list(tmp_path.iterdir())


def test_a_thing_that_is_no_value_is_refused_by_its_place(tmp_path):
    with pytest.raises(DataError, match="a/1: cannot save a set"):
        store.save(tmp_path / "f", {"a": [1, {2}]})


def damaged(path, how):
    store.save(path, TREE)
    data = path.read_bytes()
    if how == "cut":
        path.write_bytes(data[: len(data) - 5])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "pickle":
        path.write_bytes(pickle.dumps({"a": 1}))
    elif how == "foreign":
        save_file({"w": torch.ones(2)}, path)
    elif how == "manifest":
        save_file({"w": torch.ones(2)}, path, metadata={"parnassus": "{broken"})
    elif how == "kind":
        save_file({"w": torch.ones(2)}, path, metadata={"parnassus": json.dumps({"format": "1", "tree": []})})
    elif how == "absent":
        path.unlink()
    elif how == "folder":
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize("how", ["cut", "empty", "pickle", "foreign", "manifest", "kind", "absent", "folder"])
def test_a_damaged_or_foreign_file_gets_a_clear_error(tmp_path, how):
    path = tmp_path / "model.parnassus"
    damaged(path, how)
    with pytest.raises(FileError) as caught:
        store.load(path)
    assert "model.parnassus" in str(caught.value)


def test_a_pickle_is_called_one_and_a_file_cut_short_is_not(tmp_path):
    path = tmp_path / "model.parnassus"
    torch.save({"w": torch.ones(2)}, path)
    for made in (path.read_bytes(), pickle.dumps({"a": 1}), pickle.dumps([1], protocol=2)):
        path.write_bytes(made)
        with pytest.raises(
            FileError, match=r"a file of torch\.save, is never opened, for it may run code; give a file"
        ):
            store.load(path)
    path.write_bytes(bytes([0x80, 2, 0, 0, 0, 0, 0, 0]) + b"{}")  # the length of a header, and less than that behind it
    with pytest.raises(FileError, match="cut short, or of another kind; copy it again, or give a file that save wrote"):
        store.load(path)


def test_a_newer_format_is_refused_with_the_remedy(tmp_path):
    save_file({"w": torch.ones(2)}, tmp_path / "a", metadata={"parnassus": json.dumps({"format": 99, "tree": {}})})
    with pytest.raises(DataError, match=r"format 99.*up to 1; upgrade"):
        store.load(tmp_path / "a")


def test_a_failed_save_leaves_the_old_file(tmp_path):
    store.save(tmp_path / "a", TREE)
    before = (tmp_path / "a").read_bytes()
    with pytest.raises(DataError):
        store.save(tmp_path / "a", {"bad": object()})
    assert (tmp_path / "a").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="cannot be written"):
        store.save(tmp_path / "file" / "a", TREE)
