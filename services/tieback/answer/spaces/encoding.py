"""Encodes contents by every joined space of their modality, all spaces at once."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from tieback_contract.encodings import Encoding, Truncated
from tieback_contract.field_path import ROOT, at
from tieback_contract.fusion import RoutingExplanation
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import Vector, VectorKind

from tieback.answer.stopwatch import Stopwatch, seconds_of
from tieback.core.call import Call, once_there_is_room
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, Overloaded, TiebackError, Unavailable
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest, Truncation
from tieback.core.types.fusion import Role
from tieback.core.types.retrieval import QueryPart
from tieback.ports import EncoderPort

DENSE, LABELS = frozenset({VectorKind.DENSE}), frozenset({VectorKind.LABELS})
REGIONS = frozenset({VectorKind.MULTI_VECTOR})

Spaces = Mapping[Modality, Sequence[str]]
"""The joined spaces by the modality that they take."""


@dataclass(frozen=True, slots=True)
class JointInputs:
    """The inputs of the joint space: which vectors each space gives, and which blocks they fill.

    Without more, text spaces enter by vectors into their own block, and all others by labels into all blocks.
    `stored` is what is asked besides of what will be stored, and `per_region` whether the regions of a
    picture that come of that are stored in vectors of their own. `shared` are the names of the spaces that
    vectors carry, of encoders that are called by another: an encoder is asked by its own name, and what it
    says, or fails to say, is told of its space. `adapter` is what each encoder is asked for.
    """

    spaces: Spaces
    kinds: Mapping[str, frozenset[VectorKind]] = field(default_factory=dict)
    blocks: Mapping[str, Collection[str]] = field(default_factory=dict)
    stored: Mapping[str, frozenset[VectorKind]] = field(default_factory=dict)
    per_region: bool = False
    shared: Mapping[str, str] = field(default_factory=dict)
    adapter: str = ""

    def space(self, encoder: str) -> str:
        """The name of the space that the encoder's vectors carry."""
        return self.shared.get(encoder, encoder)

    def plan(self, space: str, modality: Modality, role: Role, truncation: Truncation) -> EncodePlan:
        """What to ask of a space."""
        kinds = self.kinds.get(space) or (DENSE if modality is Modality.TEXT else LABELS)
        stored = self.stored.get(space, frozenset()) if role is Role.DOCUMENT else frozenset()
        return EncodePlan(kinds=kinds | stored, truncation=truncation, adapter=self.adapter)

    def unused(self, weights: Mapping[str, float]) -> frozenset[str]:
        """Spaces that reach only blocks of weight 0, so that nobody waits for them."""
        blocks = self.blocks or {name: (name,) for name in self.spaces.get(Modality.TEXT, ())}
        heard = {name for name, reached in blocks.items() if any(weights.get(block) for block in reached)}
        return frozenset(blocks) - heard if heard else frozenset()  # else bad weights; the router complains


@dataclass(slots=True)
class SpaceEncodings:
    """The encodings of each content, the refusals of spaces, and the spaces that failed as a whole."""

    encodings: list[list[Encoding]]
    refused: list[dict[str, TiebackError]]
    failed: dict[str, TiebackError] = field(default_factory=dict)


