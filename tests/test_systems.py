"""Claims of systems: ids exist, and what is claimed is there."""

import csv
import importlib

import pytest

from parnassus.errors import SettingError
from parnassus.systems import BOOKS, ROOT, claims, system, systems


def test_every_claimed_id_is_a_system():
    unknown = {k: v for k, v in claims().items() if k not in systems()}
    assert not unknown, f"docstrings claim ids that systems.csv has not: {unknown}"


def test_what_claims_a_system_can_be_imported():
    for places in claims().values():
        for place in places:
            module = place.rpartition(".")[0]
            try:
                importlib.import_module(place)
            except ImportError:
                owner = module
                while True:
                    try:
                        thing = importlib.import_module(owner)
                        break
                    except ImportError:
                        owner = owner.rpartition(".")[0]
                for part in place[len(owner) + 1 :].split("."):
                    thing = getattr(thing, part)


def test_the_list_is_whole_and_every_system_has_its_places_in_the_books():
    assert len(systems()) == 558
    assert {s.priority for s in systems().values()} <= {"core", "supporting", "named", "context"}
    for s in systems().values():
        assert s.references, s.id
        for reference in s.references.split("; "):
            assert any(reference.startswith(book) for book in BOOKS), reference


def test_ids_are_unique():
    with (ROOT / "systems.csv").open(encoding="utf-8") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    assert len(ids) == len(set(ids))


def test_unclaimed_systems_are_reported(capsys):
    missing = [s.id for s in systems().values() if s.id not in claims()]
    with capsys.disabled():
        print(f"\nsystems claimed: {len(systems()) - len(missing)} of {len(systems())}")


def test_an_unknown_id_is_answered_with_the_nearest():
    with pytest.raises(SettingError, match="did you mean 'perceptron'"):
        system("perceptrn")


def test_a_line_of_claims_may_run_on(tmp_path):
    (tmp_path / "m.py").write_text(
        '"""One.\n\n    Systems: a-one, b-two,\n        c-three\n    Source: nobody 2000\n    """\n'
    )
    assert set(claims(tmp_path)) == {"a-one", "b-two", "c-three"}
