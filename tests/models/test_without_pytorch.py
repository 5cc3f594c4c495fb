"""What `tieback up` can serve of the default catalog where PyTorch is not installed."""

import subprocess
import sys

PROGRAM = """
import sys
from pathlib import Path
sys.modules["torch"] = None
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.recipes.export import can_export
cards = [card for card in Catalog.load().encoders() if not card.optional]
print(*sorted(card.name for card in cards if can_export(card, Store(Path(sys.argv[1])))))
"""


def test_one_encoder_of_texts_and_one_of_sounds_need_no_pytorch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "nowhere"], capture_output=True, text=True, check=False
    )

    assert done.stdout.split() == ["wordllama-256", "yamnet"], done.stderr
