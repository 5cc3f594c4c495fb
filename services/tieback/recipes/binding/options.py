"""What is bound, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BindingOptions:
    """`data` are folders of unpaired texts, photos and sounds, `anchors` a list of pairs.

    `spaces` are the cards that take part (all of the store's where empty); `texts`, `photos`, `sounds` the
    most that are used. The router of texts is trained for `steps`. A text space that adds nothing is left
    out, but for those of `force`.
    """

    data: tuple[Path, ...] = ()
    anchors: Path | None = None
    seed: int = 0
    method: str | None = None
    spaces: tuple[str, ...] = ()
    image_width: int = 512
    audio_width: int = 256
    texts: int = 2000
    photos: int = 2000
    sounds: int = 2000
    steps: int = 300
    force: tuple[str, ...] = ()
