"""Page tokens: where a listing goes on, signed together with the request they were issued for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from tieback.core.errors import InvalidInput

_SIGNATURE = 16  # bytes of HMAC-SHA256 kept; what a forger would have to guess
_LONGEST = 4096


class PageTokens:
    """Issues and reads tokens under the store's own key: they outlive a restart, and none can be made up."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, last: str, *scope: str) -> str:
        """The token of the page that begins after `last`, for a request of that scope."""
        payload = last.encode()
        return base64.urlsafe_b64encode(self._sign(payload, scope) + payload).decode().rstrip("=")

    def read(self, token: str, *scope: str) -> str:
        """What the last page ended with; InvalidInput where the token was not issued for this scope."""
        try:
            if len(token) > _LONGEST:
                raise ValueError
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            signature, payload = raw[:_SIGNATURE], raw[_SIGNATURE:]
            if not hmac.compare_digest(signature, self._sign(payload, scope)):
                raise ValueError
            return payload.decode()
        except (ValueError, binascii.Error):
            raise InvalidInput(
                "this page token was not issued for this request; collection and filter must be those of the "
                "first page, and the token that of the page before (leave it empty to begin again)",
                field="page_token",
            ) from None

    def _sign(self, payload: bytes, scope: tuple[str, ...]) -> bytes:
        message = hashlib.sha256()
        # With its length before each part, ("a", "bc") and ("ab", "c") do not sign the same bytes.
        for part in (*(s.encode() for s in scope), payload):
            message.update(len(part).to_bytes(8, "big") + part)
        return hmac.digest(self._key, message.digest(), "sha256")[:_SIGNATURE]
