"""Blocks of missing spaces: left empty, or imputed by a method of the family imputation.

Each content is imputed by itself, before contents are added, so that a photo with words and a content with a
negative weight keep their meaning. An imputed block counts as if its space had encoded the content; only the
explanation shows it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from tieback_contract.field_path import at
from tieback_contract.method_choice import MethodChoice

from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.core.state import State
from tieback.core.types.fusion import Role
from tieback.methods.imputation import Imputation, check, imputations
from tieback.models.joint.artifact import REMEDY, BoundImputation, JointSpaceArtifact
from tieback.router.contents import Contents
from tieback.router.joint_space import JointSpace

SKIP = "skip"
FIELD = at("routing", "imputation")

Losses = Mapping[str, Mapping[str, float]]
NO_STATE: State = {}


@dataclass(frozen=True, slots=True, eq=False)
class FittedImputation:
    """A method with its state; `losses` are those of `JointSpaceArtifact`, with this method in place."""

    name: str
    method: Imputation
    state: State
    losses: Losses


class Imputer:
    """The imputations of a joint space; without a binding that has some, missing blocks are left empty."""

    def __init__(self, joint: JointSpace, bound: JointSpaceArtifact | None = None) -> None:
        """StartupError where the default of the binding is unknown, or a state does not fit the blocks.

        Other methods may be of a package that is not installed; they are passed over.
        """
        self._joint = joint
        self._widths = [joint.block(name).stop - joint.block(name).start for name in joint.names]
        losses = bound.losses if bound is not None else {}
        self._skip = FittedImputation(SKIP, imputations.configure(SKIP), NO_STATE, losses)
        every = () if bound is None else bound.imputations
        known = {*imputations.names(), *(one.method for one in every[:1])}
        self._bound = {one.method: one for one in every if one.method in known}
        self._fitted = {name: self._made(one) for name, one in self._bound.items()}
        self._default = next(iter(self._fitted.values()), self._skip)

    def choose(self, asked: MethodChoice | None, role: Role) -> FittedImputation:
        """The requested method, else the binding's default for queries, and none for documents.

        NotFound, with the choices, for an unknown method; InvalidInput, with the field, where a parameter is
        wrong or this joint space has no state for the method.
        """
        if asked is None or not asked.name:
            if asked is not None and asked.parameters:
                raise InvalidInput("parameters belong to a method: name it", field=FIELD["parameters"])
            return self._skip if role is Role.DOCUMENT else self._default
        method = imputations.configure(asked.name, asked.parameters, field=FIELD)
        imputation = self._fitted.get(asked.name)
        if imputation is None and asked.name == SKIP:
            return self._skip
        if imputation is None:
            raise InvalidInput(
                f"this joint space has nothing fitted for {asked.name!r}; "
                f"it can: {', '.join({SKIP: None} | dict.fromkeys(self._fitted))}; "
                f"for more, {REMEDY}",
                field=FIELD["name"],
            )
        if not asked.parameters:
            return imputation
        bound = self._bound[asked.name].parameters
        method = imputations.configure(asked.name, {**bound, **asked.parameters}, field=FIELD)
        return replace(imputation, method=method)

    def fill(self, imputation: FittedImputation, inputs: Sequence[Contents]) -> None:
        """Imputes the blocks of missing spaces in the contents, after `project`; all at once."""
        if imputation.name == SKIP:
            return
        lacking = [
            (contents, content, missing)
            for contents in inputs
            for content, blocks in self._blocks_of_missing(contents)
            if (missing := [place for place in blocks if not contents.vectors[content].present[0, place]])
        ]
        if not lacking:
            return
        wholes = [contents.vectors[content] for contents, content, _ in lacking]
        views, present = (
            np.stack([one.views[0] for one in wholes]),
            np.stack([one.present[0] for one in wholes]),
        )
        slices = [self._joint.block(name) for name in self._joint.names]
        blocks, filled = imputation.method([views[:, one] for one in slices], present, imputation.state)
        for row, (contents, content, missing) in enumerate(lacking):
            vectors = contents.vectors[content]
            for place in missing:
                if filled[row, place]:
                    vectors.views[0, slices[place]] = blocks[place][row]
                    vectors.present[0, place] = True
                    imputed = contents.imputed.setdefault(content, {})
                    imputed[self._joint.names[place]] = blocks[place][row]

    def _blocks_of_missing(self, contents: Contents) -> list[tuple[int, list[int]]]:
        """By content, the places of the blocks that missing spaces of its modality are projected into."""
        found = []
        for content, modality in contents.modalities.items():
            if (coverage := self._joint.coverage.get(modality)) is None:
                continue
            present = contents.sources(content)
            missing = [name for name in coverage.sources if name not in present]
            blocks = {
                projection.block for name in missing for projection in self._joint.adapters[name].projections
            }
            if blocks:
                found.append((content, [p for p, name in enumerate(self._joint.names) if name in blocks]))
        return found

    def _made(self, bound: BoundImputation) -> FittedImputation:
        what = f"the imputation of missing spaces ({bound.method})"
        try:
            method = imputations.configure(bound.method, bound.parameters)
            # Half precision saves room in the artifact; here it would cost a conversion for each query.
            state = {name: np.asarray(array, np.float32) for name, array in bound.state.items()}
            check(bound.method, state, self._widths)
        except (InvalidInput, NotFound) as error:
            raise StartupError(f"{what} cannot be made: {error.message}; {REMEDY}") from None
        return FittedImputation(bound.method, method, state, bound.losses)


MOST = 100.0


def expected_loss(
    losses: Mapping[str, Mapping[str, float]], contents: Contents, missing: Collection[str]
) -> float:
    """Points of recall at 10 that the input loses without the missing spaces; 0 where none is known.

    Each space's loss was measured with all others there. For several they are added, up to 100: too little
    where they could replace each other, too much where they hold the same. Contents count by share.
    """
    if not missing:
        return 0.0
    total = 0.0
    for content, modality in contents.modalities.items():
        of_modality = losses.get(modality, {})
        lost = sum(max(of_modality.get(space, 0.0), 0.0) for space in missing)
        total += contents.shares[content] * min(lost, MOST)
    return total
