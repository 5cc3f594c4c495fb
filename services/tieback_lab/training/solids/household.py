"""Geometric bodies, furniture, and what stands on it."""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback_lab.training.solids.meshes import (
    Between,
    ball,
    box,
    cone,
    curve,
    cylinder,
    pipe,
    revolved,
    ring,
    rod,
    solid,
)


def _legs(width: float, depth: float, height: float, thick: float) -> list[Array]:
    x, y = width / 2 - thick, depth / 2 - thick
    return [cylinder(thick, height, at=(a, b, 0)) for a in (-x, x) for b in (-y, y)]


@solid
def _sphere(_: Between) -> list[Array]:
    return [ball(1)]


@solid
def _cube(_: Between) -> list[Array]:
    return [box(1, 1, 1)]


@solid
def _brick(some: Between) -> list[Array]:
    return [box(2, some(0.9, 1.1), some(0.5, 0.7))]


@solid
def _pipe_(some: Between) -> list[Array]:
    return [rod((-2, 0, 0), (2, 0, 0), some(0.25, 0.4))]


@solid
def _can(some: Between) -> list[Array]:
    return [cylinder(0.6, some(1.3, 1.8))]


@solid
def _traffic_cone(some: Between) -> list[Array]:
    return [box(1.4, 1.4, 0.1), cone(some(0.5, 0.6), some(1.5, 1.9), at=(0, 0, 0.1))]


@solid
def _doughnut(some: Between) -> list[Array]:
    return [ring(1, some(0.3, 0.45))]


@solid
def _pyramid(some: Between) -> list[Array]:
    base = np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], float)
    top = np.array([0, 0, some(1.2, 1.8)])
    sides = np.stack([np.stack([base[n], base[(n + 1) % 4], top]) for n in range(4)])
    return [sides, np.stack([base[[0, 1, 2]], base[[0, 2, 3]]])]


@solid
def _egg(some: Between) -> list[Array]:
    return [ball(0.7, height=some(0.9, 1.1))]


@solid
def _table(some: Between) -> list[Array]:
    width, depth, height = some(1.6, 2.4), some(1, 1.3), some(0.9, 1.2)
    return [box(width, depth, 0.1, at=(0, 0, height)), *_legs(width, depth, height, 0.07)]


@solid
def _chair(some: Between) -> list[Array]:
    height, back = some(0.8, 1), some(0.9, 1.2)
    return [
        box(0.9, 0.9, 0.1, at=(0, 0, height)),
        box(0.9, 0.08, back, at=(0, 0.41, height)),
        *_legs(0.9, 0.9, height, 0.06),
    ]


@solid
def _stool(some: Between) -> list[Array]:
    height = some(1, 1.5)
    return [cylinder(0.5, 0.12, at=(0, 0, height)), *_legs(0.8, 0.8, height, 0.06)]


@solid
def _bench(some: Between) -> list[Array]:
    width = some(2.4, 3)
    return [box(width, 0.7, 0.12, at=(0, 0, 0.6)), *(box(0.15, 0.6, 0.6, at=(x, 0, 0)) for x in (-1, 1))]


@solid
def _sofa(some: Between) -> list[Array]:
    width = some(2.2, 2.8)
    arms = [box(0.3, 1, 0.8, at=(side * (width / 2), 0, 0)) for side in (-1, 1)]
    return [box(width, 1, 0.45), box(width, 0.3, 1.1, at=(0, 0.5, 0)), *arms]


@solid
def _bed(some: Between) -> list[Array]:
    length = some(2, 2.4)
    return [
        box(1.4, length, 0.3, at=(0, 0, 0.25)),
        box(1.4, 0.1, 1, at=(0, length / 2, 0)),
        box(1.4, 0.1, 0.6, at=(0, -length / 2, 0)),
        box(0.9, 0.4, 0.12, at=(0, length / 2 - 0.4, 0.55)),
    ]


@solid
def _bookshelf(some: Between) -> list[Array]:
    width, height = some(1, 1.3), some(1.8, 2.2)
    boards = [box(width, 0.4, 0.05, at=(0, 0, share * height)) for share in (0, 0.25, 0.5, 0.75, 1)]
    sides = [box(0.06, 0.4, height, at=(side * width / 2, 0, 0)) for side in (-1, 1)]
    return [*boards, *sides, box(width, 0.03, height, at=(0, 0.2, 0))]


@solid
def _mug(some: Between) -> list[Array]:
    height = some(1, 1.3)
    handle = curve(12, lambda s: (0.5 + 0.35 * np.sin(np.pi * s), 0, height * (0.2 + 0.6 * s)))
    return [
        revolved([(0, 0), (0.5, 0), (0.5, height), (0.44, height), (0.44, 0.1), (0, 0.1)]),
        pipe(handle, 0.06),
    ]


@solid
def _bowl(some: Between) -> list[Array]:
    depth = some(0.5, 0.7)
    turn = np.linspace(0, np.pi / 2, 8)
    return [
        revolved([(r * float(np.sin(a)), depth * (1 - float(np.cos(a)))) for a in turn]) for r in (1, 0.95)
    ]


@solid
def _plate(some: Between) -> list[Array]:
    return [revolved([(0, 0), (0.6, 0), (1, some(0.1, 0.18)), (0.6, 0.04), (0, 0.04)])]


@solid
def _bottle(some: Between) -> list[Array]:
    body, neck = some(1.1, 1.5), some(0.5, 0.7)
    top = body + 0.3 + neck
    return [revolved([(0, 0), (0.4, 0), (0.4, body), (0.14, body + 0.3), (0.14, top), (0, top)])]


@solid
def _vase(some: Between) -> list[Array]:
    belly = some(0.5, 0.65)
    return [revolved([(0, 0), (0.3, 0), (belly, 0.6), (0.35, 1.2), (0.2, 1.4), (0.4, 1.7)])]


@solid
def _bucket(some: Between) -> list[Array]:
    height = some(0.9, 1.2)
    handle = curve(14, lambda s: (-0.6 * np.cos(np.pi * s), 0, height + 0.5 * np.sin(np.pi * s)))
    return [revolved([(0, 0), (0.42, 0), (0.6, height)]), pipe(handle, 0.03)]


@solid
def _barrel(some: Between) -> list[Array]:
    wide = some(0.6, 0.7)
    return [revolved([(0, 0), (0.5, 0), (wide, 0.75), (0.5, 1.5), (0, 1.5)])]


@solid
def _hourglass(some: Between) -> list[Array]:
    thin = some(0.05, 0.12)
    discs = [cylinder(0.6, 0.08, at=(0, 0, z)) for z in (0, 1.6)]
    return [*discs, revolved([(0.5, 0.08), (thin, 0.84), (0.5, 1.6)])]
