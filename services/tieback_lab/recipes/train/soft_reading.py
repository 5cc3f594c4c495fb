"""A frozen language model that predicts texts behind soft tokens, and the training of what makes these.

All prompts begin alike, so that beginning is read once, and gradients pass through what follows it alone. The
head, which is a third of the model, is run where an answer is predicted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tieback.core.state import State
from tieback.training.loop import Attempt, History, Plan, Progress, batch, train
from tieback_contract.arrays import Array
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax
from transformers import DynamicCache

Makes = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What is read behind the common beginning: soft tokens of `vectors` `[k, width]`, then `question`, and
    what is to be predicted, `answer`. `taught` are a teacher's logits `[answer, vocabulary]`, where it has
    any.
    """

    vectors: Array
    question: Sequence[int]
    answer: Sequence[int]
    taught: Array | None = None


def packed(readings: Sequence[Reading]) -> dict[str, Array]:
    """Readings as arrays, one after another, with the number of rows that each has."""
    parts: dict[str, list[Array]] = {
        "vectors": [one.vectors for one in readings],
        "question": [np.array(one.question, np.int64) for one in readings],
        "answer": [np.array(one.answer, np.int64) for one in readings],
        "taught": [one.taught for one in readings if one.taught is not None],
    }
    return {name: np.concatenate(rows) for name, rows in parts.items() if rows} | {
        f"{name}.rows": np.array([len(one) for one in rows], np.int64) for name, rows in parts.items()
    }


def unpacked(arrays: Mapping[str, Array]) -> list[Reading]:
    """What `packed` was given."""

    def parts(name: str) -> list[Array]:
        return np.split(arrays[name], np.cumsum(arrays[f"{name}.rows"])[:-1])

    taught: list[Array | None] = [None] * len(arrays["vectors.rows"])
    taught[: len(arrays["taught.rows"])] = parts("taught") if len(arrays["taught.rows"]) else []
    rows = zip(parts("vectors"), parts("question"), parts("answer"), taught, strict=True)
    return [
        Reading(vectors, said.tolist(), answer.tolist(), logits) for vectors, said, answer, logits in rows
    ]


@dataclass(frozen=True, slots=True)
class Choices:
    """Readings in a batch, the weight of the teacher, and the temperature of both distributions."""

    readings: int = 8
    teacher: float = 2.0
    temperature: float = 1.0


class Bridge(torch.nn.Module):
    """A method whose state is trained: `makes` soft tokens of rows and a state, in torch."""

    def __init__(self, start: State, makes: Makes) -> None:
        super().__init__()
        self._makes = makes
        self.state = torch.nn.ParameterDict(
            {name: torch.nn.Parameter(torch.from_numpy(array.copy())) for name, array in start.items()}
        )

    def forward(self, rows: Tensor) -> Tensor:
        """Soft tokens `[n, width]` of rows `[n, vector]`."""
        made: Tensor = self._makes(rows, dict(self.state.items()))
        return made

    def learned(self) -> State:
        """The state as it is now."""
        return {name: one.detach().numpy().copy() for name, one in self.state.items()}


