"""Texts are cut by the tokens of the model that reads them, whatever the text is."""

import asyncio
import itertools
import threading
import unicodedata
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bag_of_words import BagOfWords, card
from support.colours import Colours
from support.colours import card as colours_card
from support.each import each
from support.growth import growth
from support.small_tokenizers import FAMILIES, LINES, text_tokenizer
from support.sweep import sweep
from tieback.catalog.card import EncoderCard
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, NotFound, Overloaded, TiebackError
from tieback.core.text import pieces as core_pieces
from tieback.core.types.encoding import SplitPiece, SplitTextsRequest
from tieback.encoder import Encoder
from tieback.models.text.tokenization import TextTokenizer
from tieback.ports import TOO_MANY_PIECES
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits

WINDOW = 32
"""Tokens, two special ones among them."""
PROSE = " ".join(LINES * 20)

HOSTILE = {
    "prose": PROSE,
    "paragraphs with carriage returns": "\r\n\r\n".join(LINES * 20),
    "no spaces": "x" * 20_000,
    "many words without spaces": "lamp" * 2_000,
    "families": "👩‍👩‍👧‍👦" * 300,
    "flags": "🇩🇪🇫🇷🇯🇵" * 300,
    "skin tones": "👍🏽👋🏿" * 300,
    "combining marks": "e\u0301o\u0308n\u0303" * 800,
    "decomposed words": unicodedata.normalize("NFD", "Über naïve café déjà vu. ") * 100,
    "one character of many marks": "a" + "\u0301" * 3_000,
    "right to left": "שלום עולם. مرحبا بالعالم. " * 150,
    "ligatures that become words": "ﷺ ﷻ ﬃ ½ ㍿ " * 200,
    "a capital that grows in lower case": "İSTANBUL İZMİR. " * 200,
    "Japanese": "光は海を渡る。誰も知らない。" * 200,
    "Thai": "แสงไฟส่องข้ามทะเล" * 200,
    "a gap": f"begin {' ' * 20_000} end. {PROSE}",
    "a gap that no tokenizer sees": f"begin {chr(0x200B) * 3_000} end. {PROSE}",
    "long lines of numbers": "\n".join(str(n) * 7 for n in range(2_000)),
}


class Reader(BagOfWords):
    """Counts tokens with a tokenizer."""

    def __init__(self, card: EncoderCard, tokenizer: TextTokenizer) -> None:
        super().__init__(card)
        self.tokenizer = tokenizer
        self.asked = 0
        self.began = threading.Event()

    @property
    def window(self) -> int | None:
        return self.tokenizer.room

    def starts(self, text: str) -> Array:
        self.asked += 1
        self.began.set()
        return self.tokenizer.starts(text)


Reading = tuple[Encoder, Reader]


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def reading(family: str, tmp_path: Path) -> AsyncIterator[Reading]:
    """An encoder of one space "text" and its model."""
    async for one in encoder_of(family, tmp_path, WINDOW):
        yield one


async def encoder_of(family: str, tmp_path: Path, window: int) -> AsyncIterator[Reading]:
    (tmp_path / "seed").write_text("0")
    model = Reader(card(tmp_path, "text"), text_tokenizer(family, tmp_path, window))
    encoder = Encoder([model, Colours(colours_card(tmp_path))], limits=Limits())
    yield encoder, model
    await encoder.close()


async def pieces_of(encoder: Encoder, text: str, **about: Any) -> Sequence[SplitPiece]:
    (found,) = (await encoder.split_texts(SplitTextsRequest("text", [text], **about), NO_CALL)).results
    if isinstance(found, Exception):
        raise found
    return found


def check(text: str, pieces: Sequence[SplitPiece], model: Reader, room: int) -> None:
    """What holds of any text: nothing is lost, and all is read."""
    data = text.encode()
    end = 0
    for before, piece in zip([None, *pieces], pieces, strict=False):
        begin, until = piece.span
        assert begin <= end, "a gap between pieces"
        assert before is None or begin > before.span[0]
        own = data[begin:until].decode()  # never within a character
        assert 1 <= len(model.starts(own)) <= room
        end = until
    assert end == len(data)


@each("kind", HOSTILE)
async def test_all_of_a_text_is_in_pieces_that_are_read_to_their_end(reading: Reading, kind: str) -> None:
    encoder, model = reading

    pieces = await pieces_of(encoder, HOSTILE[kind])

    check(HOSTILE[kind], pieces, model, WINDOW - 2)


@pytest.mark.parametrize("kind", ["families", "flags", "skin tones", "combining marks", "decomposed words"])
async def test_what_readers_see_as_one_character_stays_whole(family: str, tmp_path: Path, kind: str) -> None:
    text = HOSTILE[kind]
    bounds = {0} | {found.end() for found in regex.finditer(r"\X", text)}
    async for encoder, _ in encoder_of(family, tmp_path, 80):
        pieces = await pieces_of(encoder, text)

    data = text.encode()
    assert {len(data[: piece.span[1]].decode()) for piece in pieces} <= bounds


