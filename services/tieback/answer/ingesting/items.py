"""Items become sections with joint vectors and words to find them by, written in one durable step."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from tieback_contract.encodings import Encoding
from tieback_contract.field_path import ROOT, FieldPath, at
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import Vector

from tieback.answer.following import with_following
from tieback.answer.ingesting.drafts import Draft, below_heading, drafts_of, groups_of, taken_out
from tieback.answer.ingesting.drafts import token_vectors as vectors_of_tokens
from tieback.answer.ingesting.features import filtered_by_features, words_of_no_text
from tieback.answer.ingesting.recognition import Recognition, is_labelled, with_recognised
from tieback.answer.ingesting.splitting import Split, Splitting
from tieback.answer.spaces.collections import CollectionSpace, CollectionSpaces
from tieback.answer.spaces.encoding import SpaceEncodings, cut_off
from tieback.answer.stopwatch import Stopwatch, hop
from tieback.core.alone import Alone
from tieback.core.call import Call, once_there_is_room
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, NotFound, TiebackError
from tieback.core.recognised import words_of
from tieback.core.tenant import PRINCIPAL, AccessLevel
from tieback.core.types.collection import IndexedItem, IndexedSection, ReindexedPiece, UpsertReply
from tieback.core.types.content import Content, Item, Section
from tieback.core.types.encoding import Truncation
from tieback.core.types.fusion import JOINT_SPACE, FuseRequest, Role
from tieback.core.types.ingestion import IngestReply, IngestRequest, IngestResult, LongTexts
from tieback.core.types.reindexing import PendingItem, ReindexedItem
from tieback.ports import EncoderPort, IndexPort
from tieback.token_spaces import TokenSpace


@dataclass(frozen=True, slots=True)
class _Writing:
    """The writing of the items of one call."""

    into: CollectionSpace
    tokens: TokenSpace | None
    """The space of the tokens' vectors, where the collection keeps some."""
    split: Split
    truncation: Truncation
    watch: Stopwatch
    deadline: Deadline
    write: Callable[[Sequence[IndexedItem]], Awaitable[UpsertReply]]
    beside: Callable[..., Awaitable[Sequence[IndexedItem]]] | None
    """Adds vectors of the space that the collection is being moved to."""


