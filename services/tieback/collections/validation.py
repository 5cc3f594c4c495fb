"""Items of a request become records, or the reason why not. Runs in a thread: it copies vectors."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath, at
from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind
from tieback_contract.modality import Modality
from tieback_contract.recognition import Segment
from tieback_contract.vectors import DType, MultiVector, SpaceRef, Vector

from tieback.collections.metadata import ID_BYTES, check_id, check_metadata, check_text
from tieback.collections.record import Record, Regions, original_of
from tieback.collections.token_coding import TokenCoding
from tieback.core.alone import Alone
from tieback.core.errors import InvalidInput, SpaceMismatch, TiebackError, cut
from tieback.core.multi_vectors import check_rows
from tieback.core.tenant import NAME
from tieback.core.text.spans import check_span
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.content import Content, Item, Section
from tieback.methods.codecs import LARGEST_HALF

TITLE_BYTES = 4096
URI_BYTES = 8192
MOST_REGIONS = 64
"""Vectors of regions that a section may have; a picture of nine windows needs 9."""

MOST_SEGMENTS = 4096
"""Parts of a section's words that have a place in its picture or sound."""

MOST_IGNORED = 256
"""Ranges of dimensions that may be ignored of a query's vector; a joint vector has one for a block."""

LONGEST_VECTOR = 1e9
"""Of a vector that is stored or searched with: products stay far from the largest float32, 3.4e38."""

LAST_BYTE = 2**32 - 1
"""Where the vector of a token may end in its text."""

WIDEST = 65_536
"""Dimensions of a collection's vectors."""

_WIDTH = at("width")


def check_items(
    items: Sequence[IndexedItem],
    space: SpaceRef,
    width: int,
    limits: Limits,
    *,
    keeps: bool = False,
    coding: TokenCoding | None = None,
) -> list[Record | TiebackError]:
    """One record or error per item, in order; an error's field begins with ``items[i]``.

    The contents of pictures, sounds and clouds go into the records where the store `keeps` them, and vectors
    of tokens by the `coding` where the collection has one.
    """
    results: list[Record | TiebackError] = []
    for position, indexed in enumerate(items):
        with Alone(at("items", position)) as item:
            results.append(_check_item(indexed, space, width, limits, keeps, coding))
        if item.error is not None:
            results.append(item.error)
    return results


def check_vector(vector: Vector, space: SpaceRef, width: int, *, field: FieldPath) -> Array:
    """The vector in float32 `[width]`, contiguous.

    SpaceMismatch where it is of another space; InvalidInput where width or values are wrong, where it is so
    long that products overflow, or where it is binary: signs cannot be compared with the collection's floats
    by inner product.
    """
    if vector.space != space:
        raise SpaceMismatch(
            f"the vector is of space {_exactly(vector.space)} and the collection of {_exactly(space)}; "
            "encode the input in the collection's space, or use a collection of the vector's",
            field=field["space"],
        )
    if vector.dtype is DType.BINARY:
        raise InvalidInput(
            "a binary vector cannot be indexed or searched with; send float32, float16 or int8",
            field=field["dtype"],
        )
    values = np.asarray(vector.values)
    if values.ndim != 1 or values.shape[0] != width:
        shape = "×".join(map(str, values.shape)) or "a single number"
        raise InvalidInput(
            f"the vector's width is {shape}; the collection's is {width}", field=field["values"]
        )
    if vector.dtype is DType.INT8 and not (math.isfinite(vector.scale) and vector.scale > 0):
        raise InvalidInput("an int8 vector needs a scale above 0", field=field["scale"])
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit becomes infinite and is refused
        floats = np.array(values, np.float32)
        if vector.dtype is DType.INT8:
            floats *= np.float32(vector.scale)
    if not np.isfinite(floats).all():
        raise InvalidInput("the vector holds NaN or infinite values", field=field["values"])
    length = float(np.linalg.norm(floats.astype(np.float64)))
    if length > LONGEST_VECTOR:
        raise InvalidInput(
            f"the vector's length is {length:.3g}; at most {LONGEST_VECTOR:g} is taken: scale it, for "
            "instance to length 1",
            field=field["values"],
        )
    return floats


def check_ignored(ignored: Sequence[IgnoredDimensions], width: int) -> None:
    """InvalidInput where there are too many, or where one holds no dimension or leaves the vector."""
    if len(ignored) > MOST_IGNORED:
        raise InvalidInput(
            f"{len(ignored)} ranges of dimensions are ignored; at most {MOST_IGNORED} may be", field="ignored"
        )
    for place, one in enumerate(ignored):
        if not 0 <= one.begin < one.end:
            raise InvalidInput(
                f"the dimensions {one.begin} to {one.end} are none: the end is the first after them",
                field=at("ignored", place, "end"),
            )
        if one.end > width:
            raise InvalidInput(
                f"the dimensions end at {one.end}, and the vector's width is {width}",
                field=at("ignored", place, "end"),
            )


