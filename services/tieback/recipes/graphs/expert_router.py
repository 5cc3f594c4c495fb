"""The router of a merged model: a head that tells by a text's vector which expert it is for.

Twin-Merging (arXiv:2406.15479) trains a perceptron on the mean of the last states of the shared model. Here
it is a logistic regression on the vectors of the shared model, which are that mean or another pooling of the
states: it is learned in seconds, without PyTorch, when the model is merged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tieback_contract.arrays import Array

from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.encoding import Truncation
from tieback.methods.heads import dealt, fit, predicted_without
from tieback.models.adapters import ROUTER, ROUTER_HEAD
from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.session import Session
from tieback.models.text.tokenization import TextTokenizer
from tieback.models.text.transformer_text import GRAPH, TOKENIZER, padded
from tieback.training.data.text_pairs import pair_files, read_text_pairs

AT_ONCE = 32
"""Texts that are encoded together."""


def encoded_texts(session: Session, texts: Sequence[Array]) -> Array:
    """Texts as token numbers to vectors `[texts, width]`, those of about one length together."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    rows: list[Array] = [np.empty(0)] * len(texts)
    for begin in range(0, len(order), AT_ONCE):
        places = order[begin : begin + AT_ONCE]
        ids, mask = padded([texts[place] for place in places])
        (dense,) = session.run([DENSE], {IDS: ids, MASK: mask})
        for place, row in zip(places, dense, strict=True):
            rows[place] = row
    return np.stack(rows)


MOST_PAIRS, FEWEST_PAIRS = 200, 10
"""Of an expert: a router has little to learn."""


def learn_router(card: EncoderCard, files: Mapping[str, Path], out: Path) -> dict[str, float]:
    """Writes the router of the model in `out`; returns how often it is right on texts held out.

    StartupError where a file has no pairs of texts, or too few.
    """
    session, tokens = (
        Session(out / GRAPH),
        TextTokenizer(out / TOKENIZER, max_tokens=card.max_tokens, special_tokens=True),
    )
    rows: list[Array] = []
    for expert in (name for name in card.adapters if name in files):
        try:
            pairs = read_text_pairs(pair_files([files[expert]]), most=MOST_PAIRS, fewest=FEWEST_PAIRS, seed=0)
        except InvalidInput as error:
            raise StartupError(f"the router of {card.name} cannot be learned: {error.message}") from error
        texts = sorted({text for pair in pairs for text in pair})
        rows.append(encoded_texts(session, [tokens(text, Truncation.END)[0].ids for text in texts]))
    vectors, labels = np.concatenate(rows), np.repeat(np.arange(len(rows)), [len(own) for own in rows])
    held_out = dealt(labels) == 0
    seen = predicted_without(ROUTER_HEAD, vectors, labels, held_out)
    state = fit(ROUTER_HEAD, vectors, labels)
    save_file({name: np.ascontiguousarray(array) for name, array in state.items()}, out / ROUTER)
    return {"texts": float(len(vectors)), "right": float((seen.argmax(axis=1) == labels[held_out]).mean())}
