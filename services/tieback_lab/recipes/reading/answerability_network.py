"""The network of `methods/answerability/question_alignment.py` in PyTorch, and how it is learned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tieback.methods.answerability.question_alignment import SIGNALS, Inputs
from tieback.training.loop import Attempt, History, Plan, train
from tieback_contract.arrays import Array
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, relu

from tieback_lab.recipes.reading.asked_questions import Example

DROPPED = 0.2
SMOOTHING = 0.04
PLACE_WEIGHT = 0.5
"""Of the loss of finding the sentence with the answer, beside that of the passage."""
SHARPNESS = 12.0
FAR = -1e4
PREDICTED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Choices:
    """The sizes of the network, and how many questions a step takes."""

    hidden: int
    decision: int
    batch: int


class AnswerabilityNetwork(nn.Module):
    """Its parameters have the names of the method's state."""

    def __init__(self, width: int, choices: Choices) -> None:
        super().__init__()
        hidden = choices.hidden
        self.project = nn.Linear(width, hidden)
        self.compare = nn.ModuleList([nn.Linear(4 * hidden + 3, hidden), nn.Linear(hidden, hidden)])
        self.answer = nn.ModuleList([nn.Linear(3 * hidden + 1, hidden), nn.Linear(hidden, hidden)])
        read = len(SIGNALS) + 3 * hidden
        self.decide = nn.ModuleList([nn.Linear(read, choices.decision), nn.Linear(choices.decision, 1)])
        self.sharpness = nn.Parameter(torch.tensor([SHARPNESS]))
        self.drop = nn.Dropout(DROPPED)

    def forward(self, question: Tensor, anywhere: Tensor, windows: Tensor, signals: Tensor) -> Tensor:
        """Logits `[n, windows]` of rows `[n, m, width]` and `[n, windows, tokens, width]`, padded by 0."""
        count = windows.shape[1]
        is_asked, is_said = question.any(dim=-1), windows.any(dim=-1)
        own, other = self.project(question), self.project(windows)
        cosines = torch.einsum("bmd,bwtd->bwmt", question, windows)
        said = cosines.masked_fill(~is_said[:, :, None, :], FAR)
        aligned = torch.softmax(self.sharpness * said, dim=-1) @ other
        best = said.max(dim=-1).values.clamp(min=0)[..., None]
        each = own[:, None].expand(-1, count, -1, -1)
        pair = [each, aligned, each * aligned, (each - aligned).abs(), best, (1 - best) ** 2]
        everywhere = anywhere[:, None, :, None].expand(-1, count, -1, -1)
        compared = self._two(torch.cat([*pair, everywhere], dim=-1), self.compare)
        counted = is_asked[:, None, :, None]
        mean = (compared * counted).sum(dim=2) / counted.sum(dim=2).clamp(min=1)
        whole = (own * is_asked[..., None]).sum(dim=1) / is_asked.sum(dim=1, keepdim=True).clamp(min=1)
        asked = torch.cat([own[:, 0], whole], dim=-1)[:, None, None].expand(-1, count, windows.shape[2], -1)
        near = cosines.masked_fill(~is_asked[:, None, :, None], FAR).max(dim=2).values.clamp(min=0)
        answer = self._two(torch.cat([other, asked, near[..., None]], dim=-1), self.answer)
        both = [
            signals,
            mean,
            compared.masked_fill(~counted, FAR).max(dim=2).values,
            answer.masked_fill(~is_said[..., None], FAR).max(dim=2).values.clamp(min=0),
        ]
        decided = relu(self.decide[0](torch.cat(both, dim=-1)))
        logits: Tensor = self.decide[1](self.drop(decided))[..., 0]
        return logits.masked_fill(~is_said.any(dim=-1), FAR)

    def _two(self, rows: Tensor, layers: nn.ModuleList) -> Tensor:
        found: Tensor = relu(layers[1](relu(layers[0](self.drop(rows)))))
        return found


def learn_answerability(
    examples: Sequence[Example],
    weights: Array,
    choices: Choices,
    plan: Plan,
    attempt: Attempt,
) -> tuple[AnswerabilityNetwork, History]:
    """A network that tells whether passages answer questions; examples are drawn by their `weights` `[n]`.

    Signals are standardised. The best window's logit is that of the passage; where it is known which windows
    have the answer, they are to be the best ones.
    """
    torch.manual_seed(plan.seed)
    network = AnswerabilityNetwork(examples[0].read.question.shape[1], choices)
    drawn_by = torch.from_numpy(weights)

    def loss(generator: torch.Generator) -> Tensor:
        drawn = torch.multinomial(drawn_by, choices.batch, replacement=True, generator=generator)
        chosen = [examples[place] for place in drawn.tolist()]
        logits = network(*padded(one.read for one in chosen))
        wanted = torch.tensor([float(one.answerable) for one in chosen])
        smooth = wanted * (1 - SMOOTHING) + SMOOTHING / 2
        found = binary_cross_entropy_with_logits(logits.max(dim=1).values, smooth)
        answers = torch.zeros_like(logits, dtype=torch.bool)
        for place, one in enumerate(chosen):
            answers[place, : len(one.answers)] = torch.from_numpy(one.answers)
        is_known = answers.any(dim=1)
        if is_known.any():
            likely = torch.log_softmax(logits, dim=1).masked_fill(~answers, FAR)
            found = found - PLACE_WEIGHT * torch.logsumexp(likely, dim=1)[is_known].mean()
        return found

    history = train(network, loss, plan, attempt)
    return network, history


def predicted(network: AnswerabilityNetwork, examples: Sequence[Example]) -> Array:
    """The logit of each passage `[n]`: that of its best window."""
    was_training = network.training
    network.eval()
    found = np.zeros(len(examples))
    with torch.inference_mode():
        for begin in range(0, len(examples), PREDICTED_AT_ONCE):
            some = examples[begin : begin + PREDICTED_AT_ONCE]
            logits = network(*padded(one.read for one in some))
            found[begin : begin + len(some)] = logits.max(dim=1).values.numpy()
    network.train(was_training)
    return found


def padded(reads: Iterable[Inputs]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Questions, how they are aligned anywhere, windows and signals of a batch, padded by zeros."""
    listed = list(reads)
    windows = max(len(one.windows) for one in listed)
    asked = max(len(one.question) for one in listed)
    tokens = max(1, *(len(rows) for one in listed for rows in one.windows))
    width = listed[0].question.shape[1]
    question = np.zeros((len(listed), asked, width), np.float32)
    anywhere = np.zeros((len(listed), asked), np.float32)
    rows = np.zeros((len(listed), windows, tokens, width), np.float32)
    signals = np.zeros((len(listed), windows, len(SIGNALS)), np.float32)
    for place, one in enumerate(listed):
        question[place, : len(one.question)] = one.question
        anywhere[place, : len(one.anywhere)] = one.anywhere
        signals[place, : len(one.windows)] = one.signals
        for number, read in enumerate(one.windows):
            rows[place, number, : len(read)] = read
    return tuple(map(torch.from_numpy, (question, anywhere, rows, signals)))  # type: ignore[return-value]  # four
