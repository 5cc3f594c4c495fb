"""Merging: one model, or one and small adapters, of experts that were trained from one base.

Models are weights: arrays by name, the same names and shapes in all of them. A method takes the base and its
experts and gives weights that are served as one model. A method may also split the experts into what they
share and an adapter for each, from which the expert is restored, so that a request can name one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array
from tieback_contract.field_path import ROOT, FieldPath, at

from tieback.core.errors import InvalidInput
from tieback.core.family import Family, Form

Weights = Mapping[str, Array]
"""The parameters of a model by name: float32, of any shape."""

Scale = Annotated[float, Field(ge=-10, le=10)]
"""A factor of task vectors."""
Share = Annotated[float, Field(gt=0, le=1)]
"""A share of the parameters."""
Activations = Mapping[str, Array]
"""What the layers of a model gave, `[samples, neurons]` by their names, on samples that all models saw."""
Weight = Annotated[float, Field(ge=0)]
"""How much an expert counts beside the others."""


class Merging(Protocol):
    """A way to make one model of several."""

    def __call__(self, base: Weights, experts: Sequence[Weights]) -> Weights:
        """The merged weights, float32, of the names and shapes of `base`. There is one expert or more."""
        ...


class Split(Protocol):
    """A way to keep all experts in little more than the room of one."""

    def __call__(self, base: Weights, experts: Sequence[Weights]) -> tuple[Weights, Sequence[Weights]]:
        """What the experts share, and an adapter for each: arrays by names of the method's own."""
        ...


class Restore(Protocol):
    """The way back."""

    def __call__(self, base: Weights, shared: Weights, adapter: Weights) -> Weights:
        """The weights of the expert whose adapter it is, or what is left of them."""
        ...


class Factors(Protocol):
    """What of an adapter can be applied without restoring the expert's weights."""

    def __call__(self, adapter: Weights) -> Mapping[str, tuple[Array, Array]]:
        """By the name of a matrix `[m, n]`, what is added to what is shared: `[m, r]` times `[r, n]`."""
        ...


class Fit(Protocol):
    """Learns how to merge."""

    def __call__(
        self,
        base: Weights,
        experts: Sequence[Weights],
        objective: Callable[[Mapping[str, Any], int], Any],
        *,
        seed: int,
    ) -> Weights:
        """The merged weights that an objective is smallest for.

        `objective` takes weights as torch tensors, and the number of a step, and gives the loss of that
        step's data as a tensor that can be differentiated.
        """
        ...


class WithActivations(Protocol):
    """The method where what the experts gave on the same samples is known."""

    def __call__(
        self, base: Weights, experts: Sequence[Weights], activations: Sequence[Activations]
    ) -> Weights:
        """As the method, with the activations of each expert."""
        ...


class MergeCheck(Protocol):
    """Which parents go together, of a method for other parents than those that `check_parents` lets pass."""

    def __call__(self, base: Weights, experts: Sequence[Weights]) -> None:
        """InvalidInput as of `check_parents`."""
        ...


SPLIT: Form[Split] = Form("split", Split, required=False, own_parameters=True)
RESTORE: Form[Restore] = Form("restore", Restore, required=False)
FACTORS: Form[Factors] = Form("factors", Factors, required=False)
LEARN: Form[Fit] = Form("learn", Fit, required=False, own_parameters=True)
ACTIVATIONS: Form[WithActivations] = Form("with_activations", WithActivations, required=False)
CHECK: Form[MergeCheck] = Form("check", MergeCheck, required=False)

mergings: Family[Merging] = Family(
    __name__, Merging, SPLIT, RESTORE, FACTORS, LEARN, ACTIVATIONS, CHECK, called="merging method"
)


def having(form: Form[Any]) -> list[str]:
    """The methods that have a form, by their names."""
    return [name for name in mergings.names() if mergings.has(form, name)]


def merge(
    name: str,
    base: Weights,
    experts: Sequence[Weights],
    parameters: Mapping[str, Any] | None = None,
    *,
    activations: Sequence[Activations] = (),
    field: FieldPath | str = ROOT,
) -> Weights:
    """The experts merged by the method of that name, by activations of each where there are any.

    NotFound for an unknown method, and where it takes no activations. InvalidInput for parents that do not go
    together (`check_parents`, or what the method says), for a method without what it learned
    (`check_learned`), and with a parameter, under `field`, that is unknown or out of its range.
    """
    check_learned(name, parameters or {}, field=field)
    check = mergings.form(CHECK, name) if mergings.has(CHECK, name) else check_parents
    check(base, experts)
    if activations:
        return mergings.form(ACTIVATIONS, name, parameters, field=field)(base, experts, activations)
    return mergings.configure(name, parameters, field=field)(base, experts)


