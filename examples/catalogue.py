"""A catalogue of which a third is missing: learn one vector of an item's parts, and search by any of them.

    .venv/bin/python examples/catalogue.py [--output catalogue.html]

Shops offer buttons. An offer has a photo, a title and attributes, and a third of these parts is missing.
`tieback train fusion` learns from offers of the same product. A local server fuses what an offer has into one
vector, and finds offers by the parts that a query has. The report is one HTML file. The photos are drawn
here: they show shape and colour, titles name both, and only attributes tell the material.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from cmath import rect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from html import escape
from itertools import chain, product
from math import cos, pi, sin, tau
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image as Picture
from PIL import ImageDraw, ImageFilter
from served import TIEBACK, Served, StartFailedError
from tieback_client import Image, Item, Section
from tieback_lab.client import Client
from tieback_lab.contract.fusion import FusedThing, FusionPattern

FUSION = "buttons"
PARTS = {"photo": "efficientnet-lite0", "title": "all-minilm-l6-v2", "attributes": "all-minilm-l6-v2"}
SETTINGS = {
    "TIEBACK_EXTENSIONS": "lab",
    "TIEBACK_SPACES": "efficientnet-lite0,all-minilm-l6-v2",
} | dict.fromkeys(
    ("TIEBACK_BINDING", "TIEBACK_GENERATOR", "TIEBACK_RERANKERS", "TIEBACK_RECOGNISERS"), "none"
)
OFFERS = 6  # of each product
STEPS = 400
# Of nine offers, three lack no part, three lack one, three lack two: a third of all parts.
LACKING = [(), (), (), *((one,) for one in PARTS), *(tuple({*PARTS} - {one}) for one in PARTS)]
TITLES = ("{colour} {shape} button", "button, {shape}, {colour}", "{shape} button in {colour}")
MATERIALS = ("wood", "glass", "metal")
COLOURS = {
    **{"red": (205, 35, 40), "yellow": (240, 205, 40), "green": (40, 150, 60)},
    **{"blue": (45, 90, 205), "violet": (130, 50, 170), "black": (40, 40, 45)},
}


def ring(count: int, radius: float = 1.0, turn: float = 0.0) -> list[complex]:
    """Corners of a regular polygon, as complex numbers."""
    return [rect(radius, turn + tau * n / count) for n in range(count)]


SHAPES = {
    "round": ring(72),
    "square": ring(4),
    "triangle": ring(3),
    "star": list(chain(*zip(ring(5), ring(5, 0.42, pi / 5), strict=True))),
    "heart": [
        complex(13 * cos(a) - 5 * cos(2 * a) - 2 * cos(3 * a) - cos(4 * a), 16 * sin(a) ** 3) / 16
        for a in (tau * n / 72 for n in range(72))
    ],
    "flower": [point * (0.78 + 0.22 * cos(5 * tau * n / 72)) for n, point in enumerate(ring(72))],
}


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A catalogue with missing parts</title>
<style>body {{ font: 15px/1.45 sans-serif; max-width: 75em; margin: 2em auto; padding: 1em; color: #16202b }}
section {{ border-top: 2px solid #cdd4db; margin-top: 1.5em }} h3 {{ font-size: 1em; margin: .7em 0 .4em }}
p {{ margin: .3em 0 }} td, th {{ padding: .2em .9em .2em 0; text-align: left }} img {{ width: 7em }}
.row, ol {{ display: flex; gap: 1em; margin: 0; padding: 0; list-style: none }}
ol {{ flex-wrap: wrap }} .asked {{ flex: 0 0 15em }}
li {{ width: 9.5em; background: #f4f6f8; padding: .6em }} .absent {{ color: #6b5b00; font-style: italic }}
.bar {{ display: inline-block; width: 6em; background: #dde3e9 }} .bar i {{ display: block; height: .8em }}
i {{ background: #2d5acd }} .True {{ color: #146c2e }} .False {{ color: #a31515 }}</style>
<h1>A catalogue with missing parts</h1>
<p>{} offers of buttons were learned from and stored. {} of their photos, titles and attributes are
missing. The photos were drawn by a program, and those of the queries are drawn anew. A hit may lack the very
part that was asked by: it is found all the same, since training made neighbours of one product's offers.
<p><b>Weight</b>: how far the query's vector moves without the part. <b>Expected loss</b>: how much less often
the first hit is right than with all parts, by the table. <b>As wanted</b>: the hit is what the query told.
<h2>What each pattern of parts is worth</h2>
<p>Measured by the training on {} offers of products that it did not learn from: how often the nearest other
offer is of the same product if the query has these parts alone. Each pattern is measured on the offers that
have its parts, which are few, so small differences, and a loss below zero, may be chance.
{}{}</html>
"""


@dataclass(frozen=True)
class Offer:
    """Parts that a shop gives of a product, and the product, by its properties. A query is one, too."""

    product: Mapping[str, str]
    parts: Mapping[str, Any]

    def is_a(self, wanted: Mapping[str, str]) -> bool:
        return wanted.items() <= self.product.items()


