"""Checks of what is asked of a query, read off the list of its stages."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel
from tieback_contract.field_path import FieldPath, at
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import QueryOptions

from tieback.core.errors import InvalidInput, NotFound, Unsupported
from tieback.core.extensions import where_more
from tieback.core.family import checked
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
from tieback.query_stages.stages import FOLDERS, by_name, further, stages

_FAMILIES = {
    one.name: one for one in (rank_fusions, query_expansions, learned_rankings, vector_searches, rerankings)
}


def clashes(asked: Asked) -> Iterator[Clash]:
    """Find stages that do not go together, in their order."""
    named = by_name()
    for stage in named.values():
        if (stage.needs or stage.excludes or stage.excluded_by) and stage.chosen(asked):
            for rule in stage.needs:
                if _is_missing(rule.other, asked):
                    yield Clash(stage, named.get(rule.other), stage, rule.why)
            for rule in stage.excludes:
                if (other := named[rule.other]).chosen(asked):
                    yield Clash(stage, other, other, rule.why)
            for rule in stage.excluded_by:
                if (other := named[rule.other]).chosen(asked):
                    yield Clash(stage, other, stage, rule.why)
        if stage.otherwise and stage.left_out(asked):
            for rule in stage.otherwise:
                if _is_missing(rule.other, asked):
                    yield Clash(stage, named.get(rule.other), stage, rule.why)


def _is_missing(other: str, asked: Asked) -> bool:
    """Tell whether a query leaves a stage out, or lacks something; what is not known is there."""
    stage = by_name().get(other)
    return not asked.has.get(other, True) if stage is None else stage.left_out(asked)


def check(asked: Asked, method: str, models: Models = NO_MODELS) -> None:
    """InvalidInput, NotFound or Unsupported, with the field, for options that a method cannot answer by."""
    if method == SEARCH:
        for name in asked.options.chosen():
            if not OPTION_OF[name].is_of_search:
                raise _not_of_search(name, OPTIONS[name])
        for place, choice in enumerate(asked.options.stages or ()):
            if (stage := by_name().get(choice.name)) is not None and stage.of != SEARCH:
                raise _not_of_search(f"the stage {choice.name!r}", OPTIONS["stages"][place])
    check_values(asked.options, OPTIONS, models)
    for clash in clashes(asked):
        if clash.why:
            raise InvalidInput(clash.why, field=path_of(clash.blamed))


def _not_of_search(what: str, path: FieldPath) -> InvalidInput:
    return InvalidInput(f"{what} is taken by Retrieve and Answer, and not by Search", field=path)


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
        elif one.kind is Sequence:
            for place, stage in enumerate(value):
                parameters_of(stage, path[name][place])
        elif one.range is not None and (fault := one.fault(value)):
            raise InvalidInput(fault, field=path[name])


def parameters_of(choice: MethodChoice, path: FieldPath) -> BaseModel:
    """The parameters of a stage of an extension, checked.

    NotFound, with the choices, or InvalidInput with the field.
    """
    known = {one.name: one for one in further()}
    if choice.name not in known:
        hint = next(filter(None, (where_more(folder, choice.name) for folder in FOLDERS.values())), "")
        raise NotFound("stage", choice.name, known, hint=hint)
    model = known[choice.name].parameters
    return checked(model, choice.parameters, f"stage {choice.name!r}", path["parameters"])


def parameters_by_stage(asked: QueryOptions, method: str) -> Mapping[str, BaseModel]:
    """The parameters of the further stages that a method runs of those that are asked for, by their names."""
    known = by_name()
    named = enumerate(asked.stages or ())
    return {
        one.name: parameters_of(one, OPTIONS["stages"][place])
        for place, one in named
        if one.name in known and known[one.name].of == method
    }


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
        stage = by_name()[name]
        if stage.chosen(asked):
            raise InvalidInput(why, field=path_of(stage, path), reason=reason)


def run_by(method: str) -> Sequence[Stage]:
    """The stages that a method runs, in order."""
    return [one for one in stages() if one.of == method and one.run]