def check_regions(
    regions: MultiVector, modality: Modality, space: SpaceRef, width: int, *, field: FieldPath
) -> Regions | None:
    """The regions of a section as they are kept; None where there are none.

    SpaceMismatch where they are of another space; InvalidInput where they are no picture's, too many, of
    another width, of values that half precision does not hold, or where a box is missing or reaches out of
    the picture.
    """
    values = np.asarray(regions.values)
    if not len(values):
        return None
    if modality is not Modality.IMAGE or regions.locators.kind is not LocatorKind.BOX:
        raise InvalidInput(
            f"only a picture has regions, with boxes in it; this section is {modality}, and its vectors have "
            f"locators of the kind {regions.locators.kind}",
            field=field,
        )
    if regions.space != space:
        raise SpaceMismatch(
            f"the regions are of space {_exactly(regions.space)} and the collection of {_exactly(space)}; "
            "encode the input in the collection's space, or use a collection of the regions'",
            field=field["space"],
        )
    if values.ndim != 2 or values.shape[1] != width:
        raise InvalidInput(
            f"the regions have the shape {list(values.shape)}; the collection's width is {width}",
            field=field["values"],
        )
    if len(values) > MOST_REGIONS:
        raise InvalidInput(
            f"the section has {len(values)} regions; at most {MOST_REGIONS} are kept", field=field["values"]
        )
    if not (np.abs(values) <= LARGEST_HALF).all():  # false for NaN too
        raise InvalidInput(
            f"a region holds NaN, or a value beyond ±{LARGEST_HALF:.0f}, which half precision does not hold",
            field=field["values"],
        )
    check_rows(regions, field=field)
    return Regions(values.astype(np.float16), regions.locators.places)


def check_tokens(
    tokens: MultiVector, modality: Modality, coding: TokenCoding | None, limits: Limits, *, field: FieldPath
) -> Array | None:
    """The rows of a text's tokens as they are stored; None where there are none.

    SpaceMismatch where they are of another space than the collection keeps; InvalidInput where it keeps none,
    where they are no text's, too many, of another width, or where a row is no direction.
    """
    values = np.asarray(tokens.values)
    if not len(values):
        return None
    if coding is None:
        raise InvalidInput("the collection was made without vectors of tokens; leave them out", field=field)
    if modality is not Modality.TEXT or tokens.locators.kind is not LocatorKind.BYTE_SPAN:
        raise InvalidInput(
            f"only a text has tokens, with byte spans in it; this section is {modality}, and the vectors "
            f"have locators of the kind {tokens.locators.kind}",
            field=field,
        )
    kept = coding.kept
    if tokens.space != kept.space:
        raise SpaceMismatch(
            f"the vectors of tokens are of space {_exactly(tokens.space)}, and the collection keeps those of "
            f"{_exactly(kept.space)}",
            field=field["space"],
        )
    if values.ndim != 2 or values.shape[1] != kept.width:
        raise InvalidInput(
            f"the vectors of tokens have the shape {list(values.shape)}; their width is {kept.width}",
            field=field["values"],
        )
    if limits.rerank_tokens and len(values) > limits.rerank_tokens:
        raise InvalidInput(
            f"the section has vectors of {len(values)} tokens; at most {limits.rerank_tokens} are taken",
            field=field["values"],
        )
    lengths = np.linalg.norm(np.asarray(values, np.float64), axis=1)
    if not ((lengths > 0) & (lengths <= LONGEST_VECTOR)).all():  # false for NaN too
        raise InvalidInput("a row holds NaN or infinity, or is all zeros", field=field["values"])
    check_rows(tokens, field=field)
    if (tokens.locators.places > LAST_BYTE).any():
        raise InvalidInput(f"a byte span ends beyond byte {LAST_BYTE}", field=field["byte_spans"])
    return coding.encode(tokens)


def _check_item(
    indexed: IndexedItem,
    space: SpaceRef,
    width: int,
    limits: Limits,
    keeps: bool,
    coding: TokenCoding | None,
) -> Record:
    item, sections = indexed.item, indexed.sections
    check_id(item.id, field=at("item", "id"))
    check_text(item.title, TITLE_BYTES, field=at("item", "title"))
    if not item.sections:
        raise InvalidInput("the item has no sections; give at least one", field=at("item", "sections"))
    if len(sections) != len(item.sections):
        raise InvalidInput(
            f"{len(item.sections)} sections and {len(sections)} vectors for them; give one each",
            field="sections",
        )
    kept = check_sections(item.sections, limits)
    kept_apart = {
        position: found
        for position, section in enumerate(item.sections if keeps else ())
        if section.content is not None
        and section.content.modality == sections[position].modality
        and (found := original_of(section.content)) is not None
    }
    vectors, regions, tokens = check_vectors(sections, space, width, limits, coding)
    texts = [known.text or _own_text(section) for section, known in zip(kept, sections, strict=True)]
    for position, (section, text) in enumerate(zip(kept, texts, strict=True)):
        field = at("item", "sections", position, "segments")
        check_segments(section.segments, sections[position].modality, text, field=field)
    metadata = check_metadata(item.metadata, limits)
    return Record(
        Item(item.id, kept, item.title, metadata),
        texts,
        [known.modality for known in sections],
        vectors,
        regions,
        {position: original for position, (original, _) in kept_apart.items()},
        {original.sha256: data for original, data in kept_apart.values()},
        tokens,
    )