@dataclass(frozen=True)
class Query:
    """An offer as a query; the first hit should be what its parts tell."""

    title: str
    asked: Offer

    @property
    def wanted(self) -> Mapping[str, str]:
        return {name: told for name, told in self.asked.product.items() if told}


def offer(shape: str, colour: str, material: str, lacks: tuple[str, ...], draw: random.Random) -> Offer:
    """An offer of a product, drawn and worded anew."""
    whole = {
        "photo": photo(SHAPES[shape], COLOURS[colour], draw),
        "title": draw.choice(TITLES).format(shape=shape, colour=colour).capitalize(),
        "attributes": f"material: {material}; diameter: {draw.randint(9, 30)} mm",
    }
    told = {"colour": colour, "shape": shape, "material": material}
    return Offer(told, {name: one for name, one in whole.items() if name not in lacks})


def photo(outline: list[complex], colour: tuple[int, int, int], draw: random.Random) -> bytes:
    """A button with four holes on a table, each time in another light, place, size and direction."""
    table = tuple(draw.randint(175, 245) for _ in range(3))
    picture = Picture.new("RGB", (224, 224), table)
    pen = ImageDraw.Draw(picture)
    size = draw.uniform(62, 88)
    centre = complex(112 + draw.uniform(-16, 16), 112 + draw.uniform(-16, 16))
    angle = draw.gauss(-pi / 2, 0.25)
    light = draw.uniform(0.8, 1.1)
    paint = [min(255, round(one * light)) for one in colour]
    for scale, shade in ((1.0, 0.6), (0.9, 1.0)):  # a dark edge, and the front
        corners = [centre + size * scale * rect(1, angle) * point for point in outline]
        pen.polygon(
            [(one.real, one.imag) for one in corners], fill=tuple(round(one * shade) for one in paint)
        )
    for hole in ring(4, 0.2 * size, angle):
        x, y = (centre + hole).real, (centre + hole).imag
        pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=table)
    file = io.BytesIO()
    picture.filter(ImageFilter.GaussianBlur(0.8)).save(file, "JPEG", quality=85)
    return file.getvalue()


def catalogue(draw: random.Random) -> list[Offer]:
    """Offers of all products, a third of their parts missing."""
    products = [one for one in product(SHAPES, COLOURS, MATERIALS) for _ in range(OFFERS)]
    lacking = [LACKING[number % len(LACKING)] for number in range(len(products))]
    draw.shuffle(lacking)
    return [offer(*one, lacks, draw) for one, lacks in zip(products, lacking, strict=True)]


def queries(draw: random.Random) -> list[Query]:
    """Queries by some parts of new offers."""
    flower = offer("flower", "blue", "glass", ("title",), draw)
    wooden = {**flower.parts, "attributes": "material: wood; diameter: 15 mm"}
    return [
        Query("A title alone", offer("star", "red", "", ("photo", "attributes"), draw)),
        Query("A photo alone", offer("heart", "green", "", ("title", "attributes"), draw)),
        Query("A photo and attributes", flower),
        Query("The same photo, and another material", Offer({**flower.product, "material": "wood"}, wooden)),
        Query("A title and attributes", offer("square", "yellow", "metal", ("photo",), draw)),
        Query("All three parts", offer("triangle", "violet", "wood", (), draw)),
    ]


