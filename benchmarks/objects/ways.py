"""Ways to say how likely an object is in a photo: labels, text spaces, the joint space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from tieback.catalog.catalog import Catalog
from tieback.catalog.runtimes.label_recogniser import LabelRecogniser
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import EncoderModel
from tieback.models.label_recogniser import ImageLabelsModel, label_table, scores_of_views
from tieback.models.loading import load_recogniser
from tieback.models.store import Store
from tieback_client import Image, Item, Section
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

from benchmarks.encoders import encoder
from benchmarks.served import asking

RECOGNISER = "efficientnet-lite0-labels"
TEXT_SPACES = ("all-minilm-l6-v2", "paraphrase-minilm-l3-v2")
TOP = 10
"""Classes whose text vectors a photo is the weighted sum of."""

Pairs = Mapping[str, Mapping[str, float]]
"""By photo and name, how likely the object is there, on a scale of the way's own."""

MOST_HITS = 100


class Views:
    """The class probabilities of each photo's ten views, `[10, classes]`."""

    def __init__(self, folder: Path, photos: Iterable[str]) -> None:
        card = next(one for one in Catalog.load().recognisers() if one.name == RECOGNISER)
        model = load_recogniser(card, Store())
        assert isinstance(model, ImageLabelsModel)
        self.card, self.model = card, model
        self.probabilities = {
            photo: model.probabilities(
                model.prepare(Content(Modality.IMAGE, (folder / photo).read_bytes()), Limits())
            )
            for photo in photos
        }

    def scores(self) -> tuple[Sequence[str], dict[str, Array]]:
        """The labels, and how likely each is in a photo."""
        options = self.card.options_for(LabelRecogniser)
        table = label_table(options.labels)
        return table.texts, {
            photo: scores_of_views(table.likelihoods(views)) for photo, views in self.probabilities.items()
        }


def by_labels(views: Views, names: Sequence[str]) -> Pairs:
    """The score of the label that has the object's name; 0 where none has it."""
    texts, scores = views.scores()
    having = {name: [place for place, text in enumerate(texts) if name in text.split(", ")] for name in names}
    return {
        photo: {name: float(own[places].max()) if places else 0.0 for name, places in having.items()}
        for photo, own in scores.items()
    }


def by_text_space(views: Views, names: Sequence[str], spaces: Sequence[str]) -> Pairs:
    """Cosines of "a photo of a NAME" with the weighted text vectors of a photo's likeliest classes.

    Those of the best view; of several spaces, the sum.
    """
    texts, _ = views.scores()
    classes = next(iter(views.probabilities.values())).shape[1]
    total: dict[str, Array] = {}
    for space in spaces:
        model = encoder(space)
        # The table begins with the classes themselves, under their names.
        of_classes = _encoded(model, [text.split(", ")[0] for text in texts[:classes]])
        of_names = _encoded(model, [f"a photo of a {name}" for name in names])
        for photo, probabilities in views.probabilities.items():
            seen = _likeliest(probabilities) @ of_classes
            seen /= np.linalg.norm(seen, axis=1, keepdims=True)
            total[photo] = total.get(photo, 0) + (seen @ of_names.T).max(axis=0)
    return {photo: dict(zip(names, values.tolist(), strict=True)) for photo, values in total.items()}


def _encoded(encoder: EncoderModel, texts: Sequence[str]) -> Array:
    plan, limits = EncodePlan(), Limits()
    rows = []
    for text in texts:
        prepared = encoder.prepare(Content(Modality.TEXT, text), plan, limits)
        rows.append(encoder.run([prepared], plan)[0].dense)
    return np.stack([row for row in rows if row is not None])


def by_joint_space(folder: Path, photos: Sequence[str], names: Sequence[str]) -> Pairs:
    """The score of a photo in a search for "a photo of a NAME" by vectors alone, through a server.

    What is not among the `MOST_HITS` best has the least.
    """
    found: dict[str, dict[str, float]] = {photo: dict.fromkeys(names, -1.0) for photo in photos}
    items = (Item(photo, [Section(Image((folder / photo).read_bytes()))]) for photo in photos)
    with asking() as client:
        client.ingest("photos", items).collect()
        for name in names:
            asked_for = f"a photo of a {name}"
            reply = client.retrieve(
                "photos", asked_for, limit=MOST_HITS, hybrid=False, balance_modalities=False, reranker="none"
            )
            for one in reply.hits:
                found[one.hit.item_id][name] = max(found[one.hit.item_id][name], one.search_score)
    return found


def _likeliest(probabilities: Array) -> Array:
    """Probabilities `[views, classes]` with nothing but the likeliest classes of each view."""
    least = np.sort(probabilities, axis=1)[:, -TOP][:, None]
    return np.where(probabilities >= least, probabilities, 0)
