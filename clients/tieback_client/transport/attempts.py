"""What both clients decide alike: how often to send, how long to wait, what may be too large.

Nothing here touches a channel; the clients in `client` and `async_client` only send, sleep and ask this.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tieback.v1 import catalog_pb2

from tieback_client.errors import (
    DeadlineExceeded,
    Details,
    InvalidArgument,
    Overloaded,
    TiebackError,
    Unauthenticated,
    Unavailable,
)
from tieback_client.reports import CallInfo
from tieback_client.transport.options import Options, default_token, server_address
from tieback_client.transport.rpc import RPCS, ContractRpc, Procedure, UnaryCall
from tieback_client.transport.status import REQUEST_ID_KEY, from_rpc_error, readable

# Every gRPC server takes a message of 4 MiB by default; only larger ones need a question.
ALWAYS_TAKEN = 4 * 1024 * 1024
WARNING_SECONDS = 30.0
"""Seconds until it is reported again that the server is gone."""
TOGETHER = 2.0
"""Seconds within which failures of several calls are one outage, though one was answered meanwhile."""
ABSENT_SECONDS, CONNECT_SECONDS = 2.0, 20.0
"""Seconds to try an address at which nothing was reached: if nothing is there, and for other faults."""
ENDPOINT = "ENDPOINT_UNAVAILABLE"
"""Reason of an error of something that the server asks itself, and has asked again already."""
RETURNS = 5
"""So often between two answers, a return of the server begins a new count of a call's patience: a call that
brings the server down each time must end."""

_log = logging.getLogger("tieback_client")


class CallSession:
    """What a client remembers from call to call."""

    def __init__(self, address: str, options: Options) -> None:
        self.address = address
        self.options = options
        self.reached = False
        self.calls = 0
        self.retries = 0
        self.hedges = 0
        self.retry_budget = options.retry_budget(address)
        self._message_bytes: int | None = None
        self._warned = -WARNING_SECONDS
        self._is_gone = False
        self._gone_at = 0.0

    def answered(self) -> None:
        """Notes that the server is there: what breaks later is another outage."""
        self.reached = True
        was_gone, self._is_gone = self._is_gone, False
        if was_gone and self._warned >= self._gone_at:
            _log.warning("the server at %s answers again", self.address)

    def warn_gone(self, error: TiebackError) -> None:
        """Warns that a server which was there is gone and waited for: a long call would only stand still.

        Each outage is reported once, and again while it lasts, with how long that is. A server that ends, or
        that lacks a part, may report that itself.
        """
        now = time.monotonic()
        silence = WARNING_SECONDS if self._is_gone else TOGETHER
        self._gone_at = self._gone_at if self._is_gone else now
        self._is_gone = True
        if not self.reached or now - self._warned < silence:
            return
        is_told, self._warned = self._warned >= self._gone_at, now
        if error.reason:
            _log.warning("the server at %s cannot work now: %s; waiting for it", self.address, error.message)
        elif is_told:
            patience = self.options.retry.seconds if self.options.retry is not None else 0.0
            _log.warning(
                "the server at %s has been away for %.0f s; each call waits up to %g s for it",
                self.address,
                now - self._gone_at,
                patience,
            )
        else:
            _log.warning("the connection to the server at %s broke; waiting for its return", self.address)

    def may_hedge(self, rpc: ContractRpc) -> bool:
        """Whether one more read may be asked twice within the budget."""
        hedging = self.options.hedging
        return hedging is not None and rpc.reads_only and self.hedges < max(1, hedging.budget * self.calls)

    def checked(self, size: int, rpc: ContractRpc) -> Procedure[None]:
        """Raises `InvalidArgument` where a message of so many bytes is over the server's limit.

        Only for those over `ALWAYS_TAKEN`: the limit is asked of the server.
        """
        if self._message_bytes is None:
            try:
                reply = yield UnaryCall(RPCS["GetServerInfo"], catalog_pb2.GetServerInfoRequest())
                self._message_bytes = reply.message.limits.message_bytes
            except TiebackError:
                self._message_bytes = 0  # it does not say; then it will say no itself
        if self._message_bytes and size > self._message_bytes:
            raise InvalidArgument.at(
                rpc.name,
                f"the request has {size:,} bytes and the server takes {self._message_bytes:,} in a message; "
                "send fewer or smaller contents at once",
                reason="MESSAGE_TOO_LARGE",
            )


class Connection:
    """The server, the options and the session of a connection, for both clients."""

    def __init__(self, server: str | None = None, **options: Any) -> None:
        options.setdefault("token", default_token())
        self._session = CallSession(server_address(server), Options(**options))

    @property
    def server(self) -> str:
        """The address."""
        return self._session.address

    @property
    def options(self) -> Options:
        """The settings."""
        return self._session.options

    @property
    def retries(self) -> int:
        """How many times a call of this client was sent again."""
        return self._session.retries

    def _timeout(self, asked: float | None) -> float | None:
        return self._session.options.timeout if asked is None else asked


class Attempts:
    """One call, from the first attempt to the last."""

    def __init__(self, session: CallSession, rpc: ContractRpc, timeout: float | None) -> None:
        self._session = session
        self._rpc = rpc
        self._begin = time.monotonic()
        self._timeout = timeout
        self._first_failure: float | None = None
        self._backoffs = self._returns = 0
        self._is_answered = False
        self._attempt_begin = self._begin
        self.request_id = session.options.name_call()
        self.retries = 0
        session.calls += 1

    def arguments(self, *, patient: bool = True, metadata: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
        """The keyword arguments of the next attempt's call; `patient` where nobody else can be asked."""
        self._attempt_begin = time.monotonic()
        options = self._session.options
        headers = [one for one in (*options.headers(), *metadata) if one[0] != REQUEST_ID_KEY]
        headers.append((REQUEST_ID_KEY, self.request_id))
        # A server that was there and is gone is waited for inside the attempt, once `failed` has reported it;
        # one that was never there fails at once, and `failed` counts how long to go on knocking.
        waits = patient and self._session.reached and self._rpc.idempotent and options.retry is not None
        # Without a deadline that waiting would never end, so such a call knocks as well.
        waits = waits and self._first_failure is not None and self._timeout is not None
        return {
            "timeout": self.remaining(),
            "metadata": headers,
            "wait_for_ready": waits,
            "compression": options.codec(),
        }

    def remaining(self) -> float | None:
        """Seconds until the deadline; None for no deadline."""
        if self._timeout is None:
            return None
        return max(0.0, self._timeout - (time.monotonic() - self._begin))

    def failed(self, raised: Any, *, begun: bool = False, elsewhere: bool = False) -> float:
        """Takes the failure of an attempt: returns the seconds to wait before the next, or raises.

        `begun` means that a part of the answer was handed out already, so that there is no going back;
        `elsewhere` that the next attempt asks another address, so that there is nothing to wait for.
        """
        error = raised if isinstance(raised, TiebackError) else from_rpc_error(raised)
        if error.reason or error.details.request_id or not isinstance(error, DeadlineExceeded | Unavailable):
            self._session.reached = True  # these came from the server, and not from gRPC on this side
        delay = None if begun else self._delay(error, elsewhere)
        if delay is None:
            raise self._explained(error) from (raised if error is not raised else None)
        self.retries += 1
        self._session.retries += 1
        if isinstance(error, Unavailable) and not elsewhere:
            self._session.warn_gone(error)
        return delay

    def progressed(self) -> None:
        """Notes that the server answered, so that a later break begins a new count."""
        self._session.answered()
        if not self._is_answered and self._session.retry_budget is not None:
            self._session.retry_budget.answered()
        self._is_answered = True
        self._first_failure = None
        self._backoffs = self._returns = 0

    def info(self, *metadata: Iterable[tuple[str, str | bytes]] | None) -> CallInfo:
        """How the call went, with the metadata that came back."""
        known = {key: value for part in metadata for key, value in readable(part).items()}
        return CallInfo(
            method=self._rpc.name,
            request_id=known.get(REQUEST_ID_KEY, self.request_id),
            metadata=known,
            retries=self.retries,
            seconds=time.monotonic() - self._begin,
        )

    def _delay(self, error: TiebackError, elsewhere: bool) -> float | None:
        """Seconds until the next attempt; None where there must be none."""
        retry = self._session.options.retry
        if retry is None or not self._rpc.idempotent or error.reason == ENDPOINT:
            return None
        if not isinstance(error, Unavailable) and not (isinstance(error, Overloaded) and retry.overloads):
            return None
        if elsewhere:
            return 0.0
        now = time.monotonic()
        lasted = not error.reason or now - self._attempt_begin > TOGETHER
        if error.details.request_id and lasted and self._returns < RETURNS:
            # The server was back, and had accepted the call and worked on it: this is another outage.
            self._returns += 1
            self._first_failure = now
        self._first_failure = self._first_failure or now
        patience = retry.seconds
        if not self._session.reached:
            patience = min(patience, self._connect_seconds(error))
        longest = min(retry.maximum, retry.initial * retry.multiplier**self._backoffs)
        self._backoffs += 1
        # Not all at the same moment, when many clients lost the same server.
        delay = longest * random.uniform(0.5, 1.0)  # noqa: S311 - spread, not secrecy
        if error.retry_delay is not None:
            delay = max(delay, error.retry_delay)
        remaining = self.remaining()
        if now + delay - self._first_failure > patience or (remaining is not None and delay >= remaining):
            return None
        budget = self._session.retry_budget
        if isinstance(error, Overloaded) and budget is not None and not budget.spend():
            return None
        return delay

    def _connect_seconds(self, error: TiebackError) -> float:
        """Seconds to knock at an address where nothing was ever reached."""
        given = self._session.options.connect_timeout
        if given is not None:
            return given
        return ABSENT_SECONDS if _connection_fault(error.message)[0] in _ABSENT else CONNECT_SECONDS

    def _explained(self, error: TiebackError) -> TiebackError:
        """The error in words for a person, where gRPC's own are for its makers."""
        ours = bool(error.reason)  # a tieback server gives a reason, and then its own words are good
        details = error.details
        if not details.request_id:
            details = replace(details, request_id=self.request_id)
        message = error.message
        if isinstance(error, Unavailable) and not ours:
            after = f" after {self.retries + 1} attempts" if self.retries else ""
            if self._session.reached:
                message = f"the server at {self._session.address} went away{after}"
            else:
                fault, hint = _connection_fault(error.message)
                if self._session.options.encrypted and hint == _START:
                    # A host with several addresses: gRPC reports the last one alone.
                    hint += "; if it does not use TLS, leave tls=, ca=, certificate= and key= out"
                elif hint == _START and self._session.options.token is not None:
                    hint += "; if it speaks TLS, pass tls= or ca="
                if not _names_a_port(self._session.address):
                    fault += ", at port 443, since the address names none"
                message = f"no server answers at {self._session.address} ({fault})"
                details = _hinted(details, hint)
        elif isinstance(error, DeadlineExceeded) and not ours and self._timeout is not None:
            message = f"{self._rpc.name} had no answer within {self._timeout:g} s"
            if self.retries:
                times = "once" if self.retries == 1 else f"{self.retries} times"
                message += f"; the connection broke {times} meanwhile"
            details = _hinted(details, "give it more time with timeout=")
        elif isinstance(error, Unauthenticated):
            details = replace(details, hint=_SEND_ONE)  # the server's hint is for those who have no SDK
        return type(error)(message, details)


