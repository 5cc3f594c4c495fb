"""Who may call: TLS credentials, and the bearer tokens of a file that is read again when it changes.

`tenants_file` defines the format of the file. Tokens are known by their digests, and are never logged.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import grpc

from tieback.core.errors import PermissionDenied, StartupError, Unauthenticated
from tieback.core.tenant import Principal, act_for
from tieback.core.types.operation import OperationRecord
from tieback.serving.requests import context as call_context
from tieback.serving.security import tenants as tenants_file
from tieback.serving.security.certificate_expiry import Expiry
from tieback.serving.settings import Settings

log = logging.getLogger(__name__)
RECHECK_SECONDS = 1.0
REPEAT_SECONDS = 60.0
"""How often the log repeats that the file cannot be used."""


# Tokens for calls between processes on behalf of a tenant, if no process has the tenant's own token.
#
# An operation continues after a restart, before any call has come, and only digests of tenants' tokens are
# stored. So the process that runs the operation signs the tenant's name with a key that the platform's
# processes share. The others find the tenant in the tokens file, as for its own tokens.
SCHEME = "Platform"


class InnerTokens:
    """Issues and checks them, under a key that is nobody else's."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, tenant: str) -> str:
        """The `authorization` of calls for a tenant."""
        return f"{SCHEME} {tenant}.{self._sign(tenant)}"

    def tenant_of(self, token: str) -> str | None:
        """Whom a token that follows the scheme is for; None where it is not one of these."""
        tenant, _, signature = token.rpartition(".")
        is_ours = hmac.compare_digest(signature.encode(), self._sign(tenant).encode())
        return tenant if is_ours else None

    def _sign(self, tenant: str) -> str:
        return hmac.new(self._key, tenant.encode(), "sha256").hexdigest()


