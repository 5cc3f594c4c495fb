"""A space of things that have several parts, some of which may be missing: a learned fusion.

A product has a photo, a title and attributes; a call its sound and its transcript. The encoders stay as they
are. What is learned is how the vectors of the parts become one, by a method of the family `fusion`: from
labels, from groups of things that belong together, or without these from which parts occur together.

The data are lines of JSON (`{"parts": {"title": "Red boots", "photo": {"file": "a.png"}}, "label": "b"}`).
The report says what each pattern of parts is worth on held-out things, so what is lost without a part. The
artifact is named by TIEBACK_ARTIFACTS; `FusionService.Fuse` of a server with the lab fuses by it, and marks a
pattern of parts that was never trained with. No weights come with the server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from tieback.artifacts import file_digest
from tieback.catalog.base_card import NAME
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.types.content import Content
from tieback.models.content_rows import padded
from tieback.recipes.train.encoded_rows import AT_ONCE, encoded_rows, rows_of
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.digests import digest
from tieback_client.values.content import modality_of_path
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from tieback_lab.methods.fusion import (
    FIT,
    MOST_ROWS,
    Goal,
    Layers,
    fusions,
    takes_bundles,
    takes_condition,
    takes_layers,
    takes_names,
    takes_rounds,
)
from tieback_lab.models.learned.fusion import FUSION, REFUSE, patterns_of
from tieback_lab.recipes.train.fusing import ACCURACY, RECALL, Things, apart, worths
from tieback_lab.recipes.train.naming import Naming, naming
from tieback_lab.training.data.things import ThingToLearn, read_things, thing_files

MAKES = "a fusion of parts"

FEWEST = 32
"""Of fewer things, hardly any is left to compare with."""
MOST_PARTS = 6
"""All patterns of them are measured."""


@recipes.method
def fusion(
    run: TrainingRun,
    *,
    name: Annotated[str, Field(pattern=NAME)] = "things",
    method: str = "parallel",
    missing: Literal["", "skip", "pool", "substitute", "refuse"] = "",
    encoders: Mapping[str, str] = {},
    rows: Sequence[str] = (),
    spaces: Sequence[str] = ("all-minilm-l6-v2", "efficientnet-lite0", "yamnet"),
    width: Annotated[int, Field(ge=2)] | None = None,
    steps: Annotated[int, Field(ge=0)] | None = None,
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None,
    language_model: str = "",
    seed: int = 0,
) -> Learned:
    """The fusion by `method`, called `name`, whose vectors have `width` dimensions [64].

    A part is encoded by the space of `encoders` that is named for it, else by the first of `spaces` that
    reads it. The parts that `rows` names are read as rows of their tokens, regions or windows. `missing` is
    what is done about missing parts; empty for what the method does by itself. In training a part is dropped
    with the probability `dropout`. `language_model` is the folder of a model whose first layers are the
    encoder of the texts' rows; a method that has layers begins with the next ones.
    """
    files = thing_files(run.data)
    given = read_things(files)
    names = _parts(given)
    chosen, drops = _chosen(method, missing, width=width, steps=steps, dropout=dropout)
    if rows and takes_bundles(method):
        raise InvalidInput(
            f"rows of {method} are the items of a bundle: leave them out", field=at("parameters", "rows")
        )
    _check_rounds(method, given)
    cards = {part: _card(run, part, given, encoders, spaces, rows) for part in names}
    asked = _asked(run, method, given, spaces)
    classes, goal = _goal(given)
    encoded = [
        _encoded(run, cards[part], part, [one.parts.get(part, ()) for one in given], given, rows=part in rows)
        for part in names
    ]
    conditions = [[one.condition] for one in given]
    condition = None if asked is None else _encoded(run, asked, "condition", conditions, given)[0][:, 0]
    things = Things([one for one, _ in encoded], [mask for _, mask in encoded], condition, goal)
    training, held_out = apart(things, seed)
    for place, part in enumerate(names):
        if not training.there[place].any():
            raise InvalidInput(f"no thing to learn from has the part {part!r}", field="data")
    named = _named(run, method, cards, spaces, classes)
    layers = _layers(run, method, cards, rows, language_model)
    inputs: dict[str, Any] = {
        "rows": np.concatenate([one.reshape(len(one), -1) for one in training.rows], 1),
        "there": np.concatenate(training.there, 1).astype(np.uint8), "goal": goal.groups,
        "condition": [] if condition is None else condition, "seed": seed, "method": method, **chosen,
        **({} if named is None else {"entities": named.entities, "said": named.said, "classes": classes}),
        **({} if layers is None else {"layers": digest(layers.part, layers.into, *layers.arrays.values())}),
    }  # fmt: skip
    fit = fusions.form(FIT, method, chosen)

    def make() -> Mapping[str, Array]:
        run.say(f"learning {name} from {len(training)} things")
        attempt = run.attempt(f"fusion-{name}", digest(*inputs.values()), every=50)
        wanted = replace(training.goal, names=named.names if named else None, layers=layers)
        return fit(training.rows, training.there, training.condition, wanted, seed=seed, attempt=attempt)

    from tieback_lab.recipes.graphs.fused import GRAPH_FILE, graph_of

    state = run.steps.arrays(f"fusion {name}", fusions.get(method), inputs, make, beside=(naming,))
    patterns = patterns_of(names, training.has, dropped=drops)
    for pattern, value in zip(patterns, worths(method, state, held_out, names, patterns), strict=True):
        pattern["value"] = value
    graph, difference = graph_of(method, state, things.rows, things.there, things.condition)
    own = "pool" if state["pool"].size else "substitute" if state["between"].size else "skip"
    facts = {
        "name": name, "method": method, "missing": missing or own, "classes": classes,
        "parts": [{"name": part, "space": cards[part].name, "rows": part in rows} for part in names],
        "condition": "" if asked is None else asked.name, "patterns": patterns,
        "measure": ACCURACY if classes else RECALL,
        "tags": [] if named is None else [*named.entities, *named.said],
    }  # fmt: skip
    metrics = {"held_out": len(held_out), "training": len(training), "graph_difference": difference}
    served = {card.name: card.space for card in [*cards.values(), *([] if asked is None else [asked])]}
    return Learned(
        FUSION, state, tuple(served.values()), files, facts, metrics,
        _report(names, patterns, ACCURACY if classes else RECALL), {GRAPH_FILE: graph},
    )  # fmt: skip


def _chosen(method: str, missing: str, **given: float | None) -> tuple[dict[str, Any], bool]:
    """The parameters of `fit`, and whether it sees things without parts that they have.

    InvalidInput names one that the method has not. What is not trained has no pattern that is new to it.
    """
    taken = fusions.schema(method, FIT)["properties"]
    chosen: dict[str, Any] = {name: one for name, one in given.items() if one is not None}
    if missing and (missing != REFUSE or "missing" in taken):
        chosen["missing"] = "skip" if missing == REFUSE else missing
    fusions.form(FIT, method, chosen)
    dropout = chosen.get("dropout", taken["dropout"]["default"]) if "dropout" in taken else 1
    return chosen, dropout > 0


def _named(
    run: TrainingRun, method: str, cards: Mapping[str, EncoderCard], spaces: Sequence[str], classes: list[str]
) -> Naming | None:
    """The names that a method is made of; None for one that is trained."""
    if not takes_names(method):
        return None
    texts = [
        run.cards[one] for one in spaces if one in run.cards and run.cards[one].modality is Modality.TEXT
    ]
    if not texts:
        raise InvalidInput(
            f"{method} needs an encoder of texts for its names; name one", field=at("parameters", "spaces")
        )
    run.say(f"encoding names by {texts[0].name}")
    return naming(list(cards.values()), texts[0], classes, run.store)


def _layers(
    run: TrainingRun, method: str, cards: Mapping[str, EncoderCard], rows: Sequence[str], folder: str
) -> Layers | None:
    """The layers that a method begins with; None for random ones."""
    if not folder:
        return None
    field = at("parameters", "language_model")
    if not takes_layers(method):
        raise InvalidInput(f"{method} has no layers of a language model: leave it out", field=field)
    texts = [
        place
        for place, (part, card) in enumerate(cards.items())
        if place and part in rows and card.modality is Modality.TEXT
    ]
    if len(texts) != 1:
        raise InvalidInput(
            "it goes on from the tokens of one text behind the first part: name that part in rows",
            field=field,
        )
    from tieback_lab.recipes.train.decoder_layers import layers_after

    return layers_after(list(cards.values())[texts[0]], run.store, Path(folder).expanduser(), texts[0])


def _report(
    names: Sequence[str], patterns: Sequence[Mapping[str, Any]], measure: str
) -> dict[str, list[dict[str, Any]]]:
    """Tables of the worth of each part, and of each pattern of them."""
    worth = {frozenset(one["parts"]): one["value"] for one in patterns}
    whole = worth[frozenset(names)]

    def lost(without: frozenset[str]) -> Any:
        value = worth.get(without)
        return "-" if value is None or whole is None else whole - value

    parts = [
        {"part": part, "alone": worth[frozenset({part})], "lost without it": lost(frozenset(names) - {part})}
        for part in names
    ]
    each = [
        {
            "parts": ", ".join(one["parts"]),
            "things": one["things"],
            "seen": one["seen"],
            measure: one["value"],
        }
        for one in patterns
    ]
    return {f"Parts, by {measure} of held-out things": parts, "Patterns of parts": each}


def _parts(given: Sequence[ThingToLearn]) -> list[str]:
    """The names of the parts, in the order in which they come. InvalidInput where nothing can be learned."""
    if len(given) < FEWEST:
        raise InvalidInput(
            f"there are {len(given)} things to learn from, and it takes {FEWEST}", field="data"
        )
    names = list(dict.fromkeys(name for one in given for name in one.parts))
    if not 2 <= len(names) <= MOST_PARTS:
        raise InvalidInput(
            f"a fusion has 2 to {MOST_PARTS} parts, and these things have {len(names)}", field="data"
        )
    for name in names:
        if not re.fullmatch(NAME, name):
            raise InvalidInput(
                f"the name of a part is of small letters, digits, '.' and '-', not {name!r}", field="data"
            )
    return names


def _check_rounds(method: str, given: Sequence[ThingToLearn]) -> None:
    """InvalidInput for a part with several rounds where the method takes none, or with too many of them."""
    in_rounds = takes_rounds(method)
    most = MOST_ROWS if in_rounds else 1
    for one in given:
        for name, contents in one.parts.items():
            if len(contents) > most:
                limit = (
                    f"takes {most} rounds at most" if in_rounds else "takes no rounds, one text or file alone"
                )
                raise InvalidInput(
                    f"{one.place}: parts.{name}: {method} {limit}, and there are {len(contents)}",
                    field="data",
                )


def _goal(given: Sequence[ThingToLearn]) -> tuple[list[str], Goal]:
    """The classes, and what is learned from: labels, else groups, else each thing alone."""
    if any(one.label for one in given):
        classes = sorted({one.label for one in given} - {""})
        if len(classes) < 2:
            raise InvalidInput("it takes things of two labels at least", field="data")
        places = {label: place for place, label in enumerate(classes)} | {"": -1}
        return classes, Goal(np.array([places[one.label] for one in given], np.int64), len(classes))
    known: dict[str, int] = {}
    groups = [known.setdefault(one.group or f"\n{place}", len(known)) for place, one in enumerate(given)]
    return [], Goal(np.array(groups, np.int64))


def _card(
    run: TrainingRun,
    part: str,
    given: Sequence[ThingToLearn],
    encoders: Mapping[str, str],
    spaces: Sequence[str],
    rows: Sequence[str],
) -> EncoderCard:
    """The encoder of a part. NotFound for one that is not there; InvalidInput where none reads the part."""
    modalities = {_modality(content) for one in given for content in one.parts.get(part, ())}
    if len(modalities) != 1 or None in modalities:
        raise InvalidInput(f"parts.{part}: texts, or files of one kind", field="data")
    (modality,) = modalities
    kind = VectorKind.MULTI_VECTOR if part in rows else VectorKind.DENSE
    wanted = [encoders[part]] if part in encoders else [one for one in spaces if one in run.cards]
    for name in wanted:
        if name not in run.cards:
            raise NotFound("space", name, run.cards)
        if run.cards[name].modality is modality and kind in run.cards[name].kinds:
            return run.cards[name]
    raise InvalidInput(
        f"none of {', '.join(wanted)} reads {modality} and gives {kind}; name one for {part!r} in encoders",
        field=at("parameters", "encoders"),
    )


def _asked(
    run: TrainingRun, method: str, given: Sequence[ThingToLearn], spaces: Sequence[str]
) -> EncoderCard | None:
    """The encoder of conditions; None for a method that takes none."""
    having = [one for one in given if one.condition]
    if not takes_condition(method):
        if having:
            raise InvalidInput(f"{having[0].place}: {method} takes no condition", field="data")
        return None
    lacking = next((one for one in given if not one.condition), None)
    if lacking is not None:
        raise InvalidInput(f"{lacking.place}: condition: {method} needs one of each thing", field="data")
    known = [run.cards[one] for one in spaces if one in run.cards]
    return next(card for card in known if card.modality is Modality.TEXT)


def _modality(part: str | Path) -> Modality | None:
    return Modality.TEXT if isinstance(part, str) else modality_of_path(part)


def _encoded(
    run: TrainingRun,
    card: EncoderCard,
    part: str,
    contents: Sequence[Sequence[str | Path]],
    given: Sequence[ThingToLearn],
    *,
    rows: bool = False,
) -> tuple[Array, Array]:
    """Rows `[things, rows, width]` of a part and their mask; things without it have no row."""
    from tieback.models.loading import load_encoder, model_of

    kinds = frozenset({VectorKind.MULTI_VECTOR if rows else VectorKind.DENSE})
    there = [place for place, one in enumerate(contents) if one]
    each = [(place, content) for place in there for content in contents[place]]

    def make() -> dict[str, Array]:
        run.say(f"encoding {len(each)} of {part!r} by {card.name}")
        read = [
            (Content(card.modality, one if isinstance(one, str) else one.read_bytes()),
             f"{given[place].place}: {part}")
            for place, one in each
        ]  # fmt: skip
        found = iter(encoded_rows(load_encoder(card, run.store), read, kinds, at_once=AT_ONCE))
        made = [np.concatenate([rows_of(next(found)) for _ in contents[place]]) for place in there]
        values, mask = padded([one[:MOST_ROWS] for one in made])
        return {"rows": values, "mask": mask.astype(np.uint8)}

    names = [[one if isinstance(one, str) else file_digest(one) for one in some] for some in contents if some]
    inputs = {"space": f"{card.space} {card.space.fingerprint}", "kinds": sorted(kinds), "contents": names}
    step = run.steps.arrays(
        f"{part} in {card.name}", encoded_rows, inputs, make, beside=(model_of(card), padded)
    )
    values = np.zeros((len(contents), *step["rows"].shape[1:]), np.float32)
    mask = np.zeros(values.shape[:2], bool)
    values[there], mask[there] = step["rows"], step["mask"].astype(bool)
    return values, mask
