"""Candidates of searches with their signals and what was judged of them, to learn a ranking from.

A file has a query a line, as `tieback train ranker` writes it:

    {"collection": "docs", "query": "when is high tide?", "best": 1.63, "candidates": [
        {"item": "tides", "signals": {"search": 1.31, …}, "grade": 1}, …]}

The candidates are in the order of the search. One without a `grade` was not judged and is not learned from.
`best` is the DCG@10 of the best possible order, also by items that the search did not find; where it is left
out, that of the candidates.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.errors import InvalidInput
from tieback.core.types.search import NAMES, SEARCH, SIGNALS
from tieback.methods.learned_ranking import FIT, learned_rankings

BEST, DRAWS = 10, 5000
FEWEST_QUERIES = 2

FREE = frozenset(signal.name for signal in SIGNALS if not signal.rising)
"""More of these signals may speak against a candidate."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedQuestion:
    """The candidates of a query in the order of the search: `signals` `[n, signals]`, NaN where absent.

    `names` `[signals]` are the same of all queries that are learned from. `grades` `[n]` are 0 for what is
    not relevant and NaN for what was not judged; `items` name what the sections belong to. `best` is the
    DCG@10 of the best possible order.
    """

    key: str
    items: Sequence[str]
    signals: Array
    grades: Array
    best: float
    names: Sequence[str] = NAMES

    def with_signals(self, names: Collection[str]) -> JudgedQuestion:
        """The query with these signals alone; the others are absent."""
        kept = np.isin(self.names, list(names))
        return replace(self, signals=np.where(kept, self.signals, np.nan))

    def ndcg(self, scores: Array) -> float:
        """NDCG@10 of the candidates by `scores` `[n]`, best first; an item counts where it stands first.

        Candidates that were not judged are left out.
        """
        order = [row for row in np.argsort(-scores, kind="stable").tolist() if self.grades[row] >= 0]
        grades = list({self.items[row]: self.grades[row] for row in reversed(order)}.items())[::-1]
        return dcg([grade for _, grade in grades]) / self.best if self.best else 0.0


def dcg(grades: Sequence[float]) -> float:
    """DCG@10 with the gain 2^grade − 1."""
    gains = 2.0 ** np.array(grades[:BEST], np.float64) - 1
    return float((gains / np.log2(np.arange(len(gains)) + 2.0)).sum())


def read_judged(files: Iterable[Path], metadata: Sequence[str] = ()) -> list[JudgedQuestion]:
    """The judged queries of files, with these signals of `metadata` beside all others.

    InvalidInput, with the file and the line, where one cannot be read.
    """
    return [query for path in files for query in _of_file(path, (*NAMES, *metadata))]


def learned(
    queries: Sequence[JudgedQuestion],
    method: str,
    parameters: Mapping[str, Any],
    free: Collection[str] = FREE,
) -> Mapping[str, Array]:
    """The state of the method, fitted on all candidates that were judged, from the order of the search on.

    More of a signal that is not `free` never lowers a score. InvalidInput where there is nothing to tell
    apart.
    """
    check_learnable(queries)
    return _fitted(queries, method, parameters, free)


def _fitted(
    queries: Sequence[JudgedQuestion], method: str, parameters: Mapping[str, Any], free: Collection[str]
) -> Mapping[str, Array]:
    names = queries[0].names
    fit = learned_rankings.form(FIT, method, parameters, field="parameters")
    prior = np.array([float(name == SEARCH.name) for name in names])
    return fit(*_stacked(queries), prior=prior, rising=~np.isin(names, list(free)))


def check_learnable(queries: Sequence[JudgedQuestion]) -> None:
    """InvalidInput where a ranking cannot be learned of these queries."""
    if not queries:
        raise InvalidInput("there are no judgements: give at least two queries", field="judgements")
    if len({query.key for query in queries}) < FEWEST_QUERIES:
        raise InvalidInput(
            "the judgements are of one query only, and what is learned from it cannot be tried on another: "
            "give at least two",
            field="judgements",
        )
    if not any((query.grades > 0).any() for query in queries):
        raise InvalidInput(
            "no candidate is judged relevant, so there is nothing to learn", field="judgements"
        )
    if not any(_tells_apart(query) for query in queries):
        raise InvalidInput(
            "no query has both a relevant candidate and one that is not, so there is nothing to tell apart; "
            "judge some hits with grade 0, or give all that were shown beside the clicked ones",
            field="judgements",
        )


