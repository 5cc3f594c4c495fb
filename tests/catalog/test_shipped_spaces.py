"""Names of the spaces and exports of the shipped cards, which people's vectors and stores bear."""

from __future__ import annotations

from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog

SHIPPED = {
    "all-minilm-l6-v2": ("fdfc99f61766", "a42c5d28f4e8", "3984eabc11f1", "3984eabc11f1"),
    "efficientnet-lite0": ("82abb58251dd", "d3efed1a1a72", "d3efed1a1a72", "d3efed1a1a72"),
    "efficientnet-lite0-labels": ("82abb58251dd", "9180697bcedf", "9180697bcedf", ""),
    "paraphrase-minilm-l3-v2": ("1ee8f6605957", "fb5e68a5cf18", "043d96d63e82", "043d96d63e82"),
    "point-nn": ("0355ca6bcc03", "59bd2d717484", "59bd2d717484", "59bd2d717484"),
    "pp-ocr-v6-small": ("2184fc36ca9f", "53cb70a92640", "53cb70a92640", ""),
    "smollm2-135m-instruct": ("885fced6e865", "b43456cd2327", "feb5d21ca1c3", ""),
    "splade-tiny": ("d4407536a8d5", "0bdb6e452430", "0bdb6e452430", "0bdb6e452430"),
    "whisper-tiny-en": ("4701ba3f9696", "4f2e512fb041", "4f2e512fb041", "4f2e512fb041"),
    "whisper-tiny-en-recogniser": ("4701ba3f9696", "a8088ae4beda", "a8088ae4beda", ""),
    "wordllama-256": ("47f7bc916d12", "ddfbc407cd0c", "ddfbc407cd0c", "ddfbc407cd0c"),
    "yamnet": ("35462e1c59ce", "e6a13fddad75", "e6a13fddad75", "e6a13fddad75"),
    "yamnet-labels": ("35462e1c59ce", "d846f3d5979a", "d846f3d5979a", ""),
}
"""By name: revision, fingerprint, export, and the fingerprint of an encoder's space."""


def test_spaces_and_exports_of_the_shipped_cards_are_those_that_stores_and_indexes_have() -> None:
    found = {
        card.name: (
            card.revision,
            card.fingerprint,
            card.export,
            card.space.fingerprint if isinstance(card, EncoderCard) else "",
        )
        for card in Catalog.load()
    }

    assert found == SHIPPED
