"""The page about a bound joint space."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from support.measured_binding import NAMES, TEXTS, bound
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.core.errors import InvalidInput
from tieback.methods.projection import fit
from tieback.models.joint.artifact import BoundProjection, BoundRouter, JointSpaceArtifact, SpaceBlock
from tieback.models.store import Store
from tieback.recipes import photo_search
from tieback.recipes.photo_search import search_photos, thumbnail
from tieback.reports.binding import sections
from tieback.reports.binding.page import claims_of, page
from tieback.reports.binding.photos import Found, Question
from tieback.serving.commands.bind_report import report
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef


def photo(colour: str, side: int = 600) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


def shown() -> str:
    found = [Found(f"{name}.jpg", 0.5, thumbnail(photo(name))) for name in ("red", "green", "blue")]
    return page(
        bound(),
        [
            Question("a photo of a dog", found),
            Question("red.jpg", [Found("a dog", 0.4)], found[0].picture),
        ],
    )


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    written = shown()

    loads = re.findall(r"""(?:src|href|url|action|poster|srcset)\s*[=(]\s*["']?([^"'\s>)]+)""", written)
    assert loads
    assert all(one.startswith(("data:image/jpeg;base64,", "#photo-")) for one in loads)
    assert "http:" not in written
    assert "https:" not in written
    assert not re.search(r"<(script|link|iframe|object|embed|base|form)\b|\son\w+\s*=|@import", written)
    assert "default-src 'none'" in written


def test_a_photo_that_is_shown_twice_is_held_once() -> None:
    written = shown()

    assert written.count("data:image/jpeg") == 3
    assert len(re.findall('<use href="#photo-', written)) == 4


def test_hostile_names_are_escaped_wherever_they_stand() -> None:
    evil = "\"'><script>alert(1)</script><img src=x onerror=y>"
    ref = SpaceRef(evil, evil, evil)
    written = page(
        JointSpaceArtifact(
            (SpaceBlock(ref, Modality.TEXT, 2),),
            (BoundProjection(ref, 2, evil), BoundProjection(ref, 2, evil, evil, {evil: evil})),
            (BoundRouter(Modality.TEXT, (evil,), evil, {}, {}, {evil: (0.1, 0.2)}, {evil: 0.15}),),
            {"text": {evil: 1.0}},
            {
                "retrieval": [
                    {"task": evil, "measure": evil, "chance": 0.1, "rows": [{"name": evil, "value": 0.2}]}
                ],
                "decoupling": {"classes": [evil], "confusion": [[1]], "accuracy": 1.0},
                "weights": {"rows": [{"what": evil, "weights": {evil: 1.0}}]},
            },
            {evil: {evil: [evil]}},
        ),
        [Question(evil, [Found(evil, 0.5, evil)], evil)],
    )

    assert not re.search(r"<(script|img)", written)
    assert written.count("&lt;script&gt;alert(1)") > 25
    assert "\"'>" not in written


def test_every_block_and_every_projection_is_named_with_modality_width_and_revision() -> None:
    text = _words(page(bound()))

    for block in bound().blocks:
        assert f"{block.space.name} {block.modality} {block.width} {block.space.revision}" in text
    assert "efficientnet-lite0, yamnet by anchor_attention (sharpness 15.0)" in text
    assert f"{', '.join(TEXTS)} by anchor_attention (sharpness 15.0)" in text
    assert all(f"{name} itself" in text for name in NAMES)
    assert bound().revision in text


def test_the_numbers_are_the_artifacts() -> None:
    text = _words(page(bound()))

    for said in (
        "routed 0.562 [0.522, 0.603]",
        "best single: paraphrase-minilm-l3-v2 0.388 [0.340, 0.430]",
        "chance 0.013",
        "Right: 0.932.",
        "text queries without efficientnet-lite0: 11.5 points lost",
        "image queries without paraphrase-minilm-l3-v2: −0.4 points lost",
        "about image, recognised as audio: 9 9",
        "captions of sounds, yamnet: 0.41 0.41",
        "yamnet 0.190 to 0.330, mean 0.259",
        "seconds 412.5",
    ):
        assert said in text


def test_claims_are_held_against_their_targets() -> None:
    metrics = dict(bound().metrics)
    found = {claim.name: claim for claim in claims_of(metrics)}
    both = metrics | {"retrieval": [*metrics["retrieval"], metrics["retrieval"][0] | {"measure": "MRR"}]}
    worse = metrics | {"decoupling": metrics["decoupling"] | {"accuracy": 0.85}}

    assert found["text → image, R@1: routed above uniform"].met is True
    assert found["text → image, R@1: routed above uniform"].value == "+0.060"
    assert "overlap" in found["text → image, R@1: routed above uniform"].note
    assert found["text → image, R@1: uniform above best single"].value == "+0.115"
    assert found["Texts whose modality the router tells"].met is True
    assert claims_of(worse)[-1].met is False
    named = [claim.name for claim in claims_of(both)]
    assert "text → image, MRR: routed above uniform" in named
    assert "text → image, R@1: routed above uniform" not in named, "one measure stands for a task"


def test_an_artifact_of_which_nothing_was_measured_still_has_a_page() -> None:
    bare = replace(bound(), metrics={}, losses={}, routers=(), provenance={})

    text = _words(page(bare))
    assert "projections into it" in text
    assert "Retrieval across modalities" not in text


def test_metrics_of_another_layout_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"metrics of the binding .* not laid out"):
        page(replace(bound(), metrics={"retrieval": [{"task": "text → image"}]}))


def test_a_thumbnail_is_small_whatever_the_photo() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 700, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")

    assert len(thumbnail(buffer.getvalue())) <= photo_search.LARGEST_THUMBNAIL * 4 / 3 + 100


def test_the_command_writes_the_page_of_a_folder_and_says_where(tmp_path: Path) -> None:
    folder, out = bound().save(tmp_path), tmp_path / "page.html"

    ran = CliRunner().invoke(report, [str(folder), "--out", str(out), "--json"])

    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.output)
    assert said["revision"] == folder.name
    assert said["bytes"] == len(out.read_bytes())
    assert {claim["met"] for claim in said["claims"]} == {True}
    assert out.read_text() == page(bound())


