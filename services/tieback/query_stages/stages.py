"""The list of the stages of a query, in the order in which they are run."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from importlib import import_module

from tieback_contract.method_choice import MethodChoice, is_chosen
from tieback_contract.query import Granularity

from tieback.core.extensions import further_entries, used
from tieback.query_stages.stage import RETRIEVE, SEARCH, Asked, Rule, Stage

FOLDERS = {RETRIEVE: "tieback.answer.stages", SEARCH: "tieback.index.stages"}
"""Folders of the files that run stages, by the method of the contract that does."""


def _named(option: str) -> Callable[[Asked], bool]:
    return lambda asked: is_chosen(getattr(asked.options, option))


def _set(option: str) -> Callable[[Asked], bool]:
    return lambda asked: bool(getattr(asked.options, option))


def _has(what: str) -> Callable[[Asked], bool]:
    return lambda asked: asked.has.get(what, False)


def _is_merely_kept(choice: MethodChoice | None) -> bool:
    """Tell whether a store searches as it does by itself."""
    return choice is None or choice.name in ("nearest", "none", "within")


_ALONE = "words alone are searched for, and no vector: leave this out"
_RANKED = (
    "a learned ranking orders the sections that a hybrid search found, by feedback too: leave {} out, or "
    "name the ranker 'none'"
)
_ONE_HIT = "a document is one hit: leave this out"


PLATFORM: tuple[Stage, ...] = (
    Stage(
        "locate",
        "Makes the query's vector: encodes its contents and fuses them.",
        RETRIEVE,
        run="locate",
        share=0.5,
    ),
    Stage(
        "routing",
        "Weighs the spaces of a joint one, as the query asks.",
        RETRIEVE,
        "routing",
        chosen=_has("routing"),
        needs=(Rule("vectors", _ALONE),),
    ),
    Stage(
        "words",
        "Finds the words that are searched for: the query's; with `hybrid` those of what its pictures show.",
        RETRIEVE,
        "hybrid",
        run="words",
        chosen=lambda asked: asked.options.hybrid is True,
        left_out=lambda asked: asked.options.hybrid is False,
        otherwise=(Rule("vectors", _ALONE),),
    ),
    Stage(
        "own_kind",
        "Has related hits of the query's modality come first, for photos alone and sounds alone.",
        RETRIEVE,
        run="own_kind",
    ),
    Stage(
        "search", "Searches the collection by the stages that follow.", RETRIEVE, run="search", shown="search"
    ),
    Stage("filter", "Leaves out what the filter does not let through.", run="filter", shown="filter"),
    Stage(
        "second",
        "Searches in the space that the collection is being moved to, too, where enough sections are there.",
        run="second",
    ),
    Stage(
        "further",
        "Runs stages of extensions, each after the stage that it names, also of a retrieval.",
        option="stages",
        chosen=_set("stages"),
    ),
    Stage("explain", "Tells what each stage did.", option="explain", chosen=_has("explain")),
    Stage(
        "depth",
        "Chooses how far the vector is searched for, by a measurement where that is asked for.",
        option="vector_search",
        run="depth",
        shown="measure_recall",
        chosen=lambda asked: not _is_merely_kept(asked.options.vector_search),
    ),
    Stage(
        "range",
        "Leaves out what is less similar than asked.",
        option="vector_search",
        run="range",
        shown="range",
        chosen=lambda asked: (
            asked.options.vector_search is not None and asked.options.vector_search.name == "within"
        ),
    ),
    Stage(
        "vectors",
        "Searches by the vector.",
        option="vector_search",
        run="ranking",
        shown="vector_search",
        chosen=_named("vector_search"),
        left_out=lambda asked: (
            asked.options.vector_search is not None and asked.options.vector_search.is_none
        ),
        needs=(Rule("vector", "there is no vector to search by: give one"),),
        otherwise=(Rule("query words", "the query has no words, and words alone are searched for"),),
    ),
    Stage(
        "balance",
        "Compares hits of each modality with what that modality holds, so that none hides the others.",
        option="balance_modalities",
        chosen=_set("balance_modalities"),
        needs=(Rule("vectors", _ALONE), Rule("vector", "modalities are balanced by their vectors: give one")),
    ),
    Stage(
        "merge",
        "Merges what the vector and the words found.",
        option="rank_fusion",
        shown="merge",
        chosen=lambda asked: asked.options.rank_fusion is not None,
        needs=(
            Rule("words", "words are not searched for, so nothing is merged"),
            Rule("vectors", _ALONE),
            Rule("vector", "only hits by vector and words are merged: give both"),
            Rule("text", "only hits by vector and words are merged: give both"),
        ),
    ),
    Stage(
        "feedback",
        "Searches again with the query expanded by its best hits.",
        option="query_expansion",
        run="feedback",
        shown="feedback",
        chosen=_named("query_expansion"),
    ),
    Stage(
        "documents",
        "Ranks items as whole documents.",
        option="granularity",
        run="documents",
        shown="documents",
        chosen=lambda asked: asked.options.granularity is Granularity.DOCUMENT,
        excludes=(
            Rule("per_item", _ONE_HIT),
            Rule("collapse", "a document is one hit, with its next best sections beside it: leave this out"),
            Rule("signals", "signals are of sections: leave them out"),
        ),
    ),
    Stage(
        "collapse",
        "Makes the pieces of a short text one hit.",
        option="collapse_pieces",
        run="group",
        shown="group",
        chosen=_set("collapse_pieces"),
    ),
    Stage(
        "per_item",
        "Gives at most so many hits of an item.",
        option="hits_per_item",
        shown="group",
        chosen=_set("hits_per_item"),
    ),
    Stage(
        "diversity",
        "Prefers hits that are unlike those before them.",
        option="diversity",
        run="diversity",
        shown="diversity",
        chosen=_set("diversity"),
    ),
    Stage("hits", "Reads the texts, titles and metadata of the hits.", run="hits", shown="hits"),
    Stage(
        "signals",
        "Computes what a learned ranking reads of the hits.",
        option="signals",
        run="signals",
        shown="signals",
        chosen=_has("signals"),
    ),
    Stage(
        "highlights",
        "Chooses the sentences of hits that have most of the query's words.",
        option="highlights",
        run="highlights",
        shown="highlights",
        chosen=_set("highlights"),
        needs=(
            Rule(
                "query words",
                "the query has no words, and sentences are chosen by what they say of them: leave this out",
            ),
            Rule("text", "sentences are chosen by the words of `text`: give some"),
        ),
    ),
    Stage(
        "hit_vectors",
        "Gives hits with their vectors, for what compares them.",
        option="vectors",
        run="hit_vectors",
        chosen=_has("vectors"),
    ),
    Stage("nest", "Gives documents their next best sections.", run="nest"),
    Stage(
        "copies",
        "Makes a text that several items hold one hit that names them, unless each copy is asked for.",
        option="every_copy",
        run="copies",
        chosen=_set("every_copy"),
    ),
    Stage(
        "compare",
        "Chooses what a reranker compares: texts, or photos by regions.",
        RETRIEVE,
        run="compare",
        lost_as="reranker",
    ),
    Stage(
        "rerank",
        "Compares the query with each candidate by their tokens or regions, or by a model of the server's.",
        RETRIEVE,
        "reranker",
        ("candidates",),
        run="rerank",
        shown="rerank",
        lost_as="reranker",
        chosen=_named("reranker"),
        excludes=(
            Rule(
                "diversity",
                "a reranker orders the hits again, and their diversity would be lost: leave it out, or name "
                "the reranker 'none'",
            ),
        ),
    ),
    Stage(
        "rank",
        "Orders the hits by a learned ranking.",
        RETRIEVE,
        "ranker",
        run="rank",
        shown="final",
        chosen=_named("ranker"),
        needs=(
            Rule("words", _RANKED.format("hybrid")),
            Rule("vectors", _RANKED.format("vector_search")),
        ),
        excluded_by=(
            Rule("rerank", _RANKED.format("reranker")),
            Rule("feedback", _RANKED.format("query_expansion")),
            Rule("diversity", _RANKED.format("diversity")),
            Rule("documents", _RANKED.format("granularity")),
        ),
    ),
    Stage("order", "Orders the other hits by their scores.", RETRIEVE, run="order", shown="final"),
    Stage(
        "min_scores",
        "Leaves out hits whose score of a stage is too low.",
        RETRIEVE,
        "min_scores",
        run="min_scores",
        shown="final",
        chosen=_set("min_scores"),
    ),
    Stage(
        "relevance",
        "Leaves out hits that are not relevant enough, and marks those that probably are not.",
        RETRIEVE,
        "min_relevance",
        run="relevance",
        shown="final",
        chosen=_set("min_relevance"),
    ),
    Stage(
        "similar_highlights",
        "Chooses sentences of the hits that have none of the query's words, by their vectors.",
        RETRIEVE,
        reads=("highlights",),
        run="similar_highlights",
        shown="highlights",
    ),
)
"""The platform's own, in the order in which they are run."""


def stages() -> tuple[Stage, ...]:
    """The platform's stages and those of the extensions in use, in the order in which they are run."""
    return tuple(by_name().values())


def by_name() -> Mapping[str, Stage]:
    """The same by their names."""
    return _with(used())


@functools.cache
def _with(_: tuple[str, ...]) -> Mapping[str, Stage]:
    found = list(PLATFORM)
    for one in further():
        names = [other.name for other in found]
        found.insert(names.index(one.after) + 1 if one.after else 0, one)
    return {one.name: one for one in found}


def further() -> list[Stage]:
    """Stages of the extensions in use, which stand in the files that run them."""
    modules = [module for folder in FOLDERS.values() for module in further_entries(folder).values()]
    return [_asked_by_name(import_module(module).STAGE) for module in modules]


def _asked_by_name(stage: Stage) -> Stage:
    """A stage that takes place where the option `stages` names it, and says so itself."""
    return dataclasses.replace(
        stage,
        option="stages",
        run=stage.run or stage.name,
        chosen=lambda asked: any(one.name == stage.name for one in asked.options.stages or ()),
    )