async def test_pieces_end_where_sentences_end(reading: Reading) -> None:
    encoder, _ = reading
    text = "The lamp was lit. The keeper was gone. " * 30

    pieces = await pieces_of(encoder, text, overlap=0)

    assert all(text[: piece.span[1]].endswith(". ") for piece in pieces)


async def test_pieces_of_text_without_sentences_end_where_lines_end_and_repeat_as_lines_do(
    reading: Reading,
) -> None:
    encoder, _ = reading
    line = "lamp lit keeper gone ship sea\n"
    text = line * 400

    pieces = await pieces_of(encoder, text)

    own = [text[slice(*piece.span)] for piece in pieces]
    assert all(one.endswith("\n") and one.startswith("lamp lit") for one in own)
    assert len(set(own)) <= 3


async def test_no_piece_is_a_small_rest(reading: Reading) -> None:
    encoder, model = reading
    tokens = len(model.starts("lamp ")) or 1
    room = WINDOW - 2

    for count in range(room // tokens + 1, 4 * room // tokens):
        pieces = await pieces_of(encoder, "lamp " * count, overlap=0)
        assert min(piece.tokens for piece in pieces) >= room // 4


async def test_the_last_sentence_is_repeated_where_it_is_short_enough(family: str, tmp_path: Path) -> None:
    text = "The lamp was lit at dusk and ships saw it. They said so. " * 10
    async for encoder, _ in encoder_of(family, tmp_path, 100):
        with_overlap = await pieces_of(encoder, text, overlap=0.3)
        without = await pieces_of(encoder, text, overlap=0)

    assert all(a.span[1] == b.span[0] for a, b in itertools.pairwise(without))
    repeated = [text[b.span[0] : a.span[1]] for a, b in itertools.pairwise(with_overlap)]
    assert "They said so. " in repeated


@settings(max_examples=60, deadline=None)
@given(text=st.text(min_size=1, max_size=300).filter(lambda text: text.strip() and "\0" not in text))
@pytest.mark.parametrize("name", FAMILIES)
def test_any_text_is_kept_whole(name: str, text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    from tieback.core.text.spans import ByteOffsets
    from tieback.encoder.splitting import _cut, _joined, _Progress

    folder = tmp_path_factory.mktemp("any")
    model: Any = _models(name, folder)  # only where tokens start is asked of it
    found = _joined(_cut(model, text, 5, 0.3, _Progress(0, Deadline.after(60))))

    offsets = ByteOffsets(text)
    assert found[0][0] == 0
    assert found[-1][1] == len(text)
    assert all(b[0] <= a[1] and b[0] > a[0] for a, b in itertools.pairwise(found))
    assert text.encode()[slice(*offsets.span(*found[-1][:2]))].decode() == text[found[-1][0] :]


@settings(max_examples=200, deadline=None)
@given(
    parts=st.lists(
        st.text(min_size=1, max_size=9)
        | st.sampled_from(
            ["\n\n", "\r\n\r\n", ". ", "。", " ", "xyz", "🇩🇪🇫🇷", "e\u0301", "👩‍👩‍👧‍👦", "a" + "\u0301" * 40]
        ),
        min_size=1,
        max_size=200,
    ),
    most=st.integers(8, 60),
)
def test_stretches_are_all_of_a_text_and_of_about_one_size(parts: list[str], most: int) -> None:
    text = "".join(parts)
    longest_character = max(len(one) for one in regex.findall(r"\X", text))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(core_pieces, "STRETCH", most)
        found = list(core_pieces.stretches(text, 0))

    assert [begin for begin, _ in found] == [0, *(end for _, end in found[:-1])]
    assert found[-1][1] == len(text)
    assert max(end - begin for begin, end in found) <= most
    if longest_character <= most // 4:
        assert len(found) == 1 or min(end - begin for begin, end in found) >= most // 8
        bounds = {0} | {one.end() for one in regex.finditer(r"\X", text)}
        assert {end for _, end in found} <= bounds


@pytest.mark.parametrize("kind", ["prose", "no spaces", "flags", "Thai", "Japanese", "a gap"])
async def test_a_text_of_many_stretches_is_kept_whole(
    family: str, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_pieces, "STRETCH", 1024)
    async for encoder, model in encoder_of(family, tmp_path, WINDOW):
        pieces = await pieces_of(encoder, HOSTILE[kind])

        check(HOSTILE[kind], pieces, model, WINDOW - 2)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Aaa\n\nB. c dd", 5),
        ("Aaa. B c ddd", 5),
        ("Aaa\nb cccccc", 4),
        ("Aaa bbb cccc", 4),
        ("Aaaaaaaaaaaa", 6),
    ],
)
def test_a_stretch_ends_after_a_paragraph_else_a_sentence_else_a_word(
    text: str, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_pieces, "STRETCH", len(text) - 1)

    assert list(core_pieces.stretches(text, 0)) == [(0, place), (place, len(text))]