def _names_a_port(address: str) -> bool:
    """Whether an address is one of gRPC's kinds that has a port, or needs none."""
    return (
        "://" in address
        or address.startswith("unix:")
        or ":" in address.rpartition("]")[2].rpartition("/")[2]
    )


def _hinted(details: Details, hint: str) -> Details:
    return details if details.hint else replace(details, hint=hint)


_SEND_ONE = "give one with token= or TIEBACK_TOKEN"
_REFUSED, _NO_HOST = "connection refused", "there is no such host"
_ABSENT = (_REFUSED, _NO_HOST)
_START = "start one with `tieback serve --local`, or give another address (TIEBACK_SERVER)"
_TLS = "if it speaks TLS, pass tls= or ca=; if it asks for a certificate, pass certificate= and key="
_NOT_OURS = f"{_TLS}; if this is its port for HTTP or metrics, give the one for gRPC (50051)"
# gRPC's messages for a connection that never was, the same for people, and the way out.
_CONNECTION_FAULTS = {
    "connection refused": (_REFUSED, _START),
    "dns resolution failed": (_NO_HOST, _START),
    "domain name not found": (_NO_HOST, _START),
    "timeout occurred": ("it does not respond", _START),
    "certificate has expired": ("its certificate has expired", "renew it where the server runs"),
    "hostname verification": (
        "its certificate is for another name",
        "call it by a name that its certificate has",
    ),
    "certificate_verify_failed": (
        "its certificate is not trusted",
        "pass ca=, the file of the authority that signed it",
    ),
    "wrong_version_number": ("it does not use TLS", "leave tls=, ca=, certificate= and key= out"),
    "handshake": ("the TLS handshake failed", _TLS),
}


def _connection_fault(message: str) -> tuple[str, str]:
    """What is wrong with a connection, and the way out."""
    text = message.lower()
    known = (told for fault, told in _CONNECTION_FAULTS.items() if fault in text)
    return next(known, ("the connection is closed at once", _NOT_OURS))
