"""Ways to say how likely an object is in a photo: labels, text spaces, the joint space, a model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from tieback.catalog.catalog import Catalog
from tieback.catalog.options import CausalLanguageModel, LabelRecogniser
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import EncoderModel
from tieback.models.label_recogniser import ImageLabelsModel, label_table, scores_of_views
from tieback.models.language.chat_template import Message
from tieback.models.language.decoder import SoftTokens
from tieback.models.language.model import LanguageModel, load_language_model
from tieback.models.loading import load_encoder, load_recogniser
from tieback.models.store import Store
from tieback.recipes.export.causal_language_model import read_weights
from tieback_client import Image, Item, Section
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

from benchmarks.progress import log
from benchmarks.served import started

RECOGNISER = "efficientnet-lite0-labels"
TEXT_SPACES = ("all-minilm-l6-v2", "paraphrase-minilm-l3-v2")
GENERATOR = "smollm2-135m-instruct"
TOP = 10
"""Classes whose text vectors a photo is the weighted sum of."""

Pairs = Mapping[str, Mapping[str, float]]
"""By photo and name, how likely the object is there, on a scale of the way's own."""

MOST_HITS = 100
MARK = " zebra zebra"
"""What stands in a prompt where soft tokens will."""

CAPTIONED, LEAST = 8, 0.3
"""Labels of a caption at most, and their least score."""


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
        encoder = load_encoder(next(one for one in Catalog.load().encoders() if one.name == space), Store())
        # The table begins with the classes themselves, under their names.
        of_classes = _encoded(encoder, [text.split(", ")[0] for text in texts[:classes]])
        of_names = _encoded(encoder, [f"a photo of a {name}" for name in names])
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
    with (
        tempfile.TemporaryDirectory() as store,
        started(Path(store), local=True) as starting,
        starting.ready().client() as client,
    ):
        client.ingest("photos", items).collect()
        for name in names:
            asked_for = f"a photo of a {name}"
            reply = client.retrieve(
                "photos", asked_for, limit=MOST_HITS, hybrid=False, balance_modalities=False, reranker="none"
            )
            for one in reply.hits:
                found[one.hit.item_id][name] = max(found[one.hit.item_id][name], one.search_score)
    return found


def captions_of(views: Views) -> dict[str, str]:
    """What the labels say of each photo, the likeliest first."""
    texts, scores = views.scores()
    found = {}
    for photo, own in scores.items():
        likely = [int(one) for one in np.argsort(-own, kind="stable")[:CAPTIONED] if own[one] >= LEAST]
        named = [texts[one].split(", ")[0] for one in likely]
        found[photo] = f"A photo of {', '.join(named)}." if named else "A photo."
    return found


def asked(caption: str, name: str) -> Sequence[Message]:
    """What the model is asked of a caption."""
    return [Message("user", f"{caption}\nIs there a {name} in the photo? Answer with yes or no.")]


def by_language_model(captions: Mapping[str, str], pairs: Iterable[tuple[str, str]]) -> Pairs:
    """The log odds of "Yes" against "No" as the first token of an answer, captions as what is known."""
    card = next(one for one in Catalog.load().generators() if one.name == GENERATOR)
    model = load_language_model(card, Store())
    found: dict[str, dict[str, float]] = {}
    for photo, name in sorted(set(pairs)):
        logits = model.decoder.score(np.array(model.prompt(asked(captions[photo], name))))[-1]
        found.setdefault(photo, {})[name] = odds_of_yes(model, logits)
    log(f"object_questions: the language model was asked {sum(map(len, found.values()))} times")
    return found


def by_soft_tokens(views: Views, pairs: Iterable[tuple[str, str]]) -> Pairs:
    """The same with a soft token for each view of a photo in place of a caption.

    A soft token is the sum of the mean embeddings of the names of the view's likeliest classes, by their
    probabilities, as long as an embedding is on average: a bridge from classes that is given, not trained.
    """
    card = next(one for one in Catalog.load().generators() if one.name == GENERATOR)
    store = Store()
    model = load_language_model(card, store)
    weights = card.options_for(CausalLanguageModel).weights
    embeddings = read_weights(store.weights(card), weights).embedding.dequantize()
    length = float(np.linalg.norm(embeddings, axis=1).mean())
    texts, _ = views.scores()
    classes = next(iter(views.probabilities.values())).shape[1]
    of_classes = np.stack(
        [embeddings[model.tokens(f" {text.split(', ')[0]}")].mean(axis=0) for text in texts[:classes]]
    )
    found: dict[str, dict[str, float]] = {}
    for photo, name in sorted(set(pairs)):
        soft = _likeliest(views.probabilities[photo]) @ of_classes
        soft *= length / np.linalg.norm(soft, axis=1, keepdims=True)
        tokens, places = _with_room(model, name, len(soft))
        streams = model.decoder.open(
            {"asked": tokens}, room=0, soft={"asked": SoftTokens(places, soft.astype(np.float32))}
        )
        while not streams.read(len(tokens)):
            pass
        found.setdefault(photo, {})[name] = odds_of_yes(model, streams.logits["asked"][-1])
    return found


def _with_room(model: LanguageModel, name: str, count: int) -> tuple[list[int], Array]:
    """The tokens of a question about a photo that so many soft tokens stand for, and their places."""
    marked = model.prompt(asked(f"A photo of{MARK}.", name))
    mark = model.tokens(MARK)
    first = next(place for place in range(len(marked)) if marked[place : place + len(mark)] == mark)
    tokens = [*marked[:first], *[mark[0]] * count, *marked[first + len(mark) :]]
    return tokens, np.arange(first, first + count)


def _likeliest(probabilities: Array) -> Array:
    """Probabilities `[views, classes]` with nothing but the likeliest classes of each view."""
    least = np.sort(probabilities, axis=1)[:, -TOP][:, None]
    return np.where(probabilities >= least, probabilities, 0)


def odds_of_yes(model: LanguageModel, logits: Array) -> float:
    """Of the logits of a first token `[vocabulary]`."""
    yes, no = (
        max(float(logits[model.tokens(word)[0]]) for word in words)
        for words in (("Yes", "yes", " Yes", " yes"), ("No", "no", " No", " no"))
    )
    return yes - no
