"""A composition of queries: a photo and words that change it find the photo that is meant (SPRC).

Sentence-level prompts (Bai et al., 2024, arXiv:2310.05473) turn a photo into a prompt that is read with the
words. Both encoders stay as they are. What is learned are two layers of attention (see the method
`sentence_prompt`), from triplets: a photo, words, and the photo that is meant, a line each of a JSONL file.

The losses are the paper's: a query is to be nearer to what is meant than to the other photos of a batch; so
are the words behind prompts of no photo; and prompts are to resemble these. No weights come with the server:
name your triplets by --data. The result is named by TIEBACK_ARTIFACTS, and by its `name` in requests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from tieback.artifacts import file_digest
from tieback.catalog.base_card import NAME
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.types.content import Content
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.digests import digest
from tieback.training.splits import Split, split
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from tieback_lab.methods._attention import HEADS
from tieback_lab.methods.query_composition import sentence_prompt
from tieback_lab.models.learned.query_composition import QUERY_COMPOSITION, image_kinds, rows_of, text_kinds
from tieback_lab.training.data.triplets import Triplet, read_triplets, triplet_files

if TYPE_CHECKING:
    from tieback_lab.recipes.train.composing import Triplets

MAKES = "a composition of queries"
METHOD = "sentence_prompt"

FEWEST_TRIPLETS = 32
"""Of fewer, hardly any is left to compare with."""

AT_ONCE = 16
"""Contents that an encoder reads at once."""


@recipes.method
def composed_query(
    run: TrainingRun,
    *,
    name: str = "composed",
    space: str = "efficientnet-lite0",
    texts: str = "all-minilm-l6-v2",
    regions: bool = False,
    prompts: Annotated[int, Field(ge=1)] = 32,
    inner: Annotated[int, Field(ge=4, multiple_of=HEADS)] = 64,
    steps: Annotated[int, Field(ge=0)] = 600,
    batch: Annotated[int, Field(ge=2)] = 64,
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3,
    temperature: Annotated[float, Field(gt=0)] = 0.07,
    text_weight: Annotated[float, Field(ge=0)] = 0.8,
    alignment_weight: Annotated[float, Field(ge=0)] = 0.4,
    patience: Annotated[int, Field(ge=0)] = 3,
    seed: int = 0,
) -> Learned:
    """The state of a composition of the photos of `space` with words as the encoder `texts` reads them.

    With `regions`, photos are compared by the vectors of their regions too, as collections store them where
    TIEBACK_REGIONS is each. A step sees `batch` triplets. The weights are of the losses by words alone and of
    the prompts' alignment. Training ends early where `patience` validations in a row were not better than the
    best; 0 never ends it early.
    """
    from tieback.training.loop import Plan

    from tieback_lab.recipes.train import composing

    if not re.fullmatch(NAME, name):
        raise InvalidInput(
            f"a name is of small letters, digits, '.' and '-', not {name!r}", field=at("parameters", "name")
        )
    image_card = _card(run, "space", space, Modality.IMAGE, image_kinds(regions))
    tokens = VectorKind.MULTI_VECTOR in _card(run, "texts", texts, Modality.TEXT, frozenset()).kinds
    text_card = _card(run, "texts", texts, Modality.TEXT, text_kinds(tokens))
    files = triplet_files(run.data)
    given = read_triplets(files)
    if len(given) < FEWEST_TRIPLETS:
        raise InvalidInput(
            f"there are {len(given)} triplets to learn from, and it takes {FEWEST_TRIPLETS}", field="data"
        )
    triplets = _encoded(run, given, (image_card, regions), (text_card, tokens))
    parts = split(len(triplets), seed)
    choices = composing.Choices(batch, temperature, text_weight, alignment_weight)
    plan = Plan(steps, learning_rate, weight_decay=0.0, patience=patience, seed=seed)
    inputs: dict[str, Any] = {
        "image": triplets.image, "text": triplets.text, "mask": triplets.mask, "target": triplets.target,
        "wanted": triplets.wanted, "prompts": prompts, "inner": inner, "steps": steps, "batch": batch,
        "learning_rate": learning_rate, "temperature": temperature, "text_weight": text_weight,
        "alignment_weight": alignment_weight, "patience": patience, "seed": seed,
    }  # fmt: skip

    def make() -> dict[str, Array]:
        run.say(f"learning to compose by {len(parts.training)} triplets of {len(triplets.target)} photos")
        width, words = triplets.image.shape[2], triplets.text.shape[2]
        state, history = composing.learn_composition(
            triplets,
            parts,
            sentence_prompt.start(width, words, prompts=prompts, inner=inner, seed=seed),
            choices,
            plan,
            run.attempt(f"composed-{name}", digest(*inputs.values()), every=plan.look_every),
        )
        return {
            **{f"state.{key}": array for key, array in state.items()},
            "losses": np.array(history.losses, np.float64).reshape(-1, 2),
        }

    step = run.steps.arrays(
        f"composition {name}",
        composing.learn_composition,
        inputs,
        make,
        beside=(sentence_prompt.sentence_prompt,),
    )
    state = {key.removeprefix("state."): one for key, one in step.items() if key.startswith("state.")}
    metrics, report = _measured(triplets, state, parts, step["losses"])
    facts = {
        "name": name, "method": METHOD, "image": image_card.name, "text": text_card.name,
        "regions": regions, "tokens": tokens,
    }  # fmt: skip
    made_for = (image_card.space, text_card.space)
    return Learned(QUERY_COMPOSITION, state, made_for, files, facts, metrics, report)


def _measured(
    triplets: Triplets, state: Mapping[str, Array], parts: Split, losses: Array
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is found by triplets that no step has seen, among all photos but the query's own."""
    from tieback_lab.recipes.train import composing

    rows = parts.held_out
    ways = {
        "composed": composing.queries(state, triplets, rows),
        "the photo alone": triplets.image[rows, 0],
    }
    found = {name: composing.recall(triplets, vectors, rows) for name, vectors in ways.items()}
    metrics = {
        "recall_at_1": {name: round(value, 4) for name, value in found.items()},
        "triplets": {
            "training": len(parts.training),
            "validation": len(parts.validation),
            "held_out": len(rows),
        },
        "losses": losses.tolist(),
    }
    title = f"What is meant, by {len(rows)} held-out triplets, among {len(triplets.target)} photos"
    report = {
        title: [{"query": name, "recall@1": value} for name, value in found.items()],
        "Training": [{"step": int(step), "loss": value} for step, value in losses],
    }
    return metrics, report


