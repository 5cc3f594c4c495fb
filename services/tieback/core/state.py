"""What a fitted method has learned: arrays by name, and which arrays a method expects."""

from __future__ import annotations

from collections.abc import Mapping

from tieback_contract.arrays import Array

from tieback.core.errors import InvalidInput

State = Mapping[str, Array]
"""Arrays by name, kept as safetensors."""

Schema = Mapping[str, tuple[str, ...]]
"""Arrays by name, each with the names of its sizes: equal names are equal sizes."""


def check_state(state: State, schema: Schema, **sizes: int) -> None:
    """InvalidInput, with the field "state", where the arrays are not those of the schema.

    `sizes` are those that are known beforehand.
    """
    if lacking := sorted(schema.keys() - state.keys()):
        raise InvalidInput(f"the state lacks the array {lacking[0]!r}", field="state")
    if strange := sorted(state.keys() - schema.keys()):
        raise InvalidInput(
            f"the state has an array {strange[0]!r}; its arrays are: {', '.join(schema)}", field="state"
        )
    known = dict(sizes)
    for name, shape in schema.items():
        found = state[name].shape
        fits = len(found) == len(shape) and all(
            known.setdefault(size, length) == length for size, length in zip(shape, found, strict=True)
        )
        if not fits:
            wanted = ", ".join(f"{size} {known[size]}" if size in known else size for size in shape)
            raise InvalidInput(
                f"the array {name!r} of the state is {list(found)}; it should be [{wanted}]", field="state"
            )
