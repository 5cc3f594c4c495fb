"""Sampling: temperature, min-p, top-k, top-p, and one random draw."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.generation import SamplingParameters
from tieback_contract.limits import Limits

from tieback.core.errors import InvalidInput

DEFAULT_LIMITS = Limits()
HOTTEST = 2.0
STRONGEST = 2.0
ALTERNATIVES = 20
LARGEST_SEED = 2**64


class RepetitionPenalty:
    """Divides positive scores of seen tokens by a factor and multiplies negative ones.

    The penalty of CTRL (Keskar et al., 2019, arXiv:1909.05858).

    `factor` 0 or 1 changes nothing. Seen are the tokens of the prompt and of the answer so far, as in
    transformers and vLLM: so above 1 it works against answers that quote their evidence.
    """

    def __init__(self, factor: float, prompt: Iterable[int]) -> None:
        self._factor = factor
        self._is_neutral = factor in (0.0, 1.0)
        self._seen = set() if self._is_neutral else set(prompt)

    def add(self, token: int) -> None:
        """Counts a token of the answer as seen."""
        if not self._is_neutral:
            self._seen.add(token)

    def apply(self, scores: Array) -> Array:
        """Scores `[vocabulary]` with the penalty; the same array where it changes nothing."""
        if self._is_neutral:
            return scores
        changed, seen = scores.copy(), np.fromiter(self._seen, np.int64, len(self._seen))
        known = scores[seen]
        changed[seen] = np.where(known > 0, known / self._factor, known * self._factor)
        return changed


class Sampler:
    """Chooses tokens by a request's `SamplingParameters`. The same seed gives the same choices.

    Each step makes one draw and maps it through the cumulative distribution, so that two score vectors of one
    step can be compared under the same luck.
    """

    def __init__(self, sampling: SamplingParameters) -> None:
        check(sampling)
        self._temperature, self._min_p = sampling.temperature, sampling.min_p
        self._top_k, self._top_p = sampling.top_k, sampling.top_p
        self._random = np.random.default_rng(sampling.seed)
        self._draw = 0.0

    def draw(self) -> None:
        """Begins a step."""
        if self._temperature > 0.0:
            self._draw = float(self._random.random())

    def choose(self, scores: Array) -> int:
        """The step's token by `scores` `[vocabulary]`; -inf is never chosen."""
        if self._temperature <= 0.0:
            return int(scores.argmax())
        order = _best_first(scores, self._top_k)
        logits = scores[order].astype(np.float64) / self._temperature
        weights = np.exp(logits - logits[0])
        if self._min_p > 0.0:  # the best one has weight 1 (Nguyen et al., 2024, arXiv:2407.01082)
            kept = int(np.count_nonzero(weights >= self._min_p))
            order, weights = order[:kept], weights[:kept]
        if self._top_p > 0.0:
            reached = np.cumsum(weights) / weights.sum()
            kept = int(np.searchsorted(reached, self._top_p)) + 1
            order, weights = order[:kept], weights[:kept]
        cumulative = np.cumsum(weights)
        place = int(np.searchsorted(cumulative, self._draw * cumulative[-1], side="right"))
        return int(order[min(place, len(order) - 1)])


def check(sampling: SamplingParameters, limits: Limits = DEFAULT_LIMITS) -> None:
    """Raises InvalidInput, with the field, where a parameter of choosing is out of its range."""
    bounds = {
        "max_tokens": (sampling.max_tokens >= 0, "at least 0, where 0 is the server's default"),
        "temperature": (0.0 <= sampling.temperature <= HOTTEST, f"between 0 and {HOTTEST:g}"),
        "top_p": (0.0 <= sampling.top_p <= 1.0, "between 0 and 1"),
        "min_p": (0.0 <= sampling.min_p <= 1.0, "between 0 and 1"),
        "repetition_penalty": (
            0.0 <= sampling.repetition_penalty <= STRONGEST,
            f"between 0 and {STRONGEST:g}, where 0 and 1 change nothing",
        ),
        "log_probabilities": (
            sampling.log_probabilities is None or 0 <= sampling.log_probabilities <= ALTERNATIVES,
            f"between 0 and {ALTERNATIVES}",
        ),
        "top_k": (sampling.top_k >= 0, "at least 0"),
        "seed": (sampling.seed is None or 0 <= sampling.seed < LARGEST_SEED, "between 0 and 2^64 - 1"),
    }
    for field, (holds, range_) in bounds.items():
        if not holds:
            value = getattr(sampling, field)
            raise InvalidInput(f"{field} is {value}; it must be {range_}", field=at("sampling", field))
    if limits.stop_texts and len(sampling.stop) > limits.stop_texts:
        raise InvalidInput(
            f"there are {len(sampling.stop)} stop texts and at most {limits.stop_texts} are looked for; name "
            "fewer",
            field=at("sampling", "stop"),
        )
    for number, text in enumerate(sampling.stop):
        # A character has a byte at least, so a text of megabytes is not encoded to be refused.
        if limits.stop_bytes and (
            len(text) > limits.stop_bytes or len(text.encode(errors="replace")) > limits.stop_bytes
        ):
            raise InvalidInput(
                f"a stop text has more than {limits.stop_bytes} bytes; a shorter part of it ends the "
                "answer at the same place",
                field=at("sampling", "stop", number),
            )
        if not text:
            raise InvalidInput(
                "a stop text is empty, so nothing would be written; leave it out",
                field=at("sampling", "stop", number),
            )


def _best_first(scores: Array, most: int) -> Array:
    """Indices of the scores above -inf, best first, at most `most` of them (0: all)."""
    if 0 < most < len(scores):
        candidates = np.argpartition(-scores, most - 1)[:most]
    else:
        candidates = np.arange(len(scores))
    candidates = candidates[scores[candidates] > -np.inf]
    # A stable order among equals keeps choices the same from run to run.
    return np.asarray(candidates[np.lexsort((candidates, -scores[candidates]))])
