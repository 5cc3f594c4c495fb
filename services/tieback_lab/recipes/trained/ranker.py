"""An order of a search's candidates by their signals, learned from judgements or clicks.

`tieback train ranker --judgements FILE.jsonl --output DIR` asks a running server for a hundred candidates of
each query and their signals, writes them into DIR/candidates.jsonl, and learns from that; with --data
candidates.jsonl it learns again without a server. A line of FILE is a query:

    {"collection": "docs", "query": "when is high tide?", "grades": {"tides": 2, "moon": 1, "cats": 0}}
    {"collection": "docs", "query": "rotate keys", "shown": ["keys", "locks", "doors"], "clicked": ["locks"]}

`grades` are of item ids, 0 for what is not relevant; candidates without a grade count as not relevant. Of
clicks only what was shown is learned from. Pairs of candidates are weighted by what exchanging them would
change, as in LambdaRank (Burges, 2010) and TF-Ranking (Pasumarthi et al., 2018, arXiv:1812.00073). The report
compares the order with that of the search by nDCG@10, each query ordered by what was learned from others
(grouped cross-validation). Fields of metadata that hold a number or a time are signals too, popularity and
freshness for instance: name them by --signal clicks --signal published. TIEBACK_ARTIFACTS=DIR/REVISION serves
the result, and `ranker="linear"` of a query uses it.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from tieback.core.errors import InvalidInput
from tieback.core.types.search import BEGINNING, LENGTH, METADATA, NAMES, PLACE
from tieback.models.learned.ranker import RANKER
from tieback.recipes.train.judged_candidates import (
    FREE,
    check_learnable,
    cross_validated,
    first_stage,
    learned,
    paired,
    read_judged,
)
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback_contract.field_path import at

MAKES = "a ranker, which orders the candidates of a search"

METHOD = "linear"
ANY = "=any"
"""After a key of metadata: more of it may lower a score."""
SIGNALS_READ = tuple(name for name in NAMES if name not in {LENGTH.name, PLACE.name, BEGINNING.name})


@recipes.method
def ranker(
    run: TrainingRun,
    *,
    signals: tuple[str, ...] = SIGNALS_READ,
    metadata: tuple[str, ...] = (),
    penalty: Annotated[float, Field(gt=0)] = 2.0,
    rounds: Annotated[int, Field(ge=1, le=100)] = 6,
    pairs: Annotated[int, Field(ge=1)] = 300,
    folds: Annotated[int, Field(ge=2, le=20)] = 5,
) -> Learned:
    """A weight for each signal, from the candidates in the files of `run.data`.

    Only `signals` are learned from: the length of a text, its place and its beginning follow the habits of a
    collection, so name them only to rank that collection. `metadata` are keys of metadata: of a number the
    logarithm is the signal, of a time the days, and more of it never lowers a score; after KEY=any it may.
    `penalty`, `rounds` and `pairs` are those of the
    method `linear`. With fewer queries than `folds`, each is held out by itself.
    """
    if not run.data:
        raise InvalidInput("name a file of --judgements, or of candidates by --data", field="data")
    if strange := sorted(set(signals) - set(NAMES)):
        raise InvalidInput(
            f"there is no signal {strange[0]!r}; signals are: {', '.join(NAMES)}",
            field=at("parameters", "signals"),
        )
    keys = [one.removesuffix(ANY) for one in metadata]
    fields = [f"{METADATA}{key}" for key in keys]
    free = FREE | {f"{METADATA}{one.removesuffix(ANY)}" for one in metadata if one.endswith(ANY)}
    queries = [query.with_signals((*signals, *fields)) for query in read_judged(run.data, fields)]
    check_learnable(queries)
    for place, (key, name) in enumerate(zip(keys, fields, strict=True)):
        if all(np.isnan(query.signals[:, query.names.index(name)]).all() for query in queries):
            raise InvalidInput(
                f"no candidate has a number or a time in its metadata {key!r}",
                field=at("parameters", "metadata", place),
            )
    parameters = {"penalty": penalty, "rounds": rounds, "pairs": pairs}
    run.say(f"learning from {len(queries)} queries")
    state = learned(queries, METHOD, parameters, free)
    before, after = first_stage(queries), cross_validated(queries, METHOD, parameters, folds, free)
    difference, low, high = paired(after, before)
    measured = {
        "queries": len(queries),
        "search": float(before.mean()),
        "ranked": float(after.mean()),
        "difference": difference,
        "low": low,
        "high": high,
    }
    names = list(queries[0].names)
    weights = sorted(zip(names, state["weights"].tolist(), strict=True), key=lambda one: -abs(one[1]))
    return Learned(
        RANKER,
        state,
        (),
        run.data,
        facts={"method": METHOD, "signals": names},
        metrics={"ndcg@10": measured},
        report={
            "nDCG@10, each query ordered by what was learned from others": [measured],
            "Weights of the signals, each at deviation 1 among the candidates": [
                {"signal": name, "weight": weight} for name, weight in weights
            ],
        },
    )
