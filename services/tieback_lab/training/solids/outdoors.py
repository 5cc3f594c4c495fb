"""What is built, drives, flies, grows, or is held in a hand."""

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
    moved,
    pipe,
    prism,
    revolved,
    ring,
    rod,
    solid,
    tipped,
)


@solid
def _ladder(some: Between) -> list[Array]:
    rungs, step = round(some(5, 9)), 0.35
    height = step * (rungs + 1)
    rails = [rod((x, 0, 0), (x, 0, height), 0.05) for x in (-0.4, 0.4)]
    return [*rails, *(rod((-0.4, 0, step * n), (0.4, 0, step * n), 0.04) for n in range(1, rungs + 1))]


@solid
def _staircase(some: Between) -> list[Array]:
    steps = round(some(5, 8))
    return [box(1.2, 0.3, 0.25 * (n + 1), at=(0, 0.3 * n, 0)) for n in range(steps)]


@solid
def _arch(some: Between) -> list[Array]:
    thick, high = some(0.18, 0.28), some(0.6, 1.1)
    bow = curve(20, lambda s: (-np.cos(np.pi * s), 0, high + np.sin(np.pi * s)))
    return [pipe(bow, thick), *(rod((x, 0, 0), (x, 0, high), thick) for x in (-1, 1))]


@solid
def _bridge(some: Between) -> list[Array]:
    length = some(3.5, 4.5)
    bow = curve(16, lambda s: ((s - 0.5) * length, 0, 0.8 * np.sin(np.pi * s) - 0.3))
    pillars = [box(0.2, 0.9, 0.9, at=(share * length, 0, -0.4)) for share in (-0.35, 0.35)]
    rails = [moved(pipe(bow, 0.04), (0, y, 0.75)) for y in (-0.4, 0.4)]
    return [box(length, 0.9, 0.1, at=(0, 0, 0.5)), *pillars, *rails]


@solid
def _fence(some: Between) -> list[Array]:
    posts = round(some(6, 9))
    boards = [box(0.14, 0.05, 1, at=(0.32 * n, 0, 0)) for n in range(posts)]
    rails = [rod((-0.1, 0, z), (0.32 * posts, 0, z), 0.04) for z in (0.3, 0.75)]
    return [*boards, *rails]


@solid
def _house(some: Between) -> list[Array]:
    width, height, roof = some(1.4, 1.9), some(0.9, 1.2), some(0.6, 0.9)
    gable = [(-width / 2, 0), (width / 2, 0), (width / 2, height), (0, height + roof), (-width / 2, height)]
    return [
        tipped(prism(gable, some(1.5, 2)), 90),
        box(0.2, 0.2, 0.5, at=(width / 4, -0.6, height + roof / 2)),
    ]


@solid
def _airplane(some: Between) -> list[Array]:
    span = some(1.4, 1.8)
    wings = [prism([(0.3, 0), (-0.5, side * span), (-0.2, 0)], 0.05) for side in (-1, 1)]
    body = tipped(ball(0.2, height=1.5), 90, about="y")
    tail = tipped(prism([(-1.4, 0), (-1, 0), (-1.4, 0.6)], 0.05), 90)
    return [body, *wings, tail, box(0.3, 0.9, 0.04, at=(-1.3, 0, 0.05))]


@solid
def _rocket(some: Between) -> list[Array]:
    height = some(1.6, 2.2)
    fins = [
        tipped(tipped(prism([(0.3, 0), (0.75, 0), (0.3, 0.7)], 0.04), 90), 120 * n, about="z")
        for n in range(3)
    ]
    return [revolved([(0, 0), (0.3, 0), (0.3, height), (0, height + 0.8)]), *fins]


@solid
def _dumbbell(some: Between) -> list[Array]:
    half = some(0.7, 0.9)
    return [rod((-half, 0, 0), (half, 0, 0), 0.12), *(ball(0.4, at=(x, 0, 0)) for x in (-half, half))]


@solid
def _spring(some: Between) -> list[Array]:
    turns, height = some(4, 6), some(1.5, 2)
    coil = curve(
        120, lambda s: (0.5 * np.cos(turns * 2 * np.pi * s), 0.5 * np.sin(turns * 2 * np.pi * s), height * s)
    )
    return [pipe(coil, 0.06)]


@solid
def _spiral(some: Between) -> list[Array]:
    turns = some(2.5, 3.5)
    return [
        pipe(
            curve(120, lambda s: (s * np.cos(turns * 2 * np.pi * s), s * np.sin(turns * 2 * np.pi * s), 0)),
            0.06,
        )
    ]


@solid
def _star(some: Between) -> list[Array]:
    inner = some(0.38, 0.48)
    radii = [1 if n % 2 == 0 else inner for n in range(10)]
    corners = [
        (r * float(np.sin(n * np.pi / 5)), r * float(np.cos(n * np.pi / 5))) for n, r in enumerate(radii)
    ]
    return [tipped(prism(corners, 0.25), 90)]


