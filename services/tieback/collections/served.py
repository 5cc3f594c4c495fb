"""The spaces that this server encodes in, compared with the spaces of the collections, and what reranks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from tieback_contract.vectors import SpaceRef

from tieback.collections.description import Description
from tieback.core.errors import InvalidInput, NotFound
from tieback.token_spaces import TokenSpaces


class ServedSpaces:
    """The `served` spaces. Collections in other revisions of them are stale.

    Those are found by contents where their space `is_readable`, else by words. No collection is made in the
    spaces named in `sparse`. `widths` are by space those that its vectors may be cut to. `token_spaces` are
    those that have vectors of the tokens of texts, and `rerankers` the models that score texts.
    """

    def __init__(
        self,
        served: Iterable[SpaceRef] = (),
        *,
        is_readable: Callable[[SpaceRef], bool] = lambda _: False,
        sparse: Iterable[str] = (),
        widths: Mapping[str, Sequence[int]] | None = None,
        token_spaces: TokenSpaces | None = None,
        rerankers: Collection[str] = (),
    ) -> None:
        self.token_spaces = token_spaces or TokenSpaces()
        self.rerankers = frozenset(rerankers)
        self._served = {space.name: space for space in served}
        self._is_readable = is_readable
        self._sparse = frozenset(sparse)
        self._widths = widths or {}

    def check(self, space: SpaceRef) -> None:
        """InvalidInput where no collection can be in this space."""
        if space.name in self._sparse:
            raise InvalidInput(
                f"the space {space.name!r} is sparse: its vectors are weights of terms, and a collection "
                "holds dense vectors; take the joint space or a dense one",
                field="space",
            )

    def check_restored(self, snapshot: str, space: SpaceRef) -> None:
        """NotFound, with the way out, where the space of a snapshot is not served, in no revision."""
        if self._served and space.name not in self._served:
            raise NotFound(
                "space",
                space.name,
                self._served,
                hint=f"the snapshot {snapshot!r} is in it: serve it (TIEBACK_SPACES) and restore it then, or "
                "say any_space to restore it all the same, and search by words and by vectors of your own",
            )

    def check_prefix(self, space: SpaceRef, dimensions: int) -> None:
        """InvalidInput where a collection's codec cannot use so many of the first dimensions of this space.

        Of a space that is not served, whoever makes the vectors knows.
        """
        widths = self._widths.get(space.name, ())
        if space.name in self._served and dimensions not in widths:
            known = ", ".join(map(str, widths))
            raise InvalidInput(
                f"vectors of the space {space.name!r} cannot be cut to {dimensions} dimensions: "
                + (f"its card has the widths {known}" if widths else "its card has no widths")
                + "; take another codec",
                field="codec",
            )

    def why_stale(self, known: Description) -> str:
        """Why a collection cannot be found by contents, and the way out; empty where it can."""
        served = self._served.get(known.space.name)
        if served is None or served == known.space:
            return ""
        if served.revision != known.space.revision:
            change = f"revision {served.revision} of it is served"
        else:
            change = f"it is used otherwise now (fingerprint {served.fingerprint})"
        return (
            f"its vectors are of {known.space} (fingerprint {known.space.fingerprint}), and {change}: run "
            f"tieback reindex {known.name}. Until then it is read only, and searched by "
            + ("its own revision" if self._is_readable(known.space) else "words alone")
        )
