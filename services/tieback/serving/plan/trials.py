"""Artifacts on trial: for a share of the calls in place of the served one, or beside it, to compare.

A trial is a plan as if its artifact were served. What is built of it and reads the artifact takes calls or
is asked beside (`on_trial.py`); all else is built once.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tieback.core.errors import StartupError
from tieback.models.joint.artifact import BINDING, JointSpaceArtifact
from tieback.models.learned import kind_in
from tieback.serving.plan.bindings import named_binding
from tieback.serving.settings import Settings

if TYPE_CHECKING:
    from tieback.serving.plan import Plan

SETTING = "TIEBACK_TRIALS"


@dataclass(frozen=True, slots=True)
class Trial:
    """An artifact that is served as `serves`, by its `name` in the settings.

    `plan` is as if it were served; of a binding, its routers alone. `percent` of the calls go there, 0 to
    100; where it is None, none do, and it is compared.
    """

    name: str
    serves: type[Any]
    plan: Plan
    percent: float | None

    @property
    def is_read(self) -> bool:
        """Tell whether what was built of the plan so far has read the artifact."""
        return self.serves in self.plan.artifacts.asked

    def takes(self, call: str) -> bool:
        """Tell whether the call of this id is one of the trial's; the same id always gets the same answer."""
        if not call or not self.percent:
            return False
        digest = hashlib.sha256(call.encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64 < self.percent / 100


def trials_of(settings: Settings, plan: Plan) -> list[Trial]:
    """Those of the settings. StartupError where one names no artifact that a server serves."""
    return [_trial(settings, plan, name, percent) for name, percent in settings.tried]


def _trial(settings: Settings, plan: Plan, name: str, percent: float | None) -> Trial:
    tried = copy.copy(plan)
    folder = Path(name).expanduser()
    try:
        is_binding = kind_in(folder) == BINDING.name
    except (OSError, ValueError):
        is_binding = not folder.is_dir()  # by its revision in the store
    if not is_binding:
        tried.artifacts, serves = plan.artifacts.trying(name)
        return Trial(name, serves, tried, percent)
    if plan.bound is None:
        raise StartupError(
            f"{SETTING}: {name} is a binding, and none is served that it could be tried beside"
        )
    tried.artifacts = plan.artifacts.anew()
    tried.other_weights = named_binding(settings, name, SETTING)
    return Trial(name, JointSpaceArtifact, tried, percent)
