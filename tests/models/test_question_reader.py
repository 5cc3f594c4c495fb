"""The network that reads a question and sentences together, as it is served, against PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.own_encoder import WORDS, tiny_bert
from tieback.core.errors import StartupError
from tieback.models.text.question_reader import LEAST, Embeddings, QuestionReader
from tieback.models.text.token_pairs import TokenizedPair
from tieback.models.text.tokenization import TextTokenizer
from tieback_lab.recipes.reading.reading_network import ReadingNetwork, Served, graph_of
from tieback_lab.recipes.reading.reading_pairs import PairReader, Read
from tokenizers import Tokenizer, models, pre_tokenizers, processors

CLAIM, SAID = "owl flies", "owl flies at night"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer that separates two texts, and the weights of an encoder."""
    made = tmp_path_factory.mktemp("reader")
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(made / "tokenizer.json"))
    torch.manual_seed(0)
    save_file(tiny_bert().state_dict(), made / "model.safetensors")
    return made


@pytest.fixture(scope="module")
def network() -> ReadingNetwork:
    torch.manual_seed(0)
    bert = tiny_bert()
    torch.manual_seed(1)
    return ReadingNetwork(bert, frozen=0).eval()


def pair(folder: Path) -> Read:
    return PairReader(folder / "tokenizer.json").read("claims", "birds", CLAIM, [SAID], label=0)


def test_what_is_served_is_what_was_learned(folder: Path, network: ReadingNetwork) -> None:
    one = pair(folder)
    tokenizer = TextTokenizer(folder / "tokenizer.json", max_tokens=16, special_tokens=True)
    reader = QuestionReader(
        graph_of(network, [one, one]), Embeddings.read(folder / "model.safetensors"), tokenizer
    )
    ids, types = torch.tensor([list(one.ids)]), torch.tensor([list(one.types)])
    with torch.no_grad():
        embedded = network.embedded(ids, types)
        [answered], [verdict] = Served(network)(embedded, (1 - types).float())

    assert reader(CLAIM, SAID) == pytest.approx(answered.item(), abs=0.01)  # products in 8 bits
    assert reader(CLAIM, SAID) != pytest.approx(reader(CLAIM, "wren"), abs=1e-4)
    assert reader.read(CLAIM, SAID).tolist() == pytest.approx(verdict.tolist(), abs=0.02)
    assert int(reader.read(CLAIM, " ").argmax()) == 2  # open


def test_embeddings_are_those_of_the_encoder(folder: Path, network: ReadingNetwork) -> None:
    one = pair(folder)
    read = Embeddings.read(folder / "model.safetensors")
    with torch.no_grad():
        expected = network.embedded(torch.tensor([list(one.ids)]), torch.tensor([list(one.types)]))[0]

    found = read(TokenizedPair(np.array(one.ids), np.array(one.types), 0))
    assert found == pytest.approx(expected.numpy(), abs=0.01)  # the words are in half precision


def test_a_text_without_a_word_gives_nothing(folder: Path, network: ReadingNetwork) -> None:
    tokenizer = TextTokenizer(folder / "tokenizer.json", max_tokens=16, special_tokens=True)
    reader = QuestionReader(
        graph_of(network, [pair(folder)]), Embeddings.read(folder / "model.safetensors"), tokenizer
    )

    assert reader(CLAIM, " ") == LEAST


def test_weights_without_the_tables_of_a_bert_are_refused_by_their_name(tmp_path: Path) -> None:
    save_file({"other": torch.zeros(2, 2)}, tmp_path / "model.safetensors")

    with pytest.raises(StartupError, match=r"model\.safetensors has not the embeddings of a BERT"):
        Embeddings.read(tmp_path / "model.safetensors")


def test_tokens_that_are_not_there_and_answers_are_marked(folder: Path) -> None:
    reader = PairReader(folder / "tokenizer.json")
    changed = reader.read("made", "birds", "wren flies", [SAID], label=1, changed=[(0, 4)])
    asked = reader.read("asked", "birds", "owl flies at", [SAID], answered=1, answer="night")

    assert list(changed.marked) == [-1, 1, 0, -1, -1, -1, -1, -1, -1]
    assert list(asked.marked) == [-1, -1, -1, -1, -1, 0, 0, 0, 1, -1]
