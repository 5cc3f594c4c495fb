"""The served spaces with vectors of the tokens of texts, and what requests for such vectors mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tieback_contract.field_path import at
from tieback_contract.method_choice import MethodChoice
from tieback_contract.token_vectors import TokenVectors
from tieback_contract.vectors import SpaceRef

from tieback.core.errors import AlreadyExists, InvalidInput, NotFound, SpaceMismatch
from tieback.methods.codecs import codecs
from tieback.methods.codecs import with_defaults as with_codec_defaults
from tieback.methods.token_pooling import token_poolings
from tieback.methods.token_pooling import with_defaults as with_pooling_defaults

DEFAULT_CODEC = MethodChoice("int8")
"""Of the rows of tokens."""


@dataclass(frozen=True, slots=True)
class TokenSpace:
    """A served space with token vectors of texts, and the name of the encoder of stored ones."""

    encoder: str
    ref: SpaceRef
    width: int


class TokenSpaces:
    """The served ones; the first is the default."""

    def __init__(self, served: Sequence[TokenSpace] = ()) -> None:
        self._served = tuple(served)

    def serving(self, kept: TokenVectors | None) -> TokenSpace | None:
        """The served space that the vectors of a collection are exactly of; None where there is none."""
        return None if kept is None else self.of(kept.space)

    def of(self, space: SpaceRef) -> TokenSpace | None:
        """The served space of that exact name; None where it has no token vectors."""
        return next((one for one in self._served if one.ref == space), None)

    def again(self, kept: TokenVectors | None) -> TokenVectors | None:
        """What is kept of texts that are encoded again: in the served revision of the space.

        Where the space is not served any more, in the default one; None where there is none, or nothing is
        kept.
        """
        if kept is None:
            return None
        now = self._named(kept.space.name) or next(iter(self._served), None)
        return None if now is None else replace(kept, space=now.ref, width=now.width)

    def resolved(self, asked: TokenVectors) -> TokenVectors:
        """What is asked for, with the space's exact name, its width, and the defaults of the methods.

        A space that is not served has to be given in full. NotFound where a space of that name has no token
        vectors, SpaceMismatch where another revision of it is served, InvalidInput where none can be chosen.
        NotFound or InvalidInput where there are no such methods.
        """
        path, name = at("token_vectors"), asked.space.name
        if not name and not self._served:
            raise InvalidInput(
                "no space of this server has vectors of the tokens of texts; serve one (TIEBACK_SPACES), or "
                "name the space of your own vectors in full",
                field=path["space"],
            )
        found = self._named(name) if name else self._served[0]
        if found is None:
            if not asked.space.revision or not asked.width:
                raise NotFound(
                    "space with token vectors",
                    name,
                    [one.encoder for one in self._served],
                    hint="any other has to be given in full, with its revision and width",
                )
            return _completed(asked)
        if asked.space.revision and asked.space != found.ref:
            raise SpaceMismatch(
                f"the token vectors are to be of {asked.space} (fingerprint {asked.space.fingerprint}), and "
                f"{found.ref} (fingerprint {found.ref.fingerprint}) is served",
                field=path["space"],
            )
        if asked.width not in (0, found.width):
            raise InvalidInput(
                f"the width is {asked.width}; that of {found.ref.name!r} is {found.width}",
                field=path["width"],
            )
        return _completed(replace(asked, space=found.ref, width=found.width))

    def check_same(self, collection: str, asked: TokenVectors, kept: TokenVectors | None) -> None:
        """AlreadyExists where a collection keeps other vectors of tokens than are asked for.

        Where the revision is left out, that of the collection may be an older one.
        """
        wanted = self.resolved(asked)
        if kept is not None and not asked.space.revision and wanted.space.name == kept.space.name:
            wanted = replace(wanted, space=kept.space, width=kept.width)
        if wanted == kept:
            return
        known = "was made without vectors of tokens"
        if kept is not None:
            known = (
                f"keeps vectors of tokens in the space {kept.space}, pooled by {kept.pooling.name!r} with "
                f"{dict(kept.pooling.parameters)}, by the codec {kept.codec.name!r} with "
                f"{dict(kept.codec.parameters)}"
            )
        raise AlreadyExists(
            "collection",
            collection,
            f"the collection {collection!r} is there, and {known}; leave token_vectors out, take another "
            "name, or delete it first",
        )

    def _named(self, name: str) -> TokenSpace | None:
        return next((one for one in self._served if name in (one.encoder, one.ref.name)), None)


def _completed(asked: TokenVectors) -> TokenVectors:
    """With the defaults of methods and of their parameters, after checking those that it has."""
    path = at("token_vectors")
    pooling = with_pooling_defaults(asked.pooling)
    codec = with_codec_defaults(asked.codec if asked.codec.name else DEFAULT_CODEC)
    token_poolings.configure(pooling.name, pooling.parameters, field=path["pooling"])
    codecs.configure(codec.name, codec.parameters, field=path["codec"])
    return replace(asked, pooling=pooling, codec=codec)
