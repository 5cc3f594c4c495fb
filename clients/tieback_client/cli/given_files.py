"""Files that a command names, read as `tieback index` reads them: any format, folders, archives, mails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tieback_client.cli.file_items import read_within
from tieback_client.cli.found import FoundItems
from tieback_client.cli.roots import Root, Scope
from tieback_client.cli.walking import Walk
from tieback_client.content import Audio, Image
from tieback_client.errors import InvalidArgument, TiebackError
from tieback_client.files.contents import FileContent, content_of_file
from tieback_client.files.opened import Opened


@dataclass(frozen=True, slots=True)
class Given:
    """A file and what it holds."""

    id: str
    """Its name below that of the folder that it is in, as of an indexed file."""
    name: str
    """Its path as it was given, with the name inside where it is in a folder or packed."""
    content: FileContent | None = None
    fault: TiebackError | None = None
    """Why it cannot be read, in place of its content."""


def given_files(paths: Iterable[Path], *, pictures: bool = False) -> Iterator[Given]:
    """The files that paths name, in their order; `pictures` as in `content_of_file`."""
    for path in paths:
        whole = path.absolute()
        folder, inside = (whole, "") if whole.is_dir() else (whole.parent, whole.name)
        scope = Scope(Root(folder.name, folder), inside, whole)
        found = FoundItems()
        # A file that is named is read also where it is a link.
        Walk(follow_links=not whole.is_dir()).over(scope, found)
        for name, why in found.failures.items():
            yield Given(name, f"{path}{name[len(scope.id) :]}", fault=InvalidArgument(why))
        opened = Opened()
        for name, file in found.files.items():
            shown = f"{path}{name[len(scope.id) :]}"
            try:
                content = content_of_file(name, read_within(file, 0, opened), pictures=pictures)
                yield Given(name, shown, content)
            except TiebackError as error:
                yield Given(name, shown, fault=error)
            except OSError as error:
                yield Given(name, shown, fault=InvalidArgument(f"cannot read it: {error.strerror or error}"))


def is_media(content: object) -> bool:
    """Tell whether a content is a picture or a sound, which a recogniser reads."""
    return isinstance(content, Image | Audio)
