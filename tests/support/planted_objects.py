"""Pairs of maps that are made, with an object planted into two pictures that have nothing else in common.

A picture is a pair of maps: 8 × 8 cells, with an object planted into 2 × 2 of them, and 2 × 2 cells that each
see 4 × 4 of these, behind a random layer; each of the 2 × 2 has a background of its own. All objects have
one thing in common, that they are objects, and each differs from the others. One picture of an object is the
query, the other is to be found among all.

DOLG is no better than GeM after 300 steps in the place of 800: the attention has not found the objects. The
set-up was chosen so that the global half cannot see an object.
"""

from __future__ import annotations

import numpy as np
from tieback.training.loop import UNKEPT, Plan
from tieback.training.splits import Split
from tieback_lab.methods import map_pooling
from tieback_lab.methods.map_pooling import GRAPH, map_poolings
from tieback_lab.recipes.train.photo_maps import Choices, PhotoMaps, Pooled, found, learn_pooling

TRAIN, VALIDATION, TESTED = 400, 50, 200  # objects
LOCAL, DEEP, WIDTH = 16, 24, 32  # channels, and the vectors' dimensions
CELLS, OBJECT, STRIDE = 8, 2, 4  # cells a side: of a map, of an object, of what a deep cell sees
STRENGTH, GRAIN = 2.0, 0.5  # of an object's cell, and of a cell's own noise, beside a background's 1
STEPS, BATCH, RATE = 800, 64, 0.03
POINTS = 10


def recalls(seed: int) -> dict[str, float]:
    """Per cent of the tested objects that are found first, by the pooling."""
    maps = planted(np.random.default_rng(seed), TRAIN + VALIDATION + TESTED)
    places = np.arange(len(maps))
    parts = Split(places[:TRAIN], places[TRAIN:-TESTED], places[-TESTED:])
    local, deep = (one[:TRAIN].reshape(-1, *one.shape[2:]) for one in (maps.local, maps.deep))
    recall = {}
    for name in ("gem", "dolg"):
        graph = map_poolings.form(GRAPH, name)
        start = map_pooling.fit(name, local, deep, width=WIDTH if name == "dolg" else DEEP, seed=seed)
        plan = Plan(STEPS, RATE, weight_decay=0.0, seed=seed)
        choices = Choices(BATCH, temperature=0.05, margin=0.0)
        state, _ = learn_pooling(maps, parts, start, graph, choices, plan, UNKEPT)
        recall[name] = 100 * found(maps, Pooled(graph, state).of, parts.held_out)["recall_at_1"]
    return recall


def planted(draw: np.random.Generator, count: int) -> PhotoMaps:
    """So many objects in two pictures each."""
    shape = (count, 2, LOCAL, CELLS, CELLS)
    blocks = draw.normal(size=(*shape[:3], CELLS // STRIDE, CELLS // STRIDE))
    blocks[:, :, 0] = 0  # the first channel says that something is an object
    backgrounds = blocks.repeat(STRIDE, axis=3).repeat(STRIDE, axis=4)
    local = backgrounds + GRAIN * draw.normal(size=shape)
    objects = draw.normal(size=(count, LOCAL))
    objects[:, 0] = np.sqrt(LOCAL)
    rows, columns = draw.integers(CELLS - OBJECT + 1, size=(2, count, 2))
    for number in range(count):
        for view in range(2):
            row, column = rows[number, view], columns[number, view]
            cells = local[number, view, :, row : row + OBJECT, column : column + OBJECT]
            cells[:] = STRENGTH * objects[number, :, None, None] + GRAIN * draw.normal(size=cells.shape)
    wider = local.reshape(*shape[:3], CELLS // STRIDE, STRIDE, CELLS // STRIDE, STRIDE).mean(axis=(4, 6))
    layer = draw.normal(size=(DEEP, LOCAL)) / np.sqrt(LOCAL)
    deep = np.maximum(np.einsum("dc,nvcij->nvdij", layer, wider), 0)
    return PhotoMaps(local.astype(np.float16), deep.astype(np.float16))
