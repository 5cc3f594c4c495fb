"""Everything that is learned, or made of something learned, is kept in one form.

`Artifact` holds arrays and small files, in a folder that is named by its content. `FileSet` holds files that
are too large for memory, as those of models. Both are written at once or not at all, verified when they are
read, and refused by the same errors. A kind of artifact is declared where it is used, by a `Kind`: its name,
the version of what it holds, and how to make it again. What the arrays and facts mean is the business of that
module alone.
"""

from tieback.artifacts.artifact import (
    HEADER,
    PROVENANCE,
    STATE,
    Artifact,
    FileSet,
    Kind,
    StoredFile,
    check_weights,
    described,
    faults,
    file_digest,
    stored,
)

__all__ = [
    "HEADER",
    "PROVENANCE",
    "STATE",
    "Artifact",
    "FileSet",
    "Kind",
    "StoredFile",
    "check_weights",
    "described",
    "faults",
    "file_digest",
    "stored",
]
