"""What the caches of the encoders do, as Prometheus sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.asking import texts
from support.bag_of_words import BagOfWords, card
from tieback.core.call import NO_CALL
from tieback.core.types.encoding import CachePolicy, EncodeRequest
from tieback.encoder import CacheOptions, Encoder
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.settings import Settings, load_settings

SPACE = "bag-of-words"


@pytest.mark.parametrize("has_disk", [False, True])
async def test_hits_misses_and_sizes_are_metrics_by_space(tmp_path: Path, has_disk: bool) -> None:
    disk = tmp_path / "cache" if has_disk else None
    encoder = Encoder([BagOfWords(card(tmp_path / "w"))], cache=CacheOptions(disk=disk))
    telemetry = Telemetry(Settings())
    telemetry.caches.watch(SPACE, encoder.cache_state)

    def value(name: str, **labels: str) -> float | None:
        return telemetry.registry.get_sample_value(f"tieback_cache_{name}", {"space": SPACE, **labels})

    await encoder.encode(EncodeRequest(SPACE, texts("tea", "milk", "tea")), NO_CALL)
    await encoder.encode(EncodeRequest(SPACE, texts("tea", "milk", "bread")), NO_CALL)
    await encoder.encode(EncodeRequest(SPACE, texts("tea"), cache=CachePolicy.BYPASS), NO_CALL)

    assert value("hits_total", tier="memory") == 2
    assert value("misses_total") == 3
    assert value("shared_total") == 1
    assert value("evictions_total") == 0
    assert value("bytes", tier="memory") == encoder.cache_state(SPACE).bytes > 0
    assert value("hits_total", tier="disk") == (0 if has_disk else None)
    assert value("disk_on") == (1 if has_disk else None)
    assert value("disk_dropped_total") == (0 if has_disk else None)
    assert (value("bytes", tier="disk") is not None) == has_disk
    await encoder.close()


def test_an_empty_folder_of_the_cache_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEBACK_CACHE_DISK", "")

    assert load_settings().cache_disk is None
