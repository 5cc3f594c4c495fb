"""A text at the end of every string that the canned server answers."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.message import Message


class Poison(grpc.ServerInterceptor):  # type: ignore[type-arg]  # the stubs make it generic, grpc does not
    """Puts a text at the end of every string that the server answers, where that does not break it."""

    KEPT = frozenset({"next_page_token", "parameters_schema", "evidence_id", "type_url"})

    def __init__(self, text: str) -> None:
        self.text = text

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = continuation(details)
        if details.method.startswith("/grpc."):
            return handler
        serialize = handler.response_serializer
        return handler._replace(response_serializer=lambda message: serialize(self.added(message)))

    def added(self, message: Message) -> Message:
        """A copy of the message with the text in it."""
        copy = type(message)()
        copy.CopyFrom(message)
        self._add(copy)
        return copy

    def _add(self, message: Message) -> None:
        for field, value in message.ListFields():
            entry = field.message_type is not None and field.message_type.GetOptions().map_entry
            if entry:
                self._add_to_map(field, value)
            elif field.message_type is not None:
                for one in value if field.is_repeated else [value]:
                    self._add(one)
            elif field.type == field.TYPE_STRING and field.name not in self.KEPT:
                if field.is_repeated:
                    value[:] = [one + self.text for one in value]
                else:
                    setattr(message, field.name, value + self.text)

    def _add_to_map(self, field: Any, value: Any) -> None:
        kind = field.message_type.fields_by_name["value"]
        for key in list(value):
            if kind.type == kind.TYPE_STRING:
                value[key + self.text] = value.pop(key) + self.text
            elif kind.message_type is not None:
                value[key + self.text].CopyFrom(value[key])
                self._add(value[key + self.text])
                del value[key]
            else:
                value[key + self.text] = value.pop(key)