class Ingestion:
    """Encodes and fuses sections, then writes the items that are whole."""

    def __init__(
        self,
        encoder: EncoderPort,
        spaces: CollectionSpaces,
        splitting: Splitting,
        index: IndexPort,
        limits: Limits,
        recognition: Recognition,
        *,
        keeps_originals: bool = False,
    ) -> None:
        self._encoder, self._spaces, self._splitting, self._index = encoder, spaces, splitting, index
        self._limits, self._recognition, self._keeps = limits, recognition, keeps_originals

    async def ingest(
        self,
        request: IngestRequest,
        deadline: Deadline,
        before_writing: Callable[[], Awaitable[None]] | None = None,
    ) -> IngestReply:
        """One result per item. A space that is down fails the call: what is stored is never degraded."""
        principal = PRINCIPAL.get()
        # The index asks too, after all the work.
        principal.require(AccessLevel.WRITE, principal.find(request.collection))
        watch = Stopwatch()
        self._check(request.items)
        into, kept, following = await self._spaces.to_write(
            request.collection, request.space, request.codec, request.token_vectors
        )
        tokens = self._spaces.token_spaces.serving(kept)
        items, refused = filtered_by_features(request.items)
        if request.long_texts is LongTexts.SPLIT:
            with watch.stage("split"):
                split = await self._splitting.split(items, into.readers(Modality.TEXT), hop(deadline))
        else:
            split = Split.nothing(items)
        split.errors.update(refused)
        drafts: list[list[Draft]] = [[] for _ in items]
        for draft in drafts_of(split, split.errors):
            drafts[draft.item].append(draft)
        truncation = Truncation.REFUSE if request.long_texts is LongTexts.REFUSE else Truncation.END
        write = functools.partial(self._write, request)
        beside = None if following is None else functools.partial(with_following, self, following, tokens)
        writing = _Writing(into, tokens, split, truncation, watch, deadline, write, beside)
        results: list[IngestResult] = []
        for group in groups_of(drafts, by_tokens=tokens is not None):
            await self._store(writing, group, before_writing)
            before_writing = None
            for number, own in enumerate(group, len(results)):
                results.append(_result(split, number, own))
                own.clear()  # its vectors are written
        return IngestReply(results, watch.timing())

    async def _store(
        self,
        writing: _Writing,
        group: Sequence[Sequence[Draft]],
        before_writing: Callable[[], Awaitable[None]] | None,
    ) -> None:
        """Encodes the sections of some items and writes the items that are whole, in one durable step."""
        into, split, watch, deadline = writing.into, writing.split, writing.watch, writing.deadline
        errors = split.errors
        drafts = [draft for own in group for draft in own]
        await self._encode(into, writing.tokens, drafts, errors, watch, writing.truncation, deadline)
        good = [draft for draft in drafts if draft.item not in errors]
        await self._recognition.read(good, errors, watch, hop(deadline))
        good = [draft for draft in good if draft.item not in errors]
        await self._encode_recognised(into, good, watch, deadline)
        await self._fuse(into, good, errors, watch, deadline)
        whole: dict[int, IndexedItem] = {}
        for number, own in {own[0].item: own for own in group if own and own[0].item not in errors}.items():
            with Alone(at("items", number)) as item:
                whole[number] = _indexed(split.items[number], own, keeps=self._keeps)
            if item.error is not None:
                errors[number] = item.error
        if before_writing is not None:
            await before_writing()
        if not whole:
            return
        deadline.check("writing the items")
        indexed: Sequence[IndexedItem] = list(whole.values())
        if writing.beside is not None:
            with watch.stage("second"):
                indexed = await writing.beside([split.items[number] for number in whole], indexed, deadline)
        with watch.stage("upsert"):
            written = await once_there_is_room(lambda: writing.write(indexed), deadline)
        for number, error in zip(whole, written.results, strict=True):
            if error is not None:
                errors[number] = _at(number, split.places[number], error)

    async def encode_again(
        self,
        into: CollectionSpace,
        tokens: TokenSpace | None,
        pending: Sequence[PendingItem],
        deadline: Deadline,
    ) -> AsyncGenerator[list[ReindexedItem | TiebackError], None]:
        """Stored items with new vectors, in order, some at a time, each whole or with its error.

        Texts that are longer than the space reads are split. Pictures and sounds get new words where the
        space names what they show and nothing was recognised in them; empty ones stand for the old.
        """
        items, watch = [one.item for one in pending], Stopwatch()
        split = await self._splitting.split(items, into.readers(Modality.TEXT), hop(deadline))
        drafts: list[list[Draft]] = [[] for _ in items]
        for draft in drafts_of(split, split.errors):
            drafts[draft.item].append(draft)
        begin = 0
        for group in groups_of(drafts, by_tokens=tokens is not None):
            yield await self._group_again(into, tokens, pending, split, begin, group, watch, deadline)
            begin += len(group)
            for own in group:
                own.clear()

    async def _group_again(
        self,
        into: CollectionSpace,
        tokens: TokenSpace | None,
        pending: Sequence[PendingItem],
        split: Split,
        begin: int,
        group: Sequence[Sequence[Draft]],
        watch: Stopwatch,
        deadline: Deadline,
    ) -> list[ReindexedItem | TiebackError]:
        """Encodes the sections of the items from `begin` on."""
        errors = split.errors
        drafts = [draft for own in group for draft in own]
        if drafts:
            await self._encode(into, tokens, drafts, errors, watch, Truncation.END, deadline)
        await self._fuse(
            into, [draft for draft in drafts if draft.item not in errors], errors, watch, deadline
        )
        results: list[ReindexedItem | TiebackError] = []
        for number, own in enumerate(group, begin):
            if number in errors:
                results.append(errors[number])
                continue
            indexed = _indexed(split.items[number], own, keeps=False)
            stored = split.items[number].sections
            known = [
                section if draft.labels and not old.segments else dataclasses.replace(section, text="")
                for section, draft, old in zip(indexed.sections, own, stored, strict=True)
            ]
            one = pending[number]
            results.append(ReindexedItem(one.item.id, one.version, known, _pieces(split, number, one.item)))
        return results

    def _check(self, items: Sequence[Item]) -> None:
        if not items:
            raise InvalidInput("there is nothing to ingest: give at least one item", field="items")
        most = self._limits.batch_items
        if most and len(items) > most:
            raise InvalidInput(f"{len(items)} items; the limit is {most} a request", field="items")

    async def _encode(
        self,
        into: CollectionSpace,
        tokens: TokenSpace | None,
        drafts: Sequence[Draft],
        errors: dict[int, TiebackError],
        watch: Stopwatch,
        truncation: Truncation,
        deadline: Deadline,
    ) -> None:
        contents = [draft.content for draft in drafts]
        texts = [] if tokens is None else [draft for draft in drafts if isinstance(draft.content.data, str)]
        shared = tokens is not None and tokens.encoder in into.readers(Modality.TEXT)
        encoded: SpaceEncodings = await into.encoders[Role.DOCUMENT].encode(
            contents,
            watch,
            truncation=truncation,
            deadline=hop(deadline),
            role=Role.DOCUMENT,
            by_tokens=tokens.encoder if tokens is not None and shared else "",
        )
        for error in encoded.failed.values():
            raise error
        for position, draft in enumerate(drafts):
            made: Sequence[Encoding] = encoded.encodings[position]
            if tokens is not None and isinstance(draft.content.data, str):
                made, draft.tokens = taken_out(made, tokens)
            draft.encodings = [FusePart(encoding) for encoding in made]
            for error in encoded.refused[position].values():
                errors.setdefault(draft.item, draft.blame(error))
        if tokens is not None and texts and not shared:
            own = [draft.content for draft in texts]
            rows = await vectors_of_tokens(self._encoder, tokens, own, watch, self._limits, hop(deadline))
            for draft, multi in zip(texts, rows, strict=True):
                draft.tokens = multi
        for draft in texts:
            if draft.tokens is not None:
                draft.tokens = below_heading(draft.tokens, draft.heading, self._limits.rerank_tokens)

    async def _encode_recognised(
        self, into: CollectionSpace, drafts: Sequence[Draft], watch: Stopwatch, deadline: Deadline
    ) -> None:
        """Adds the encodings of recognised texts, in a joint space: vectors are of picture and text then."""
        written = [(draft, words_of(draft.recognised)) for draft in drafts if draft.recognised is not None]
        written = [(draft, text) for draft, text in written if text]
        if not written or into.name != JOINT_SPACE or not into.readers(Modality.TEXT):
            return
        encoded = await into.encoders[Role.DOCUMENT].encode(
            [Content(Modality.TEXT, text) for _, text in written],
            watch,
            truncation=Truncation.END,
            deadline=hop(deadline),
            role=Role.DOCUMENT,
        )
        for error in encoded.failed.values():
            raise error
        for (draft, _), made in zip(written, encoded.encodings, strict=True):
            draft.encodings = [*draft.encodings, *(FusePart(one, content=1) for one in made)]

    async def _fuse(
        self,
        into: CollectionSpace,
        drafts: Sequence[Draft],
        errors: dict[int, TiebackError],
        watch: Stopwatch,
        deadline: Deadline,
    ) -> None:
        asked = []
        for draft in drafts:
            given = draft.content.data
            if isinstance(given, Vector) and given.space.name == into.name:
                draft.vector = given  # made before; the index holds it to the collection's space
            else:
                asked.append(draft)
        most = self._limits.batch_items or len(asked)
        with watch.stage("fuse"):
            for begin in range(0, len(asked), max(most, 1)):
                batch = asked[begin : begin + most]
                request = FuseRequest(
                    [draft.encodings for draft in batch],
                    Role.DOCUMENT,
                    per_region=into.encoders[Role.DOCUMENT].joint_inputs.per_region,
                )
                fuse = functools.partial(into.router.fuse, request, Call(hop(deadline)))
                reply = await once_there_is_room(fuse, deadline)
                for draft, result in zip(batch, reply.results, strict=True):
                    if isinstance(result, Fused):
                        draft.vector, draft.labels = result.vector, result.labels
                        draft.regions = result.regions
                    else:
                        # The router's error names encodings, which the caller does not know.
                        errors.setdefault(draft.item, draft.blame(result.about(ROOT)))

    async def _write(self, request: IngestRequest, items: Sequence[IndexedItem]) -> UpsertReply:
        collection = request.collection
        try:
            return await self._index.upsert(collection, items)
        except NotFound as missing:
            if missing.kind != "collection" or "/" in collection:  # only its owner makes it
                raise
        vector = items[0].sections[0].vector
        await self._index.create_collection(
            collection,
            vector.space,
            vector.width,
            codec=request.codec,
            token_vectors=request.token_vectors,
        )
        return await self._index.upsert(collection, items)


