"""Where and how a client calls: address, credentials, time, and what to do when a call breaks."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import grpc

from tieback_client.errors import InvalidArgument
from tieback_client.installing import known_version
from tieback_client.transport.retry_budget import RetryBudget, shared_budget
from tieback_client.transport.status import REQUEST_ID_KEY

DEFAULT_SERVER = "localhost:50051"
_CODECS = {
    "gzip": grpc.Compression.Gzip,
    "deflate": grpc.Compression.Deflate,
}
Token: TypeAlias = str | Callable[[], str]
Compression: TypeAlias = Literal["gzip", "deflate"] | None


@dataclass(frozen=True, slots=True)
class Retry:
    """When a call is sent again: UNAVAILABLE or refused for overload, idempotent calls only, until `seconds`
    are over.

    gRPC's own retries stop after five attempts, and do not apply to requests over 256 KB or once a header of
    the response has come; these have no such limits, and are counted.
    """

    initial: float = 0.1
    """Seconds before the first retry, less a random part of up to a half."""
    multiplier: float = 2.0
    """How much longer each wait is than the last."""
    maximum: float = 2.0
    """The longest wait."""
    seconds: float = 60.0
    """Give up so long after the server was lost; the call's own deadline holds as well. For a stream of
    requests, each answer begins a new count, and so does each break after the server was back and had
    worked on the stream again: five of these at most between two answers."""
    overloads: bool = True
    """Also retry after an `Overloaded`, after the delay that the server gives, within `budget`."""
    budget: float | None = 0.1
    """Retries after an `Overloaded`, as a share of the calls that are answered, beside five to begin with.
    All clients of the process share it for an address, so that a fleet does not keep an overloaded server
    down. None for no bound."""


@dataclass(frozen=True, slots=True)
class Hedging:
    """When a slow read is asked a second time while the first still runs; the earlier answer is taken."""

    after: float
    """Seconds to wait for an answer before asking again; the 95th percentile of the call is a good value."""
    budget: float = 0.1
    """Ask again at most for this share of all calls."""


@dataclass(frozen=True, slots=True)
class Options:
    """All settings of a client. `Client` and `AsyncClient` take these as keyword arguments."""

    token: Token | None = field(default=None, repr=False)
    """Sent as a bearer token; a function is asked for each attempt, so that tokens can change."""
    tls: bool = False
    """Encrypt, and check the server's certificate; implied by the three below."""
    ca: str | Path | None = None
    """PEM file of the authorities to trust; the system's by default."""
    certificate: str | Path | None = None
    """PEM file of this client's own certificate chain, for mutual TLS."""
    key: str | Path | None = None
    """PEM file of its private key."""
    server_name: str | None = None
    """The name to expect in the server's certificate, where it is not the address."""
    timeout: float | None = 60.0
    """Seconds for each call, retries included; None for no limit. Writing streams have none of their own."""
    connect_timeout: float | None = None
    """Seconds to wait for a server that was never reached; then `Unavailable`. Left out, 2 where nothing
    listens at the address or there is no such host, and else 20. Give more where a server starts beside the
    program. One that was reached once is waited for as `retry` says."""
    retry: Retry | None = field(default_factory=Retry)
    """When to send again; None for never."""
    hedging: Hedging | None = None
    """When to ask twice; None for never."""
    direct: bool = False
    """Ask the replicas of a service themselves where the server names any (`Client.endpoints`) that can be
    reached, else the server. It saves the hop."""
    channels: int = 1
    """Connections to the server, taken in turn. One is enough for one server on a fast network: with 32 and
    128 calls in flight, 2 and 4 gained nothing that could be measured. Several spread a client over the
    processes that share a port, and keep large messages on a slow network from holding up the others."""
    compression: Compression = None
    """How to compress requests."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """More metadata for every call, for instance a traceparent."""
    request_id: Callable[[], str] | None = None
    """Names each call in the server's logs and traces, its retries included; asked once a call. Without it,
    "x-request-id" of `metadata`, else a random name. The server replaces what is longer than 128 characters
    or has others than letters, digits and ``._:/=+@,;~-``."""
    keepalive: float = 2.0
    """Seconds between pings while calls run. A server that does not answer one in five more is taken as gone,
    and so is one whose machine acknowledges nothing for three. Other servers than tieback's may punish less
    than 300."""
    channel_options: Mapping[str, Any] = field(default_factory=dict)
    """More gRPC channel arguments, by name; they win over the defaults."""
    channel: Any = field(default=None, repr=False)
    """A channel that was made already, in place of those to the address; it is closed with the client."""

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise InvalidArgument.at("key", "mutual TLS takes both certificate= and key=; one is missing")
        if self.channels < 1:
            raise InvalidArgument.at("channels", f"a client has one channel at least, not {self.channels}")

    @property
    def encrypted(self) -> bool:
        """Whether the channel uses TLS."""
        return self.tls or self.ca is not None or self.certificate is not None

    def credentials(self) -> grpc.ChannelCredentials | None:
        """The channel's credentials; None in plain text. `InvalidArgument` where a file cannot be read."""
        if not self.encrypted:
            return None
        return grpc.ssl_channel_credentials(
            root_certificates=_pem(self.ca, "ca"),
            private_key=_pem(self.key, "key"),
            certificate_chain=_pem(self.certificate, "certificate"),
        )

    def retry_budget(self, address: str) -> RetryBudget | None:
        """The bound on retries of refused calls; of a channel that was made already, its own."""
        if self.retry is None or self.retry.budget is None:
            return None
        if self.channel is not None:
            return RetryBudget(self.retry.budget)
        return shared_budget(address, self.retry.budget)

    def name_call(self) -> str:
        """The request id of the next call."""
        if self.request_id is not None:
            return self.request_id()
        given = (value for key, value in self.metadata.items() if key.lower() == REQUEST_ID_KEY)
        return next(given, "") or secrets.token_hex(8)

    def headers(self) -> list[tuple[str, str]]:
        """The metadata of one attempt."""
        headers = [(key.lower(), value) for key, value in self.metadata.items()] if self.metadata else []
        if self.token is not None:
            token = self.token() if callable(self.token) else self.token
            headers.append(("authorization", f"Bearer {token}"))
        return headers

    def arguments(self, server_name: str | None = None) -> list[tuple[str, Any]]:
        """A channel's arguments; `server_name` is whom its certificate must name, if not the address."""
        arguments: dict[str, Any] = {
            "grpc.primary_user_agent": f"tieback-client/{known_version()}",
            "grpc.service_config": '{"loadBalancingConfig": [{"round_robin": {}}]}',
            "grpc.enable_retries": 0,  # `Attempts` does it, see Retry
            # What a server takes is checked before sending, what it answers is wanted.
            "grpc.max_send_message_length": -1,
            "grpc.max_receive_message_length": -1,
            "grpc.keepalive_time_ms": int(self.keepalive * 1000),
            "grpc.keepalive_timeout_ms": 3_000,  # in gRPC 1.85 until bytes are acknowledged,
            "grpc.http2.ping_timeout_ms": 5_000,  # and until a ping is answered
            "grpc.keepalive_permit_without_calls": 0,
            "grpc.http2.max_pings_without_data": 0,
            # A server that restarts is back in seconds, and gRPC's own pause grows to two minutes.
            "grpc.initial_reconnect_backoff_ms": 100,
            "grpc.max_reconnect_backoff_ms": 1000,
            # And may be back at another address; gRPC asks for it once in thirty seconds.
            "grpc.dns_min_time_between_resolutions_ms": 1000,
            # Channels with equal arguments would share one connection.
            "grpc.use_local_subchannel_pool": int(self.channels > 1),
        }
        if self.server_name is not None or server_name is not None:
            arguments["grpc.ssl_target_name_override"] = self.server_name or server_name
        arguments.update(self.channel_options)
        return list(arguments.items())

    def codec(self) -> grpc.Compression | None:
        """The compression of requests."""
        return None if self.compression is None else _CODECS[self.compression]


