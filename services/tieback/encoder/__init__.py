"""The encoder service: contents of any modality become vectors of a named space."""

from tieback.encoder.cache.encodings import CacheOptions, CacheState
from tieback.encoder.service import Encoder
from tieback.models.adapters import AdapterState

__all__ = ["AdapterState", "CacheOptions", "CacheState", "Encoder"]
