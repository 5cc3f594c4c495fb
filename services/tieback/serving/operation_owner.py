"""Has a task that runs an operation work for the tenant that started it."""

from __future__ import annotations

from collections.abc import Callable

from tieback.core.errors import PermissionDenied
from tieback.core.tenant import Principal, act_for
from tieback.core.types.operation import OperationRecord
from tieback.serving import context as call_context
from tieback.serving.credentials import Tokens
from tieback.serving.inner_tokens import InnerTokens


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
