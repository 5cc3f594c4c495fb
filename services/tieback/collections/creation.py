"""Collections that are made: which there can be, and whether one that is there is the same."""

from __future__ import annotations

from tieback_contract.field_path import at
from tieback_contract.query import QueryOptions
from tieback_contract.vectors import SpaceRef

from tieback.collections.description import Description
from tieback.collections.validation import check_name, check_space, check_width
from tieback.core.errors import AlreadyExists, InvalidInput, StorageFull
from tieback.core.types.fusion import JOINT_SPACE, Routing
from tieback.methods.imputation import imputations
from tieback.methods.routing import routings
from tieback.ports import DEFAULT_ROUTING


def check_new(name: str, space: SpaceRef, width: int, routing: Routing) -> None:
    """InvalidInput or NotFound where there cannot be such a collection."""
    check_name(name, "collection", field="name")
    check_space(space, field=at("space"))
    check_width(width)
    if routing != DEFAULT_ROUTING and space.name != JOINT_SPACE:
        raise InvalidInput(
            f"a collection in the space {space.name!r} alone has nothing to weight; leave the routing "
            "out, or make it in the joint space",
            field="routing",
        )
    if routing.policy:
        routings.get(routing.policy)
    if routing.imputation is not None:
        imputations.get(routing.imputation.name)


def check_equal(known: Description, space: SpaceRef, width: int, routing: Routing) -> None:
    """AlreadyExists where a collection that is there is not of this space, width and routing."""
    name = known.name
    if (known.space, known.width) != (space, width):
        raise AlreadyExists(
            "collection",
            name,
            f"the collection {name!r} is there, for space {known.space} (fingerprint "
            f"{known.space.fingerprint}), width {known.width}, and not {space} (fingerprint "
            f"{space.fingerprint}), width {width}; take another name, or delete it first",
        )
    if routing not in (DEFAULT_ROUTING, known.routing):
        raise AlreadyExists(
            "collection",
            name,
            f"the collection {name!r} is there, and queries of it are weighted otherwise; leave the "
            "routing out, take another name, or delete it first",
        )


def check_equal_plan(name: str, plan: QueryOptions | None, known: QueryOptions) -> None:
    """AlreadyExists where a plan is given that is not that of a collection that is there."""
    if plan not in (None, known):
        raise AlreadyExists(
            "collection",
            name,
            f"the collection {name!r} is there, and its queries are answered otherwise; leave the "
            "plan out, or change it by UpdateCollection",
        )


def check_number(number: int, most: int) -> None:
    """StorageFull where there are as many collections as the server keeps, `most`; 0 is no limit."""
    if most and number >= most:
        raise StorageFull(
            f"this server keeps {number} collections, and at most {most} are allowed: delete one, "
            "or put what belongs together into one collection and tell it apart by metadata"
        )
