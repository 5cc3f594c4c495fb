"""What a request may ask beside its tensors. What is not understood is refused, never skipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from tieback_contract.field_path import FieldPath, at

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, Unsupported

T = TypeVar("T", str, int, bool)

_STATELESS = "models keep nothing between requests: send all that belongs together in one"
_IN_MESSAGES = "tensors travel in messages: send the contents"
_REFUSED = {
    "sequence_id": _STATELESS,
    "sequence_start": _STATELESS,
    "sequence_end": _STATELESS,
    "priority": "requests are served in turns between tenants: a token's share decides (TIEBACK_TOKENS)",
    "classification": "ask for the outputs `labels` and `probabilities` of a model that has classes",
    "shared_memory_region": _IN_MESSAGES,
    "shared_memory_byte_size": _IN_MESSAGES,
    "shared_memory_offset": _IN_MESSAGES,
}
"""Parameters of other servers of this protocol, and the way out."""

FINAL_RESPONSE = "triton_enable_empty_final_response"
"""Asks that the last response of a request is marked as such; here that is the only one."""

TIMEOUT = "timeout"
TIMEOUT_SAYS = "an integer: microseconds from now after which the answer is worth nothing"


class Parameters:
    """The parameters of a request, or of one of its tensors, which each reader takes from."""

    def __init__(self, given: Mapping[str, Any], field: FieldPath, known: Mapping[str, str]) -> None:
        """Unsupported for parameters of other servers, InvalidInput for those that are not `known`."""
        self._field = field
        self._values: dict[str, Any] = {}
        for name in sorted(given):
            if name in _REFUSED and name not in known:
                raise Unsupported(f"the parameter {name} is not supported here: {_REFUSED[name]}")
            if name not in known and name != FINAL_RESPONSE:
                names = f"they are: {', '.join(sorted(known))}" if known else "there are none"
                raise InvalidInput(f"no parameter is named {name!r}; {names}", field=field.key(name))
            kind = given[name].WhichOneof("parameter_choice")
            if kind is None:
                raise InvalidInput("the parameter has no value", field=field.key(name))
            self._values[name] = getattr(given[name], kind)

    def take(self, name: str, kind: type[T], default: T) -> T:
        """The value of a parameter, or the default. InvalidInput for one of another type."""
        value = self._values.get(name, default)
        # In Python a truth value is an integer, in the protocol it is none.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            names = {str: "a string", int: "an integer", bool: "a truth value"}
            raise InvalidInput(f"the parameter is {names[kind]}", field=self._field.key(name))
        return value

    def within(self, deadline: Deadline) -> Deadline:
        """The deadline, or the one that `timeout` sets where that is earlier."""
        micros = self.take(TIMEOUT, int, 0)
        if micros < 0:
            raise InvalidInput("a timeout is not below 0", field=self._field.key(TIMEOUT))
        return deadline.within(micros / 1e6) if micros else deadline


def refuse(given: Mapping[str, Any], field: FieldPath) -> None:
    """Refuses the parameters of a tensor: none are known."""
    if given:
        Parameters(given, field, {})


NO_PARAMETERS = Parameters({}, at("parameters"), {})
