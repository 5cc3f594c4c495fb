"""The encoder that a reading network is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tieback_contract.field_path import at

from tieback.catalog.card import EncoderCard
from tieback.catalog.options import TransformerText
from tieback.core.errors import InvalidInput
from tieback.core.terms import DEFAULT_LANGUAGE, function_words
from tieback.models.question_reader import MOST_TOKENS, TABLES
from tieback.recipes.trained import TrainingRun

if TYPE_CHECKING:
    from tieback.recipes.trained._reading_pairs import OtherWords, PairReader

BERT = "bert"


def base_of(card: EncoderCard, run: TrainingRun) -> tuple[Any, PairReader, OtherWords]:
    """The encoder, what makes token numbers for it, and what changes words by its table. InvalidInput where
    it is no BERT.
    """
    from tieback.recipes.torch_backbone import load_model, read_config
    from tieback.recipes.trained._reading_pairs import OtherWords, PairReader

    options = card.options
    if not isinstance(options, TransformerText) or options.weights.endswith(".onnx"):
        raise InvalidInput(f"{card.name} has no layers that can be trained", field=at("parameters", "space"))
    folder = run.store.weights(card)
    config = read_config(folder, options.config, [BERT])
    bert: Any = load_model(folder, options.weights, config, options.config)
    reader = PairReader(folder / options.tokenizer, min(MOST_TOKENS, int(config.max_position_embeddings)))
    table = getattr(bert.embeddings, TABLES[0]).weight.detach().numpy()
    left_out = frozenset(function_words(DEFAULT_LANGUAGE))
    return bert, reader, OtherWords(table, reader.vocabulary, left_out)
