"""A method is its file: written into a folder of its family, with nothing else touched, it is all there."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.lab import lab as lab
from support.present import present
from support.small_fusions import learn, things_for
from tieback.core import extensions
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.family import Family
from tieback.core.state import State
from tieback.core.types.rerank import RerankCandidate, RerankRequest
from tieback.joint.graphs import agreement
from tieback.methods import compatibility, families, heads, imputation, learned_ranking, projection
from tieback.methods.grounding import SUMMARY as GROUNDING_SUMMARY
from tieback.methods.grounding import Passage, Statement, checkers
from tieback.methods.pooling import poolings
from tieback.methods.projection import unit_rows
from tieback.models.joint.artifact import BoundProjection, JointSpaceArtifact, SpaceBlock
from tieback.models.joint.graphs import ProjectionGraph
from tieback.models.session import Session
from tieback.recipes.graphs import router
from tieback.recipes.graphs.torch_export import export_module
from tieback.reranker import Reranker
from tieback.serving.plan.assembly import request_families
from tieback.serving.servicers.catalog import Catalog, Offered
from tieback_contract.claims import VerdictLabel
from tieback_contract.limits import Limits
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.vectors import MultiVector, SpaceRef
from tieback_lab.methods import layer_pooling, map_pooling
from tieback_lab.methods.layer_pooling import layer_poolings
from tieback_lab.methods.map_pooling import GRAPH as POOLING_GRAPH
from tieback_lab.methods.map_pooling import map_poolings
from tieback_lab.methods.token_reduction import GRAPH as REDUCTION_GRAPH
from tieback_lab.methods.token_reduction import merge_batch, token_reductions
from tieback_lab.recipes.graphs.fused import PARITY, graph_of

NAME = "newcomer"
DOCS = Path(__file__).parents[2] / "docs"
with pytest.MonkeyPatch.context() as patch:
    patch.setenv(extensions.VARIABLE, "lab")
    FAMILIES = sorted(families())
COPIED = {"grounding": "lexical_embedding"}
"""Which method is copied, where the first one does not read what the tests of the family give."""
DRAW = np.random.default_rng(0)
MAPS = DRAW.normal(size=(30, 5, 8, 8)).astype(np.float32), DRAW.random((30, 7, 4, 4), np.float32)
STATES = DRAW.normal(size=(3, 9, 7, 4)).astype(np.float32)
ANCHORS = unit_rows(DRAW.normal(size=(80, 6))), unit_rows(DRAW.normal(size=(80, 5)))
SIGNALS = DRAW.normal(size=(40, 3))


@pytest.fixture(params=FAMILIES)
def family(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Family[Any]]:
    """A family with a method more, whose file is what one of the family's is, under another name."""
    found = families()[request.param]
    model = COPIED.get(found.name, found.names()[0])
    source = inspect.getsource(present(inspect.getmodule(found.get(model))))
    (tmp_path / f"{NAME}.py").write_text(source.replace(f"def {model}(", f"def {NAME}("))
    package = importlib.import_module(found.package)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    yield found
    found._methods.pop(NAME, None)
    found._checked.discard(NAME)
    sys.modules.pop(f"{found.package}.{NAME}", None)
    vars(package).pop(NAME, None)


def test_it_can_be_configured_and_refuses_with_its_choices(family: Family[Any]) -> None:
    assert NAME in family.names()
    assert callable(family.configure(NAME))
    with pytest.raises(InvalidInput, match="its parameters are") as refusal:
        family.configure(NAME, {"no_such_parameter": 1}, field="method")
    with pytest.raises(NotFound, match=NAME):
        family.configure("no_such_method")

    assert str(refusal.value.field) == "method.parameters.no_such_parameter"


async def test_requests_that_can_name_its_family_find_it_listed(family: Family[Any]) -> None:
    async def states() -> list[Any]:
        return []

    nothing: Any = None  # neither is looked at
    catalog = Catalog(
        Offered([], [], [], [], [], None, request_families(), "", Limits(), nothing, states, lambda _: ())
    )

    listed = {(one.family, one.name): one for one in await catalog.list_methods()}

    if family in request_families():
        assert listed[family.name, NAME].schema == family.schema(NAME)
        assert listed[family.name, NAME].summary == family.describe(NAME).summary
    else:
        assert (family.name, NAME) not in listed