def server_address(server: str | None) -> str:
    """The address to call: as given, else of TIEBACK_SERVER, else localhost:50051.

    `InvalidArgument` where it is a web address, or its port is not a number of one.
    """
    address = server or os.environ.get("TIEBACK_SERVER") or DEFAULT_SERVER
    scheme, separator, place = address.partition("://")
    if separator and scheme.lower() in ("http", "https", "grpc", "grpcs"):
        raise InvalidArgument.at(
            "server", f"an address has no {scheme}://, and is HOST:PORT: {place.rstrip('/')}"
        )
    host, _, port = address.partition(":")
    if host not in _SCHEMES and port and ":" not in port and not _is_port(port):
        raise InvalidArgument.at(
            "server", f"{port!r} is no port; an address is HOST:PORT, as {DEFAULT_SERVER}"
        )
    return address


# Names that gRPC knows before a colon, which are no hosts.
_SCHEMES = ("dns", "unix", "unix-abstract", "ipv4", "ipv6", "vsock", "xds")


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 1 << 16


def default_token() -> str | None:
    """The token of TIEBACK_TOKEN, where it is set."""
    return os.environ.get("TIEBACK_TOKEN") or None


def _pem(path: str | Path | None, field_name: str) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidArgument.at(field_name, f"cannot read {path}: {error.strerror or error}") from None