async def test_texts_of_more_pieces_than_an_answer_holds_are_refused_with_the_limit(tmp_path: Path) -> None:
    (tmp_path / "seed").write_text("0")
    model = Reader(card(tmp_path, "text"), text_tokenizer("word pieces", tmp_path, WINDOW))
    encoder = Encoder([model], limits=Limits(numbers=50))
    text = "lamp " * 49

    with pytest.raises(InvalidInput) as refused:
        await encoder.split_texts(SplitTextsRequest("text", [text, text], max_tokens=1, overlap=0), NO_CALL)
    accepted = await pieces_of(encoder, text, max_tokens=1, overlap=0)
    await encoder.close()

    assert (str(refused.value.field), refused.value.reason) == ("texts", TOO_MANY_PIECES)
    assert "50" in str(refused.value)
    assert len(accepted) == 49


async def test_nothing_is_split_any_more_for_a_caller_that_left(tmp_path: Path) -> None:
    (tmp_path / "seed").write_text("0")
    model = Reader(card(tmp_path, "text"), text_tokenizer("word pieces", tmp_path, WINDOW))
    encoder = Encoder([model], limits=Limits())
    asked = asyncio.create_task(encoder.split_texts(SplitTextsRequest("text", [PROSE * 100] * 8), NO_CALL))
    await asyncio.to_thread(model.began.wait)

    asked.cancel()
    await asyncio.wait([asked])
    at_most = model.asked + 2  # what two threads were at
    await encoder.close()

    assert model.asked <= at_most


_known: dict[str, TextTokenizer] = {}


def _models(name: str, folder: Path) -> TextTokenizer:
    if name not in _known:
        _known[name] = text_tokenizer(name, folder, 5)
    return _known[name]


@each("text", ["", " ", "\n\t \r\n"])
async def test_a_text_of_nothing_is_refused_and_the_others_are_split(reading: Reading, text: str) -> None:
    encoder, _ = reading

    bad, good = (await encoder.split_texts(SplitTextsRequest("text", [text, PROSE]), NO_CALL)).results

    assert isinstance(bad, InvalidInput)
    assert str(bad.field) == "texts[0].text"
    assert not isinstance(good, TiebackError)
    assert len(good) > 1


async def test_the_window_is_that_of_the_space_without_its_special_tokens(reading: Reading) -> None:
    encoder, _ = reading

    reply = await encoder.split_texts(SplitTextsRequest("text", ["lamp"], max_tokens=9), NO_CALL)

    assert reply.window == WINDOW - 2
    (pieces,) = reply.results
    assert not isinstance(pieces, TiebackError)
    assert pieces[0].span == (0, 4)


async def test_bad_requests_are_refused_by_their_field(reading: Reading) -> None:
    encoder, _ = reading
    cases: list[tuple[dict[str, Any], str]] = [
        ({"texts": []}, "texts"),
        ({"texts": ["a"] * 2000}, "texts"),
        ({"max_tokens": WINDOW}, "max_tokens"),
        ({"overlap": 0.6}, "overlap"),
        ({"overlap": -0.1}, "overlap"),
        ({"overlap": float("nan")}, "overlap"),
        ({"space": "colours"}, "space"),
    ]
    for about, field in cases:
        asked = {"space": "text", "texts": ["a"]} | about
        with pytest.raises(InvalidInput) as refused:
            await encoder.split_texts(SplitTextsRequest(**asked), NO_CALL)
        assert str(refused.value.field) == field
    with pytest.raises(NotFound):
        await encoder.split_texts(SplitTextsRequest("nowhere", ["a"]), NO_CALL)


async def test_the_deadline_ends_a_long_split(reading: Reading) -> None:
    encoder, _ = reading
    text = PROSE * 200

    with pytest.raises(DeadlineExceeded):
        await encoder.split_texts(SplitTextsRequest("text", [text[:1_000_000]]), Call(Deadline.after(0.05)))


async def test_what_would_wait_too_long_is_refused_with_a_time_to_come_back(tmp_path: Path) -> None:
    (tmp_path / "seed").write_text("0")
    model = Reader(card(tmp_path, "text"), text_tokenizer("word pieces", tmp_path, WINDOW))
    encoder = Encoder([model], limits=Limits(message_bytes=150_000))
    begun = asyncio.create_task(pieces_of(encoder, PROSE * 100))
    await asyncio.sleep(0)

    with pytest.raises(Overloaded) as refused:
        await encoder.split_texts(SplitTextsRequest("text", [PROSE]), NO_CALL)

    assert refused.value.retry_after > 0
    assert len(await begun) > 1
    assert len(await pieces_of(encoder, PROSE)) > 1
    await encoder.close()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", sweep(["prose", "no spaces", "flags"], quick=["flags"]))
async def test_the_time_to_split_is_linear_in_the_text(family: str, tmp_path: Path, kind: str) -> None:
    async for encoder, _ in encoder_of(family, tmp_path, WINDOW):

        async def split(size: int, encoder: Encoder = encoder) -> None:
            text = (HOSTILE[kind] * (size // len(HOSTILE[kind]) + 1))[:size]
            await encoder.split_texts(SplitTextsRequest("text", [text]), NO_CALL)

        assert await growth(split, 40_000, runs=2) < 3