@pytest.mark.all
def test_it_is_documented_with_its_parameters(family: Family[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)

    page = importlib.import_module("methods_page").methods_page()

    assert f"[{NAME}](#{family.name}-{NAME})" in page
    section = page.split(f'<a id="{family.name}-{NAME}"></a>')[1].split("\n#")[0]
    assert family.describe(NAME).summary in section.replace("\n", " ")
    for key in family.schema(NAME).get("properties", {}):
        assert f"| `{key}` |" in section


def ranking_fitted() -> State:
    """Learned from ten queries with four candidates each, of which one is relevant."""
    fit = learned_ranking.learned_rankings.form(learned_ranking.FIT, NAME)
    queries, grades = np.arange(40) // 4, (np.arange(40) % 4 == 0).astype(float)
    return fit(SIGNALS, grades, queries, prior=np.ones(3), rising=np.zeros(3, bool))


FITS: dict[str, Callable[[], State]] = {
    "compatibility": lambda: compatibility.fit(NAME, ANCHORS[1], ANCHORS[0]),
    "fusion": lambda: learn(NAME, things_for(NAME), steps=2),
    "heads": lambda: heads.fit(NAME, ANCHORS[0], np.arange(80) % 3),
    "projection": lambda: projection.fit(NAME, *ANCHORS),
    "imputation": lambda: imputation.fit(NAME, list(ANCHORS)),
    "layer_pooling": lambda: layer_pooling.fit(NAME, list(STATES)),
    "learned_ranking": ranking_fitted,
    "map_pooling": lambda: map_pooling.fit(NAME, *MAPS, width=6),
}
"""By family, how its methods are fitted."""


def test_it_is_fitted_where_its_family_learns(family: Family[Any]) -> None:
    assert family.learns == (family.name in FITS)
    if family.learns:
        state = FITS[family.name]()

        assert bool(state) == bool(family.state(NAME))


def export_projection(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a binding's graph it says what it says by itself."""
    words, eyes = SpaceRef("words", "r", "f"), SpaceRef("eyes", "r", "f")
    fitted = BoundProjection(words, 6, "eyes", NAME, {}, projection.fit(NAME, *ANCHORS))
    bound = JointSpaceArtifact(
        (SpaceBlock(words, Modality.TEXT, 6), SpaceBlock(eyes, Modality.IMAGE, 5)), (fitted,)
    )
    monkeypatch.setattr(router, "_is_large", lambda _projection: True)

    graphs = router.export_graphs(bound, {Modality.TEXT: ["words"]})

    assert agreement(bound, ProjectionGraph(graphs["projections.text"])) >= 1 - 1e-6


def export_pooling(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported and run, it says what it says in torch."""

    class Pooled(torch.nn.Module):
        def forward(self, states: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
            return poolings.configure(NAME)([states], sizes)

    assert_exported(Pooled(), folder)


def export_layer_pooling(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported and run, it says what it says in torch."""
    state = {name: torch.from_numpy(one) for name, one in FITS["layer_pooling"]().items()}

    class Pooled(torch.nn.Module):
        def forward(self, states: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
            return layer_poolings.get(NAME)([states, states + 1, states * 2], sizes, state)

    assert_exported(Pooled(), folder)


def export_map_pooling(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported and run, it says what it says in arrays."""
    state = FITS["map_pooling"]()
    graph = map_poolings.form(POOLING_GRAPH, NAME)

    class Pooled(torch.nn.Module):
        def forward(self, local: torch.Tensor, deep: torch.Tensor) -> torch.Tensor:
            return graph(local, deep, {name: torch.from_numpy(array) for name, array in state.items()})

    path, names = folder / "exported.onnx", ("local", "deep")
    export_module(
        Pooled(), [torch.from_numpy(one) for one in MAPS], path, inputs=names, outputs=["out"], dynamic={}
    )

    session = Session(path)
    read = {name: one for name, one in zip(names, MAPS, strict=True) if name in session.inputs}
    (found,) = session.run(["out"], read)

    assert found == pytest.approx(map_poolings.configure(NAME)(*MAPS, state), abs=1e-5)


def export_fusion(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported and run, it says what it says in arrays."""
    things = things_for(NAME)
    state = learn(NAME, things, steps=2)

    _, difference = graph_of(NAME, state, things.rows, things.there, things.condition)

    assert difference <= PARITY


def export_token_reduction(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported and run, what it merges is what it merges in torch."""
    plan = token_reductions.form(REDUCTION_GRAPH, NAME)

    class Merged(torch.nn.Module):
        def forward(self, states: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
            merged, _ = merge_batch(states, sizes, plan(states, sizes, torch.tensor(0.6), 0.5))
            return merged

    assert_exported(Merged(), folder)


def assert_exported(module: torch.nn.Module, folder: Path) -> None:
    """A module of token states `[2, 7, 4]` and sizes `[2, 7]` says as a graph what it says in torch."""
    given = torch.rand(2, 7, 4), torch.tensor([[1.0] * 7, [1.0] * 4 + [0.0] * 3])
    path, names = folder / "exported.onnx", ("states", "sizes")
    export_module(module, given, path, inputs=names, outputs=["out"], dynamic={})

    session = Session(path)
    read = {
        name: one.numpy() for name, one in zip(names, given, strict=True) if name in session.inputs
    }  # a pooling may look at no sizes
    (found,) = session.run(["out"], read)

    assert found == pytest.approx(module(*given).numpy(), abs=1e-5)


EXPORTS = {
    "fusion": export_fusion,
    "layer_pooling": export_layer_pooling,
    "map_pooling": export_map_pooling,
    "pooling": export_pooling,
    "projection": export_projection,
    "token_reduction": export_token_reduction,
}
"""By family, how its methods are held by a graph."""


def test_it_is_exported_where_it_has_a_graph_form(
    family: Family[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert family.goes_into_graphs(NAME) == (family.name in EXPORTS)
    if family.goes_into_graphs(NAME):
        EXPORTS[family.name](tmp_path, monkeypatch)


async def explain_reranking() -> None:
    """The pairs that the reranker shows are its score taken apart."""
    space = SpaceRef("words", "r", "f")
    spans = Locators.of(LocatorKind.BYTE_SPAN, [(0, 1), (1, 2), (2, 3)])
    query, offered = (MultiVector(unit_rows(DRAW.uniform(size=(3, 8))), space, spans) for _ in range(2))
    reranker = Reranker(None)  # type: ignore[arg-type]  # nothing here is encoded

    reply = await reranker.rerank(
        RerankRequest(query, [RerankCandidate("one", offered)], method=MethodChoice(NAME), explain=True),
        NO_CALL,
    )
    await reranker.close()

    (result,) = reply.results
    assert result.alignment is not None
    taken_apart = sum(pair.weight * pair.similarity for pair in result.alignment.pairs)
    assert taken_apart == pytest.approx(result.rerank_score, abs=1e-5)


async def explain_grounding() -> None:
    """A claim that a passage says rests on that passage."""
    text, unit = "The moon pulls the sea.", np.eye(1, 4, dtype=np.float32)
    passages = [
        Passage("Bread is made of flour.", [(0, 23)], unit[:, ::-1]),
        Passage(text, [(0, len(text))], unit),
    ]

    finding = checkers.configure(NAME)(Statement(text, unit[0]), passages, {})

    assert finding.label is VerdictLabel.SUPPORTED
    assert checkers.form(GROUNDING_SUMMARY, NAME)(finding) == [1]


EXPLANATIONS: dict[str, Callable[[], Awaitable[None]]] = {
    "grounding": explain_grounding,
    "reranking": explain_reranking,
}
"""By family, how its results are explained."""


async def test_it_explains_its_results_where_its_family_does(family: Family[Any]) -> None:
    assert family.explains == (family.name in EXPLANATIONS)
    if family.explains:
        await EXPLANATIONS[family.name]()
