"""The table between errors and statuses."""

from __future__ import annotations

import base64
import urllib.parse

import grpc
from support.each import each
from support.statuses import Failure
from tieback.core import errors
from tieback.serving.requests import failures
from tieback_contract.field_path import at


def all_errors() -> list[type[errors.TiebackError]]:
    found, open_ = [], [errors.TiebackError]
    while open_:
        kind = open_.pop()
        found.append(kind)
        open_ += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == errors.__name__]


def made(kind: type[errors.TiebackError]) -> errors.TiebackError:
    if kind is errors.NotFound:
        return errors.NotFound("space", "clip", ["a", "b"])
    if kind is errors.AlreadyExists:
        return errors.AlreadyExists("collection", "books", "the name is taken")
    if issubclass(kind, errors.Overloaded):
        return kind("too much", retry_after=1.5)
    if kind is errors.Unavailable:
        return errors.Unavailable("gone", retry_after=0.25)
    if issubclass(kind, errors.InvalidInput):
        return kind("wrong", field=at("contents", 3, "image"))
    return kind("went wrong")


@each("kind", all_errors())
def test_every_error_has_a_status_and_comes_back_as_itself(kind: type[errors.TiebackError]) -> None:
    error = made(kind)

    again = failures.from_status(failures.to_status(error))

    if issubclass(kind, errors.StartupError):  # a client cannot start a server; to it, it is not there
        assert type(again) is errors.Unavailable
        return
    assert type(again) is kind
    if kind is errors.TiebackError:  # nothing of an internal error crosses
        assert "log" in again.message
        return
    assert again.message == error.message
    assert again.reason == error.reason
    for attribute in ("field", "kind", "name", "retry_after"):
        assert getattr(again, attribute, None) == getattr(error, attribute, None)


def test_a_field_is_named_in_a_bad_request() -> None:
    failure = Failure(failures.to_status(errors.InvalidInput("wrong", field=at("a", 0, "b"))))

    assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "a[0].b")


def test_overload_says_when_to_come_back() -> None:
    failure = Failure(failures.to_status(errors.Overloaded("too much", retry_after=1.5)))

    assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failure.retry_seconds == 1.5


def test_a_missing_thing_is_named_with_the_choices_and_the_nearest() -> None:
    failure = Failure(failures.to_status(errors.NotFound("space", "minilm-l6", ["minilm-l6-v2", "yamnet"])))

    assert failure.resource == ("space", "minilm-l6")
    assert "did you mean 'minilm-l6-v2'" in failure.message
    assert "yamnet" in failure.message


def test_an_exception_that_is_not_ours_tells_nothing() -> None:
    failure = Failure(failures.to_status(OSError("/secret/path")))

    assert failure.code is grpc.StatusCode.INTERNAL
    assert "secret" not in failure.message


@each("letter", ["n", "ü", "語", "\ud800"])
def test_an_error_that_quotes_a_long_name_fits_in_what_a_client_takes(letter: str) -> None:
    name = letter * 5000
    for error in (
        errors.NotFound("space", name, [name]),
        errors.AlreadyExists("collection", name, f"{name} is taken"),
        errors.InvalidInput(f"{name} is wrong", field=name),
    ):
        status = failures.to_status(error)
        message = urllib.parse.quote(status.message)
        details = base64.b64encode(status.SerializeToString())

        assert len(message) + len(details) < 7_500  # of 8 KiB
        assert status.message.endswith("…")
