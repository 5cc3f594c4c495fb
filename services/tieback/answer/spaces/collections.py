"""Which space a collection is in, and how contents become vectors of it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Collection as Names
from dataclasses import dataclass
from typing import Protocol

from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import SpaceRef

from tieback.answer.spaces.encoding import JointInputs, Losses, SpaceEncoders
from tieback.answer.spaces.single_space import SingleSpace
from tieback.answer.stopwatch import seconds_of, share
from tieback.core.deadline import Deadline
from tieback.core.errors import (
    AlreadyExists,
    Damaged,
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    StaleCollection,
)
from tieback.core.tenant import TENANT
from tieback.core.types.collection import StoredCollection
from tieback.core.types.encoding import WITH
from tieback.core.types.fusion import JOINT_SPACE, Role, Routing
from tieback.methods.codecs import codecs, with_defaults
from tieback.ports import DEFAULT_ROUTING, EncoderPort, IndexPort, RouterPort
from tieback.token_spaces import TokenSpace, TokenSpaces

KEPT_SECONDS = 5.0
"""How long an answer of the index is kept. A collection's space and routing change when it is made anew."""


class Joint(Protocol):
    """What is asked of the joint space."""

    @property
    def ref(self) -> SpaceRef:
        """Its exact name."""
        ...

    @property
    def width(self) -> int:
        """The width of its vectors."""
        ...

    @property
    def stays(self) -> Mapping[SpaceRef, frozenset[Modality]]:
        """By earlier joint spaces, the modalities whose stored vectors are the same in this one."""
        ...


@dataclass(frozen=True, slots=True)
class CollectionSpace:
    """A space that collections can be in.

    The encoders of a role say something of contents, and the router makes one vector of it. `losses` are what
    a missing encoder costs a query. Where it `is_retired`, it is no longer served, and loaded to read
    collections in it. `compatible` are earlier spaces that its leading dimensions are in; `stays` are, by
    earlier spaces, the modalities whose stored vectors are the same in this one, bit by bit.
    """

    ref: SpaceRef
    width: int
    encoders: Mapping[Role, SpaceEncoders]
    router: RouterPort
    losses: Losses
    is_retired: bool = False
    compatible: tuple[SpaceRef, ...] = ()
    stays: Mapping[SpaceRef, frozenset[Modality]] = dataclasses.field(default_factory=dict)

    @classmethod
    def single(
        cls, space: SingleSpace, encoder: EncoderPort, limits: Limits, *, is_retired: bool = False
    ) -> CollectionSpace:
        """A space without a joint one."""
        reader = f"the space {space.ref.name!r} of the collection"
        encoders = {
            role: SpaceEncoders(encoder, space.joint_inputs(role), limits, reader=reader) for role in Role
        }
        return cls(space.ref, space.width, encoders, space, {}, is_retired, space.compatible)

    @classmethod
    def joint(
        cls, space: JointPipeline, encoder: EncoderPort, limits: Limits, *, is_retired: bool = False
    ) -> CollectionSpace:
        """A joint one."""
        encoders = dict.fromkeys(Role, SpaceEncoders(encoder, space.joint_inputs, limits))
        ref, width = space.joint.ref, space.joint.width
        stays = space.joint.stays
        return cls(ref, width, encoders, space.router, space.losses, is_retired, stays=stays)

    @property
    def name(self) -> str:
        """What requests call it."""
        return self.ref.name

    def readers(self, modality: Modality) -> Sequence[str]:
        """The encoders that read stored contents of that modality."""
        return self.encoders[Role.DOCUMENT].joint_inputs.spaces.get(modality, ())

    def is_encoded_by(self, encoder: str) -> bool:
        """Whether the space is one encoder's, or shared by several, and this is one of them."""
        inputs = self.encoders[Role.DOCUMENT].joint_inputs
        every = inputs.spaces.values()
        return self.name != JOINT_SPACE and not inputs.adapter and any(encoder in names for names in every)

    def routing(self, asked: Routing, known: Routing) -> Routing:
        """How a query is weighted: as it asks, else as its collection was made.

        A query that says only what is to be done about lost spaces is weighted as the collection has it.
        InvalidInput where it asks for weights, and the collection is in one space.
        """
        if self.name != JOINT_SPACE:
            if asked != DEFAULT_ROUTING:
                raise InvalidInput(
                    f"the collection is in the space {self.name!r} alone, so there is nothing to weight; "
                    "leave the routing out, or ask a collection of the joint space",
                    field="routing",
                )
            return asked
        if dataclasses.replace(asked, imputation=None) != DEFAULT_ROUTING:
            return asked
        return known if asked.imputation is None else dataclasses.replace(known, imputation=asked.imputation)