@solid
def _arrow(some: Between) -> list[Array]:
    length = some(1.5, 2.2)
    return [
        tipped(shape, 90, about="y") for shape in (cylinder(0.1, length), cone(0.3, 0.6, at=(0, 0, length)))
    ]


@solid
def _cross(some: Between) -> list[Array]:
    return [box(0.3, 0.3, 2), box(some(1.2, 1.5), 0.3, 0.3, at=(0, 0, some(1.1, 1.4)))]


@solid
def _wheel(some: Between) -> list[Array]:
    spokes = round(some(5, 9))
    turn = [2 * np.pi * n / spokes for n in range(spokes)]
    parts = [ring(1, 0.12), cylinder(0.15, 0.2, at=(0, 0, -0.1))]
    parts += [rod((0, 0, 0), (np.cos(a), np.sin(a), 0), 0.04) for a in turn]
    return [tipped(part, 90) for part in parts]


@solid
def _umbrella(some: Between) -> list[Array]:
    turn = np.linspace(0, np.pi / 2.2, 8)
    roof = revolved([(1.1 * float(np.sin(a)), 0.6 * float(np.cos(a))) for a in turn])
    crook = curve(10, lambda s: (0.15 - 0.15 * np.cos(np.pi * s), 0, -0.15 * np.sin(np.pi * s)))
    height = some(1.3, 1.6)
    return [moved(roof, (0, 0, height)), rod((0, 0, 0), (0, 0, height + 0.6), 0.04), pipe(crook, 0.05)]


@solid
def _hammer(some: Between) -> list[Array]:
    return [cylinder(0.09, some(1.3, 1.7)), box(some(0.7, 0.9), 0.25, 0.25, at=(0, 0, 1.4))]


@solid
def _sword(some: Between) -> list[Array]:
    blade = some(1.6, 2.1)
    return [
        prism([(0, -0.08), (0.02, 0), (0, 0.08), (-0.02, 0)], blade),
        box(0.08, 0.6, 0.08, at=(0, 0, -0.05)),
        cylinder(0.05, 0.4, at=(0, 0, -0.45)),
        ball(0.09, at=(0, 0, -0.5)),
    ]


@solid
def _mushroom(some: Between) -> list[Array]:
    stem, turn = some(0.7, 1), np.linspace(0, np.pi / 2, 8)
    cap = [(0.8 * float(np.sin(a)), stem + 0.5 * float(np.cos(a))) for a in turn]
    return [cylinder(0.2, stem), revolved([*cap, (0, stem)])]


@solid
def _tree(some: Between) -> list[Array]:
    trunk = some(0.7, 1)
    crowns = [
        ball(some(0.5, 0.7), at=(some(-0.3, 0.3), some(-0.3, 0.3), trunk + some(0.4, 0.8))) for _ in range(4)
    ]
    return [cylinder(0.15, trunk + 0.3), *crowns]


@solid
def _lamp(some: Between) -> list[Array]:
    height = some(1.2, 1.7)
    shade = revolved([(0.5, height), (0.3, height + 0.5)])
    return [cylinder(0.4, 0.08), rod((0, 0, 0), (0, 0, height + 0.3), 0.04), shade]


@solid
def _snowman(some: Between) -> list[Array]:
    return [ball(0.6), ball(some(0.4, 0.46), at=(0, 0, 0.85)), ball(0.28, at=(0, 0, 1.45))]


@solid
def _car(some: Between) -> list[Array]:
    length = some(2, 2.4)
    wheels = [
        moved(tipped(cylinder(0.25, 0.16), 90), (x * length, y, 0.1))
        for x in (-0.3, 0.3)
        for y in (-0.42, 0.58)
    ]
    return [box(length, 1, 0.4, at=(0, 0, 0.15)), box(length * 0.5, 0.9, 0.4, at=(-0.1, 0, 0.55)), *wheels]


@solid
def _boat(some: Between) -> list[Array]:
    deck = [(-1, -0.4), (0.5, -0.4), (1.2, 0), (0.5, 0.4), (-1, 0.4)]
    sail = tipped(prism([(0.1, 0.6), (0.9, 0.6), (0.1, some(1.8, 2.2))], 0.03), 90)
    return [prism(deck, 0.4), rod((0, 0, 0.4), (0, 0, 2.2), 0.04), sail]


@solid
def _key(some: Between) -> list[Array]:
    length = some(1.2, 1.6)
    teeth = [box(0.08, 0.06, 0.25, at=(length - 0.2 * n, 0, -0.28)) for n in range(3)]
    return [tipped(ring(0.35, 0.07), 90), rod((0.35, 0, 0), (length, 0, 0), 0.06), *teeth]


@solid
def _guitar(some: Between) -> list[Array]:
    neck = some(1.2, 1.5)
    body = [(0.55, 0.5), (0.4, 1.15)]
    discs = [moved(tipped(cylinder(r, 0.2), 90), (0, 0.1, z)) for r, z in body]
    return [*discs, box(0.12, 0.08, neck, at=(0, 0, 1.4)), box(0.22, 0.08, 0.3, at=(0, 0, 1.4 + neck))]
