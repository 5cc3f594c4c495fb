"""GGUF files with a tokenizer of SentencePiece, as Llama 2 and Mistral have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from models.test_gguf import written
from models.test_own_generators import save
from tieback.catalog.card import GeneratorCard
from tieback.catalog.runtimes.causal_language_model import CausalLanguageModel
from tieback.core.errors import StartupError
from tieback.models.language.chat_template import Message
from tieback.models.language.model import LanguageModel, load_language_model
from tieback.models.store import Store
from tieback.recipes.export.causal_language_model import export
from tieback.recipes.networks.gguf_tokenizer import tokenizer_of
from tieback.recipes.own.folder import FolderOptions
from tieback.recipes.own.model import inspect
from tokenizers import Tokenizer, decoders, models, normalizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "[INST] {{ message['content'] }} [/INST]{% else %} {{ message['content'] }}{{ eos_token }}{% endif %}"
    "{% endfor %}"
)
TEXTS = [
    "The bridge was built in 1884 by Maria Weber.",
    "a  b\n\n\tc \r\n d",
    "e\u0301te\u0301 12,5 €  水は100度\U0001f600!",
    "<0x0A> <s> </s> text",
    "x",
]
WRITTEN = 16


def vocabulary() -> tuple[list[str], list[float], list[int]]:
    """Pieces of a real BPE with bytes for what it lacks, as SentencePiece has it, with scores and types."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    tokenizer.decoder = decoders.ByteFallback()
    trainer: Any = trainers.BpeTrainer(vocab_size=300, show_progress=False, max_token_length=8)
    tokenizer.train_from_iterator([TEXTS[0], Path(__file__).read_text(encoding="utf-8")], trainer)
    learned = sorted(tokenizer.get_vocab().items(), key=lambda one: one[1])
    pieces = [token for token, _ in learned if len(token) > 1]
    letters = [token for token, _ in learned if len(token) == 1]
    control, as_bytes = ["<unk>", "<s>", "</s>"], [f"<0x{byte:02X}>" for byte in range(256)]
    tokens = [*control, *as_bytes, *pieces, *letters]
    kinds = gguf.TokenType
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * 256]
    scores = [0.0] * len(types) + [-float(n) for n in range(len(pieces))] + [-1e6] * len(letters)
    return tokens, scores, [*map(int, types), *[int(kinds.NORMAL)] * (len(pieces) + len(letters))]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model in a GGUF file with that tokenizer, alone in its folder."""
    folder = tmp_path_factory.mktemp("gguf")
    tokens, scores, types = vocabulary()
    model = save(folder / "saved", "llama", vocab_size=len(tokens), eos_token_id=2)
    (folder / "own").mkdir()
    return written(
        folder / "own" / "own.gguf", model, "llama", pieces=(tokens, scores, types), template=TEMPLATE
    )


@pytest.fixture(scope="module")
def card(file: Path) -> GeneratorCard:
    """As `tieback models add` writes it, with the weights as they were published."""
    found = inspect(file.parent, "own", FolderOptions(bits=32))
    assert not found.missing
    return GeneratorCard(**found.cards[0])


@pytest.fixture(scope="module")
def served(card: GeneratorCard, file: Path, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    out, store = tmp_path_factory.mktemp("out"), Store(tmp_path_factory.mktemp("store"))
    store.record_exported(card, out, {"metrics": dict(export(card, file.parent, out, lambda _: None))})
    return load_language_model(card, store)


@pytest.fixture(scope="module")
def theirs(file: Path) -> Any:
    """Transformers' own reading of the file's tokenizer."""
    read: Any = AutoTokenizer
    return read.from_pretrained(file.parent, gguf_file=file.name)


def test_a_folder_of_one_gguf_file_becomes_a_card_that_says_where_answers_end(card: GeneratorCard) -> None:
    assert card.runtime == "causal_language_model"
    options = card.options_for(CausalLanguageModel)
    assert options.weights == "own.gguf"
    assert options.end_tokens == ("</s>",)


@pytest.mark.parametrize("text", TEXTS)
def test_texts_have_the_tokens_that_transformers_reads_of_them(
    text: str, served: LanguageModel, theirs: Any
) -> None:
    expected = theirs(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]

    assert served.tokens(text) == expected


def test_a_prompt_begins_as_its_template_says_and_has_no_space_that_nobody_wrote(
    served: LanguageModel, theirs: Any
) -> None:
    messages = [Message("user", "x y"), Message("assistant", "x"), Message("user", "</s> y")]

    prompt = served.prompt(messages)

    text = "\u2581[INST]\u2581x\u2581y\u2581[/INST]\u2581x"
    pieces = theirs.convert_ids_to_tokens(prompt)
    assert pieces[0] == "<s>"
    assert "".join(pieces[1:]).startswith(f"{text}</s>\u2581[INST]\u2581")
    assert pieces.count("</s>") == 1


def test_greedy_answers_are_those_of_transformers_from_the_same_file(
    served: LanguageModel, file: Path
) -> None:
    read: Any = AutoModelForCausalLM
    model = read.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    prompt = served.prompt([Message("user", TEXTS[0])])

    streams = served.open({"": prompt}, room=WRITTEN)
    while not streams.read(32):
        pass
    found = [int(streams.logits[""][0].argmax())]
    while len(found) < WRITTEN:
        found.append(int(streams.step(found[-1])[""][0].argmax()))

    generated = model.generate(
        torch.tensor([prompt]), max_new_tokens=WRITTEN, do_sample=False, eos_token_id=None
    )
    assert found == generated[0, len(prompt) :].tolist()


def test_what_was_written_is_read_as_text_piece_by_piece(served: LanguageModel) -> None:
    shown = served.detokenizer()

    pieces = [shown.add(token) for token in served.tokens(TEXTS[2])]

    assert "".join(pieces) + shown.end() == TEXTS[2]


def test_several_gguf_files_are_refused_as_is_one_that_is_cut_off(file: Path, tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(file.read_bytes()[:3000])

    with pytest.raises(StartupError, match=r"a\.gguf is no GGUF file that can be read"):
        inspect(tmp_path, "own", FolderOptions())

    (tmp_path / "b.gguf").write_bytes(b"")
    with pytest.raises(StartupError, match=r"leave one in it: a\.gguf, b\.gguf"):
        inspect(tmp_path, "own", FolderOptions())


def test_a_tokenizer_of_another_kind_is_refused_by_name() -> None:
    with pytest.raises(StartupError, match="of kind 't5'"):
        tokenizer_of({"tokenizer.ggml.model": "t5", "tokenizer.ggml.tokens": []})
