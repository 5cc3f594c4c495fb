"""What a collection's choice of a codec gives: the codec, and the store of its vectors.

Where the rows of the codec are compared as they are, many become a graph (`index/vectors/hnsw_store.py`).
Where they choose candidates, these are compared by their rows on disk (`index/vectors/coded.py`), and many
are sorted into lists (`index/vectors/listed.py`). A codec that is learned is that too once it has learned
(`index/vectors/learned.py`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tieback_contract.field_path import at
from tieback_contract.method_choice import MethodChoice

from tieback.core.errors import InvalidInput
from tieback.index.vectors import StoredVectors
from tieback.index.vectors.hnsw_store import GRAPH_FROM, GraphedVectors
from tieback.index.vectors.ivf_store import FLAT_UP_TO
from tieback.index.vectors.learned import LearnedVectors
from tieback.index.vectors.listed import ListedVectors
from tieback.methods.codecs import Codec, LearnedCodec, codecs, plain


def vectors_of(
    width: int, choice: MethodChoice, folder: Path, flat_up_to: int | None = None
) -> StoredVectors:
    """An empty store of vectors by a codec.

    What it needs on disk is on the disk of `folder`, the collection's, where it keeps what it learned.
    All are compared up to a number that depends on the kind, or `flat_up_to`.
    """
    codec = codec_of(width, choice)
    lists_from, graph_from = (FLAT_UP_TO, GRAPH_FROM) if flat_up_to is None else (flat_up_to, flat_up_to)
    if isinstance(codec, LearnedCodec):
        return LearnedVectors(width, codec, choice, folder, lists_from)
    if codec.shortlist is None:
        return GraphedVectors(width, folder, graph_from, half=codec.dtype == np.float16)
    return ListedVectors(width, codec, codec.shortlist, folder, lists_from)


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
