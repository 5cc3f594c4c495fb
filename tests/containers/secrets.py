"""Secrets of a deployment, a certificate and tokens, and callers who lack them."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.certificates import Authority
from support.tenants import write_tokens
from tieback_client import Client, TiebackError


class Secrets:
    """Two folders, as pods mount them, and what a client of them needs."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._tls, self._tokens, kept = folder / "tls", folder / "tokens", folder / "authority"
        for one in (self._tls, self._tokens, kept):
            one.mkdir(parents=True)
        self._authority, self._token = Authority(kept), secrets.token_hex(16)
        self._number = 0
        self.replace()
        self.mounted: Mapping[str, Path] = {"tieback-tls": self._tls, "tieback-tokens": self._tokens}
        self.options: Mapping[str, Any] = {
            "ca": self._authority.certificate,
            "server_name": "localhost",
            "token": self._token,
        }

    @property
    def strangers(self) -> Mapping[str, Mapping[str, Any]]:
        """Options of clients that must be refused, by what they lack."""
        trusting = {name: self.options[name] for name in ("ca", "server_name")}
        return {
            "without TLS": {},
            "without a token": trusting,
            "with a wrong token": {**trusting, "token": "x"},
        }

    def replace(self) -> None:
        """Issues another certificate and another set of tokens; files are renamed into place."""
        self._number += 1
        pair = self._authority.issue(f"tls-{self._number}")
        for made, name in ((pair.key, "tls.key"), (pair.certificate, "tls.crt")):
            made.rename(self._tls / f"{name}.new").rename(self._tls / name)
        roles = {self._token: "admin", secrets.token_hex(16): "read"}
        write_tokens(self._tokens / "new", {"acme": roles}).rename(self._tokens / "tokens")


def refused(address: str, options: Mapping[str, Any]) -> str:
    """How a call with these options fails; "answered" where it does not."""
    with Client(address, timeout=10, retry=None, **options) as client:
        try:
            list(client.collections())
        except TiebackError as error:
            return type(error).__name__
    return "answered"
