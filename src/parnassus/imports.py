"""Imports: modules loaded when they are first used, all of a package, and those that would leave a trace."""

import functools
import importlib
import pkgutil
import random
from collections.abc import Callable
from types import ModuleType
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


def submodules(package: str) -> Callable[[str], ModuleType]:
    """The `__getattr__` of a package whose modules are loaded when they are first used."""

    def load(name: str) -> ModuleType:
        full = f"{package}.{name}"
        try:
            return importlib.import_module(full)
        except ModuleNotFoundError as error:
            if error.name != full:  # the module is there, and something that it needs is not
                raise
            raise AttributeError(f"module {package!r} has no attribute {name!r}") from error

    return load


@functools.cache
def load_all(package: str, *, below: bool = True) -> None:
    """Import a package and its modules, so that what registers itself there has done so; the folders are read once.

    below : also the modules of packages inside it; without it their own first file alone.
    """
    path = getattr(importlib.import_module(package), "__path__", ())
    for found in pkgutil.iter_modules(path, f"{package}."):
        if below:
            load_all(found.name)
        else:
            importlib.import_module(found.name)
