"""The table of the stages of a query in docs/search.md, by the list of `query_stages/stages.py`."""

from __future__ import annotations

from collections.abc import Iterable

from tieback.query_stages.stage import Rule, Stage
from tieback.query_stages.stages import by_name, stages


def stages_table() -> str:
    """Every stage in order, with its options and what it goes together with."""
    rows = [
        f"| `{one.name}` | {one.of} | {_each(one.options)} | {_rules(one.needs)} | "
        f"{_each(_not_beside(one))} | {f'{one.share:.0%}' if one.share < 1 else ''} | {one.does} |"
        for one in stages()
    ]
    head = "| stage | of | options | needs | not beside | waits | what it does |"
    return "\n".join([head, "|---|---|---|---|---|---|---|", *rows])


def _not_beside(stage: Stage) -> list[str]:
    """The stages that exclude each other, whichever of the two says so."""
    own = [rule.other for rule in (*stage.excludes, *stage.excluded_by) if rule.why]
    others = [
        one.name
        for one in stages()
        if any(rule.other == stage.name and rule.why for rule in (*one.excludes, *one.excluded_by))
    ]
    return list(dict.fromkeys((*own, *others)))


def _each(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _rules(rules: Iterable[Rule]) -> str:
    """Stages by their names; what a query has to have in words."""
    others = (f"`{rule.other}`" if rule.other in by_name() else rule.other for rule in rules)
    return ", ".join(dict.fromkeys(others))
