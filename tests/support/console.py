"""Tokens, a photo and hostile texts for tests of the console."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image as Picture

ADMIN, READER, STRANGER = "acme-admin", "acme-reader", "globex-reader"
SCRIPT = '<img src=x onerror="document.title=\'run\'"><script>document.title="run"</script>'


def photo() -> bytes:
    """A picture as a JPEG."""
    colours = np.linspace(0, 255, 64 * 48 * 3).reshape(48, 64, 3).astype(np.uint8)
    buffer = io.BytesIO()
    Picture.fromarray(colours).save(buffer, "JPEG")
    return buffer.getvalue()
