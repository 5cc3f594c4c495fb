"""What is looked for: tasks of retrieval across modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.joint.projecting import rows_of
from tieback.joint.retrieval import Task, both_ways
from tieback.recipes.binding.blocks import BlockSpec
from tieback.recipes.binding.training_set import TrainingSet
from tieback.training.class_texts import CAPTION


def class_tasks(
    training_set: TrainingSet, blocks: Sequence[BlockSpec], rows: Mapping[str, Array]
) -> list[Task]:
    """For each member, its `rows` found by their captions, and their names found by them."""
    return [
        task for block in blocks for task in _of_captions(training_set, block, rows[block.name], [CAPTION])
    ]


def losing_tasks(
    training_set: TrainingSet, blocks: Sequence[BlockSpec], rows: Mapping[str, Array], sentences: Array
) -> list[Task]:
    """What losses are measured on: captions of `rows` by every template, and `sentences` by the next one.

    Tasks of one name differ in the template and count together as one.
    """
    tasks = []
    for block in blocks:
        templates = range(len(next(iter(training_set.names[block.name].values()))))
        tasks += _of_captions(training_set, block, rows[block.name], templates)
    followed = sentences[sentences + 1 < len(training_set.corpus.texts)]
    if len(followed) > 1:
        first, following = (rows_of(training_set.sentences, places) for places in (followed, followed + 1))
        tasks.append(Task("text → text", Modality.TEXT, first, following))
    return tasks


def user_tasks(training_set: TrainingSet) -> list[Task]:
    """The user's pairs that are held out, found either way."""
    tasks = []
    user = training_set.user
    for modality in Modality:
        chosen = user.held_out(modality)
        if len(chosen) < 2:
            continue
        texts = rows_of(user.texts, user.rows(modality)[chosen])
        if modality is Modality.TEXT:
            tasks.append(Task("text → text (your pairs)", modality, texts, rows_of(user.same, chosen)))
        else:
            cards = training_set.participants.reading(modality)
            inputs = {card.name: user.others[card.name][chosen] for card in cards}
            tasks += both_ways(modality, " (your pairs)", texts, inputs)
    return tasks


def _of_captions(
    training_set: TrainingSet, block: BlockSpec, rows: Array, templates: Sequence[int]
) -> list[Task]:
    """Rows found by captions in these templates, and their bare names found by them; none of one row."""
    if len(rows) < 2:
        return []
    name, modality = block.name, block.member.modality
    suffix = "" if len(training_set.participants.of(modality)) == 1 else f" ({name})"
    inputs = {name: block.features[rows]}
    named = training_set.captions(name, 0, rows)
    found = [
        both_ways(modality, suffix, training_set.captions(name, template, rows), inputs, named)
        for template in templates
    ]
    return [*(text for text, _ in found), found[0][1]]
