"""Reproducible noise: a number depends on seed, name and place alone, not on what came before.

A random generator has to be run from its start, so that a day's values would depend on the days
simulated before it. Here every value is a hash of where it stands (splitmix64, Steele, Lea and
Flood 2014), for many symbols and places at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def keys(seed: int, stream: str, names: Iterable[str]) -> Words:
    """One 64-bit key per name; another stream gives independent noise for the same names."""
    digests = [
        blake2b(f"{seed}/{stream}/{name}".encode(), digest_size=8).digest() for name in names
    ]
    return np.array([int.from_bytes(digest, "little") for digest in digests], dtype=np.uint64)


def words(key: Words, place: Ints) -> Words:
    """A 64-bit hash for each key at each place; the two arrays are broadcast."""
    x = key ^ (place.astype(np.uint64) * _GOLDEN)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    # Places are small and consecutive: one round alone leaves them visibly related.
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    out: Words = x ^ (x >> np.uint64(33))
    return out


def uniforms(key: Words, place: Ints) -> Floats:
    """Uniform in [0, 1)."""
    out: Floats = (words(key, place) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return out


def normals(key: Words, place: Ints) -> Floats:
    """Nearly normal, mean 0, variance 1, within ±3.47: the sum of four uniforms.

    Exact arithmetic only, so that it is the same on every machine.
    """
    w = words(key, place)
    mask = np.uint64(0xFFFF)
    total = (w & mask) + ((w >> np.uint64(16)) & mask)
    total = total + ((w >> np.uint64(32)) & mask) + (w >> np.uint64(48))
    out: Floats = (total.astype(np.float64) / 65536.0 - 2.0) * np.sqrt(3.0)
    return out


def octave(key: Words, minutes: Ints, period: int) -> Floats:
    """Noise that wanders once in `period` minutes: (keys, minutes), linear between its nodes."""
    first = int(minutes[0]) // period
    last = int(minutes[-1]) // period + 1
    nodes = normals(key[:, None], np.arange(first, last + 1, dtype=np.int64)[None, :])
    step = minutes // period - first
    weight = (minutes % period) / period
    out: Floats = nodes[:, step] * (1.0 - weight) + nodes[:, step + 1] * weight
    return out


def wander(
    seed: int,
    stream: str,
    names: Sequence[str],
    minutes: Ints,
    sizes: dict[int, float],
) -> Floats:
    """Sum of octaves: `sizes` maps a period in minutes to the standard deviation at its nodes."""
    total = np.zeros((len(names), len(minutes)))
    for period, size in sizes.items():
        total += size * octave(keys(seed, f"{stream}/{period}", names), minutes, period)
    return total
