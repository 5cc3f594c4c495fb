"""Checks of what is asked of a query, read off the list of its stages."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from tieback_contract.field_path import FieldPath, at
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import QueryOptions

from tieback.core.errors import InvalidInput, Unsupported
from tieback.methods.learned_ranking import learned_rankings
from tieback.methods.query_expansion import query_expansions
from tieback.methods.rank_fusion import rank_fusions
from tieback.methods.reranking import check_reranker, rerankings
from tieback.methods.vector_search import vector_searches
from tieback.query_stages.stage import (
    NO_MODELS,
    OPTION_NAMES,
    OPTION_OF,
    OPTIONS,
    PLAN,
    SEARCH,
    Asked,
    Clash,
    Models,
    Stage,
)
from tieback.query_stages.stages import BY_NAME, STAGES

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
            if not OPTION_OF[name].is_of_search:
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
        one = OPTION_OF[name]
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
