"""Folders of PEFT: what peft itself makes of an adapter is what is served, merged by a card or by request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from peft import LoraConfig, get_peft_model
from safetensors.numpy import load_file, save_file
from support.asking import encodings, texts, vector
from support.merged_cards import pulled, vectors, write_card, write_cards
from support.own_encoder import TEXTS, Silent, write_folder
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.core.call import NO_CALL
from tieback.core.errors import StartupError
from tieback.core.types.encoding import EncodeRequest
from tieback.encoder import Encoder
from tieback.methods.merging import RESTORE, SPLIT, mergings
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.graphs.lora_folder import CONFIG, WEIGHTS, adapted
from tieback.recipes.pull import pull
from tieback.serving.commands.models import models
from transformers import AutoModel

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of transformers, for what peft asks of it
    pytest.mark.filterwarnings(
        "ignore::UserWarning"
    ),  # of peft, for vectors that it takes for broken matrices
]
KINDS: Mapping[str, dict[str, Any]] = {
    "LoRA": {"r": 4, "lora_alpha": 16, "target_modules": ["query", "value"]},
    "DoRA of every layer": {"r": 4, "target_modules": "all-linear", "use_dora": True},
    "scaled by the root of the rank": {"r": 4, "use_rslora": True, "target_modules": ["query", "dense"]},
    "ranks and scales of single layers": {
        "r": 4,
        "rank_pattern": {"query": 2},
        "alpha_pattern": {"attention.self.query": 3, "^encoder.*dense": 5},
        "target_modules": ["query", "dense"],
    },
    "biases": {"r": 2, "bias": "all", "target_modules": ["query"]},
    "norms saved whole": {"r": 2, "modules_to_save": ["LayerNorm"], "target_modules": ["query"]},
    "embeddings": {"r": 2, "target_modules": ["word_embeddings", "query"]},
    "a bias of the product": {"r": 2, "lora_bias": True, "target_modules": ["query"]},
}


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    return write_cards(tmp_path / "cards")


def write_adapter(cards: Path, name: str = "law", seed: int = 1, **options: Any) -> dict[str, Any]:
    """A folder as peft saves it, beside the cards; returns the weights that peft merges it to."""
    torch.manual_seed(seed)
    base = AutoModel.from_pretrained(cards / "base")
    model = get_peft_model(base, LoraConfig(init_lora_weights=False, **(options or KINDS["LoRA"])))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(str(cards / name))
    return {key: value.numpy() for key, value in model.merge_and_unload().state_dict().items()}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(models, arguments, prog_name="tieback models")


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_are_those_that_peft_merges(cards: Path, kind: str) -> None:
    expected = write_adapter(cards, **KINDS[kind])
    base = {
        f"0.model.{name}": array for name, array in load_file(cards / "base" / "model.safetensors").items()
    }

    found = adapted(base, cards / "law")

    changed = 0
    for name, array in expected.items():
        if "pooler" not in name:  # which no encoder's graph has
            np.testing.assert_allclose(found[f"0.model.{name}"], array, atol=1e-6, err_msg=name)
            changed += not np.array_equal(base[f"0.model.{name}"], array)
    assert changed > 0


def test_an_adapter_whose_pooler_is_not_exported_is_served_without_it(cards: Path) -> None:
    write_adapter(cards, **KINDS["DoRA of every layer"])
    base = {
        name: array
        for name, array in load_file(cards / "base" / "model.safetensors").items()
        if "pooler" not in name
    }

    assert adapted(base, cards / "law").keys() == base.keys()


def test_a_folder_is_added_and_served_as_the_model_that_peft_merges(
    cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = write_adapter(cards)
    write_folder(cards / "whole")
    save_file(whole, cards / "whole" / "model.safetensors")
    write_card(cards, "whole")
    monkeypatch.setenv("TIEBACK_CARDS", str(cards))

    found = run("add", str(cards / "law"), "--print")
    changed_config(base_model_name_or_path="makers/gte-base")(cards / "law")
    lacking = run("add", str(cards / "law"))
    added = run("add", str(cards / "law"), "--base", "base")

    assert "base: base" in found.stderr  # as the folder names it
    assert lacking.exit_code == 1
    assert "say --base MODEL, one of:" in lacking.output
    assert added.exit_code == 0, added.output
    assert "PEFT folder: LoRA of" in added.output
    assert "rank: 4, of 2 layers" in added.output
    assert "next: tieback models pull law" in added.output
    catalog = Catalog.load(cards)
    law, by_hand = (encoder(catalog, name) for name in ("law", "whole"))
    store, _ = pulled(law, tmp_path)
    pull([by_hand], [], store, Silent())
    np.testing.assert_allclose(vectors(law, store), vectors(by_hand, store), atol=2e-6)
    assert np.abs(vectors(law, store) - vectors(encoder(catalog, "base"), store)).max() > 1e-2


def encoder(catalog: Catalog, name: str) -> EncoderCard:
    card = catalog.get(name)
    assert isinstance(card, EncoderCard)
    return card


async def test_several_are_asked_by_request_over_one_base(
    cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_adapter(cards, "law")
    write_adapter(cards, "code", seed=2, **KINDS["DoRA of every layer"])
    monkeypatch.setenv("TIEBACK_CARDS", str(cards))
    monkeypatch.setenv("TIEBACK_MODELS", str(tmp_path / "store"))
    for name in ("law", "code"):
        write_card(
            cards, f"{name}-alone", merge={"method": "linear", "base": "base", "folders": {name: name}}
        )
    store = Store(tmp_path / "store")
    alone = [encoder(Catalog.load(cards), name) for name in ("law-alone", "code-alone")]
    pull(alone, [], store, Silent())

    made = run(
        "merge", "house", "--method", "low_rank", "--base", "base",
        "--expert", str(cards / "law"), "--expert", str(cards / "code"),
    )  # fmt: skip

    assert made.exit_code == 0, made.output
    assert "--adapter law" in made.output
    house = encoder(Catalog.load(cards), "house")
    assert house.adapters == ("law", "code")
    service = Encoder([load_encoder(house, store)])
    base = encoder(Catalog.load(cards), "base")
    for adapter, card in zip(("law", "code", ""), (*alone, base), strict=True):
        asked = EncodeRequest("house", texts(*TEXTS), adapters=[adapter] * len(TEXTS))
        found = encodings(await service.encode(asked, NO_CALL))
        np.testing.assert_allclose(
            [vector(one).values for one in found], vectors(card, store), atol=1e-5, err_msg=adapter
        )
        assert {one.adapter.name for one in found if one.adapter} == ({adapter} - {""})
    await service.close()


def test_what_a_low_rank_split_keeps_gives_the_expert_back() -> None:
    draw = np.random.default_rng(0)
    base = {"matrix": draw.standard_normal((64, 48), np.float32), "bias": np.zeros(64, np.float32)}
    low = draw.standard_normal((64, 3), np.float32) @ draw.standard_normal((3, 48), np.float32)
    experts = [
        {"matrix": base["matrix"] + low, "bias": base["bias"] + 1},
        {"matrix": draw.standard_normal((64, 48), np.float32), "bias": base["bias"]},
    ]

    shared, kept = mergings.form(SPLIT, "low_rank")(base, experts)

    assert {name: array.shape for name, array in kept[0].items()} == {
        "matrix left": (64, 3), "matrix right": (3, 48), "bias": (64,)
    }  # fmt: skip
    assert {name: array.shape for name, array in kept[1].items()} == {"matrix": (64, 48)}
    for adapter, expert in zip(kept, experts, strict=True):
        found = mergings.form(RESTORE, "low_rank")(base, shared, adapter)
        np.testing.assert_allclose(found["matrix"], expert["matrix"], atol=1e-5)
        np.testing.assert_array_equal(found["bias"], expert["bias"])


def changed_config(**values: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / CONFIG).read_text())
        (folder / CONFIG).write_text(json.dumps(config | values))

    return change


def changed_tensors(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        change(tensors)
        save_file(tensors, folder / WEIGHTS)

    return changed


def first(tensors: dict[str, Any], end: str) -> str:
    return next(name for name in sorted(tensors) if name.endswith(end))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed_config(peft_type="IA3"), r"an adapter 'IA3', and those that are read are LORA"),
        (changed_config(init_lora_weights="pissa"), r"init_lora_weights is 'pissa', which changes the base"),
        (changed_config(trainable_token_indices=[1]), r"trainable_token_indices asks for rows of single"),
        (changed_config(r=0), r"r, the rank, is a whole number above 0"),
        (changed_config(alpha_pattern={"(": 1}), r"the pattern '\(' cannot be matched"),
        (changed_config(alpha_pattern={r"((\w|\.|[a-z])+)+(?<!y)": 1}), r"cannot be matched with encoder"),
        (changed_tensors(lambda all: all.pop(first(all, "lora_A.weight"))), r"one factor of two"),
        (changed_tensors(lambda all: all.update(strange=np.ones(3))), r"changes strange, which"),
        (
            changed_tensors(lambda all: all.update({first(all, "lora_A.weight"): np.full((4, 16), np.nan)})),
            r"holds NaN or infinity",
        ),
        (
            changed_tensors(lambda all: all.update({first(all, "lora_B.weight"): np.ones((16, 5))})),
            r"\[16, 5\] and \[4, 16\], which is no product",
        ),
        (
            changed_tensors(lambda all: all.update({first(all, "lora_B.weight"): np.ones((7, 4))})),
            r"is \[7, 16\], and the base has \[16, 16\]",
        ),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"no tensors"), r"safetensors cannot be read"),
        (lambda folder: (folder / WEIGHTS).unlink(), r"has no file adapter_model.safetensors"),
    ],
)  # fmt: skip
def test_a_folder_that_cannot_be_applied_is_refused_by_what_is_wrong(
    cards: Path, change: Callable[[Path], None], said: str
) -> None:
    write_adapter(cards)
    change(cards / "law")

    with pytest.raises(StartupError, match=said):
        adapted(load_file(cards / "base" / "model.safetensors"), cards / "law")
