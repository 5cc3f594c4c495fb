"""An extension: a package outside of the tree that brings a method, a recipe, a kind and a stage."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.extension import forget, install
from support.local_platform import served_locally
from support.small_spaces import write_card
from support.words_server import words_server
from tieback.catalog.card import Card, EncoderCard
from tieback.core import extensions
from tieback.core.errors import NotFound, StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.methods import families
from tieback.methods.rank_fusion import rank_fusions
from tieback.methods.reranking import check_reranker
from tieback.models.learned import kind_names
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.train import train
from tieback.recipes.trained import describe, recipes
from tieback.serving.commands.recipes import recipes as listed
from tieback.serving.plan import Plan
from tieback.serving.settings import Settings
from tieback_client import Client, InvalidArgument, Item, QueryOptions
from tieback_client import NotFound as Missing
from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality

METHOD = '''
"""Words alone decide, whatever the vectors say (arXiv:1901.00001)."""

from tieback.methods.rank_fusion import rank_fusions


@rank_fusions.method
def words_alone(scores, *, share: float = 1.0):
    """The scores of the words."""
    return share * scores[1]
'''

FAMILY = '''
"""A family that only strangers have."""

from typing import Protocol

from tieback.core.family import Family


class Doubling(Protocol):
    """Doubles."""

    def __call__(self, number): ...


doublings = Family(__name__, Doubling)
'''

TWICE = '''
"""Twice as much."""

from strangers.methods.doubling import doublings


@doublings.method
def twice(number):
    """Twice the number."""
    return 2 * number
'''

RECIPE = '''
"""Counts the letters of files (arXiv:1901.00001)."""

import numpy as np

from tieback.artifacts import Kind
from tieback.recipes.trained import Learned, recipes

MAKES = "a ranker that prefers words"


@recipes.method
def counting(run, *, weight: float = 1.0):
    """Counts."""
    kind = Kind("one_signal", "ranker of one signal", 1, "train it again")
    return Learned(kind, {"weights": np.array([weight])}, (), run.data, {"signal": "words"})
'''

KIND = '''
"""A ranker that is one signal."""

import numpy as np

from tieback.artifacts import Artifact, Kind
from tieback.models.learned import ServedKind
from tieback.models.learned.ranker import TrainedRanker

KIND = Kind("one_signal", "ranker of one signal", 1, "train it again")


def load(folder, models):
    return TrainedRanker("linear", [Artifact.load(folder, KIND).facts["signal"]], {"weights": np.ones(1)})


SERVED = ServedKind(KIND, TrainedRanker, load, lambda _: ("a ranker",))
'''

STAGE = '''
"""Hits in the opposite order, or the first of them alone."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tieback.answer.stages.step import Step
from tieback.query_stages.stage import RETRIEVE, Rule, Stage


class Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    most: Annotated[int, Field(ge=1)] = 100


STAGE = Stage(
    "upside_down",
    "Turns the hits around.",
    RETRIEVE,
    after="order",
    parameters=Parameters,
    excludes=(Rule("rerank", "a reranker orders the hits: leave it out, or upside_down"),),
)


async def run(state):
    asked = state.further["upside_down"]
    state.ordered = list(reversed(state.ordered))[: asked.most]


async def wants(state):
    state.orders_all |= "upside_down" in state.further


STEP = Step(run, lambda state: "upside_down" in state.further, wants=wants)
'''

RUNTIME = '''
"""Texts by how often they have each letter."""

from typing import Literal

import numpy as np

from tieback.catalog.base_card import Weightless
from tieback.catalog.runtimes import Runtime
from tieback.models.content import read_text
from tieback.models.encoder_model import Prepared, RawEncoding, unit_rows


class Letters(Weightless):
    """Counts the letters of `alphabet`."""

    computation = "letters 1"

    runtime: Literal["letters"] = "letters"
    alphabet: str


