"""The plan of an upgrade in plain words: what is advised, why, what it costs, and what to type next.

It is for somebody who has read nothing about upgrades, so it names no measure, no method and no field. All
numbers are in the plan itself, and on its page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieback_client.control_characters import in_a_line
from tieback_client.shown.durations import duration
from tieback_client.values.upgrades import UpgradeAdvice, UpgradePlan, UpgradeWorth

COLUMNS = ("", "found, of 100", "order, 0 to 100", "time")
"""Of the table of `ShownPlan.ways`."""
MEANING = (
    "found: of 100 items that belong among the first ten results, so many are there.",
    "order: 100 if the best results always come first. With other questions, 19 of 20 such measurements "
    "would lie within the brackets.",
)
"""Meaning of the columns."""
REVISION = 8
"""Letters of a revision that tell two apart."""


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """A plan for people."""

    advice: str
    """The thing to do, in a sentence or two."""
    reasons: Sequence[str]
    """Why, how sure that is, and what it costs; a paragraph each."""
    ways: Sequence[Sequence[str]]
    """A table by `COLUMNS`: today, after the move, and on the way there without the old model."""
    commands: Sequence[tuple[str, str]]
    """Commands to type next, each behind the words of what it is for."""


def shown_plan(collection: str, plan: UpgradePlan) -> ShownPlan:
    """A plan of a collection for people."""
    old, new = _called(plan)
    best = plan.policies[0]
    seconds = plan.translate_all_seconds if best.translates_stored else 0.0
    return ShownPlan(
        _advice(in_a_line(collection), plan, old, new),
        _reasons(plan, old, new),
        [
            [f"today, with {old}", *_found(plan.old), ""],
            [f"all encoded with {new}", *_found(plan.reembedded), duration(plan.encode_all_seconds)],
            [
                f"until then, if {old} is gone",
                *_found(_without(plan)),
                duration(seconds) if seconds >= 1 else "at once",
            ],
        ],
        _commands(in_a_line(collection), plan),
    )


def _advice(collection: str, plan: UpgradePlan, old: str, new: str) -> str:
    if plan.advice is UpgradeAdvice.KEEP:
        return f"Advice: leave {collection} as it is. Searches would not get better with {new}."
    better = "seem to get better" if _may_be_chance(plan) else "get better"
    if plan.advice is UpgradeAdvice.REEMBED:
        return f"Advice: move {collection} to {new}. Searches {better}. Keep {old} until the move has ended."
    if plan.advice is UpgradeAdvice.TRANSLATE:
        return (
            f"Advice: move {collection} to {new}. Searches {better} at once, so {old} may be switched off "
            "as soon as the move has begun."
        )
    return f"This version does not know the server's advice: {in_a_line(plan.reason)}"


def _reasons(plan: UpgradePlan, old: str, new: str) -> list[str]:
    today, later = (_of_100(one.ndcg.value) for one in (plan.old, plan.reembedded))
    way = "rises" if later > today else "falls" if later < today else "stays"
    reach = f"from {today} to {later}" if later != today else f"at {today}"
    found = (
        f"Of 100 items that belong among the first ten results, searches find {_of_100(plan.old.recall)} "
        f"today and {_of_100(plan.reembedded.recall)} with {new}. How well results are ordered {way} "
        f"{reach}, of 100."
    )
    if _may_be_chance(plan):
        found += " That difference may be chance."
    if plan.judged:
        asked = f"This was tried with {_count(plan.judged, 'question')} of yours."
    else:
        asked = (
            "Parts of the collection itself stood for questions. That says which model is the better one, "
            "but not how good searches are: give questions whose answers you know (--queries FILE) to learn "
            "that."
        )
    if plan.left_out:
        asked += (
            f" {_count(plan.left_out, 'section')} took no part: too short, or without a label or an original."
        )
    encoded = _count(plan.sections - plan.staying_sections, "section")
    cost = (
        f"The move encodes {encoded}, which takes about {duration(plan.encode_all_seconds)} on this server."
    )
    if plan.staying_items:
        cost += f" {plan.staying_items} of {_count(plan.items, 'item')} stay as they are."
    cost += " Meanwhile the collection is searched and written as before, and one command goes back."
    meanwhile = _of_100(_without(plan).recall)
    gone = f"If {old} is gone before the end, searches find {meanwhile} of 100 until all is encoded"
    gone += ", which is too little to begin without it." if plan.policies[0].refused else "."
    return [found, asked, cost, gone]


def _commands(collection: str, plan: UpgradePlan) -> list[tuple[str, str]]:
    is_advised = plan.advice in (UpgradeAdvice.REEMBED, UpgradeAdvice.TRANSLATE)
    begin = f"tieback upgrade start {collection} --to {in_a_line(plan.new_space.name)}"
    page = ("to see all numbers on a page", f"tieback upgrade report {collection}")
    if not is_advised:
        return [("to move it all the same", begin), page]
    return [
        ("to begin", begin),
        ("to see how far it is", f"tieback upgrade status {collection}"),
        ("to go back", f"tieback upgrade rollback {collection}"),
        page,
    ]


def _may_be_chance(plan: UpgradePlan) -> bool:
    return plan.gain.low <= 0 <= plan.gain.high


def _without(plan: UpgradePlan) -> UpgradeWorth:
    """Worth of searches without the old model, before anything is encoded again."""
    best = plan.policies[0]
    return (best.translated if best.translates_stored else None) or best.led


def _called(plan: UpgradePlan) -> tuple[str, str]:
    """Names of both spaces; with their revisions where the two have one name."""
    spaces = plan.old_space, plan.new_space
    names = [in_a_line(one.name) for one in spaces]
    if names[0] == names[1]:
        names = [f"{in_a_line(one.name)} {in_a_line(one.revision)[:REVISION]}" for one in spaces]
    return names[0], names[1]


def _found(worth: UpgradeWorth) -> tuple[str, str]:
    ndcg = worth.ndcg
    low, high = _of_100(max(ndcg.low, 0.0)), _of_100(ndcg.high)
    return f"{_of_100(worth.recall)}", f"{_of_100(ndcg.value)} ({low} to {high})"


def _of_100(share: float) -> int:
    return round(100 * min(share, 1.0))


def _count(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"
