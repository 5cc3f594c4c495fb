"""The streams that a decoding strategy reads from the model: prompts, layers, and their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tieback_contract.arrays import Array
from tieback_contract.field_path import FieldPath

from tieback.core.errors import InvalidInput, NotFound
from tieback.methods.decoding import MAIN_MODEL, PromptForm, Stream


@dataclass(frozen=True, slots=True)
class StrategyStreams:
    """The streams of one request.

    Streams of one prompt form are read from one row of the decoder; `layers` are read in all rows, and hold
    no number where the last alone is read.
    """

    forms: Sequence[PromptForm]
    layers: Sequence[int]
    places: Mapping[Stream, tuple[PromptForm, int]]

    @classmethod
    def of(cls, streams: Sequence[Stream], layers: int, field: FieldPath) -> StrategyStreams:
        """Where to read the streams in a model of so many layers.

        InvalidInput, at `field`, where the model has no such layer. NotFound for a role that no model has.
        """
        roles = {stream.model for stream in streams} - {MAIN_MODEL}
        if roles:
            raise NotFound("model role", min(roles), [MAIN_MODEL])
        try:
            exits = {stream: stream.exit_of(layers) for stream in streams}
        except InvalidInput as error:
            raise error.within(field) from None
        read = sorted(set(exits.values()))
        return cls(
            forms=list(dict.fromkeys(stream.prompt for stream in streams)),
            layers=() if read == [layers] else read,
            places={stream: (stream.prompt, read.index(exit)) for stream, exit in exits.items()},
        )

    def shared(
        self, prompts: Mapping[PromptForm, list[int]]
    ) -> tuple[StrategyStreams, dict[PromptForm, list[int]]]:
        """The same streams, with forms that make the same prompt read from one row; and the prompts left.

        Without evidence, for instance, a prompt with evidence and one without are the same.
        """
        first = {tuple(prompts[form]): form for form in reversed(self.forms)}
        row_of = {form: first[tuple(prompts[form])] for form in self.forms}
        places = {stream: (row_of[form], place) for stream, (form, place) in self.places.items()}
        forms = [form for form in self.forms if row_of[form] is form]
        return StrategyStreams(forms, self.layers, places), {form: prompts[form] for form in forms}

    def logits(self, rows: Mapping[PromptForm, Array]) -> dict[Stream, Array]:
        """The logits `[vocabulary]` by stream, of those `[layers, vocabulary]` by prompt form."""
        return {stream: rows[form][place] for stream, (form, place) in self.places.items()}
