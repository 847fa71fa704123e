from __future__ import annotations

import numpy as np

from simulator.noise import keys, normals, octave, uniforms

PLACES = np.arange(20_000, dtype=np.int64)


def test_noise_has_the_moments_it_claims() -> None:
    key = keys(17, "test", ["BTC", "ETH"])
    u, n = uniforms(key[:, None], PLACES[None, :]), normals(key[:, None], PLACES[None, :])
    # 20,000 draws: the mean's standard error is 0.002 for uniform and 0.007 for normal numbers.
    assert np.allclose(u.mean(axis=1), 0.5, atol=0.01)
    assert np.allclose(n.mean(axis=1), 0.0, atol=0.03)
    assert np.allclose(n.std(axis=1), 1.0, atol=0.03)
    assert abs(np.corrcoef(n)[0, 1]) < 0.03
    assert abs(np.corrcoef(n[0, :-1], n[0, 1:])[0, 1]) < 0.03
    assert u.min() >= 0.0
    assert u.max() < 1.0


def test_streams_seeds_and_names_are_independent() -> None:
    a, b, c = (keys(*args) for args in ((17, "x", ["A"]), (18, "x", ["A"]), (17, "y", ["A"])))
    assert len({int(a[0]), int(b[0]), int(c[0])}) == 3


def test_an_octave_is_the_same_from_any_window_and_continuous() -> None:
    key = keys(17, "test", ["BTC"])
    wide = octave(key, np.arange(-500, 500, dtype=np.int64), 60)
    part = octave(key, np.arange(-37, 91, 4, dtype=np.int64), 60)
    assert np.array_equal(part, wide[:, 463:591:4])
    # A node moves at most twice 3.47 in 60 minutes.
    assert np.abs(np.diff(wide)).max() < 7 / 60