def _result(split: Split, number: int, drafts: Sequence[Draft]) -> IngestResult:
    """What became of an item."""
    name = split.items[number].id
    if number in split.errors:
        return IngestResult(name, split.errors[number])
    return IngestResult(
        name,
        truncated_sections=sum(bool(draft.cut_off) for draft in drafts),
        truncated=cut_off(part.encoding for draft in drafts for part in draft.encodings),
        split_sections=split.split[number],
        added_sections=split.added(number),
    )


def _pieces(split: Split, number: int, before: Item) -> list[ReindexedPiece]:
    """What the sections of an item are of those before it was split; none where it was not."""
    if not split.split[number]:
        return []
    pieces: list[ReindexedPiece] = []
    for place, section in zip(split.places[number], split.items[number].sections, strict=True):
        old, span = before.sections[place], None
        if section is not old and section.span is not None:
            first = 0 if old.span is None else old.span[0]
            span = section.span[0] - first, section.span[1] - first
        pieces.append(ReindexedPiece(place, section.id, span))
    return pieces


def _at(number: int, places: Sequence[int], error: TiebackError) -> TiebackError:
    """The index numbered the items and sections that it was given, and has the items wrapped."""
    match error.field.steps:
        case ("items", int(), "item", *rest) | ("items", int(), *rest):
            if rest[:1] == ["sections"] and len(rest) > 1 and isinstance(rest[1], int):
                rest[1] = places[rest[1]]
            return error.about(FieldPath(("items", number, *rest)))
    return error


def _indexed(item: Item, drafts: Sequence[Draft], *, keeps: bool) -> IndexedItem:
    sections: list[Section] = []
    indexed: list[IndexedSection] = []
    for section, draft in zip(item.sections, drafts, strict=True):
        is_text = isinstance(draft.content.data, str)
        stays = is_text or (keeps and not isinstance(draft.content.data, Vector))
        title = section.title or item.title
        words = "" if is_text else title if is_labelled(draft) else words_of_no_text(draft, title)
        words, segments = with_recognised(words, draft)
        kept = section.content if stays else None
        sections.append(dataclasses.replace(section, content=kept, segments=segments))
        if draft.vector is None:
            raise AssertionError("only whole items are written")
        indexed.append(
            IndexedSection(
                vector=draft.vector,
                text=words,
                modality=draft.content.modality or Modality.TEXT,
                regions=draft.regions,
                tokens=draft.tokens,
            )
        )
    return IndexedItem(dataclasses.replace(item, sections=sections), indexed)
