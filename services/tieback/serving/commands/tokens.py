"""`tieback tokens`: make a token, and check the tokens file."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

import click
from tieback_client.cli.output import say
from tieback_client.cli.parameters import TARGET, argument, declared, option

from tieback.core.tenant import NAME, AccessLevel
from tieback.serving.security import tenants
from tieback.serving.security.tenants import TenantEntry

PREFIX = "tieback_"
"""What tokens begin with, so that scanners for leaked secrets can find them."""


@click.group()
def tokens() -> None:
    """Make tokens for tenants, and check the tokens file."""


@tokens.command()
@declared
def new(
    tenant: str = option("The tenant of the token.", "NAME", required=True),
    role: str = option(
        "read: search and encode. write: also write items. admin: also manage collections.",
        type=click.Choice([str(access) for access in AccessLevel]),
        default=str(AccessLevel.READ),
        show_default=True,
    ),
) -> None:
    """Print a new token, and the entry with its digest for the tokens file.

    The token is written to standard output and not stored; the entry is written to standard error.
    """
    if not NAME.fullmatch(tenant):
        raise click.BadParameter(
            f"{tenant!r} is no tenant's name: take 1 to 63 lower-case letters, digits and hyphens, a letter "
            "first",
            param_hint="--tenant",
        )
    token = PREFIX + secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    say(token)
    say(
        "Give the token to whom it is for; it is not shown again. Under tenants, in the file that\n"
        f'TIEBACK_TOKENS names:\n\n  {tenant}:\n    tokens:\n      - {{sha256: "{digest}", role: {role}}}',
        err=True,
    )


@tokens.command()
@declared
def check(file: Path = argument(type=TARGET, envvar="TIEBACK_TOKENS")) -> None:
    """Say what a tokens file allows, or what is wrong with it.

    The exit code is 1 if a server could not use it.
    """
    try:
        read = tenants.parse(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{file}: it is not valid UTF-8") from None
    except ValueError as error:
        raise click.ClickException(f"{file}: {error}") from None
    for name, tenant in read.tenants.items():
        say("\n".join(_lines(name, tenant)))
    if not any(tenant.tokens for tenant in read.tenants.values()):
        say(f"{file} lets nobody in: it revokes all tokens, and no server starts with it.", err=True)


def _lines(name: str, tenant: TenantEntry) -> list[str]:
    roles = [token.role for token in tenant.tokens]
    counts = ", ".join(f"{roles.count(role)} {role}" for role in map(str, AccessLevel) if role in roles)
    lines = [f"{name}: {counts or 'no token'}"]
    for collection, grants in tenant.shared.items():
        lines += [f"  shares {collection} with {other} for {role}" for other, role in grants.items()]
    quota = {key: value for key, value in tenant.quota.model_dump().items() if value is not None}
    if quota:
        lines.append(
            "  quota: " + ", ".join(f"{value:,} {key.replace('_', ' ')}" for key, value in quota.items())
        )
    return lines
