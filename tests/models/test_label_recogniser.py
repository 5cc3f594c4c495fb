"""Labels name what is in photos and sounds, with boxes and times, and with how likely it is there."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tieback.catalog.card import RecogniserCard
from tieback.catalog.catalog import Catalog
from tieback.catalog.runtimes.label_recogniser import LabelRecogniser
from tieback.core.recognised import labelled, region_of, together, words_of
from tieback.core.types.content import Content
from tieback.models.label_recogniser import (
    LabelTable,
    chosen,
    label_table,
    own_names,
    run_around,
    scores_of_views,
    scores_of_windows,
)
from tieback.models.loading import load_recogniser
from tieback.models.store import Store
from tieback_contract.limits import Limits
from tieback_contract.locators import Locator, LocatorKind
from tieback_contract.modality import Modality
from tieback_contract.recognition import RecognisedText, Segment, SegmentKind


def card_of(name: str) -> RecogniserCard:
    return next(one for one in Catalog.load().recognisers() if one.name == name)


def found_in(card: RecogniserCard, content: Content, store: Store) -> RecognisedText:
    model, limits = load_recogniser(card, store), Limits()
    prepared = model.prepare(content, limits)
    assert prepared.tokens <= model.weigh(content, limits).tokens
    return model.run(prepared)


def names_of(found: RecognisedText) -> dict[str, Segment]:
    encoded = found.text.encode()
    return {encoded[slice(*one.span)].decode(): one for one in found.segments}


def test_a_photo_of_a_cat_is_labelled_as_one_with_its_box(
    store: Store, photo: Callable[[str], bytes]
) -> None:
    found = found_in(
        card_of("efficientnet-lite0-labels"), Content(Modality.IMAGE, photo("chelsea.png")), store
    )

    cat = names_of(found)["cat, true cat"]
    assert cat.kind is SegmentKind.LABEL
    assert cat.score > 0.7
    assert cat.place.kind is LocatorKind.BOX
    assert all(one.score >= 0.3 for one in found.segments)
    assert words_of(found) == ""


def test_a_grey_photo_has_no_likely_label(store: Store) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (120, 90), "grey").save(buffer, "PNG")

    found = found_in(card_of("efficientnet-lite0-labels"), Content(Modality.IMAGE, buffer.getvalue()), store)

    assert not [one for one in found.segments if one.score >= 0.7]


def test_silence_is_labelled_from_begin_to_end(store: Store) -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes(bytes(2 * 16000 * 3))

    found = found_in(card_of("yamnet-labels"), Content(Modality.AUDIO, buffer.getvalue()), store)

    silence = names_of(found)["silence"]
    begin, end = silence.place.place
    assert silence.place.kind is LocatorKind.TIME_RANGE
    assert (begin, silence.score > 0.9) == (0.0, True)
    assert 2.0 < end <= 3.0


def test_a_label_counts_as_its_second_best_view_or_the_whole_says() -> None:
    views = np.array([[0.1, 0.8], [0.9, 0.2], [0.3, 0.1]])

    assert scores_of_views(views) == pytest.approx([0.3, 0.8])
    assert scores_of_views(views[:1]) == pytest.approx([0.1, 0.8])
    assert scores_of_windows(views) == pytest.approx([0.3, 0.2])


def test_a_general_label_is_as_likely_as_all_its_classes() -> None:
    table = LabelTable(["poodle", "beagle", "dog"], [(0,), (1,), (0, 1)])

    likelihoods = table.likelihoods(np.array([[0.4, 0.35, 0.25]]))

    assert likelihoods[0] == pytest.approx([0.4, 0.35, 0.75])


def test_special_labels_come_before_general_ones() -> None:
    table = LabelTable(["dog", "beagle", "poodle", "cat"], [(0, 1), (0,), (1,), (2,)])
    options = card_of("efficientnet-lite0-labels").options_for(LabelRecogniser)

    assert chosen(table, np.array([0.9, 0.5, 0.4, 0.1]), options) == [1, 2, 0]


def test_the_shipped_table_says_dog_of_every_breed_and_cell_of_no_telephone() -> None:
    table = label_table("imagenet-1k")
    named = {text: set(classes) for text, classes in zip(table.texts, table.classes, strict=True)}

    assert len(named["dog, domestic dog"]) == 118
    assert {number for numbers in table.classes for number in numbers} == set(range(1000))
    assert "cell" not in {name for text in table.texts for name in text.split(", ")}


def test_class_names_begin_with_a_small_letter() -> None:
    assert own_names(["Dog", "Meow, purr"]).texts == ["dog", "meow, purr"]


def test_a_sounds_label_lasts_while_it_is_likely() -> None:
    assert run_around(np.array([0.9, 0.1, 0.5, 0.95, 0.4, 0.1]), 0.3) == (2, 4)


def test_labels_follow_what_is_written_and_keep_their_bytes() -> None:
    box = Locator(LocatorKind.BOX, (0.0, 0.0, 0.5, 0.5))
    written = RecognisedText("Grüße", [Segment((0, 7), box)], ("reader",))
    seen = labelled([("dog", Locator(LocatorKind.BOX, (0.5, 0.5, 0.5, 0.5)), 0.9)], "namer")

    both = together([written, RecognisedText("", (), ("silent",)), seen])

    assert both.text == "Grüße\n\ndog"
    assert both.models == ("reader", "silent", "namer")
    assert region_of(both.segments, (9, 12)) == (0.5, 0.5, 0.5, 0.5)
    assert words_of(both) == "Grüße"


def test_a_card_is_of_its_classifiers_modality(tmp_path: Path) -> None:
    card = card_of("yamnet-labels").model_dump(mode="json")

    with pytest.raises(ValueError, match="audio_classifier"):
        RecogniserCard.model_validate(card | {"modality": "image"})
