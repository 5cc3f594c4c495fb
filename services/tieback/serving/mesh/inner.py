"""How the processes of the platform call each other.

Without TLS, in plaintext. With TLS, mutually authenticated: every process shows the server's own certificate
and trusts only that certificate. So only holders of its key can call inner ports, even if the public CA has
signed other certificates. Channels read the files when they are made, so a rotated certificate is used by
later channels.
"""

from __future__ import annotations

import ssl
from typing import Any

import grpc

from tieback.core.errors import StartupError
from tieback.serving.mesh import MakeChannel, plaintext
from tieback.serving.settings import Settings


def inner_settings(settings: Settings) -> Settings:
    """The settings of a server on the inner side."""
    return settings.model_copy(
        update={
            "tls_client_ca": settings.tls_certificate,
            "health_port": None,
            "metrics_port": None,
            "connection_seconds": 0.0,
            # The gateway has a line for each call; a replica only where clients may ask it themselves.
            "log_level": "notice"
            if settings.log_level == "info" and not settings.direct
            else settings.log_level,
        }
    )


def channel_maker(settings: Settings) -> MakeChannel:
    """Makes channels to servers on the inner side."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return plaintext
    certificate, key = settings.tls_certificate, settings.tls_key
    name = _name_in(str(certificate), str(key))

    def make(address: str, options: list[tuple[str, Any]]) -> grpc.aio.Channel:
        chain = certificate.read_bytes()
        credentials = grpc.ssl_channel_credentials(chain, key.read_bytes(), chain)
        # A replica's address is a number; the names in the certificate are checked all the same.
        return grpc.aio.secure_channel(
            address, credentials, [*options, ("grpc.ssl_target_name_override", name)]
        )

    return make


def _name_in(certificate: str, key: str) -> str:
    """A name that the certificate is for, learnt from a handshake with itself in memory."""
    try:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate, key)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        client.load_verify_locations(certificate)
        upstream, downstream = ssl.MemoryBIO(), ssl.MemoryBIO()
        near = client.wrap_bio(downstream, upstream)
        far = server.wrap_bio(upstream, downstream, server_side=True)
        done = False
        while not done:
            done = all([_advance(near), _advance(far)])
        found = near.getpeercert() or {}
    except (OSError, ValueError) as error:
        raise StartupError(f"the TLS certificate and key cannot be used together: {error}") from None
    names: Any = found.get("subjectAltName", ())
    for _, name in names:
        return str(name).replace("*", "any", 1)
    raise StartupError("the TLS certificate names no host (subjectAltName); clients would refuse it")


def _advance(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
