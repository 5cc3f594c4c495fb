"""A collection's choice of a codec: the codec, and the store of its vectors.

Where the rows of the codec are compared as they are, many become a graph (`index/vectors/hnsw_growth.py`).
Where they choose candidates, these are compared by their rows on disk (`index/vectors/coded.py`), and many
are sorted into lists (`index/vectors/listed.py`). A codec that is learned is that too once it has learned
(`index/vectors/learned.py`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.method_choice import MethodChoice

from tieback.core.errors import InvalidInput
from tieback.index.vectors.coded import CodedVectors
from tieback.index.vectors.flat import FlatVectors
from tieback.index.vectors.growing import FLAT_UP_TO, GrowingVectors
from tieback.index.vectors.hnsw_growth import GRAPH_FROM, IntoGraph
from tieback.index.vectors.ivf import InvertedVectors, clipped
from tieback.index.vectors.learned import Learned
from tieback.index.vectors.listed import SortedIntoLists
from tieback.methods.codecs import Codec, LearnedCodec, codecs, plain


def vectors_of(
    width: int, choice: MethodChoice, folder: Path, flat_up_to: int | None = None
) -> GrowingVectors:
    """An empty store of vectors by a codec.

    What it needs on disk is on the disk of `folder`, the collection's, where it keeps what it learned.
    All are compared up to a number that depends on the kind, or `flat_up_to`.
    """
    codec = codec_of(width, choice)
    lists_from, graph_from = (FLAT_UP_TO, GRAPH_FROM) if flat_up_to is None else (flat_up_to, flat_up_to)
    if isinstance(codec, LearnedCodec):
        return learned_vectors(width, codec, choice, folder, lists_from)
    if codec.shortlist is None:
        half = codec.dtype == np.float16
        graph = IntoGraph(width, folder, half=half)
        few = InvertedVectors(width, half=True) if half else FlatVectors(width)
        rounded = _in_half if half else None
        return GrowingVectors(graph.taken_over() or few, [graph], flat_up_to=graph_from, rounded=rounded)
    lists, coded = SortedIntoLists(folder), CodedVectors(width, codec, codec.shortlist, folder)
    lists.take_over(coded, width)
    return GrowingVectors(coded, [lists], flat_up_to=lists_from)


def learned_vectors(
    width: int, codec: LearnedCodec, choice: MethodChoice, folder: Path, lists_from: int = FLAT_UP_TO
) -> GrowingVectors:
    """An empty store of vectors by a codec that is learned, or was."""
    lists = SortedIntoLists(folder)
    learned = Learned(width, codec, choice, folder, lists)
    made = GrowingVectors(learned.taken_over() or FlatVectors(width), [learned, lists], flat_up_to=lists_from)
    made.trained_on = learned.trained_on
    return made


def _in_half(vectors: Array) -> Array:
    """Vectors of float32 that half precision holds, so that they are the same in each structure."""
    return clipped(vectors).astype(np.float16).astype(np.float32)


def codec_of(width: int, choice: MethodChoice) -> Codec | LearnedCodec:
    """The codec. NotFound or InvalidInput where there is none like that for this width."""
    field = at("codec")
    make = codecs.configure(choice.name, choice.parameters, field=field)
    try:
        made = make(width)
        if made.shortlist is not None:
            _check_rescoring(plain(made.shortlist.rescoring, width, field="rescoring"))
    except InvalidInput as error:
        raise error.within(field) from None
    return made


def _check_rescoring(codec: Codec) -> None:
    if codec.only_orders:
        raise InvalidInput(
            "hits have similarities, and rows of this codec give none, only an order; rescore by another",
            field=at("parameters", "rescoring"),
        )
