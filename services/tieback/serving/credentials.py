"""Who may call: TLS credentials, and bearer tokens per tenant from a file that is re-read when it changes.

The file has a line per token: ``TENANT TOKEN``, or ``TENANT sha256:HEX`` so that the file holds no secret.
Empty lines and lines that begin with # are skipped. Tokens are kept as digests, compared in constant time and
never logged.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import time
from pathlib import Path

import grpc

from tieback.core.errors import StartupError, Unauthenticated
from tieback.serving.settings import Settings

log = logging.getLogger(__name__)
RECHECK_SECONDS = 1.0
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class Tokens:
    """The bearer tokens of a file. `tenant_of` looks at the file's time at most once a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checked = 0.0
        self._stamp: tuple[int, int] | None = None
        self._tenants: list[tuple[str, bytes]] = []
        try:
            self._reread()
        except (OSError, ValueError) as error:
            raise StartupError(
                f"the token file cannot be used ({error}); it holds a line 'TENANT TOKEN' per token"
            ) from None

    def tenant_of(self, authorization: str | None) -> str:
        """The tenant whose token an ``authorization`` header carries. Raises `Unauthenticated`."""
        self._refresh()
        if not authorization:
            raise Unauthenticated("no token: send the metadata 'authorization: Bearer TOKEN'")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("the authorization metadata is not of the form 'Bearer TOKEN'")
        digest = hashlib.sha256(token.strip().encode()).digest()
        found = ""
        for tenant, known in self._tenants:  # all of them, so that the time says nothing of which matched
            if hmac.compare_digest(digest, known):
                found = tenant
        if not found:
            raise Unauthenticated("the token is not one of this server's")
        return found

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._checked < RECHECK_SECONDS:
            return
        self._checked = now
        try:
            self._reread()
        except (OSError, ValueError) as error:  # keep serving with the tokens that were good
            log.error("the token file cannot be read again, the last good one stays: %s", error)

    def _reread(self) -> None:
        state = self._path.stat()
        stamp = (state.st_mtime_ns, state.st_size)
        if stamp == self._stamp:
            return
        tenants = []
        for number, line in enumerate(self._path.read_text().splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            parts = line.split()
            if len(parts) != 2:
                raise ValueError(f"line {number} is not 'TENANT TOKEN'")
            given = _DIGEST.fullmatch(parts[1])
            digest = bytes.fromhex(given[1]) if given else hashlib.sha256(parts[1].encode()).digest()
            tenants.append((parts[0], digest))
        if not tenants:
            raise ValueError("it holds no token")
        self._tenants, self._stamp = tenants, stamp
        log.info("%d tokens of %d tenants", len(tenants), len({tenant for tenant, _ in tenants}))


def server_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """The server's TLS credentials, or None for plaintext.

    Certificates are read again for new connections when their files change, so that they can be rotated.
    """
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    files = [settings.tls_certificate, settings.tls_key]
    if settings.tls_client_ca is not None:
        files.append(settings.tls_client_ca)

    def read() -> grpc.ServerCertificateConfiguration:
        chain, key, *authority = (path.read_bytes() for path in files)
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
