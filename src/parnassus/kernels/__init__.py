"""Compiled loops, each with a pure-torch twin.

`load(name)` gives the operators of `name.cpp` here, compiled at first use into the user's cache, or None where they
cannot be had; the caller then takes the twin. `status()` says which, and why.
"""

from .loader import load, status

__all__ = ["load", "status"]
