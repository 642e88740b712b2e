"""Randomness as a function of a seed and a place, and the process's own state left as it was."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral

import torch

from ..errors import check_count


def seed_of(*parts: object) -> int:
    """A 32-bit seed (all that torch's CPU generator uses) from several values; neighbours are unrelated."""
    parts = tuple(int(part) if isinstance(part, Integral) else part for part in parts)  # NumPy's as Python's
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=4).digest(), "big")


def step_seed(seed: int, step: int) -> int:
    """`seed_of` for what happens at every step: a few integer operations instead of a digest."""
    x = ((seed & 0xFFFFFFFF) * 0x9E3779B97F4A7C15 + (step + 1) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    x = ((x ^ (x >> 31)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return x >> 32


def seeded(seed: object) -> torch.Generator:
    """A generator of its own, on the CPU, from a whole number of any size; anything else is refused by name."""
    return torch.Generator().manual_seed(check_count("seed", seed, least=0) % 2**63)


def generator_of(device: torch.device) -> torch.Generator:
    """The default generator that draws on this device take from."""
    if device.type == "cuda":
        torch.cuda.init()
        return torch.cuda.default_generators[device.index or 0]
    if device.type == "mps":
        return torch.mps._get_default_mps_generator()
    return torch.default_generator


def seed_device(device: torch.device, seed: int) -> None:
    """Seed the device's default generator alone: 1 us, where `torch.manual_seed` takes 93."""
    generator_of(device).manual_seed(seed)


@contextmanager
def kept_random(device: torch.device, *seed: object) -> Iterator[None]:
    """Whatever is drawn inside, the process's random state comes out as it was; `seed` parts seed the inside."""
    generators = [torch.default_generator] + ([generator_of(device)] if device.type != "cpu" else [])
    states = [g.get_state() for g in generators]
    try:
        if seed:
            for generator in generators:
                generator.manual_seed(seed_of(*seed))
        yield
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)
