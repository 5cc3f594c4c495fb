from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TenantRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TENANT_ROLE_UNSPECIFIED: _ClassVar[TenantRole]
    TENANT_ROLE_READ: _ClassVar[TenantRole]
    TENANT_ROLE_WRITE: _ClassVar[TenantRole]
    TENANT_ROLE_ADMIN: _ClassVar[TenantRole]
TENANT_ROLE_UNSPECIFIED: TenantRole
TENANT_ROLE_READ: TenantRole
TENANT_ROLE_WRITE: TenantRole
TENANT_ROLE_ADMIN: TenantRole

class Quota(_message.Message):
    __slots__ = ("item_count", "byte_count", "collection_count", "tokens_per_second")
    ITEM_COUNT_FIELD_NUMBER: _ClassVar[int]
    BYTE_COUNT_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    item_count: int
    byte_count: int
    collection_count: int
    tokens_per_second: float
    def __init__(self, item_count: _Optional[int] = ..., byte_count: _Optional[int] = ..., collection_count: _Optional[int] = ..., tokens_per_second: _Optional[float] = ...) -> None: ...

class SharedCollection(_message.Message):
    __slots__ = ("name", "role")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    role: TenantRole
    def __init__(self, name: _Optional[str] = ..., role: _Optional[_Union[TenantRole, str]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("tenant", "role", "item_count", "byte_count", "collection_count", "quota", "shared")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ITEM_COUNT_FIELD_NUMBER: _ClassVar[int]
    BYTE_COUNT_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    role: TenantRole
    item_count: int
    byte_count: int
    collection_count: int
    quota: Quota
    shared: _containers.RepeatedCompositeFieldContainer[SharedCollection]
    def __init__(self, tenant: _Optional[str] = ..., role: _Optional[_Union[TenantRole, str]] = ..., item_count: _Optional[int] = ..., byte_count: _Optional[int] = ..., collection_count: _Optional[int] = ..., quota: _Optional[_Union[Quota, _Mapping]] = ..., shared: _Optional[_Iterable[_Union[SharedCollection, _Mapping]]] = ...) -> None: ...
