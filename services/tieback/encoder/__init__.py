"""The encoder service: contents of any modality become vectors of a named space."""

from tieback.encoder.service import Encoder

__all__ = ["Encoder"]