@dataclass(frozen=True, slots=True)
class JointPipeline:
    """A joint space: how spaces are joined, the router that makes its vectors, what a missing space costs."""

    joint: Joint
    joint_inputs: JointInputs
    router: RouterPort
    losses: Losses


class RetiredSpaces(Protocol):
    """Where spaces are had that are no longer served."""

    async def find(self, ref: SpaceRef) -> SingleSpace | JointPipeline | None:
        """The space, loaded; None where it cannot be. May be cancelled."""
        ...


LOADING_SECONDS = 60.0
"""The time of a write, of which a share goes by until a space that is not served has been loaded."""
LOADING_SHARE = 0.5
"""Of the time that is left, so much may go by until a space that is not served has been loaded."""


class CollectionSpaces:
    """The served spaces, and which of them a collection is in.

    `retired` gives a space that is no longer served, to read by; None where it cannot be had.
    """

    def __init__(
        self,
        index: IndexPort,
        served: Sequence[CollectionSpace],
        retired: Callable[[SpaceRef], Awaitable[CollectionSpace | None]] | None = None,
        token_spaces: TokenSpaces | None = None,
    ) -> None:
        self._index, self._retired = index, retired
        self.token_spaces = token_spaces or TokenSpaces()
        self._served = {one.ref: one for one in served}
        # By tenant and its name for it.
        self._known: dict[tuple[str, str], tuple[float, StoredCollection]] = {}

    async def space_of(self, found: StoredCollection, deadline: Deadline) -> CollectionSpace:
        """The space that queries of a collection are encoded in.

        Where its encoder is gone and it is being moved, that is the space that it is moved to: the index
        leads queries of that into its own. StaleCollection where its space is not served any more, and cannot
        be loaded in time.
        """
        return self._translating(found) or await self.own(found, deadline)

    def following(self, found: StoredCollection) -> CollectionSpace | None:
        """The served space that a collection is being moved to; None where there is none."""
        moving = found.moving
        return None if moving is None or moving.translation else self._served.get(moving.space)

    def tokens_of(self, found: StoredCollection) -> TokenSpace | None:
        """The served space of the token vectors that a collection keeps; None where there are none of use."""
        return self.token_spaces.serving(found.token_vectors)

    def _translating(self, found: StoredCollection) -> CollectionSpace | None:
        moving = found.moving
        return self._served.get(moving.space) if moving is not None and moving.translation else None

    async def found(self, collection: str, deadline: Deadline) -> StoredCollection:
        """The collection as it was some seconds ago. NotFound where there is none."""
        now = time.monotonic()
        key = (TENANT.get(), collection)
        kept = self._known.get(key)
        if kept is None or now >= kept[0]:
            try:
                async with asyncio.timeout(seconds_of(deadline)):
                    found = await self._index.get_collection(collection)
            except TimeoutError:
                raise DeadlineExceeded("the index did not answer in time") from None
            self._known = {name: one for name, one in self._known.items() if now < one[0]}
            self._known[key] = kept = (now + KEPT_SECONDS, found)
        return kept[1]

    async def to_write(
        self,
        collection: str,
        asked: str,
        codec: MethodChoice | None = None,
        tokens: TokenVectors | None = None,
    ) -> tuple[CollectionSpace, TokenVectors | None, CollectionSpace | None]:
        """A collection's space, or that of one that is to be made: `asked`, else the default.

        And how it keeps vectors of `tokens`, and the space that it is being moved to, if it is. AlreadyExists
        where the collection is in another space than `asked`, has another `codec`, or keeps other token
        vectors.
        """
        if codec is not None:
            codecs.configure(codec.name, codec.parameters, field="codec")
        try:
            found = await self._index.get_collection(collection)
        except NotFound as missing:
            if missing.kind != "collection" or "/" in collection:  # only its owner makes it
                raise
            kept = None if tokens is None else self.token_spaces.resolved(tokens)
            return self._chosen(asked), kept, None
        translating = self._translating(found)
        if translating is not None:
            known = translating
        elif found.moving is not None:  # its own space need not be served any more
            known = await self.own(found, Deadline.after(LOADING_SECONDS))
        else:
            known = self._of(found)
        if asked and asked != known.name and not known.is_encoded_by(asked):
            raise AlreadyExists(
                "collection",
                collection,
                f"the collection {collection!r} is in the space {known.name!r} and not in {asked!r}; leave "
                "the space out, or take another name",
            )
        if codec is not None and with_defaults(codec) != found.codec:
            raise AlreadyExists(
                "collection",
                collection,
                f"the collection {collection!r} keeps its vectors by the codec {found.codec.name!r} with "
                f"{dict(found.codec.parameters)}; leave the codec out, or take another name",
            )
        if tokens is not None:
            self.token_spaces.check_same(collection, tokens, found.token_vectors)
        if translating is not None or found.moving is None:
            return known, found.token_vectors, None
        return known, found.token_vectors, self._served.get(found.moving.space)

    @property
    def names(self) -> list[str]:
        """The served spaces that collections can be in, sorted."""
        return sorted(one.name for one in self._served.values())

    def served(self, ref: SpaceRef) -> CollectionSpace | None:
        """The served space of that exact name; None where there is none."""
        return self._served.get(ref)

    def to_reindex(self, found: StoredCollection, asked: str) -> CollectionSpace:
        """The space a collection is to be in: `asked`, else the served one of its name, else the default."""
        named = any(one.name == found.space.name for one in self._served.values())
        return self._chosen(asked or (found.space.name if named else ""))

    def forget(self, collection: str) -> bool:
        """Forgets what was kept of a collection, which may have been made anew; whether something was."""
        return self._known.pop((TENANT.get(), collection), None) is not None

    async def own(self, found: StoredCollection, deadline: Deadline) -> CollectionSpace:
        """The space of a collection's own vectors. StaleCollection as in `to_read`."""
        try:
            return self._of(found)
        except StaleCollection:
            if self._retired is None:
                raise
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds_of(share(deadline, LOADING_SHARE))):
                    own = await self._retired(found.space)
                if own is not None:
                    return own
            raise

    def _of(self, found: StoredCollection) -> CollectionSpace:
        if found.space in self._served:
            return self._served[found.space]
        if not found.width:
            raise Damaged(f"the collection {found.name!r} cannot be read: {found.damage}")
        raise StaleCollection(
            f"the collection {found.name!r} is in the space {found.space} (fingerprint "
            f"{found.space.fingerprint}), which this server does not serve any more: its model changed or "
            f"was removed. Encode it again: tieback reindex {found.name}. Until then it is read only, and "
            "searched by words alone where the old model is not in the store",
            space=found.space.name,
            hint=f"tieback reindex {found.name}",
        )

    def _chosen(self, asked: str) -> CollectionSpace:
        names = {one.name: one for one in self._served.values()}
        if asked not in names:  # an encoder's own name, where several share the space
            asked = next((one.name for one in names.values() if one.is_encoded_by(asked)), asked)
        name = asked or default_of(names)
        if not name:
            raise InvalidInput(
                f"say which space the new collection is in; this server has: {', '.join(sorted(names))}",
                field="space",
            )
        if name not in names:
            raise NotFound("space", name, names, hint="a collection is in the joint space or in a dense one")
        return names[name]


def default_of(spaces: Names[str]) -> str:
    """Of the names of spaces that collections can be in, that of new ones that do not say; "" if unclear.

    The space of an expert of a merged model is only taken where it is named.
    """
    if JOINT_SPACE in spaces:
        return JOINT_SPACE
    whole = [name for name in spaces if WITH not in name]
    return whole[0] if len(whole) == 1 else ""
