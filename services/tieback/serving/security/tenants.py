"""The file of tenants: who may call, what they may do, what they share, how much they may use.

    tenants:
      acme:
        tokens:
          - {sha256: "9f86d081…", role: write}
        quota: {items: 100000, bytes: 2000000000, collections: 20, tokens_per_second: 20000}
      globex:
        tokens:
          - {sha256: "60303ae2…", role: admin}
        shared:
          handbook: {acme: read}

It holds SHA-256 digests of tokens and never a token, so that reading it lets nobody in. A collection is
shared by its owner's entry; acme calls it globex/handbook.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from tieback.core.tenant import NAME, AccessLevel, CollectionKey, Principal, Share, TenantQuota

Name = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TokenEntry(_Part):
    """A token that is let in, by its digest."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]
    role: Literal["read", "write", "admin"]


class QuotaEntry(_Part):
    """How much a tenant may use; what is left out is not limited."""

    items: Count | None = None
    bytes: Count | None = None
    collections: Count | None = None
    tokens_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class TenantEntry(_Part):
    """A tenant. `shared` has, by collection, the other tenants that may read or write it."""

    tokens: Annotated[list[TokenEntry], BeforeValidator(lambda given: given or [])] = []
    shared: dict[Name, dict[Name, Literal["read", "write"]]] = {}
    quota: QuotaEntry = QuotaEntry()


class TenantsFile(_Part):
    """All of the file. An empty one lets nobody in."""

    tenants: Annotated[dict[Name, TenantEntry], BeforeValidator(lambda given: given or {})] = {}

    @model_validator(mode="after")
    def _consistent(self) -> TenantsFile:
        seen: dict[str, str] = {}
        for name, tenant in self.tenants.items():
            for number, token in enumerate(tenant.tokens):
                place = f"tenants.{name}.tokens[{number}]"
                if (first := seen.setdefault(token.sha256.lower(), place)) != place:
                    raise ValueError(f"{place} has the digest of {first}; a token is for one tenant")
            for collection, grants in tenant.shared.items():
                for other in grants:
                    place = f"tenants.{name}.shared.{collection}.{other}"
                    if other not in self.tenants:
                        near = get_close_matches(other, self.tenants, n=1)
                        hint = f"; did you mean {near[0]!r}?" if near else ""
                        raise ValueError(f"{place}: there is no tenant of that name{hint}")
                    if other == name:
                        raise ValueError(f"{place}: a tenant needs no share of its own collection")
        return self

    def principals(self) -> Iterator[tuple[bytes, Principal]]:
        """Each token's digest with what the token allows."""
        owners = self.owners()
        for name, tenant in self.tenants.items():
            for token in tenant.tokens:
                yield (
                    bytes.fromhex(token.sha256),
                    replace(owners[name], access=AccessLevel[token.role.upper()]),
                )

    def owners(self) -> dict[str, Principal]:
        """Each tenant with all that it may, whatever its tokens are for."""
        quotas = {name: TenantQuota(**tenant.quota.model_dump()) for name, tenant in self.tenants.items()}
        shared: dict[str, dict[CollectionKey, Share]] = {name: {} for name in self.tenants}
        for owner, tenant in self.tenants.items():
            for collection, grants in tenant.shared.items():
                for other, role in grants.items():
                    share = Share(AccessLevel[role.upper()], quotas[owner])
                    shared[other][CollectionKey(owner, collection)] = share
        return {name: Principal(name, AccessLevel.ADMIN, quotas[name], shared[name]) for name in self.tenants}


def parse(text: str) -> TenantsFile:
    """Reads the file's text. ValueError names the fault and its place, and never shows a value."""
    try:
        data = yaml.load(text, _Loader)  # noqa: S506 - a subclass of the safe loader
    except Exception as error:  # noqa: BLE001 - PyYAML raises anything where a tag does not fit its value
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise ValueError(f"it is not YAML: {getattr(error, 'problem', None) or 'malformed'}{where}") from None
    if data is None:
        data = {}
    if not isinstance(data, Mapping):
        raise ValueError("it is not a mapping; it begins with 'tenants:'")
    try:
        return TenantsFile.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        raise ValueError("; ".join(map(_shown, faults))) from None


def _shown(fault: Any) -> str:
    place = ""
    for part in fault["loc"]:
        if part != "[key]":
            place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    if fault["type"] == "extra_forbidden":
        return f"unknown key {place!r}"
    said = str(fault["msg"]).removeprefix("Value error, ")
    if fault["loc"] and fault["loc"][-1] == "sha256":
        said = "is not 64 hexadecimal digits; `tieback tokens new` prints a line for this file"
    return f"{place}: {said}" if place else said


class _Loader(yaml.CSafeLoader):
    """Refuses a key that is there twice: the second would silently take the place of the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value!r} is there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)