def test_the_command_finds_the_newest_binding_of_the_store_or_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIEBACK_MODELS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    empty = CliRunner().invoke(report, [])
    folder = bound().save(tmp_path / "bound")

    named = CliRunner().invoke(report, [folder.name])
    newest = CliRunner().invoke(report, [])
    unknown = CliRunner().invoke(report, ["0123456789ab"])

    assert empty.exit_code == 1
    assert "tieback bind" in empty.output
    assert named.exit_code == newest.exit_code == 0
    assert f"binding-{folder.name}.html" in newest.output
    assert unknown.exit_code == 1
    assert folder.name in unknown.output, "the choices are named"


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    folder = bound().save(tmp_path / "bound")
    (tmp_path / "empty").mkdir()

    ran = CliRunner().invoke(report, [str(folder), "--photos", str(tmp_path / "empty")])

    assert ran.exit_code == 1
    assert "photos" in ran.output or "served" in ran.output


def test_photos_are_searched_live_and_shown(tmp_path: Path) -> None:
    catalog = Catalog.load()
    cards = [catalog.get(name) for name in ("wordllama-256", "efficientnet-lite0")]
    text, image = (card for card in cards if isinstance(card, EncoderCard))
    random = np.random.default_rng(0)
    words = random.normal(size=(20, text.width)).astype(np.float32)
    pixels = random.normal(size=(20, image.width)).astype(np.float32)
    small = JointSpaceArtifact(
        (SpaceBlock(text.space, Modality.TEXT, text.width),),
        (
            BoundProjection(text.space, text.width, text.name),
            BoundProjection(
                *(image.space, image.width, text.name, "anchor_attention"),
                {},
                fit("anchor_attention", pixels, words),
            ),
        ),
    )
    for place, colour in enumerate(("red", "green", "blue", "white")):
        (tmp_path / f"{place}.png").write_bytes(photo(colour, 64))
    (tmp_path / "broken.jpg").write_bytes(b"no photo")

    found = search_photos(small, tmp_path, catalog.encoders(), Store())

    assert [one.name for one in found[:3]] == list(photo_search.TEXTS)
    assert all(len(one.near) == 3 for one in found)
    assert all(hit.picture.startswith("data:image/jpeg") for one in found[:3] for hit in one.near)
    assert all(hit.name in photo_search.WORDS for one in found[3:] for hit in one.near)
    scores_ = [hit.score for hit in found[0].near]
    assert scores_ == sorted(scores_, reverse=True)
    assert "broken" not in page(small, found)


def _words(written: str) -> str:
    """What the page says, without its marks."""
    body = written[written.index("<body>") :]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_the_page_says_how_a_lost_space_could_be_imputed_and_what_was_chosen() -> None:
    tried = {
        "chosen": "skip",
        "measure": "points of R@10 lost",
        "queries": 40,
        "rows": [
            {"method": "skip", "lost": {"words": -0.001}, "mean": -0.001},
            {"method": "nearest_neighbours", "lost": {"words": 2.5}, "mean": 2.5},
        ],
    }

    reported = sections.imputation(tried)

    assert "Points of R@10 lost (40 queries)" in reported
    assert "skip (chosen)" in reported
    assert ">0.00<" in reported, "no minus before a zero"
    assert ">2.50<" in reported
    assert sections.imputation({}) == ""