class FrozenReader:
    """A causal language model of transformers, after a beginning of the prompt that all readings share."""

    def __init__(self, model: Any, beginning: Sequence[int]) -> None:
        self._model = model.requires_grad_(False)
        with torch.inference_mode():
            cache: Any = DynamicCache()
            model.model(torch.tensor([list(beginning)]), cache=cache)
        self._past = [(layer.keys.clone(), layer.values.clone()) for layer in cache.layers]
        self._begun = len(beginning)

    @property
    def embeddings(self) -> Tensor:
        """Of the vocabulary `[tokens, width]`."""
        weights: Tensor = self._model.get_input_embeddings().weight
        return weights

    def loss(self, rows: Sequence[Reading], bridge: Bridge, choices: Choices) -> Tensor:
        """The mean negative log-likelihood of the answers' tokens, and the divergence from the teacher."""
        logits, wanted = self.logits(rows, bridge)
        found = cross_entropy(logits, wanted)
        if not choices.teacher or rows[0].taught is None:
            return found
        taught = torch.from_numpy(np.concatenate([one.taught for one in rows if one.taught is not None]))
        heat = choices.temperature
        gap = kl_div(
            log_softmax(logits / heat, dim=1),
            log_softmax(taught.float() / heat, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        return found + choices.teacher * heat**2 * gap

    @torch.no_grad()
    def likelihood(self, rows: Sequence[Reading], bridge: Bridge, size: int) -> float:
        """The mean log-likelihood of a token of the answers."""
        total, count = 0.0, 0
        for begin in range(0, len(rows), size):
            logits, wanted = self.logits(rows[begin : begin + size], bridge)
            total -= float(cross_entropy(logits, wanted, reduction="sum"))
            count += len(wanted)
        return total / max(count, 1)

    def logits(self, rows: Sequence[Reading], bridge: Bridge) -> tuple[Tensor, Tensor]:
        """Logits `[answers' tokens, vocabulary]` of all rows, one after another, and these tokens."""
        soft = bridge(torch.from_numpy(np.concatenate([one.vectors for one in rows])))
        parts = torch.split(soft, [len(one.vectors) for one in rows])
        embed = self._model.get_input_embeddings()
        read = [
            torch.cat([part, embed(torch.tensor([*one.question, *one.answer[:-1]]))])
            for part, one in zip(parts, rows, strict=True)
        ]
        inputs = torch.nn.utils.rnn.pad_sequence(read, batch_first=True)
        count, longest = inputs.shape[:2]
        there = torch.arange(longest) < torch.tensor([[len(one)] for one in read])
        mask = torch.cat([torch.ones(count, self._begun, dtype=torch.bool), there], dim=1)
        cache = DynamicCache()
        for number, (keys, values) in enumerate(self._past):
            shape = (count, *keys.shape[1:])
            cache.update(keys.expand(shape), values.expand(shape), number)
        states = self._model.model(
            inputs_embeds=inputs,
            attention_mask=mask.long(),
            position_ids=self._begun + torch.arange(longest).expand(count, -1),
            cache=cache,
        ).last_hidden_state
        chosen = [
            states[row, len(one.vectors) + len(one.question) - 1 : len(read[row])]
            for row, one in enumerate(rows)
        ]
        wanted = torch.tensor([token for one in rows for token in one.answer])
        logits: Tensor = self._model.lm_head(torch.cat(chosen))
        return logits, wanted


def token_means(embeddings: Tensor, texts: Sequence[Sequence[int]]) -> Array:
    """The mean embedding of each text's tokens `[texts, width]`, as far from the vocabulary's mean as a token
    is on average: the means themselves lie close to it.
    """
    middle = embeddings.mean(dim=0)
    spread = (embeddings - middle).norm(dim=1).mean()
    means = torch.stack([embeddings[torch.tensor(list(text))].mean(dim=0) for text in texts]) - middle
    found: Array = (middle + means * (spread / means.norm(dim=1).mean())).numpy()
    return found


def learn_start(
    bridge: Bridge, vectors: Array, targets: Array, plan: Plan, *, size: int, progress: Progress
) -> History:
    """Moves soft tokens of `vectors` `[n, vector]` to `targets` `[n, width]`, before any model reads them."""
    rows, wanted = torch.from_numpy(vectors), torch.from_numpy(targets)

    def loss(draw: torch.Generator) -> Tensor:
        chosen = batch(len(rows), size, draw)
        gap: Tensor = (bridge(rows[chosen]) - wanted[chosen]).square().sum(dim=1).mean()
        return gap

    return train(bridge, loss, plan, Attempt(progress=progress))


def learn_reading(
    reader: FrozenReader,
    bridge: Bridge,
    readings: Sequence[Reading],
    chosen_by: Sequence[Reading],
    choices: Choices,
    plan: Plan,
    attempt: Attempt,
) -> History:
    """Trains the bridge so that the model predicts the answers; the weights that predict those of
    `chosen_by` best are kept.
    """

    def loss(draw: torch.Generator) -> Tensor:
        places = batch(len(readings), choices.readings, draw).tolist()
        return reader.loss([readings[place] for place in places], bridge, choices)

    def validate() -> float:
        return reader.likelihood(chosen_by, bridge, choices.readings)

    return train(bridge, loss, plan, attempt, validate=validate if chosen_by else None)
