"""The encoder service: contents of any modality become vectors of a named space."""

from tieback.encoder.encoding_cache import CacheOptions, CacheState
from tieback.encoder.service import Encoder

__all__ = ["CacheOptions", "CacheState", "Encoder"]