class Tokens:
    """The bearer tokens of a file, as it was when `refresh` last could use it.

    StartupError where it cannot be used, or lets nobody in, to begin with. `inner` are tokens of the
    platform's other processes, which are let in as the tenants that they name.
    """

    def __init__(self, path: Path, inner: InnerTokens | None = None) -> None:
        self._path, self._inner = path, inner
        self._stamp: tuple[int, int, int] | None = None
        self.version = 0
        """Grows whenever other tokens came into force, so that whoever was let in is checked again."""
        self._fault = ""
        self._told = 0.0
        self._key = secrets.token_bytes(32)
        self._principals: dict[bytes, Principal] = {}
        self._tenants: dict[str, Principal] = {}
        try:
            self._reread()
        except (OSError, ValueError) as error:
            raise StartupError(
                f"TIEBACK_TOKENS: {_fault_of(error)}; `tieback tokens check {path}` looks at it again"
            ) from None
        if not self._principals:
            raise StartupError(
                f"TIEBACK_TOKENS: {path} holds no token, so nobody could call; make one with "
                "`tieback tokens new --tenant NAME --role admin`"
            )

    @property
    def is_current(self) -> bool:
        """Whether the file could be used when it was last looked at; else an older one is in force."""
        return not self._fault

    def principal_of(self, authorization: str | None) -> Principal:
        """Whose token an ``authorization`` header carries. Raises `Unauthenticated`."""
        if not authorization:
            raise Unauthenticated("this server asks for a bearer token, and the call has no authorization")
        scheme, _, token = authorization.partition(" ")
        if scheme == SCHEME and self._inner is not None:
            tenant = self._inner.tenant_of(token)
            known = None if tenant is None else self._tenants.get(tenant)
            if known is None:
                raise Unauthenticated("the token is not one of this server's")
            return known
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("the call's authorization is not of the form 'Bearer TOKEN'")
        found = self._principals.get(self._place(hashlib.sha256(token.strip().encode()).digest()))
        if found is None:
            raise Unauthenticated("the token is not one of this server's")
        return found

    def tenant(self, name: str) -> Principal | None:
        """A tenant with all that it may; None where the file does not name it."""
        return self._tenants.get(name)

    async def watch(self) -> None:
        """Refreshes once a second, until it is cancelled."""
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Reads the file again where it changed. What cannot be used leaves the last good one in force.

        A file that lets nobody in can be used: it revokes all tokens.
        """
        try:
            self._reread()
        except (OSError, ValueError) as error:
            fault, now = _fault_of(error), time.monotonic()
            if fault != self._fault or now - self._told >= REPEAT_SECONDS:
                log.error("the tokens file cannot be used, and the tokens read before stay: %s", fault)
                self._told = now
            self._fault = fault

    def _reread(self) -> None:
        state = self._path.stat()
        stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
        if stamp == self._stamp and not self._fault:
            return
        file = tenants_file.parse(self._path.read_text(encoding="utf-8"))
        read = dict(file.principals())
        changed = self._stamp is not None
        self._principals = {self._place(digest): principal for digest, principal in read.items()}
        self._tenants = file.owners()
        self._stamp, self._fault = stamp, ""
        self.version += 1
        level = logging.WARNING if changed and not read else logging.INFO
        tenants = len({principal.tenant for principal in read.values()})
        log.log(level, "tokens in force: %d, of %d tenants", len(read), tenants)

    def _place(self, digest: bytes) -> bytes:
        """Where a digest is kept: under a key of this process, so that the time of a lookup shows nothing."""
        return hmac.digest(self._key, digest, "sha256")


def _fault_of(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return f"it cannot be read ({error.strerror})"
    return "it is not valid UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def server_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """The server's TLS credentials, or None for plaintext.

    Certificates are read again for new connections when their files change, so that they can be rotated.
    """
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    files = [settings.tls_certificate, settings.tls_key]
    if settings.tls_client_ca is not None:
        files.append(settings.tls_client_ca)

    expiry: Expiry | None = None

    def read() -> grpc.ServerCertificateConfiguration:
        nonlocal expiry
        chain, key, *authority = (path.read_bytes() for path in files)
        expiry = Expiry(chain)
        return grpc.ssl_server_certificate_configuration(
            [(key, chain)], root_certificates=authority[0] if authority else None
        )

    def stamps() -> list[int]:
        return [path.stat().st_mtime_ns for path in files]

    try:
        first, seen = read(), stamps()
    except OSError as error:
        raise StartupError(f"a TLS file cannot be read: {error}") from None

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        nonlocal seen
        try:
            now = stamps()
            if now == seen:
                if expiry is not None:
                    expiry.check()
                return None
            fresh = read()
        except OSError as error:
            log.error("a TLS file cannot be read again, the last good one stays: %s", error)
            return None
        seen = now
        return fresh

    return grpc.dynamic_ssl_server_credentials(
        first,
        fetch,  # type: ignore[arg-type]  # the stubs forbid None, which says "unchanged"
        require_client_authentication=settings.tls_client_ca is not None,
    )


def acting(tokens: Tokens | None, inner: InnerTokens | None = None) -> Callable[[OperationRecord], None]:
    """What has the running task work for an operation's owner, by the tokens file as it is now.

    It raises PermissionDenied where the owner is no tenant any more. `inner` signs calls to other processes.
    """

    def act(operation: OperationRecord) -> None:
        principal = _principal(tokens, operation.owner)
        if principal is None:
            raise PermissionDenied(_no_tenant(operation.owner))
        act_for(principal)
        call_context.set_current(
            call_context.CallContext(
                request_id=operation.id,
                tenant=principal.tenant,
                authorization="" if tokens is None or inner is None else inner.issue(principal.tenant),
            )
        )

    return act


def _no_tenant(owner: str) -> str:
    if not owner:
        return "the operation belongs to no tenant, and this server asks for tokens now"
    return f"the operation belongs to the tenant {owner!r}, which this server does not know any more"


def _principal(tokens: Tokens | None, tenant: str) -> Principal | None:
    if tokens is None:
        return None if tenant else Principal()
    return tokens.tenant(tenant)
