"""Operations and their errors are read as they were written."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace

from support.each import each
from tieback.core import errors
from tieback.core.error_record import read_error, write_error
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound, Overloaded, TiebackError
from tieback.core.types.operation import OperationRecord
from tieback.operations.journal import read_operation, write_operation
from tieback.serving.requests import failures
from tieback_contract.operations import OperationState

SAMPLES = {
    InvalidInput: InvalidInput("wrong", field="a.b", reason="TOO_LONG"),
    NotFound: NotFound("space", "red", ["blue"], hint="look again"),
    AlreadyExists: AlreadyExists("operation", "one", "it is there"),
    Overloaded: Overloaded("later", retry_after=2.5),
    errors.RateExceeded: errors.RateExceeded("slower", retry_after=1.5),
    errors.SpaceMismatch: errors.SpaceMismatch("two spaces", field="vector"),
}
KINDS = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, TiebackError)]


@each("kind", KINDS)
def test_an_error_outlives_the_process_with_all_that_it_tells(kind: type[TiebackError]) -> None:
    error = SAMPLES[kind] if kind in SAMPLES else kind("a message")

    again = read_error(json.loads(json.dumps(write_error(error))))

    assert type(again) is kind
    assert (str(again), vars(again)) == (str(error), vars(error))
    assert failures.to_status(again) == failures.to_status(error)


def test_an_error_of_a_class_that_is_gone_keeps_its_message() -> None:
    record = write_error(TiebackError("a message")) | {"type": "Vanished"}

    again = read_error(record)

    assert type(again) is TiebackError
    assert again.message == "a message"


def test_an_operation_is_read_as_it_was_written() -> None:
    operation = OperationRecord(
        id="count-1",
        kind="count",
        owner="acme",
        subject="docs",
        request={"steps": 3},
        created=1.5,
        state=OperationState.FAILED,
        done=2,
        total=3,
        begun=2.5,
        ended=3.5,
        cancelling=True,
        checkpoint={"told": 1},
        result={"sum": 3},
    )

    again = read_operation(json.loads(json.dumps(write_operation(replace(operation, trouble="away")))))

    assert again == operation