def scores(query: JudgedQuestion, method: str, state: Mapping[str, Array]) -> Array:
    """The scores `[n]` of the candidates."""
    return np.asarray(learned_rankings.get(method)(query.signals, state).sum(axis=1))


def cross_validated(
    queries: Sequence[JudgedQuestion],
    method: str,
    parameters: Mapping[str, Any],
    folds: int,
    free: Collection[str] = FREE,
) -> Array:
    """NDCG@10 of each query `[n]` by what was learned from the queries of the other folds.

    Queries of the same words are in the same fold.
    """
    keys = sorted({query.key for query in queries})
    order = np.random.default_rng(0).permutation(len(keys))
    fold_of = {keys[place]: number % min(folds, len(keys)) for number, place in enumerate(order.tolist())}
    found = np.zeros(len(queries))
    for fold in range(min(folds, len(keys))):
        held_out = [place for place, query in enumerate(queries) if fold_of[query.key] == fold]
        others = [query for query in queries if fold_of[query.key] != fold]
        state = _fitted(others, method, parameters, free)
        for place in held_out:
            found[place] = queries[place].ndcg(scores(queries[place], method, state))
    return found


def first_stage(queries: Sequence[JudgedQuestion]) -> Array:
    """NDCG@10 of each query `[n]` in the order of the search."""
    return np.array([query.ndcg(-np.arange(len(query.items), dtype=np.float64)) for query in queries])


def paired(better: Array, worse: Array) -> tuple[float, float, float]:
    """The mean difference and its 95 % interval, by drawing queries for both at once."""
    each = np.asarray(better) - np.asarray(worse)
    chosen = np.random.default_rng(0).integers(0, len(each), (DRAWS, len(each)))
    low, high = np.percentile(each[chosen].mean(axis=1), [2.5, 97.5])
    return float(each.mean()), float(low), float(high)


def _stacked(queries: Sequence[JudgedQuestion]) -> tuple[Array, Array, Array]:
    """Signals, grades and the queries' numbers of all candidates that were judged."""
    rows = [query.grades >= 0 for query in queries]
    return (
        np.concatenate([query.signals[kept] for query, kept in zip(queries, rows, strict=True)]),
        np.concatenate([query.grades[kept] for query, kept in zip(queries, rows, strict=True)]),
        np.repeat(np.arange(len(queries)), [int(kept.sum()) for kept in rows]),
    )


def _tells_apart(query: JudgedQuestion) -> bool:
    known = query.grades[query.grades >= 0]
    return bool(len(known)) and float(np.ptp(known)) > 0


def _of_file(path: Path, names: Sequence[str]) -> Iterator[JudgedQuestion]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name} cannot be read: {error}", field="data") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield _query(json.loads(line), names)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(
                f"{path.name}, line {number}: this is no query with candidates ({error!r}); tieback train "
                "ranker writes such files from --judgements",
                field="data",
            ) from None


def _query(row: Mapping[str, Any], names: Sequence[str]) -> JudgedQuestion:
    candidates = row["candidates"]
    grades = np.array([float(one.get("grade", np.nan)) for one in candidates])
    signals = [[float(one["signals"].get(name, np.nan)) for name in names] for one in candidates]
    items = [str(one["item"]) for one in candidates]
    known = {item: grade for item, grade in zip(items, grades.tolist(), strict=True) if grade >= 0}
    best = float(row.get("best") or dcg(sorted(known.values(), reverse=True)))
    key = " ".join(str(row["query"]).casefold().split())
    table = np.array(signals, np.float64).reshape(-1, len(names))
    return JudgedQuestion(key, items, table, grades, best, names)
