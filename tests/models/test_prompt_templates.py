"""How a published chat template and a tokenizer's leading space come into a prompt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tieback.models.language.chat_template import ChatTemplate, Message
from tieback.models.language.model import LeadingSpace
from tieback.recipes.export.causal_language_model import template_of_folder
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

TEMPLATE = "{{ bos_token }}{% for one in messages %}[INST] {{ one['content'] }} [/INST]{% endfor %}"
SPACE = "\u2581"


def folder(path: Path, **settings: Any) -> Path:
    (path / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE} | settings))
    return path


@pytest.mark.parametrize("token", ["<s>", {"content": "<s>", "lstrip": False}])
def test_a_template_finds_the_tokens_that_its_tokenizer_names(token: object, tmp_path: Path) -> None:
    template = ChatTemplate(template_of_folder(folder(tmp_path, bos_token=token, eos_token="</s>")))

    pieces = template.pieces([Message("user", "hello")])

    assert [one.text for one in pieces] == ["<s>[INST]", " hello", " [/INST]"]


def test_a_template_whose_tokenizer_names_none_stays_as_it_is(tmp_path: Path) -> None:
    assert template_of_folder(folder(tmp_path, bos_token=None)) == TEMPLATE


@pytest.mark.parametrize("kind", ["Prepend", "always", "first"])
def test_a_piece_that_goes_on_another_is_read_without_the_space_before_a_text(kind: str) -> None:
    tokenizer = letters()
    if kind == "Prepend":
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)]
        )
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=kind, split=False)

    space = LeadingSpace(tokenizer)

    assert tokenizer.encode("a b").tokens == [SPACE, "a", SPACE, "b"]
    assert space.going_on.encode("a b").tokens == ["a", SPACE, "b"]
    assert space.after_control == (kind != "first")


def test_a_tokenizer_that_puts_no_space_is_used_as_it_is() -> None:
    tokenizer = letters()

    assert LeadingSpace(tokenizer).going_on is tokenizer


def letters() -> Tokenizer:
    return Tokenizer(models.BPE(vocab={"a": 0, "b": 1, SPACE: 2}, merges=[]))
