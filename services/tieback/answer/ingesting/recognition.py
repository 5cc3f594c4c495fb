"""Reads pictures and sounds on their way into the index: they are found and cited by what they say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.recognition import Segment, SegmentKind

from tieback.answer.ingesting.drafts import Draft
from tieback.answer.stopwatch import Stopwatch
from tieback.core.call import Call, once_there_is_room
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.recognised import moved, within
from tieback.core.types.content import RecogniseRequest
from tieback.ports import RecogniserPort

MOST_SEGMENTS, MOST_BYTES = 4096, 64 * 1024
"""Of what is kept of one picture or sound: a page has some hundred lines."""


class Recognition:
    """The recogniser, if any, for contents of these modalities."""

    def __init__(
        self, recogniser: RecogniserPort | None, modalities: frozenset[Modality], limits: Limits
    ) -> None:
        self._recogniser = recogniser
        self._modalities = modalities if recogniser is not None else frozenset()
        self._most = limits.batch_items

    async def read(
        self, drafts: Sequence[Draft], errors: dict[int, TiebackError], watch: Stopwatch, deadline: Deadline
    ) -> None:
        """Gives the drafts of pictures and sounds what is written or said in them; adds an error for each
        item of which that failed.

        One that cannot be read has none: what is wrong with it is for its encoder to say. Raises what is of
        the whole call, such as Overloaded.
        """
        asked = [
            draft
            for draft in drafts
            if draft.content.modality in self._modalities and isinstance(draft.content.data, bytes)
        ]
        if self._recogniser is None or not asked:
            return
        step = self._most or len(asked)
        with watch.stage("recognise"):
            for begin in range(0, len(asked), step):
                part = asked[begin : begin + step]
                contents = [one.content for one in part]
                recognise = partial(self._recogniser.recognise, RecogniseRequest(contents), Call(deadline))
                reply = await once_there_is_room(recognise, deadline)
                for draft, result in zip(part, reply.results, strict=True):
                    if not isinstance(result, TiebackError):
                        draft.recognised = result
                    elif not isinstance(result, InvalidInput):
                        errors.setdefault(draft.item, draft.blame(result))


def is_labelled(draft: Draft) -> bool:
    """Whether a recogniser named what is in it: a classifier's guesses add nothing to that."""
    found = () if draft.recognised is None else draft.recognised.segments
    return any(one.kind is SegmentKind.LABEL for one in found)


def with_recognised(words: str, draft: Draft) -> tuple[str, list[Segment]]:
    """The words of a picture or sound with what was recognised behind them, and where that is in it."""
    if draft.recognised is None or not draft.recognised.segments:
        return words, []
    before = f"{words}.\n\n" if words else ""
    segments = draft.recognised.segments[:MOST_SEGMENTS]
    text = draft.recognised.text.encode()[: segments[-1].span[1]][:MOST_BYTES].decode(errors="ignore")
    kept = within(segments, len(text.encode()))
    return before + text, moved(kept, len(before.encode()))