class SpaceEncoders:
    """The joined spaces, behind an encoder. Errors name the `reader` that a content is not for."""

    def __init__(
        self, encoder: EncoderPort, joint_inputs: JointInputs, limits: Limits, *, reader: str = "this server"
    ) -> None:
        self.joint_inputs = joint_inputs
        self._reader = reader
        self._encoder = encoder
        self._spaces = joint_inputs.spaces
        self._limits = limits

    async def encode(
        self,
        contents: Sequence[Content],
        watch: Stopwatch,
        *,
        truncation: Truncation,
        deadline: Deadline,
        patience: float | None = None,
        skipped: frozenset[str] = frozenset(),
        role: Role = Role.QUERY,
        by_tokens: str = "",
    ) -> SpaceEncodings:
        """Encodes all contents; whatever goes wrong is in the reply, for the caller to judge.

        Spaces in `skipped` are not asked. The encoder `by_tokens` gives vectors of the tokens of texts too.
        After `patience` seconds those that have not answered are given up, and their work cancelled, as soon
        as another one has.
        """
        encoded = SpaceEncodings([[] for _ in contents], [{} for _ in contents])
        tasks: dict[asyncio.Task[None], str] = {}
        for modality, places in _by_modality(contents, encoded).items():
            spaces = self._spaces.get(modality, ())
            if not spaces:
                for place in places:
                    encoded.refused[place][""] = self._not_served(modality)
            for space in spaces:
                if space not in skipped:
                    batches = list(self._batches([contents[place] for place in places]))
                    plan = self.joint_inputs.plan(space, modality, role, truncation)
                    if space == by_tokens and modality is Modality.TEXT:
                        plan = replace(plan, kinds=plan.kinds | REGIONS)
                    ask = self._ask(space, batches, plan, places, encoded, watch, deadline)
                    tasks[asyncio.create_task(ask)] = self.joint_inputs.space(space)
        await _gather(tasks, encoded, deadline, patience)
        return encoded

    def _not_served(self, modality: Modality) -> InvalidInput:
        served = ", ".join(sorted(modality for modality, spaces in self._spaces.items() if spaces))
        return InvalidInput(f"{self._reader} does not read {modality}; it reads: {served}", field=modality)

    async def _ask(
        self,
        space: str,
        batches: Sequence[Sequence[Content]],
        plan: EncodePlan,
        places: Sequence[int],
        encoded: SpaceEncodings,
        watch: Stopwatch,
        deadline: Deadline,
    ) -> None:
        answers: list[Encoding | TiebackError] = []
        with watch.stage(f"encode:{space}") as stage:
            for batch in batches:
                encode = partial(self._encoder.encode, EncodeRequest(space, batch, plan), Call(deadline))
                reply = await once_there_is_room(encode, deadline)
                stage.queue += reply.timing.queue
                stage.compute += reply.timing.compute
                answers.extend(_without_place(one, place) for place, one in enumerate(reply.results))
        # Only now, all at once: a space that is given up half-way has said nothing.
        for place, answer in zip(places, answers, strict=True):
            if isinstance(answer, Encoding):
                encoded.encodings[place].append(answer)
            else:
                encoded.refused[place][self.joint_inputs.space(space)] = answer

    def _batches(self, contents: Sequence[Content]) -> Iterator[list[Content]]:
        """Parts that keep the encoder's limits of items and, by half to leave room, of bytes."""
        most_items = self._limits.batch_items or len(contents)
        most_bytes = self._limits.message_bytes // 2
        batch: list[Content] = []
        size = 0
        for content in contents:
            length = _size(content)
            if batch and (len(batch) == most_items or (most_bytes and size + length > most_bytes)):
                yield batch
                batch, size = [], 0
            batch.append(content)
            size += length
        if batch:
            yield batch


def _by_modality(contents: Sequence[Content], encoded: SpaceEncodings) -> dict[Modality, list[int]]:
    """The places to encode. A vector that was computed before is an encoding already."""
    places: dict[Modality, list[int]] = {}
    for place, content in enumerate(contents):
        modality = content.modality or Modality.TEXT
        if isinstance(content.data, Vector):
            encoded.encodings[place].append(Encoding(content.data.space, modality, vector=content.data))
        else:
            places.setdefault(modality, []).append(place)
    return places


