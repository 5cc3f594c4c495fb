"""The converters that every codec of the contract has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tieback_contract import method_choice, tensors
from tieback_contract.answers import AnswerAction
from tieback_contract.codec import MessageCodec
from tieback_contract.encodings import Truncated
from tieback_contract.locators import Locator
from tieback_contract.tenants import Access
from tieback_contract.vectors import MultiVector, SparseVector, Vector


def with_converters(codec: MessageCodec) -> MessageCodec:
    """The codec, with the converters of what is not one to one."""
    codec.converter(Vector, tensors.read_vector, tensors.fill_vector)
    codec.converter(MultiVector, tensors.read_multi_vector, tensors.fill_multi_vector)
    codec.converter(SparseVector, tensors.read_sparse, tensors.fill_sparse)
    codec.converter(Locator, tensors.read_locator, tensors.fill_locator)
    codec.converter("tieback.v1.Tensor", tensors.read_array, tensors.fill_array)
    codec.converter("tieback.v1.TextSpan", tensors.read_span, tensors.fill_span)
    codec.converter("tieback.v1.Box", tensors.read_box, tensors.fill_box)
    codec.converter("tieback.v1.TimeRange", tensors.read_time, tensors.fill_time)
    codec.converter("tieback.v1.Method", method_choice.read_method, method_choice.fill_method)
    codec.converter("google.protobuf.Struct", method_choice.read_parameters, method_choice.fill_parameters)
    codec.converter("google.protobuf.Timestamp", read_moment, fill_moment)
    codec.list_converter("tieback.v1.SpaceWeight", tensors.read_weights, tensors.fill_weights)
    codec.list_converter("tieback.v1.Truncated", read_truncated, _fill_truncated)
    codec.list_converter("tieback.v1.Block", _read_blocks, _fill_blocks)
    codec.list_converter("tieback.v1.HeadClass", _read_classes, _fill_classes)
    codec.list_converter("tieback.v1.ActionProbability", _read_probabilities, _fill_probabilities)
    codec.list_converter("tieback.v1.SharedCollection", _read_shared, _fill_shared)
    return codec


# By the number of the contract; one of a newer contract is none of these.
_ACTIONS = (AnswerAction.ABSTAIN, *AnswerAction)
_ACTION_NUMBERS = {action: number for number, action in enumerate(_ACTIONS) if number}


def _read_probabilities(messages: Any) -> dict[AnswerAction, float]:
    return {_ACTIONS[one.action]: one.probability for one in messages if one.action < len(_ACTIONS)}


def _fill_probabilities(messages: Any, probabilities: Mapping[AnswerAction, float]) -> None:
    for action, probability in probabilities.items():
        messages.add(action=_ACTION_NUMBERS[action], probability=probability)


def read_moment(message: Any) -> datetime:
    """A moment, in UTC. ValueError or OverflowError where it is none."""
    moment: datetime = message.ToDatetime(UTC)
    return moment


def fill_moment(message: Any, moment: datetime) -> None:
    """Writes a moment; one without a time zone is taken as UTC."""
    message.FromDatetime(moment)


def _read_classes(messages: Any) -> dict[str, int]:
    return {one.label: one.example_count for one in messages}


def _fill_classes(messages: Any, classes: Mapping[str, int]) -> None:
    for label, count in classes.items():
        messages.add(label=label, example_count=count)


def _read_blocks(messages: Any) -> dict[str, int]:
    return {one.space: one.width for one in messages}


def _fill_blocks(messages: Any, blocks: Mapping[str, int]) -> None:
    for space, width in blocks.items():
        messages.add(space=space, width=width)


def read_truncated(messages: Any) -> dict[str, Truncated]:
    """By space, what it did not read."""
    return {one.space: Truncated(one.sections, one.tokens, one.window) for one in messages}


def _fill_truncated(messages: Any, truncated: Mapping[str, Truncated]) -> None:
    for space, one in truncated.items():
        messages.add(space=space, sections=one.sections, tokens=one.tokens, window=one.window)


_ROLES = (None, *Access)  # by the number of the contract


def _read_shared(messages: Any) -> dict[str, Access]:
    """By the name of a collection, its role; without roles that are not known here."""
    roles = {one.name: _ROLES[one.role] for one in messages if one.role < len(_ROLES)}
    return {name: role for name, role in roles.items() if role}


def _fill_shared(messages: Any, shared: Mapping[str, Access]) -> None:
    for name, role in shared.items():
        messages.add(name=name, role=_ROLES.index(role))