def check_learned(name: str, parameters: Mapping[str, Any], *, field: FieldPath | str = ROOT) -> None:
    """InvalidInput for a method that learns how to merge, where no parameter holds what it learned.

    Before it has learned anything it is task arithmetic, which has a name of its own.
    """
    if not mergings.has(LEARN, name):
        return
    learned = mergings.schema(name)["properties"].keys() - mergings.schema(name, LEARN)["properties"].keys()
    if not any(parameters.get(one) for one in learned):
        given = "".join(f", or give its {one}" for one in sorted(learned))
        raise InvalidInput(
            f"{name} merges by what it learned, which is not given; without it the result is that of "
            f"task_arithmetic: use that method{given}. It learns by pairs: tieback models merge --learn",
            field=(at(field) if isinstance(field, str) else field)["method"],
        )


def check_parents(base: Weights, experts: Sequence[Weights]) -> None:
    """InvalidInput, with the field "experts[i]", where an expert cannot have been trained from the base.

    That is a tensor which only one of them has or of which the shapes differ, or a value that is no number.
    With the field "experts" where there is none.
    """
    if not experts:
        raise InvalidInput("there is no expert to merge", field="experts")
    check_base(base)
    for number, expert in enumerate(experts):
        check_expert(base, expert, at("experts")[number])


def check_base(base: Weights) -> None:
    """InvalidInput, with the field "base", where a value of the base is no number."""
    _check_numbers(base, "the base", at("base"))


def check_expert(base: Weights, expert: Weights, field: FieldPath, *, widths: bool = True) -> None:
    """As `check_parents`, of one expert; without `widths` a tensor has only as many axes as the base's."""
    if lacking := sorted(base.keys() - expert.keys()):
        raise InvalidInput(f"the expert lacks the tensor {lacking[0]}, which the base has", field=field)
    if strange := sorted(expert.keys() - base.keys()):
        raise InvalidInput(f"the expert has a tensor {strange[0]}, which the base lacks", field=field)
    for name, array in base.items():
        shapes = expert[name].shape, array.shape
        if shapes[0] != shapes[1] if widths else len(shapes[0]) != len(shapes[1]):
            raise InvalidInput(
                f"the tensor {name} of the expert is {list(shapes[0])}, and {list(shapes[1])} in the base; "
                "experts of one base have its shapes",
                field=field,
            )
    _check_numbers(expert, "the expert", field)


def check_two(method: str, experts: Sequence[Weights]) -> None:
    """InvalidInput where a method of two experts has another number of them."""
    if len(experts) != 2:
        raise InvalidInput(f"{method} merges two experts; there are {len(experts)}", field="experts")


def task_vectors(base: Weights, experts: Sequence[Weights]) -> list[dict[str, Array]]:
    """What training changed: for each expert, its weights minus the base's."""
    return [{name: expert[name] - base[name] for name in base} for expert in experts]


def added(base: Weights, change: Weights, scale: float = 1.0) -> dict[str, Array]:
    """The base with a change, `scale` times: float32."""
    factor = np.float32(scale)
    return {name: np.asarray(base[name] + factor * change[name], np.float32) for name in base}


def summed(vectors: Sequence[Weights]) -> dict[str, Array]:
    """The sum of task vectors."""
    total = {name: np.array(array, np.float32) for name, array in vectors[0].items()}
    for vector in vectors[1:]:
        for name, array in total.items():
            array += vector[name]
    return total


def with_task_vectors(base: Weights, experts: Sequence[Weights], scale: float) -> dict[str, Array]:
    """`base + scale Σ (expert - base)`: what several methods start from, or serve beside their adapters."""
    return added(base, summed(task_vectors(base, experts)), scale)


def shares_of(weights: tuple[float, ...], experts: int) -> list[float]:
    """The weights of the experts, divided by their sum; equal ones where none are given."""
    if weights and len(weights) != experts:
        raise InvalidInput(
            f"{len(weights)} weights were given for {experts} experts; give one each, or none",
            field=at("parameters", "weights"),
        )
    given = weights or (1.0,) * experts
    if not sum(given) > 0:
        raise InvalidInput("all weights are 0; give one that is not", field=at("parameters", "weights"))
    return [one / sum(given) for one in given]


def _check_numbers(weights: Weights, called: str, field: FieldPath) -> None:
    for name, array in weights.items():
        if not np.issubdtype(array.dtype, np.floating):
            raise InvalidInput(
                f"the tensor {name} of {called} is {array.dtype}, no floating point", field=field
            )
        if not np.isfinite(np.sum(array, dtype=np.float64)):
            raise InvalidInput(f"the tensor {name} of {called} holds NaN or infinity", field=field)
