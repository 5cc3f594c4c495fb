"""The codec of the SDK, which takes from a newer server what is known here."""

from __future__ import annotations

from tieback_contract.codec import Codec
from tieback_contract.converters import with_converters

from tieback_client.facts import fact

CODEC = with_converters(Codec())
CODEC.converter("tieback.v1.MetadataValue", fact)
