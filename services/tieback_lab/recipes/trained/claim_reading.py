"""A checker that reads claims: a network over claim and evidence together, and what weighs it.

The layers of a sentence encoder are trained on (a cross-encoder; Nogueira and Cho, 2019, arXiv:1901.04085)
with labelled claims, pairs of sentences, and pairs that are made of them: one number, name, role, negation,
word or end of a claim is another, or the sentence that it needs is left out. A second head learns which words
of a claim are not there. The word table stays as it is. Sets that are left out, `unseen`, say when it is
best.

Its log odds are weighed with features of words by a logistic regression, on the sets `weighed_by`, of which
no step of training has seen any. The report leaves one domain out after another: what it says of one is by
weights and bounds of all the others. Of some of the same claims a language model says how likely they are
behind their evidence, and a second regression weighs that too.

JSONL files have labelled claims, `{"evidence": …, "claim": …, "label": "supported" | "contradicted" |
"unsupported", "source": …, "domain": …}`, or a premise, a hypothesis and "entailment", "contradiction" or
"neutral"; and the characters that are wrong in a claim, `{"claim": …, "source": …, "spans": [{"start": …,
"end": …}]}`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.text.passage_units import in_bytes
from tieback.methods.grounding import Passage, Statement
from tieback.methods.grounding._features import FEATURES, HEARD, with_likelihoods
from tieback.methods.grounding.claim_reading import weighed
from tieback.models.learned.claim_reading import CLAIMS
from tieback.models.text.question_reader import GRAPH, load_question_reader
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.training.data.texts import files_of
from tieback.training.digests import digest
from tieback_contract.arrays import Array

from tieback_lab.recipes.reading.asked_questions import card_of
from tieback_lab.recipes.reading.calibration import auc
from tieback_lab.recipes.reading.claim_pairs import Pair, read_pairs
from tieback_lab.recipes.reading.claim_weights import (
    LONGEST,
    UNHEARD,
    ablation,
    are_whole,
    asked_of,
    beside,
    left_out,
    likelihoods_of,
    measured,
    weights_and_bounds,
    weights_of_likelihood,
)
from tieback_lab.recipes.reading.made_claims import SUPPORTED
from tieback_lab.recipes.reading.reading_pairs import base_of

if TYPE_CHECKING:
    from tieback_lab.recipes.reading.reading_network import Plan, ReadingNetwork

MAKES = "a checker that reads claims with their evidence"

FEWEST, MOST = 100, 100_000
"""Pairs to learn from, of all sets together and of each."""
UNSEEN = ("begin-cmu-dog", "begin-topicalchat", "faithdial-audit", "check-covid", "dialfact")
WEIGHED_BY = (
    "bump", "xsumfaith", "goyal21", "polytope", "summeval", "factcc", "dialsummeval", "diasumfact",
    "lfqa-verification", "gensearch-stanford", "gensearch-attrscore", "ragtruth-qa", "ragtruth-qa-sentence",
    "factscore", "nli4ct", "nli4ct-edits", "control", "wice-chunk", "wice-page", "climate-fever",
    "sufficient-fever", "sufficient-hover", "sufficient-vitaminc", "covidfact",
)  # fmt: skip
OF_SENTENCES = (
    "snli", "counterfactual", "mnli", "fever", "med", "breaking", "negation-snli", "negation-mnli", "conjnli",
    "conjnli-auto", "paws", "negation-rte",
)  # fmt: skip
"""Sets whose pairs are of one sentence each."""
NOT_CHANGED = (
    "snli", "counterfactual", "med", "breaking", "negation-snli", "negation-mnli", "conjnli", "conjnli-auto",
    "paws",
)  # fmt: skip
"""Sets whose claims nothing is made of: captions of photos, and pairs that were changed already."""
SHARES = {"sentences": 0.26, "claims": 0.42, "made": 0.32}
TOKENS_AT_ONCE = 6000
LOOK_EVERY, PATIENCE = 250, 3
"""Steps between looks, and looks that find less before training ends: a few hundred steps are enough."""


@recipes.method
def claim_reading(
    run: TrainingRun,
    *,
    space: str = "all-minilm-l6-v2",
    steps: Annotated[int, Field(ge=1)] = 1200,
    tokens: Annotated[int, Field(ge=32)] = 2560,
    learning_rate: Annotated[float, Field(gt=0)] = 1.5e-4,
    frozen: Annotated[int, Field(ge=0)] = 0,
    made: Annotated[int, Field(ge=0)] = 6000,
    weighed_of: Annotated[int, Field(ge=1)] = 300,
    unseen: tuple[str, ...] = UNSEEN,
    weighed_by: tuple[str, ...] = WEIGHED_BY,
    model: str = "smollm2-135m-instruct",
    asked: Annotated[int, Field(ge=0)] = 40,
    seed: int = 0,
) -> Learned:
    """The network, over the encoder of `space`, and its weights beside features of words. A step reads pairs
    of so many `tokens`, and the first `frozen` layers are not trained. At most `made` pairs of each kind are
    made, and `weighed_of` claims of each set are weighed. Of `asked` of them the language model `model` is
    asked, at about a second each; of none with 0.
    """
    from tieback_lab.recipes.reading.reading_network import Plan

    card = card_of(run, space)
    if asked and model not in run.generators:
        raise NotFound("language model", model, run.generators)
    files = files_of(run.data, (".jsonl",), "labelled claims")
    pairs = read_pairs(files, most=MOST, seed=seed)
    learned_from = [one for one in pairs if one.source not in (*unseen, *weighed_by)]
    stopped_by = [one for one in pairs if one.source in unseen]
    if len(learned_from) < FEWEST:
        raise InvalidInput(
            f"there are {len(learned_from)} pairs to learn from, and it takes {FEWEST}", field="data"
        )
    plan = Plan(steps, tokens, learning_rate, frozen, seed, SHARES, LOOK_EVERY, PATIENCE)
    inputs: dict[str, Any] = {
        "space": f"{card.space} {card.space.fingerprint}", "plan": asdict(plan), "made": made,
        "pairs": digest(*map(_values, [*learned_from, *stopped_by])),
    }  # fmt: skip
    network = run.steps.arrays(
        f"reading claims by {card.name}",
        learned,
        inputs,
        lambda: learned(run, card, learned_from, stopped_by, plan, made=made, trained_on=digest(inputs)),
    )
    graph = network["graph"].tobytes()
    weighing = [one for one in read_pairs(files, most=weighed_of, seed=seed) if one.source in weighed_by]
    found = run.steps.arrays(
        f"claims weighed by {card.name}",
        features,
        {"graph": hashlib.sha256(graph).hexdigest(), "pairs": digest(*map(_values, weighing))},
        lambda: {"features": features(run, card, graph, weighing)},
        beside=(weighed,),
    )["features"]
    whole = are_whole(found)
    places = asked_of([one.source for one in weighing], asked, seed)
    heard = np.full((len(weighing), 2), np.nan, np.float32)
    if asked:
        heard[places] = likelihoods_of(run, model, [weighing[place] for place in places.tolist()])
    found, heard = found[whole], heard[whole]
    kept = [one for one, there in zip(weighing, whole, strict=True) if there]
    state = weights_and_bounds(found, kept)
    likely, ticked = left_out(found, kept)
    rows, metrics = measured(likely, ticked, kept)
    tables = {"Verdicts on each set, by weights and bounds of the other domains": rows}
    of_likelihood: Mapping[str, Array] = UNHEARD
    if asked:
        every = with_likelihoods(found, heard)
        of_likelihood = weights_of_likelihood(every, kept)
        tables[f"The same of some of the claims, and where {model} is asked of them"] = beside(
            kept, are_whole(every), (likely, ticked), left_out(every, kept, weights_of_likelihood)
        )
    state |= {f"heard.{name}": of_likelihood[name] for name in UNHEARD}
    metrics |= {
        "pairs": len(learned_from), "losses": network["losses"].tolist(),
        "features": dict(zip(FEATURES, state["weight"].tolist(), strict=True)),
        "features_asked": dict(zip(HEARD, state["heard.weight"].tolist(), strict=False)),
    }  # fmt: skip
    facts = {
        "method": "claim_reading", "space": card.name, **({"likelihood": model} if asked else {}),
        "sets": sorted({one.source for one in learned_from}),
        "stopped_by": sorted({one.source for one in stopped_by}),
        "weighed_by": sorted({one.source for one in kept}),
    }  # fmt: skip
    if len({one.domain for one in kept}) > 1:
        title = "AUC without each feature, and by how much domains that are left out are worse"
        tables[title] = ablation(found, kept)
    return Learned(CLAIMS.kind, state, (card.space,), files, facts, metrics, tables, {GRAPH: graph})


def learned(
    run: TrainingRun,
    card: EncoderCard,
    pairs: Sequence[Pair],
    stopped_by: Sequence[Pair],
    plan: Plan,
    *,
    made: int,
    trained_on: str,
) -> dict[str, Array]:
    """The graph that is served, as bytes, and losses and what the sets that are left out gave, by step."""
    from tieback_lab.recipes.reading import reading_network, reading_pairs

    bert, reader, words = base_of(card, run)
    changed = [one for one in pairs if one.source not in NOT_CHANGED]
    read = [
        *reading_pairs.claim_pairs(reader, pairs, OF_SENTENCES, plan.seed),
        *reading_pairs.made_claims(reader, changed, words, most=made, seed=plan.seed),
    ]
    beside = [
        one
        for one in reading_pairs.claim_pairs(reader, stopped_by, OF_SENTENCES, plan.seed)
        if one.kind != reading_pairs.MADE
    ]
    run.say(f"learning to read claims from {len(read)} pairs")
    network = reading_network.ReadingNetwork(bert, plan.frozen)
    losses = reading_network.learn_to_read(
        network,
        read,
        plan,
        run.attempt(f"claims-{card.name}", trained_on, every=1),
        _look(beside) if beside else None,
    )
    draw = np.random.default_rng(plan.seed).permutation(len(read))
    graph = reading_network.graph_of(network, [read[place] for place in draw.tolist()])
    return {"graph": np.frombuffer(graph, np.uint8), "losses": np.array(losses, np.float64).reshape(-1, 3)}


def _look(beside: Sequence[Any]) -> Callable[[ReadingNetwork], float]:
    """The mean AUC of support over sets that are left out."""
    from tieback_lab.recipes.reading.reading_network import read_by

    own = np.array([one.label == SUPPORTED for one in beside])
    sources = np.array([one.source for one in beside])

    def look(network: ReadingNetwork) -> float:
        logits = read_by(network, beside, TOKENS_AT_ONCE)
        odds = logits[:, 0] - np.logaddexp(logits[:, 1], logits[:, 2])
        found = [auc(odds[sources == one], own[sources == one]) for one in sorted(set(sources))]
        return float(np.nanmean(found))

    return look


def features(run: TrainingRun, card: EncoderCard, graph: bytes, pairs: Sequence[Pair]) -> Array:
    """Features of each pair `[n, features]`; NaN of a claim that states nothing."""
    run.say(f"weighing {len(pairs)} claims")
    reader = load_question_reader(graph, card, run.store)
    return np.array([_weighed(one, reader.read) for one in pairs], np.float32)


def _weighed(pair: Pair, read: Callable[[str, str], Array]) -> Array:
    text = pair.evidence[:LONGEST]
    parts = list(in_bytes(text))
    nothing = np.zeros(0, np.float32)
    passage = Passage(
        text,
        [span for _, span in parts],
        np.zeros((len(parts), 0), np.float32),
        reads=[one.read for one, _ in parts],
    )
    found = weighed(Statement(pair.claim, nothing, read=read), [passage])
    return np.full(len(FEATURES), np.nan) if found is None else found


def _values(pair: Pair) -> list[str]:
    return [pair.evidence, pair.claim, str(pair.label), pair.source, str(pair.wrong)]
