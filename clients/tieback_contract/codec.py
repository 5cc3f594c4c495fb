"""Reads values from messages and writes them into messages, as their fields and the descriptors say.

For each pair of a type and a message a function is made once, from source that names every field: it does
what one would write by hand, and nothing for the fields that are unset. What is not one to one, such as a
tensor, has a converter of its own, by its type or by its message.

A codec that may refuse what it reads says where it was: the error's field is the path from the message that
was read. No path is made until something is refused.
"""

from __future__ import annotations

import enum
import functools
import itertools
from collections.abc import Callable, Iterable
from dataclasses import MISSING
from typing import Any, TypeVar, get_args, get_origin

from tieback_contract.codec_runtime import (
    Check,
    Converter,
    Fill,
    LenientNumbers,
    Outcomes,
    Read,
    StrictNumbers,
    Unknown,
    WritingChecks,
    choices,
    each_alone,
    is_needed,
    is_text,
    located,
    misplaced,
    parts,
)
from tieback_contract.field_path import at
from tieback_contract.shapes import ABSENT, FieldShape, members, part_name, shapes

T = TypeVar("T")
M = TypeVar("M")


class MessageCodec:
    """Functions that read and write values.

    `refused` is the class of errors by which converters refuse a message, with a method `within` that puts a
    path before theirs. `unknown` refuses a number of an enum that has no member, and zero where the field has
    no default, or gives what it is read as. Without it such a number is read as the field's default, else as
    None.
    """

    def __init__(
        self,
        refused: type[Exception] | None = None,
        unknown: Unknown | None = None,
        *,
        outcomes: Outcomes | None = None,
        writing: WritingChecks | None = None,
    ) -> None:
        self._refused, self._unknown = refused, unknown
        self._outcomes, self._writing = outcomes, writing
        self._converters: dict[Any, Converter] = {}
        self._lists: dict[str, Converter] = {}
        self._checks: dict[type, Check] = {}
        self._names: dict[Any, str] = {}
        self._numbered = itertools.count()
        self._keywords: dict[str, dict[str, str]] = {}
        self._namespace: dict[str, Any] = {"FAULT": refused, "located": located, "misplaced": misplaced}
        if outcomes is not None:
            self._namespace |= {"ERROR": outcomes.error, "ALONE": outcomes.alone}
            self._namespace["each_alone"] = functools.partial(each_alone, outcomes.alone)
        if writing is not None:
            self._namespace |= {"REFUSED": writing.refused, "text": writing.text}

    def converter(self, key: type | str, read: Read, fill: Fill | None = None) -> None:
        """Registers the functions of a type, or of a message or a field by its full name.

        A codec that only reads needs no `fill`.
        """
        self._converters[key] = Converter(read, fill)
        # Functions that were made without it keep those that they have.
        self._names = {known: name for known, name in self._names.items() if key not in known}

    def list_converter(self, name: str, read: Read, fill: Fill | None = None) -> None:
        """Registers the functions of all messages of a repeated field together, by the full name of the
        message.
        """
        self._lists[name] = Converter(read, fill)

    def check(self, kind: type, refuse: Check) -> None:
        """Registers what raises where a value that was read of this type is not good."""
        self._checks[kind] = refuse

    def reader(self, kind: type[T], descriptor: Any) -> Callable[..., T]:
        """The function that makes a value of a message; fields that are in no message are keywords of it."""
        made: Callable[..., T] = self._namespace[self._function("read", kind, descriptor)]
        return made

    def filler(self, kind: type[T], descriptor: Any) -> Callable[[Any, T], None]:
        """The function that writes a value into an empty message."""
        made: Callable[[Any, T], None] = self._namespace[self._function("fill", kind, descriptor)]
        return made

    def writer(self, kind: type[T], message: type[M]) -> Callable[[T], M]:
        """The function that makes the message of a value."""
        fill = self.filler(kind, message.DESCRIPTOR)  # type: ignore[attr-defined]  # a message of protobuf

        def write(value: T) -> M:
            made = message()
            fill(made, value)
            return made

        return write

    def numbers(self, kind: type[enum.Enum], descriptor: Any) -> dict[Any, Any]:
        """The numbers of an enum's members in the contract's enum."""
        return {member: number for number, member in members(kind, descriptor).items()}

    def choice_reader(self, kinds: Iterable[type], descriptor: Any) -> Read:
        """The function that reads the one that is set of a message's choices, named as their types.

        None for a choice that is none of these types or of a kind that is not known, and where there is none.
        Further arguments are ignored: the SDK gives what it knows of the call.
        """
        (group,) = descriptor.oneofs
        lines = [f'name = whole.WhichOneof("{group.name}")']
        for kind, (name, part) in choices(kinds, descriptor).items():
            # What reads the choice stands here as a whole: texts come one by one, and a call more is felt.
            found = shapes(kind, part)
            _, body = self._read_body(kind, found)
            if self._unknown is None:
                body = [*map(self._passed_over, filter(is_needed, found)), *body]
            lines += [f'if name == "{name}":', f"    m = whole.{name}", *(f"    {line}" for line in body)]
        name = f"choice_{len(self._namespace)}"
        self._compiled(name, "whole, *_", [*lines, "return None"], descriptor)
        made: Read = self._namespace[name]
        return made

    def _passed_over(self, one: FieldShape) -> str:
        """The line that leaves a choice out whose number of an enum has no member."""
        known = self._constant(members(one.kind, one.descriptor.enum_type))
        return f"if {one.source} not in {known}: return None"

    def choice_writer(self, kinds: Iterable[type], message: type[Any]) -> Callable[[Any], Any]:
        """The function that makes a message of the choice that a value is."""
        fillers: dict[type, tuple[str, Fill]] = {
            kind: (name, self.filler(kind, part))
            for kind, (name, part) in choices(kinds, message.DESCRIPTOR).items()
        }

        def write(value: Any) -> Any:
            made = message()
            name, fill = fillers[type(value)]
            fill(getattr(made, name), value)
            return made

        return write

    def _function(self, action: str, kind: Any, descriptor: Any) -> str:
        """The name of a function in the namespace; it is made where it is not there yet."""
        key = (action, kind, descriptor.full_name)
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = f"{action}_{next(self._numbered)}"
            own = self._converters.get(kind) or self._converters.get(descriptor.full_name)
            if own is not None:
                self._namespace[name] = getattr(own, action)
            elif self._outcomes is not None and self._outcomes.error in get_args(kind):
                self._compiled(name, "m, v=None", self._outcome_body(action, kind, descriptor), descriptor)
            else:
                found = shapes(kind, descriptor)
                if action == "read":
                    keywords, body = self._read_body(kind, found)
                    self._keywords[name] = keywords
                    given = ", ".join(["m", *(f"{one}={default}" for one, default in keywords.items())])
                    self._compiled(name, given, body, descriptor)
                else:
                    self._compiled(name, "m, v", self._fill_body(found), descriptor)
        return name

    def _outcome_body(self, action: str, kind: Any, descriptor: Any) -> list[str]:
        """The lines that read or write a result or the error in its place."""
        status = self._function(action, Exception, descriptor.fields_by_name["error"].message_type)
        (result,) = [one for one in get_args(kind) if not issubclass(get_origin(one) or one, Exception)]
        (group,) = descriptor.oneofs
        (field,) = [one for one in group.fields if one.name != "error"]
        function = self._function(action, result, field.message_type)
        if action == "read":
            path = self._constant(at(field.name))
            return [
                f'if m.WhichOneof("{group.name}") == "error": return {status}(m.error)',
                *("try:", f"    return {function}(m.{field.name})"),
                *("except FAULT as error:", f"    raise error.within({path}) from None"),
            ]
        return [
            "if not isinstance(v, ERROR):",
            *("    with ALONE() as item:", f"        {function}(m.{field.name}, v)"),
            *("    if item.error is None: return", "    m.Clear()", "    v = item.error"),
            f"{status}(m.error, v)",
        ]

    def _compiled(self, name: str, given: str, body: list[str], descriptor: Any) -> None:
        """Puts a function of that name into the namespace."""
        source = "\n".join([f"def {name}({given}):", *(f"    {line}" for line in body)])
        exec(compile(source, f"<codec of {descriptor.full_name}>", "exec"), self._namespace)  # noqa: S102 - made of names of fields

    def _part(self, action: str, one: FieldShape) -> str:
        """The name of the function for one message of a field."""
        own = self._converters.get(one.descriptor.full_name)
        if own is not None:
            return self._constant(getattr(own, action))
        return self._function(action, one.kind, one.descriptor.message_type)

    def _constant(self, value: Any) -> str:
        """The name of a value in the namespace."""
        name = f"constant_{len(self._namespace)}"
        self._namespace[name] = value
        return name

    def _whole(self, action: str, one: FieldShape) -> str | None:
        """The function for a repeated field as a whole, where one is registered."""
        if not one.is_message or one.descriptor.message_type.full_name not in self._lists:
            return None
        return self._constant(getattr(self._lists[one.descriptor.message_type.full_name], action))

    def _read_body(self, kind: type, found: list[FieldShape]) -> tuple[dict[str, str], list[str]]:
        """The keywords of a reader with their defaults, and the lines that read the message `m`."""
        keywords = {one.name: self._constant(one.default) for one in found if one.place == ABSENT}
        first_keyword = next((place for place, one in enumerate(found) if one.place == ABSENT), len(found))
        body: list[str] = []
        arguments: list[str] = []
        steps: list[tuple[FieldShape, str]] = []
        for one in found:
            if one.place == ABSENT:
                arguments.append(f"{one.name}={one.name}")
                continue
            expression, element = self._expression(one)
            keywords |= self._keywords.get(element, {}) if one.form == "one" else {}
            if self._refused is not None and (one.is_message or one.is_enum):
                body += [f"step = {len(steps)}", f"v_{one.name} = {expression}"]
                steps.append((one, element))
                expression = f"v_{one.name}"
            arguments.append(f"{one.name}={expression}" if len(arguments) >= first_keyword else expression)
        body.append(f"made = {self._constant(kind)}({', '.join(arguments)})")
        if steps:
            # Elements are looked up by name when something is refused: their functions may not be there yet.
            table = self._constant([(one.place, one.form, element) for one, element in steps])
            body = ["try:", *(f"    {line}" for line in body)]
            body += [
                "except FAULT as error:",
                f"    raise located(error, m, {table}[step], globals()) from None",
            ]
        if kind in self._checks:
            body.append(f"{self._constant(self._checks[kind])}(made)")
        if not steps and kind not in self._checks:
            body[-1] = body[-1].replace("made =", "return", 1)
        else:
            body.append("return made")
        body = [*parts(found), *body]
        if any("has(" in line for line in body):
            body.insert(0, "has = m.HasField")
        return keywords, body

    def _expression(self, one: FieldShape) -> tuple[str, str]:
        """Expression that reads a field, and the name of the function that reads one of its elements."""
        place = one.source
        if one.microseconds:
            place += " / 1000000"
        element = ""
        if one.is_enum:
            table = self._constant(self._numbers(one))
            element = self._constant(self._namespace[table].__getitem__)
            read = f"{table}[{{value}}]"
        elif one.is_message:
            whole = self._whole("read", one)
            if whole is not None:
                return f"{whole}({place})", ""
            element = self._part("read", one)
            given = self._keywords.get(element, {}) if one.form == "one" else {}
            read = f"{element}({', '.join(['{value}', *(f'{key}={key}' for key in given)])})"
        else:
            read = "{value}"
        if one.form == "list":
            if read == "{value}":
                return f"list({place})", ""
            if one.is_enum and self._unknown is None and not one.unknown:
                return f"[e for x in {place} if (e := {read.format(value='x')})]", ""
            if one.alone:
                return f"each_alone({element}, {place})", ""
            none = "None" if one.optional else "[]"
            return f"[{read.format(value='x')} for x in xs] if (xs := {place}) else {none}", element
        if one.form == "map":
            if read == "{value}":
                return f"dict({place})" + (" or None" if one.optional else ""), ""
            return f"{{k: {read.format(value='x')} for k, x in {place}.items()}}", element
        value = read.format(value=place)
        if one.has_presence and (one.optional or not one.is_message):
            return f"{value} if {one.presence} else {self._default(one)}", element
        if one.optional and not one.is_enum:
            return f"{value} or None", element
        return value, element

    def _default(self, one: FieldShape) -> str:
        return "None" if one.optional or one.default is MISSING else self._constant(one.default)

    def _numbers(self, one: FieldShape) -> dict[int, Any]:
        known: dict[int, Any] = dict(members(one.kind, one.descriptor.enum_type))
        if self._unknown is None:
            known[0] = one.unknown
            return LenientNumbers(one.unknown, known)
        if one.default is not MISSING and one.form == "one":
            known[0] = one.default
        return StrictNumbers(one.kind, self._unknown, known)

    def _fill_body(self, found: list[FieldShape]) -> list[str]:
        """The lines that write the value `v` into the empty message `m`."""
        body: list[str] = []
        # A part that is there is written though all of it is zero, so one assignment is made in any case.
        sure = next((one for one in found if one.place != ABSENT and self._is_plain(one)), None)
        if self._writing is not None and sure is not None and is_text(sure):
            sure = None
        if sure is None:
            body.append("m.SetInParent()")
        for line in parts(found):
            part = line.partition(" ")[0]
            # A part whose fields know unset from zero is there where one of them is.
            if not all(one.has_presence for one in found if one.part and part_name(one.part) == part):
                line += f"; {part}.SetInParent()"
            body.append(line)
        steps: list[tuple[str, str, bool]] = []
        for one in found:
            if one.place != ABSENT:
                if self._writing is not None and (one.is_message or is_text(one)):
                    body.append(f"step = {len(steps)}")
                    steps.append((one.place, one.form, one.is_message))
                body += self._assignment(one, always=one is sure)
        if steps:
            body = ["k = None", "try:", *(f"    {line}" for line in body)]
            table = self._constant(steps)
            body += ["except REFUSED as error:", f"    raise misplaced(error, m, {table}[step], k) from None"]
        return body

    @staticmethod
    def _is_plain(one: FieldShape) -> bool:
        is_scalar = one.form == "one" and not (one.is_message or one.is_enum or one.microseconds)
        return is_scalar and not one.optional and not one.part

    def _assignment(self, one: FieldShape, *, always: bool) -> list[str]:
        value, place = f"v.{one.name}", one.source
        if self._writing is not None and is_text(one) and one.form != "map":
            if one.form == "list":
                return [f"for k, x in enumerate({value}): {place}.append(text(x))"]
            return [f"if (x := {value}) {'is not None' if one.optional else ''}: {place} = text(x)"]
        if always:
            return [f"{place} = {value}"]
        some = f"(xs := {value}) is not None and len(xs)" if one.optional else f"len(xs := {value})"
        if one.is_message:
            whole = self._whole("fill", one)
            if whole is not None:
                return [f"if (x := {value}): {whole}({place}, x)"]
            fill = self._part("fill", one)
            if one.form == "list":
                return [
                    f"if {some}:",
                    f"    add = {place}.add",
                    f"    for x in xs: {fill}(add(), x)",
                ]
            if one.form == "map":
                return [
                    f"if (xs := {value}):",
                    f"    to = {place}",
                    f"    for k, x in xs.items(): {fill}(to[k], x)",
                ]
            return [f"if (x := {value}) is not None: {fill}({place}, x)"]
        if one.is_enum:
            numbers = self._constant(self.numbers(one.kind, one.descriptor.enum_type))
            if one.form == "list":
                return [f"if {some}: {place}.extend([{numbers}[x] for x in xs])"]
            return [f"if (x := {value}): {place} = {numbers}[x]"]
        if one.form == "list":
            return [f"if {some}: {place}.extend(xs)"]
        if one.form == "map":
            return [f"if (xs := {value}):", f"    to = {place}", "    for k, x in xs.items(): to[k] = x"]
        if one.microseconds and not one.has_presence:
            return [f"if (x := {value}) > 0: {place} = round(x * 1000000)"]
        written = "max(0, round(x * 1000000))" if one.microseconds else "x"
        test = "is not None" if one.has_presence else ""
        return [f"if (x := {value}) {test}: {place} = {written}"]
