"""Runs a recipe that learns, and keeps what it learned as an artifact, with how it came about."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from threadpoolctl import threadpool_limits

from tieback.artifacts import Artifact, file_digest
from tieback.catalog.card import EncoderCard, GeneratorCard
from tieback.models.store import Store
from tieback.recipes.trained import Learned, TrainingRun, recipes
from tieback.reports.markdown import records
from tieback.training.digests import made_by
from tieback.training.step_cache import StepCache

REPORT = "report.md"


@dataclass(frozen=True, slots=True, eq=False)
class TrainingOutcome:
    """The artifact, its folder, and the steps that were computed and those that were there.

    `card` is the file of the card that serves it; None where an artifact of that kind needs none.
    """

    artifact: Artifact
    folder: Path
    card: Path | None
    learned: Learned
    seconds: float
    made: tuple[str, ...]
    found: tuple[str, ...]


def train(
    name: str,
    parameters: Mapping[str, Any],
    *,
    cards: Iterable[EncoderCard],
    store: Store,
    data: Sequence[Path],
    output: Path,
    say: Callable[[str], None],
    generators: Iterable[GeneratorCard] = (),
) -> TrainingOutcome:
    """Runs the recipe of that name and writes its artifact into `output`, and what serves it beside that.

    NotFound, with the choices, for an unknown recipe; InvalidInput names the parameter that is unknown, of
    the wrong type or out of its range; StartupError where data or models are not there.
    """
    configured = recipes.configure(name, parameters)
    configuration = cast("partial[Learned]", configured).keywords
    with store.lock(lambda: say("waiting for another that writes into the store to end")):
        steps = StepCache(store.steps)
        begin = time.monotonic()
        by_name = {card.name: card for card in cards}
        with one_thread():
            learned = configured(
                TrainingRun(store, by_name, data, steps, say, {one.name: one for one in generators})
            )
        seconds = time.monotonic() - begin
        provenance = {
            "recipe": name,
            "configuration": dict(configuration),
            "data": [{"file": path.name, "sha256": file_digest(path)} for path in learned.data],
            **made_by(recipes.get(name), train, seconds=seconds),
        }
        facts = {"recipe": name, **learned.facts, "metrics": dict(learned.metrics)}
        files = {REPORT: markdown(name, configuration, learned).encode(), **learned.files}
        artifact = Artifact(learned.kind, learned.arrays, facts, learned.made_for, files, provenance)
        folder = artifact.save(output)
        served = None if learned.adapt is None else learned.adapt(artifact, by_name, store, output, say)
        steps.forget_old()
    return TrainingOutcome(artifact, folder, served, learned, seconds, tuple(steps.made), tuple(steps.found))


def markdown(name: str, configuration: Mapping[str, Any], learned: Learned) -> str:
    """The report as a page: what it was made with, and the recipe's tables."""
    spaces = ", ".join(map(str, learned.made_for)) or "no space"
    settings = [{"parameter": key, "value": value} for key, value in configuration.items()]
    tables = {"Configuration": settings, **learned.report}
    lines = [f"# {name}", "", f"{learned.kind.called.capitalize()} for {spaces}."]
    for title, rows in tables.items():
        written = [{key: _cell(value) for key, value in row.items()} for row in rows]
        lines += ["", f"## {title}", "", records(written).rstrip()]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_cell(one) for one in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


# Sums that do not depend on how many threads a machine has.
#
# BLAS and LAPACK divide products and factorisations among threads, and a sum of floating-point numbers
# depends on where it is divided. An artifact is named by a hash over its content, so the last bit counts:
# the same inputs had another name on a machine with more cores. Other kinds of processors may still round
# differently.
@contextmanager
def one_thread() -> Iterator[None]:
    """Has NumPy's and SciPy's linear algebra, and what uses OpenMP, compute on one thread inside."""
    with threadpool_limits(limits=1):
        yield