def learn(offers: list[Offer], folder: Path, steps: int) -> Any:
    """Trains the fusion by the command line. Offers of the same product are a group."""
    with (folder / "offers.jsonl").open("w") as lines:
        for number, one in enumerate(offers):
            parts = dict(one.parts)
            if "photo" in parts:
                (folder / f"{number}.jpg").write_bytes(parts["photo"])
                parts["photo"] = {"file": f"{number}.jpg"}
            lines.write(json.dumps({"parts": parts, "group": " ".join(one.product.values())}) + "\n")
    command = ["train", "fusion"]
    for one in (f"name={FUSION}", "missing=substitute", f"steps={steps}"):
        command += ["--set", one]
    command += ["--data", str(folder / "offers.jsonl"), "--output", str(folder / "learned")]
    print("  $ TIEBACK_EXTENSIONS=lab tieback", *command, flush=True)
    ran = subprocess.run([*TIEBACK, *command, "--json"], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(ran.stdout)


def fuse(client: Client, offers: list[Offer], *, explain: bool = False) -> list[FusedThing]:
    """One vector for each, of the parts that it has."""
    encoded: list[dict[str, Any]] = [{} for _ in offers]
    for name, space in PARTS.items():
        having = [number for number, one in enumerate(offers) if name in one.parts]
        parts = [offers[number].parts[name] for number in having]
        contents = [Image(one) if name == "photo" else one for one in parts]
        for number, encoding in zip(having, client.encode(contents, space=space), strict=True):
            encoded[number][name] = encoding
    return list(client.fuse_parts(FUSION, encoded, explain=explain))


def show_parts(one: Offer, replaced: Mapping[str, str] = MappingProxyType({})) -> str:
    """The parts of an offer as HTML, and what stands for those that are missing."""
    shown = []
    for name in PARTS:
        if name not in one.parts:
            by = f", replaced by a {replaced[name]}" if name in replaced else ""
            shown.append(f'<div class="absent">no {name}{escape(by)}</div>')
        elif name == "photo":
            inline = base64.b64encode(one.parts[name]).decode()
            shown.append(f'<img alt="photo" src="data:image/jpeg;base64,{inline}">')
        else:
            shown.append(f"<div>{escape(one.parts[name])}</div>")
    return "".join(shown)


def bar(share: float) -> str:
    return f'<span class="bar"><i style="width:{100 * max(0.0, share):.0f}%"></i></span> {share:.2f}'


def show_query(query: Query, fused: FusedThing, found: Sequence[tuple[str, float, Offer]]) -> str:
    """A query with its explanation, and the offers that were found."""
    weights = "".join(f"<tr><td>{escape(name)}<td>{bar(one)}" for name, one in fused.weights.items())
    loss = "not measured" if fused.expected_loss is None else f"{fused.expected_loss:+.2f}"
    unseen = "<p>Training never saw this pattern of parts." if fused.unseen else ""
    hits = []
    for id, score, one in found:
        right = one.is_a(query.wanted)
        mark = f'<b class="{right}">{"✓ as wanted" if right else "✗ another product"}</b>'
        hits.append(f"<li>{show_parts(one)}<p>{mark}<br>score {score:.3f}<br>offer {escape(id)}")
    return f"""<section><h2>{escape(query.title)}</h2><div class="row"><div class="asked"><h3>Query</h3>
{show_parts(query.asked, fused.replaced)}<h3>Weight of each part</h3><table>{weights}</table>
<p class="missing">Missing: {escape(", ".join(fused.missing)) or "nothing"}.
<p>Expected loss: {loss}.{unseen}</div><div><h3>Found (wanted: {escape(" ".join(query.wanted.values()))})</h3>
<ol>{"".join(hits)}</ol></div></div></section>"""


def show_patterns(patterns: Sequence[FusionPattern]) -> str:
    """A table of what each pattern of parts is worth."""
    rows = []
    for one in patterns:
        has = "".join(f"<td>{'✓' if name in one.parts else 'missing'}" for name in PARTS)
        value = "not measured" if one.value is None else bar(one.value)
        rows.append(f"<tr>{has}<td>{value}<td>{one.things}")
    heads = "".join(f"<th>{name}" for name in (*PARTS, "first hit right", "offers to learn from"))
    return f"<table><tr>{heads}{''.join(rows)}</table>"


@contextmanager
def step(said: str) -> Iterator[None]:
    """Prints what is done, and how long it took."""
    print(f"{said} …", flush=True)
    began = time.monotonic()
    yield
    print(f"  {time.monotonic() - began:.1f} s", flush=True)


def tell(folder: Path, output: Path, steps: int) -> None:
    """The story, from the offers to the report."""
    os.environ |= SETTINGS
    draw = random.Random(0)
    with step("Drawing the photos of the catalogue"):
        offers = catalogue(draw)
        asked = queries(draw)
    missing = sum(len(PARTS) - len(one.parts) for one in offers) / (len(PARTS) * len(offers))
    print(f"  {len(offers)} offers, {missing:.0%} of their parts are missing")
    with step("Learning the fusion"):
        learned = learn(offers, folder, steps)
    os.environ["TIEBACK_ARTIFACTS"] = learned["folder"]
    with ExitStack() as open_now:
        with step("Starting a server"):
            served = open_now.enter_context(Served(folder, "--local"))
            client = open_now.enter_context(Client(served.address, timeout=120))
        with step("Fusing and storing all offers"):
            (fusion,) = client.fusions()
            client.create_collection("catalogue", fusion.space, width=fusion.width)
            items = [
                Item(str(number), [Section(f"offer {number}", vector=one.vector)])
                for number, one in enumerate(fuse(client, offers))
            ]
            client.upsert("catalogue", items).collect()
        sections = []
        with step("Searching"):
            fused = fuse(client, [query.asked for query in asked], explain=True)
            for query, one in zip(asked, fused, strict=True):
                hits = client.search("catalogue", vector=one.vector, limit=5).hits
                found = [(hit.item_id, hit.score, offers[int(hit.item_id)]) for hit in hits]
                sections.append(show_query(query, one, found))
                first = " ".join(found[0][2].product.values())
                print(f"  {query.title}: {' '.join(query.wanted.values())} → {first}")
    metrics = learned["metrics"]
    facts = (len(offers), f"{missing:.0%}", metrics["held_out"], show_patterns(fusion.patterns))
    output.write_text(PAGE.format(*facts, "".join(sections)), encoding="utf-8")


def main() -> int:
    """Runs the story in a temporary folder; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("catalogue.html"), help="the report")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"steps of the training [{STEPS}]")
    options = parser.parse_args()
    output: Path = options.output
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is ended, too
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tieback-catalogue-") as folder:
        try:
            tell(Path(folder), output, options.steps)
        except (subprocess.CalledProcessError, StartFailedError) as error:
            print(f"The example failed: {error}", file=sys.stderr)
            return 1
    print(f"Done in {time.monotonic() - began:.0f} s. Open this in a browser:\n  {output.resolve().as_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
