"""Imports that would leave a trace: some packages draw from Python's random numbers when they are loaded."""

import importlib
import random
from typing import Any


def imported(name: str) -> Any:
    """The module of this name, with Python's random state as it was before the import.

    scikit-learn's larger parts and rich draw from it when they are first loaded.
    """
    before = random.getstate()
    try:
        return importlib.import_module(name)
    finally:
        random.setstate(before)