class LettersModel:
    pads = False

    def __init__(self, card, served, hardware):
        self.card = card

    def prepare(self, content, plan, limits):
        return Prepared(1, read_text(content, limits))

    def run(self, batch, plan):
        alphabet = self.card.options.alphabet
        counts = np.array([[one.payload.count(letter) for letter in alphabet] for one in batch], np.float32)
        return [RawEncoding(row) for row in unit_rows(counts)]


RUNTIME = Runtime("encoder", Letters, "strangers.catalog.runtimes.letters:LettersModel")
'''

FILES = {
    "catalog/runtimes/letters.py": RUNTIME,
    "methods/rank_fusion/words_alone.py": METHOD,
    "methods/doubling/__init__.py": FAMILY,
    "methods/doubling/twice.py": TWICE,
    "recipes/trained/counting.py": RECIPE,
    "models/learned/one_signal.py": KIND,
    "answer/stages/upside_down.py": STAGE,
}
USED = ("strangers",)


@pytest.fixture(autouse=True)
def strangers(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder where the package is installed."""
    folder = tmp_path_factory.mktemp("site")
    install(folder, "strangers", FILES, monkeypatch)
    yield folder
    monkeypatch.undo()
    forget("strangers")
    for family, name in ((rank_fusions, "words_alone"), (recipes, "counting")):
        family._methods.pop(name, None)
        family._checked.discard(name)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return words_server(tmp_path_factory.mktemp("served"))


def filled(client: Client, collection: str = "birds") -> None:
    client.ingest(collection, [Item("owl", "owl at night"), Item("wren", "wren")], space="words").collect()


def test_what_is_installed_and_not_named_cannot_be_asked_for_and_says_how_it_could(
    settings: Settings,
) -> None:
    with served_locally(settings) as running, Client(running.address, timeout=60) as client:
        filled(client)

        with pytest.raises(Missing, match="it is in the extension 'strangers': set TIEBACK_EXTENSIONS=str"):
            client.retrieve("birds", "owl", rank_fusion="words_alone", hybrid=True)
        with pytest.raises(Missing, match="it is in the extension 'strangers'"):
            client.retrieve("birds", "owl", stages=["upside_down"])

    assert not [one for one in sys.modules if one.startswith("strangers.methods.rank_fusion.")]


def test_a_method_a_kind_and_a_stage_of_a_package_are_served_where_it_is_named(
    settings: Settings, tmp_path: Path
) -> None:
    extensions.use(USED)
    trained = train(
        "counting", {"weight": 2.0}, cards=(), store=Store(tmp_path / "store"), data=[Path(__file__)],
        output=tmp_path / "out", say=lambda _: None,
    )  # fmt: skip
    given = settings.model_copy(update={"extensions": USED, "artifacts": (str(trained.folder),)})

    with served_locally(given) as running, Client(running.address, timeout=60) as client:
        filled(client)
        usual = client.retrieve(
            "birds", "owl wren", ranker="none", rank_fusion=("words_alone", {"share": 0.5})
        )
        ranked = client.retrieve("birds", "owl wren night", ranker="linear", explain=True)
        turned = client.retrieve("birds", "owl wren night", ranker="none", stages=["upside_down"])
        last = client.retrieve(
            "birds", "owl wren night", ranker="none", stages=[("upside_down", {"most": 1})]
        )
        with pytest.raises(InvalidArgument, match="greater than or equal to 1") as refused:
            client.retrieve("birds", "owl", stages=[("upside_down", {"most": 0})])
        with pytest.raises(InvalidArgument, match="a reranker orders the hits"):
            client.retrieve("birds", "owl", stages=["upside_down"], reranker="late_interaction")
        with pytest.raises(Missing, match="upside_down"):
            client.retrieve("birds", "owl", stages=["upside_dawn"])
        client.create_collection("planned", space="words", plan=QueryOptions.of(stages=["upside_down"]))
        filled(client, "planned")
        planned = client.retrieve("planned", "owl wren night", ranker="none")

    assert usual.plan.options.rank_fusion is not None
    assert usual.plan.options.rank_fusion.name == "words_alone"
    assert {share.name for one in ranked.hits for share in one.signals if share.contribution} == {"words"}
    assert [one.hit.item_id for one in turned.hits] == ["wren", "owl"]
    assert [one.hit.item_id for one in last.hits] == ["wren"]
    assert [one.hit.item_id for one in planned.hits] == ["wren", "owl"]
    assert [one.field for one in refused.value.violations] == ["options.stages[0].parameters.most"]


def test_a_card_names_a_runtime_of_a_package_where_that_is_used(tmp_path: Path) -> None:
    def written() -> Card:
        return write_card(
            tmp_path, "counted", runtime="letters", modality="text", width=2, kinds=["dense"],
            options={"alphabet": "ow"},
        )  # fmt: skip

    with pytest.raises(StartupError, match=r"runtime: .*letters.*it is in the extension 'strangers'"):
        written()
    extensions.use(USED)
    card = written()
    assert isinstance(card, EncoderCard)
    model = load_encoder(card, Store(tmp_path / "store"))
    plan, limits = EncodePlan(), Limits()

    (found,) = model.run([model.prepare(Content(Modality.TEXT, "owl"), plan, limits)], plan)

    assert found.dense == pytest.approx([0.5**0.5] * 2)
    with pytest.raises(StartupError, match=r"options\.alphabet"):
        write_card(tmp_path, "bare", runtime="letters", modality="text", width=2, kinds=["dense"], options={})


def test_its_families_methods_recipes_and_kinds_are_listed_with_the_platforms(strangers: Path) -> None:
    known = set(families())
    extensions.use(USED)

    assert set(families()) == known | {"doubling"}
    assert families()["doubling"].get("twice")(21) == 42
    assert "words_alone" in rank_fusions.names()
    assert describe("counting").papers == ("1901.00001",)
    assert "one_signal" in kind_names()
    assert "counting" in CliRunner().invoke(listed).stdout


def test_other_recipes_are_told_of_and_a_reranking_says_where_it_is() -> None:
    assert "TIEBACK_EXTENSIONS=lab,strangers tieback recipes" in CliRunner().invoke(listed).stdout
    with pytest.raises(NotFound, match="it is in the extension 'lab'"):
        check_reranker(MethodChoice("partial_transport"), (), at("options"))


def test_what_was_loaded_cannot_be_asked_for_once_its_extension_is_not_used_any_more() -> None:
    extensions.use(USED)
    assert rank_fusions.get("words_alone")

    extensions.use(())

    with pytest.raises(NotFound, match="it is in the extension 'strangers'"):
        rank_fusions.get("words_alone")


def test_a_name_that_the_platform_has_is_the_platforms(
    strangers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (strangers / "strangers/methods/rank_fusion/weighted_sum.py").write_text("raise RuntimeError")
    extensions.use(USED)

    assert rank_fusions.get("weighted_sum").__module__.startswith("tieback.")


def test_an_extension_that_is_not_installed_is_refused_at_the_start(settings: Settings) -> None:
    with pytest.raises(StartupError, match=r"no extension 'strange' is installed; installed: .*strangers"):
        Plan(settings.model_copy(update={"extensions": ("strange",)}))


def test_a_method_that_nobody_has_is_refused_without_a_word_of_extensions() -> None:
    with pytest.raises(NotFound) as refused:
        rank_fusions.get("words_alone_2")

    assert "extension" not in refused.value.message


def test_the_platform_and_its_defaults_load_nothing_of_the_lab() -> None:
    code = (
        "import sys; from tieback.serving.plan import Plan; from tieback.serving.settings import Settings; "
        "from tieback.methods import families; import tieback.answer; Plan(Settings()); "
        "[one.names() for one in families().values()]; "
        "print([one for one in sys.modules if one.startswith('tieback_lab')])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