def _encoded(
    run: TrainingRun,
    given: Sequence[Triplet],
    image: tuple[EncoderCard, bool],
    text: tuple[EncoderCard, bool],
) -> Triplets:
    """The rows of all photos, each once, and of all texts. InvalidInput names the triplet of a bad one."""
    from tieback_lab.recipes.train import composing

    places: dict[str, int] = {}
    photos: list[tuple[Path, str]] = []
    digests = {path: file_digest(path) for one in given for path in (one.photo, one.target)}
    for one in given:
        for path in (one.photo, one.target):
            if digests[path] not in places:
                places[digests[path]] = len(places)
                photos.append((path, one.place))
    seen = [(Content(Modality.IMAGE, path.read_bytes()), place) for path, place in photos]
    said = [(Content(Modality.TEXT, one.text), one.place) for one in given]
    image_rows = _rows(run, image[0], image_kinds(image[1]), seen, list(places))
    text_rows = _rows(run, text[0], text_kinds(text[1]), said, [one.text for one in given])
    asking, wanted = (
        np.array([places[digests[path]] for path in paths])
        for paths in ([one.photo for one in given], [one.target for one in given])
    )
    if (same := np.flatnonzero(asking == wanted)).size:
        raise InvalidInput(f"{given[int(same[0])].place}: the photo and the target are alike", field="data")
    target = image_rows["rows"]
    return composing.Triplets(
        target[asking], text_rows["rows"], text_rows["mask"].astype(bool), target, wanted, asking
    )


def _rows(
    run: TrainingRun,
    card: EncoderCard,
    kinds: frozenset[VectorKind],
    contents: Sequence[tuple[Content, str]],
    names: Sequence[str],
) -> dict[str, Array]:
    """`rows` `[contents, most rows, width]` and their `mask`; `names` tell the contents apart."""
    from tieback.models.loading import load_encoder, model_of
    from tieback.recipes.train.encoded_rows import encoded_rows

    def make() -> dict[str, Array]:
        run.say(f"encoding {len(contents)} contents by {card.name}")
        found = encoded_rows(load_encoder(card, run.store), contents, kinds, at_once=AT_ONCE)
        rows = [rows_of(one.dense, one.rows) for one in found]
        longest = max(map(len, rows))
        padded = np.zeros((len(rows), longest, rows[0].shape[1]), np.float32)
        for place, one in enumerate(rows):
            padded[place, : len(one)] = one
        mask = np.arange(longest) < np.array([len(one) for one in rows])[:, None]
        return {"rows": padded, "mask": mask.astype(np.uint8)}

    inputs = {
        "space": f"{card.space} {card.space.fingerprint}",
        "kinds": sorted(kinds),
        "contents": list(names),
    }
    return run.steps.arrays(
        f"rows by {card.name}", encoded_rows, inputs, make, beside=(model_of(card), rows_of)
    )


def _card(
    run: TrainingRun, parameter: str, name: str, modality: Modality, kinds: frozenset[VectorKind]
) -> EncoderCard:
    if name not in run.cards:
        raise NotFound("space", name, run.cards)
    card = run.cards[name]
    if card.modality is not modality or not kinds <= card.kinds:
        wanted = " and ".join(sorted(kinds)) or "any"
        raise InvalidInput(
            f"{name} reads {card.modality} and gives {', '.join(sorted(card.kinds))}; an encoder of "
            f"{modality} with the kind {wanted} is needed",
            field=at("parameters", parameter),
        )
    return card
