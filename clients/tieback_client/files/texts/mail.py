"""Mails (.eml) by Python's own email package: what they say, and the facts of their head."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from typing import Any, cast

from tieback_client.errors import InvalidArgument
from tieback_client.files.budget import TookTooLong
from tieback_client.files.decoding import storable
from tieback_client.files.document import Fact, Parsed
from tieback_client.files.outline import shortened
from tieback_client.files.pages import html_page
from tieback_client.files.texts import plain

ADDRESSES = 100
"""Addresses that are kept of a mail, of those that it went to."""
_MAIL = "message/rfc822"
_SIGNATURES = frozenset(("application/pgp-signature", "application/pkcs7-signature"))
LONGEST_HEAD = 20_000
"""Characters of a line of the head that is parsed."""


def read(data: bytes) -> Parsed:
    """The text of a mail: as it was typed, else its HTML as a page. `InvalidArgument` where it is none."""
    mail = _mail_of(data)
    heads = {name.lower() for name, _ in mail.raw_items()}
    if not heads & {"from", "to", "subject", "date", "received"}:
        raise InvalidArgument("it is no mail: it has no head")
    try:
        body = mail.get_body(("plain", "html"))
        text = "" if body is None else _content(body)
        is_page = body is not None and body.get_content_subtype() == "html"
    except Exception as error:  # noqa: BLE001 - the parser meets damage with errors of any type
        raise InvalidArgument(f"it is no mail that can be read: {type(error).__name__}") from None
    parsed = _page(text) if is_page else plain.read(text)
    subject = shortened(storable(str(_head(mail, "subject") or "")))
    return Parsed(
        parsed.text,
        [replace(one, locator="") for one in parsed.sections],  # its lines are not those of the file
        subject or parsed.title,
        parsed.notes,
        is_original=False,
        facts=_facts(mail),
    )


def _mail_of(data: bytes) -> EmailMessage:
    try:
        return message_from_bytes(data, policy=policy.default)
    except RecursionError:
        raise InvalidArgument("it is no mail that can be read: its parts are nested too deeply") from None


def attachments(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The files that are attached to a mail, with their names: also the pictures in it, and mails."""
    mail = _mail_of(data)
    try:
        body = mail.get_body(("plain", "html"))
        waiting: list[MIMEPart] = [mail]
        while waiting:
            part = waiting.pop()
            kind = part.get_content_type()
            if part.is_multipart() and kind != _MAIL:
                waiting += reversed(cast(list[MIMEPart], part.get_payload()))
            elif part is not body and part is not mail and kind not in _SIGNATURES:
                name = part.get_filename() or ""
                if name or kind == _MAIL or part.get_content_disposition() == "attachment":
                    yield _named(name, kind), _bytes_of(part)
    except InvalidArgument:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        raise InvalidArgument(f"its attachments cannot be read: {type(error).__name__}") from None


def _named(name: str, kind: str) -> str:
    """Name of an attachment, with the suffix of its kind where it has none of its own."""
    if kind == _MAIL:
        return name if name.lower().endswith(".eml") else f"{name or 'mail'}.eml"
    return name or f"attachment{mimetypes.guess_extension(kind) or ''}"


def _bytes_of(part: MIMEPart) -> bytes:
    if part.get_content_type() == _MAIL:
        return cast(list[EmailMessage], part.get_payload())[0].as_bytes()
    return cast(bytes, part.get_payload(decode=True) or b"")


def _page(text: str) -> Parsed:
    try:
        return html_page.read(text)
    except TookTooLong:
        return plain.read(text)


def _content(part: MIMEPart) -> str:
    """The text of a part; bytes that are not in the encoding that it names are replaced."""
    data = cast(bytes, part.get_payload(decode=True) or b"")
    try:
        text = data.decode(part.get_content_charset("utf-8"), errors="replace")
    except (LookupError, ValueError):
        text = data.decode(errors="replace")
    return storable(text.replace("\r\n", "\n"))


def _head(mail: EmailMessage, name: str) -> Any:
    """The first line of the head with a name; None where there is none that can be read."""
    written = next((value for key, value in mail.raw_items() if key.lower() == name), None)
    if written is None or len(written) > LONGEST_HEAD:
        return None
    try:
        return policy.default.header_fetch_parse(name, written)
    except Exception:  # noqa: BLE001 - as above
        return None


def _facts(mail: EmailMessage) -> dict[str, Fact]:
    """Who wrote it, to whom and when, as far as the head says it."""
    facts: dict[str, Fact] = {}
    for name in ("from", "to", "cc"):
        addresses = getattr(_head(mail, name), "addresses", ())
        found: list[Any] = [storable(one.addr_spec) for one in addresses if one.addr_spec not in ("", "<>")]
        if found:
            facts[name] = found[0] if name == "from" else found[:ADDRESSES]
    date = getattr(_head(mail, "date"), "datetime", None)
    if isinstance(date, datetime):
        facts["date"] = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return facts
