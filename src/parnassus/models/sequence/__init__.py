"""Nets of steps in time: recurrent, convolutional, state-space; series, recordings, chains of residues."""

from ...imports import submodules

__getattr__ = submodules(__name__)
