"""A head in the joint space: learned from texts, it classifies photos."""

from __future__ import annotations

from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback_client import Client, Image

EXAMPLES = {
    "drinks": ["A cup of coffee on a table.", "An espresso in a white cup.", "Hot chocolate in a mug."],
    "rockets": ["A rocket on its launch pad.", "A missile is launched.", "The space shuttle lifts off."],
}


def test_photos_are_classified_by_a_head_that_has_read_texts_alone(client: Client) -> None:
    photos = Store().media(Catalog.load().get_media("scikit-image"))

    head = client.fit_head("joint-things", EXAMPLES, space="joint").result(timeout=60)
    found = client.predict(
        "joint-things", [Image.from_file(photos / "coffee.png"), Image.from_file(photos / "rocket.jpg")]
    )

    assert head.space.name == "joint"
    assert [one.label for one in found] == ["drinks", "rockets"]
    client.delete_head("joint-things")
