"""Everything that is learned is kept in one form: `Artifact` writes it and reads it.

A kind of artifact is declared where it is used, by a `Kind`: its name, the version of what it holds, and how
to make it again. What the arrays and facts mean is the business of that module alone.
"""

from tieback.artifacts.artifact import HEADER, PROVENANCE, STATE, Artifact, Kind, check_weights, stored

__all__ = ["HEADER", "PROVENANCE", "STATE", "Artifact", "Kind", "check_weights", "stored"]
