"""The stages of a query, in order, as data: the options that each reads, and what it goes together with.

`Retrieve` runs its own (`answer/stages/`), of which one is `Search`, which runs the index's. Both check what
they are asked for by this list, and so does a collection whose plan chooses options. A store that cannot do a
stage names it. Of a query, what the request says wins: what its collection chooses beside it, and what does
not go together with it, is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tieback_contract import query as options
from tieback_contract.field_path import FieldPath, at
from tieback_contract.method_choice import MethodChoice, is_chosen
from tieback_contract.query import Granularity, QueryOptions

from tieback.core.errors import InvalidInput, Unsupported
from tieback.methods.learned_ranking import learned_rankings
from tieback.methods.query_expansion import query_expansions
from tieback.methods.rank_fusion import rank_fusions
from tieback.methods.reranking import check_reranker, rerankings
from tieback.methods.vector_search import vector_searches

RETRIEVE, SEARCH = "Retrieve", "Search"

OPTIONS, PLAN = at("options"), at("plan")
"""The places of the options of a request, and of those of a collection."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Demands of a query: its options, and of other things whether it `has` them, as far as that is known.

    `Retrieve` knows of "query words" and "routing", `Search` of "text", "vector", "signals", "vectors" and
    "explain".
    """

    options: QueryOptions
    has: Mapping[str, bool] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Models:
    """Models of a server that options name: those that rerank, and its learned ranking.

    The name of the `ranker` is empty where there is none, and None where that is not known.
    """

    rerankers: Collection[str] = ()
    ranker: str | None = None


NO_MODELS = Models()


@dataclass(frozen=True, slots=True)
class Rule:
    """A stage that another needs or excludes, and the sentence of the refusal.

    The `other` is a stage, or what a query has. An empty sentence refuses no query: only what a collection
    chooses gives way.
    """

    other: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a query."""

    name: str
    """The name by which other stages, stores and explanations know it."""
    does: str
    """A sentence of what it does."""
    of: str = SEARCH
    """The method of the contract that runs it."""
    option: str = ""
    """The option that asks for it, or the field of the request; empty where it follows from the query."""
    reads: tuple[str, ...] = ()
    """More options that it reads."""
    run: str = ""
    """The module of the service's `stages/` that runs it; empty where another one does it too."""
    shown: str = ""
    """The name of its time; empty where what it does is timed by itself."""
    lost_as: str = ""
    """The name of what is missing where it does not answer in time; empty where the query fails with it."""
    chosen: Callable[[Asked], bool] = lambda _: False
    """Tell whether a query says that it takes place."""
    left_out: Callable[[Asked], bool] = lambda _: False
    """Tell whether a query says that it does not."""
    needs: tuple[Rule, ...] = ()
    """Stages that have to take place beside it."""
    excludes: tuple[Rule, ...] = ()
    """Stages that may not take place beside it; the error names them."""
    excluded_by: tuple[Rule, ...] = ()
    """Stages that it may not take place beside; the error names this one."""
    otherwise: tuple[Rule, ...] = ()
    """Stages that have to take place where it is left out."""

    @property
    def options(self) -> tuple[str, ...]:
        """The options that it reads."""
        return tuple(name for name in (self.option, *self.reads) if name in OPTION_NAMES)


@dataclass(frozen=True, slots=True)
class Clash:
    """Two stages that do not go together, or one without what it needs; `blamed` is named by the error."""

    holder: Stage
    other: Stage | None
    blamed: Stage
    why: str


_OPTIONS = {one.name: one for one in options.OPTIONS}
OPTION_NAMES = frozenset(_OPTIONS)


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
_ORDERED = "the condition orders the hits, and so would {}: leave one of them out"
_RANKED = (
    "a learned ranking orders the sections that a hybrid search found, by feedback too: leave {} out, or "
    "name the ranker 'none'"
)
_ONE_HIT = "a document is one hit: leave this out"


