"""Concatenated features of networks of several seeds, after a shift of the task (method 6, arXiv:2212.07346).

The paper's claim was tried on 5,000 digits of MNIST. Those are not at hand, so digits are drawn here, in the
fonts that matplotlib brings, turned, slanted, shifted and under noise. A network learns to tell the digits 0
to 4. What its last hidden layer says is then read by a linear probe: for new digits of the same five kinds,
and for 5 to 9, which it never saw, from 100 examples. Four networks of 16 features side by side stand against
one of 16 and against one of 64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from tieback.core.types import Array
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.claims import claim
from benchmarks.report import Report

WHAT = "6 concatenation (arXiv:2212.07346)"
FAMILIES = ("DejaVu", "STIXGeneral", "cmr10", "cmss10", "cmtt10", "cmb10")
SIDE, LARGE = 20, 60
NOISE = 0.05  # with which one network does as well as on MNIST: 96 % on the digits it knows, 60 % on others
INNER, NARROW, MEMBERS = 128, 16, 4
SEEN, NEW = range(5), range(5, 10)
TRAINING, PROBED, SHOTS, TESTED = 2500, 1000, 100, 1000
EPOCHS, BATCH = 40, 50
RATE, DECAY = 2e-3, 1e-4


def study(report: Report, seeds: Sequence[int], say: Callable[[str], None]) -> None:
    """Claims of accuracy on the digits that were learnt and on those that were not."""
    torch.set_num_threads(1)
    rows = []
    for seed in seeds:
        rows.append(_one(seed))
        say(f"seed {seed}: " + ", ".join(f"{name} {value:.1f}" for name, value in rows[-1].items()))
    report.table(
        WHAT + ": accuracy of a linear probe in percent",
        [{"seed": seed, **row} for seed, row in zip(seeds, rows, strict=True)],
    )

    def less(name: str, other: str) -> list[float]:
        return [row[name] - row[other] for row in rows]

    note = "drawn digits; the run to be repeated was on MNIST"
    same = [abs(difference) for difference in less("same, four", "same, wide")]
    claim(report, f"{WHAT}: difference to one wide network, same digits", same, "points", "<= 2", note=note)
    gain = less("new, four", "new, wide")
    claim(report, f"{WHAT}: gain over one wide network, new digits", gain, "points", ">= 8", note=note)


def _one(seed: int) -> dict[str, float]:
    draw = np.random.default_rng(seed)
    seen = _drawn(draw, SEEN, TRAINING)
    same = _drawn(draw, SEEN, PROBED), _drawn(draw, SEEN, TESTED)
    new = _drawn(draw, NEW, SHOTS), _drawn(draw, NEW, TESTED)
    narrow = [_features(seen, NARROW, seed * 100 + member) for member in range(MEMBERS)]
    wide = _features(seen, NARROW * MEMBERS, seed * 100 + MEMBERS)
    found = {}
    for task, (probed, tested) in (("same", same), ("new", new)):
        for name, networks in (("one", narrow[:1]), ("four", narrow), ("wide", [wide])):
            found[f"{task}, {name}"] = _probe(networks, probed, tested)
    return found


def _drawn(draw: np.random.Generator, digits: range, count: int) -> tuple[Tensor, Tensor]:
    """`[count, SIDE²]` pictures, and which of the digits each shows, from 0."""
    folder = Path(matplotlib.get_data_path()) / "fonts/ttf"
    fonts = [
        ImageFont.truetype(str(path), 44)
        for path in sorted(folder.glob("*.ttf"))
        if path.name.startswith(FAMILIES) and "Display" not in path.name
    ]
    labels = draw.integers(len(digits), size=count)
    pictures = np.stack([_picture(draw, fonts, digits[label]) for label in labels])
    return torch.from_numpy(pictures.reshape(count, -1)), torch.from_numpy(labels)


def _picture(draw: np.random.Generator, fonts: Sequence[ImageFont.FreeTypeFont], digit: int) -> Array:
    picture = Image.new("L", (LARGE, LARGE))
    font = fonts[int(draw.integers(len(fonts)))]
    ImageDraw.Draw(picture).text((LARGE / 2, LARGE / 2), str(digit), 255, font, anchor="mm")
    turn, slant = draw.uniform(-0.3, 0.3), draw.uniform(-0.3, 0.3)
    # The inverse map, about the middle: output places to places in the drawn picture.
    map_ = np.array([[np.cos(turn), np.sin(turn) + slant], [-np.sin(turn), np.cos(turn)]])
    map_ /= draw.uniform(0.8, 1.15)
    shift = LARGE / 2 - map_ @ np.full(2, LARGE / 2) + draw.uniform(-4, 4, size=2)
    coefficients = (*map_[0], shift[0], *map_[1], shift[1])
    moved = picture.transform(picture.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    small = np.asarray(moved.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255
    return np.asarray(small + NOISE * draw.normal(size=small.shape), np.float32)


def _features(data: tuple[Tensor, Tensor], width: int, seed: int) -> nn.Sequential:
    """The layers up to the last hidden one, `width` wide, of a network that tells the digits apart."""
    torch.manual_seed(seed)
    pictures, labels = data
    hidden = nn.Sequential(nn.Linear(SIDE * SIDE, INNER), nn.ReLU(), nn.Linear(INNER, width), nn.ReLU())
    network = nn.Sequential(*hidden, nn.Linear(width, len(SEEN)))
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(labels)), BATCH):
            loss = functional.cross_entropy(network(pictures[rows]), labels[rows])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own
            optimiser.step()
    return hidden


def _probe(
    networks: Sequence[nn.Sequential], probed: tuple[Tensor, Tensor], tested: tuple[Tensor, Tensor]
) -> float:
    """Accuracy in percent of logistic regression on the networks' features side by side."""
    with torch.no_grad():
        known, asked = (
            torch.cat([network(pictures) for network in networks], dim=1)
            for pictures in (probed[0], tested[0])
        )
    mean, spread = known.mean(dim=0), known.std(dim=0) + 1e-3
    known, asked = (known - mean) / spread, (asked - mean) / spread
    weights = torch.zeros(known.shape[1], len(SEEN), requires_grad=True)
    bias = torch.zeros(len(SEEN), requires_grad=True)
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=100, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimiser.zero_grad()
        penalty = weights.square().sum() / (2 * len(known))
        loss = functional.cross_entropy(known @ weights + bias, probed[1]) + penalty
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        return loss

    optimiser.step(step)  # type: ignore[no-untyped-call]  # torch's own
    right = (asked @ weights + bias).argmax(dim=1) == tested[1]
    return 100.0 * float(right.float().mean())