def check_vectors(
    sections: Sequence[IndexedSection],
    space: SpaceRef,
    width: int,
    limits: Limits,
    coding: TokenCoding | None,
) -> tuple[Array, dict[int, Regions], dict[int, Array]]:
    """The sections' vectors `[sections, width]`, and by ordinal their regions and stored rows of tokens."""
    vectors = np.empty((len(sections), width), np.float32)
    regions: dict[int, Regions] = {}
    tokens: dict[int, Array] = {}
    for position, known in enumerate(sections):
        vectors[position] = check_vector(known.vector, space, width, field=at("sections", position, "vector"))
        if known.regions is not None:
            field = at("sections", position, "regions")
            checked = check_regions(known.regions, known.modality, space, width, field=field)
            regions |= {} if checked is None else {position: checked}
        if known.tokens is not None:
            field = at("sections", position, "tokens")
            rows = check_tokens(known.tokens, known.modality, coding, limits, field=field)
            tokens |= {} if rows is None else {position: rows}
        check_text(known.text, limits.text_bytes, field=at("sections", position, "text"))
    return vectors, regions, tokens


def check_segments(segments: Sequence[Segment], modality: Modality, text: str, *, field: FieldPath) -> None:
    """InvalidInput where segments are too many, of no picture or sound, or not of its words."""
    if not segments:
        return
    if len(segments) > MOST_SEGMENTS:
        raise InvalidInput(f"{len(segments)} segments; at most {MOST_SEGMENTS} are kept", field=field)
    if modality not in (Modality.IMAGE, Modality.AUDIO):
        raise InvalidInput(f"only pictures and sounds have segments; this section is {modality}", field=field)
    size = len(text.encode())
    if segments[-1].span[1] > size:
        raise InvalidInput(
            f"the last segment ends at byte {segments[-1].span[1]} of words of {size} bytes; segments are "
            "bytes of the section's text",
            field=field[len(segments) - 1]["span"],
        )


def check_sections(sections: Sequence[Section], limits: Limits) -> list[Section]:
    """The sections as they are kept: ids filled in, and no content but text."""
    kept: list[Section] = []
    seen: dict[str, int] = {}
    for position, section in enumerate(sections):
        field = at("item", "sections", position)
        name = section.id or str(position + 1)
        check_id(name, field=field["id"])
        if name in seen:
            raise InvalidInput(
                f"the id {name!r} is that of section {seen[name]} too; it must be unique in its item",
                field=field["id"],
            )
        seen[name] = position
        check_text(section.title, TITLE_BYTES, field=field["title"])
        check_text(section.uri, URI_BYTES, field=field["uri"])
        content = section.content
        if content is not None and isinstance(content.data, str):
            check_text(content.data, limits.text_bytes, field=field["content"]["text"])
            content = Content(Modality.TEXT, content.data)
        else:
            content = None
        check_span(section, field=field["span"])
        if section.continues and not position:
            raise InvalidInput(
                "the first section of an item has none before it to continue", field=field["continues"]
            )
        kept.append(dataclasses.replace(section, id=name, content=content))
    return kept


def _own_text(section: Section) -> str:
    return section.content.data if section.content and isinstance(section.content.data, str) else ""


def _exactly(space: SpaceRef) -> str:
    return f"{cut(str(space))} (fingerprint {cut(space.fingerprint) or 'not given'})"


def check_space(space: SpaceRef, *, field: FieldPath) -> None:
    """InvalidInput where a collection cannot be of this space: its name is missing, or a part is too long."""
    if not space.name:
        raise InvalidInput("the space has no name", field=field["name"])
    for part in ("name", "revision", "fingerprint"):
        check_text(getattr(space, part), ID_BYTES, field=field[part])


def check_width(width: int, *, field: FieldPath = _WIDTH) -> None:
    """InvalidInput where a collection cannot have vectors of this width."""
    if not 1 <= width <= WIDEST:
        raise InvalidInput(f"the width is {width}; it must be between 1 and {WIDEST}", field=field)


def check_batch(size: int, limits: Limits, *, field: FieldPath) -> None:
    """InvalidInput where nothing is given, or more than one request may hold."""
    if not size:
        raise InvalidInput("the batch is empty", field=field)
    if limits.batch_items and size > limits.batch_items:
        raise InvalidInput(f"{size} in one batch; at most {limits.batch_items} are taken", field=field)


def check_name(name: str, what: str, *, field: str) -> None:
    """InvalidInput where nothing can be called so; `what` says what is to be: a collection, a snapshot."""
    if not NAME.fullmatch(name):
        raise InvalidInput(
            f"{name[:80]!r} is no {what} name: take 1 to 63 lower-case letters, digits and hyphens, "
            "a letter first",
            field=field,
        )
