"""Categorical features by one table that all share: feature multiplexing (arXiv:2305.12102). No session."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file
from tieback.catalog.card import EncoderCard
from tieback.core.errors import StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.content import read_features
from tieback.models.encoder_model import Prepared, RawEncoding, unit_rows
from tieback.models.session import PROCESSOR, Hardware
from tieback.models.store import ServedModel
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from tieback_lab.catalog.runtimes.feature_table import FeatureTable
from tieback_lab.methods.feature_tables._many_values import Lookups, looked_up

WEIGHTS = "table.safetensors"
TABLE, PROJECTION = "table", "projection"
SIZES = (4, 64, 512)


class FeatureTableModel:
    """Looks up the rows of all values, and multiplies them by a projection where there is one."""

    pads = False

    def __init__(self, card: EncoderCard, served: ServedModel, hardware: Hardware = PROCESSOR) -> None:  # noqa: ARG002 - a table has no session
        self.card = card
        options = card.options_for(FeatureTable)
        self._lookups_of, self._seed = options.features, options.seed
        self._slots = sum(options.features.values())
        try:
            arrays = load_file(served.path(WEIGHTS))
        except SafetensorError as error:
            raise StartupError(f"{card.name}: the table cannot be read: {error}") from error
        table, projection = arrays.get(TABLE), arrays.get(PROJECTION)
        if card.modality is not Modality.FEATURES or table is None or table.ndim != 2 or not len(table):
            raise StartupError(
                f"{card.name}: a feature_table reads features (modality), from {TABLE} [rows, width of a row]"
            )
        read = self._slots * table.shape[1]
        shape = (card.width, read)
        if (read != card.width) if projection is None else (projection.shape != shape):
            raise StartupError(
                f"{card.name}: {self._slots} lookups of {table.shape[1]} give {read} numbers, which the "
                f"card's width of {card.width} and the {PROJECTION} do not fit"
            )
        self._table = table.astype(np.float32)
        self._projection = None if projection is None else projection.astype(np.float32)

    @property
    def sizes(self) -> Sequence[int]:
        """Lookups: few things have many."""
        return SIZES

    def sample(self, tokens: int) -> Prepared:
        """So many lookups, whichever."""
        places = np.arange(tokens, dtype=np.int64)
        one = np.zeros(tokens, np.int64)
        weights = np.ones(tokens, np.float32)
        return Prepared(tokens, Lookups(one, places % self._slots, places % len(self._table), weights))

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:  # noqa: ARG002 - features have no end to cut off
        """Hashes the values; it costs its lookups. InvalidInput for a feature that the table has not."""
        features = dict(read_features(content, limits).values)
        lookups = looked_up([features], self._lookups_of, len(self._table), self._seed)
        return Prepared(len(lookups.rows), lookups)

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """Encodes one by one: there is nothing to share."""
        dense = VectorKind.DENSE in plan.kinds
        return [self._encode(one.payload) if dense else RawEncoding(None) for one in batch]

    def warm_up(self) -> None:
        """Nothing is made on first use."""

    def _encode(self, lookups: Lookups) -> RawEncoding:
        rows = lookups.concatenated(self._table, 1, self._slots)
        return RawEncoding(unit_rows(rows if self._projection is None else rows @ self._projection.T)[0])