STAGES: tuple[Stage, ...] = (
    Stage(
        "locate",
        "Makes the query's vector: encodes its contents and fuses them, or composes a photo and words.",
        RETRIEVE,
        "composition",
        run="locate",
        chosen=_set("composition"),
        needs=(Rule("vectors", _ALONE),),
        excludes=(
            Rule(
                "rerank",
                "a reranker would compare the hits with the photo or the words as they are; leave it out, or "
                "the composition",
            ),
            Rule("words"),
        ),
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
        left_out=lambda asked: (
            not asked.options.hybrid and (asked.options.hybrid is False or bool(asked.options.composition))
        ),
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
        "Gives hits with their vectors, for a reranker or a condition.",
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
        "condition",
        "Orders the hits under a learned condition.",
        RETRIEVE,
        "condition",
        run="condition",
        shown="condition",
        chosen=_set("condition"),
        needs=(Rule("vectors", _ORDERED.format("vector_search")),),
        excludes=(
            Rule("rerank", _ORDERED.format("reranker")),
            Rule("diversity", _ORDERED.format("diversity")),
            Rule("documents", _ORDERED.format("granularity")),
            Rule("locate", _ORDERED.format("composition")),
            Rule("rank", _ORDERED.format("ranker")),
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
            Rule("locate", _RANKED.format("composition")),
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
"""In the order in which they are run."""

BY_NAME: Mapping[str, Stage] = {one.name: one for one in STAGES}

_FAMILIES = {
    one.name: one for one in (rank_fusions, query_expansions, learned_rankings, vector_searches, rerankings)
}


_RULED = [one for one in STAGES if one.needs or one.excludes or one.excluded_by or one.otherwise]


def clashes(asked: Asked) -> Iterator[Clash]:
    """Find stages that do not go together, in their order."""
    for stage in _RULED:
        if stage.chosen(asked):
            for rule in stage.needs:
                if _is_missing(rule.other, asked):
                    yield Clash(stage, BY_NAME.get(rule.other), stage, rule.why)
            for rule in stage.excludes:
                if (other := BY_NAME[rule.other]).chosen(asked):
                    yield Clash(stage, other, other, rule.why)
            for rule in stage.excluded_by:
                if (other := BY_NAME[rule.other]).chosen(asked):
                    yield Clash(stage, other, stage, rule.why)
        if stage.otherwise and stage.left_out(asked):
            for rule in stage.otherwise:
                if _is_missing(rule.other, asked):
                    yield Clash(stage, BY_NAME.get(rule.other), stage, rule.why)


def _is_missing(other: str, asked: Asked) -> bool:
    """Tell whether a query leaves a stage out, or lacks something; what is not known is there."""
    stage = BY_NAME.get(other)
    return not asked.has.get(other, True) if stage is None else stage.left_out(asked)


def check(asked: Asked, method: str, models: Models = NO_MODELS) -> None:
    """InvalidInput, NotFound or Unsupported, with the field, for options that a method cannot answer by."""
    if method == SEARCH:
        for name in asked.options.chosen():
            if not _OPTIONS[name].is_of_search:
                raise InvalidInput(
                    f"{name} is taken by Retrieve and Answer, and not by Search", field=OPTIONS[name]
                )
    check_values(asked.options, OPTIONS, models)
    for clash in clashes(asked):
        if clash.why:
            raise InvalidInput(clash.why, field=path_of(clash.blamed))


def path_of(stage: Stage, path: FieldPath = OPTIONS) -> FieldPath:
    """The place where a request asks for a stage."""
    return path[stage.option] if stage.option in OPTION_NAMES else at(stage.option)


def check_values(asked: QueryOptions, path: FieldPath, models: Models) -> None:
    """InvalidInput, NotFound or Unsupported, with the field, for values that there are not."""
    for name, value in asked.chosen().items():
        one = _OPTIONS[name]
        if one.family:
            # To leave a stage out is right in every family but that of what is merged.
            if not value.is_none or value.parameters or one.family == rank_fusions.name:
                _check_method(one.family, value, path[name], models)
        elif one.range is not None and (fault := one.fault(value)):
            raise InvalidInput(fault, field=path[name])


def _check_method(family: str, value: MethodChoice, path: FieldPath, models: Models) -> None:
    if family == rerankings.name:
        check_reranker(value, models.rerankers, path)
        return
    _FAMILIES[family].configure(value.name, value.parameters, field=path)
    if family == learned_rankings.name and models.ranker not in (None, value.name) and not value.is_none:
        there = repr(models.ranker) if models.ranker else "none"
        raise Unsupported(f"its ranker is {there}, and not {value.name!r}; see TIEBACK_ARTIFACTS")


def check_plan(plan: QueryOptions, models: Models = NO_MODELS) -> None:
    """InvalidInput or NotFound, with the field, where no query could be answered by a collection's plan.

    Which models rerank changes with the server: they have to be there when the plan is chosen, and are
    checked again when a query is answered.
    """
    check_values(plan, PLAN, models)
    for clash in clashes(Asked(plan)):
        other = clash.blamed if clash.other is None else clash.other
        raise InvalidInput(
            f"{clash.holder.option} does not go together with {other.option}: leave one of them out of the "
            "plan",
            field=path_of(clash.holder, PLAN),
        )


def filled(asked: Asked, plan: QueryOptions) -> QueryOptions:
    """The options of a query, with what its collection chooses where that fits what the query says."""
    said = asked.options.chosen()
    both = Asked(asked.options.over(plan), asked.has)
    unfit = {
        stage.option
        for clash in clashes(both)
        for stage in (clash.holder, clash.other)
        if stage is not None and stage.option in OPTION_NAMES and stage.option not in said
    }
    return dataclasses.replace(both.options, **dict.fromkeys(unfit)) if unfit else both.options


def check_offered(asked: Asked, refused: Mapping[str, str], reason: str, path: FieldPath = OPTIONS) -> None:
    """InvalidInput where a query asks for a stage that a store does not do; sentences by stage."""
    for name, why in refused.items():
        stage = BY_NAME[name]
        if stage.chosen(asked):
            raise InvalidInput(why, field=path_of(stage, path), reason=reason)


def run_by(method: str) -> Sequence[Stage]:
    """The stages that a method runs, in order."""
    return [one for one in STAGES if one.of == method and one.run]