async def _gather(
    tasks: Mapping[asyncio.Task[None], str],
    encoded: SpaceEncodings,
    deadline: Deadline,
    patience: float | None,
) -> None:
    """Waits for the tasks, and puts down what failed; cancels all of them when it is cancelled itself."""
    pending = set(tasks)
    try:
        if pending:
            done, pending = await asyncio.wait(pending, timeout=patience or seconds_of(deadline))
            while pending and deadline.remaining() > 0 and not any(task.exception() is None for task in done):
                more, pending = await asyncio.wait(
                    pending, timeout=seconds_of(deadline), return_when=asyncio.FIRST_COMPLETED
                )
                done |= more
    finally:
        for task in pending:
            task.cancel()
    for task, name in tasks.items():
        if task in pending:
            encoded.failed[name] = DeadlineExceeded(f"{name} did not answer within its share of the time")
        elif (error := task.exception()) is not None:
            if not isinstance(error, TiebackError):
                raise error
            encoded.failed[name] = error


def _without_place(answer: Encoding | TiebackError, place: int) -> Encoding | TiebackError:
    """The encoder numbered the contents of its own batch; here they are numbered otherwise."""
    return answer.moved(at("contents", place), ROOT) if isinstance(answer, TiebackError) else answer


def _size(content: Content) -> int:
    data = content.data
    if isinstance(data, str):
        return len(data)
    return len(data) if isinstance(data, bytes) else int(getattr(data, "nbytes", 0))


def cut_off(encodings: Iterable[Encoding]) -> dict[str, Truncated]:
    """By space, what is not in the encodings; the spaces that read everything are left out."""
    found: dict[str, Truncated] = {}
    for encoding in encodings:
        if not encoding.truncated_tokens:
            continue
        name = encoding.space.name
        own = Truncated(1, encoding.truncated_tokens, encoding.token_count)
        found[name] = found[name] + own if name in found else own
    return found


DOWN, LATE, SHED, REFUSED = "down", "late", "shed", "refused"
WORST = 100.0

Losses = Mapping[str, Mapping[str, float]]
"""Modality → space → points of recall at 10 that queries lost without it, as measured at binding."""


def reason_of(error: TiebackError) -> str:
    """Why a space is missing, in a word."""
    reasons = {Unavailable: DOWN, DeadlineExceeded: LATE, Overloaded: SHED}
    return next((word for kind, word in reasons.items() if isinstance(error, kind)), REFUSED)


def without(routing: RoutingExplanation, lost: Mapping[str, str]) -> RoutingExplanation:
    """The explanation, with the spaces that were missing before the router, and the reasons."""
    if not lost:
        return routing
    missing = [*routing.missing, *(name for name in lost if name not in routing.missing)]
    return dataclasses.replace(routing, missing=missing, reasons={**routing.reasons, **lost}, degraded=True)


def with_unencoded_contents(
    routing: RoutingExplanation, query: Sequence[QueryPart], encoded: SpaceEncodings, losses: Losses
) -> RoutingExplanation:
    """The explanation with the loss of contents that no space encoded; the router does not see them.

    Contents count by their share of the query's weights.
    """
    total = sum(abs(part.weight) for part in query)
    unencoded = [place for place, said in enumerate(encoded.encodings) if not said and query[place].weight]
    if not unencoded or not total:
        return routing
    shares = [abs(query[place].weight) / total for place in unencoded]
    loss = routing.expected_recall_loss * (1 - sum(shares))
    for share, place in zip(shares, unencoded, strict=True):
        of_modality = losses.get(query[place].content.modality or Modality.TEXT, {})
        gone = {*encoded.failed, *encoded.refused[place]}
        lost = sum(max(of_modality.get(space, 0.0), 0.0) for space in gone)
        loss += share * min(lost, WORST)
    return dataclasses.replace(routing, expected_recall_loss=loss)


def losses_of(encoded: SpaceEncodings) -> dict[str, str]:
    """The spaces that did not speak of everything, and why.

    Raises where a content is refused by all that read it.
    """
    lost = {space: reason_of(error) for space, error in encoded.failed.items()}
    for place, refused in enumerate(encoded.refused):
        if refused and not encoded.encodings[place] and not encoded.failed:
            error = next(iter(refused.values()))
            raise error.within(at("query", place, "content"))
        for space, error in refused.items():
            lost.setdefault(space, reason_of(error))
    return lost
