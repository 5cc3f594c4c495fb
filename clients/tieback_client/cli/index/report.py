"""The report of `tieback index` for people."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType

from rich.progress import TextColumn, TimeRemainingColumn
from rich.text import Text
from tieback_contract.collections import Source

from tieback_client.cli.index.roots import Root
from tieback_client.cli.index.run import Run
from tieback_client.cli.output import Output
from tieback_client.control_characters import in_a_line

NAMED = 5
NOTES = 20


EVERY = 60.0
"""Seconds between two lines."""
SMALLEST = 1000
"""Bytes that a file counts as beside its own: each takes some time."""


class IndexProgress:
    """Shows it while files are read and written."""

    def __init__(self, output: Output, run: Run, clock: Callable[[], float] = time.monotonic) -> None:
        self._output, self._run, self._clock = output, run, clock
        self._files = len(run.found.files)
        self._done = 0.0
        self._sizes: dict[str, int] = {}
        self._done_size = 0.0
        self._begin = self._told = clock()
        told = TextColumn("{task.fields[name]}", style="dim", markup=False)
        self._bar = output.progress(TimeRemainingColumn(compact=True), told)
        self._task = self._bar.add_task("", total=self._files, name="")

    def __enter__(self) -> IndexProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, name: str, files: float = 0.0, far: str = "") -> None:
        """A file is worked on, and as much more of it is done; `far` says in words how far it is."""
        self._done += files
        self._done_size += files * self._size(name)
        self._bar.update(self._task, advance=files, name=in_a_line(far or name))
        now = self._clock()
        if self._output.notes.is_terminal or now - self._told < EVERY:
            return
        self._told = now
        sections = self._run.sections + self._run.added
        self._output.note(
            f"{int(self._done):,} of {self._files:,} files, {sections:,} sections{self._left(now)}"
        )

    def _left(self, now: float) -> str:
        """The time that the other files take, if as much of them takes as long as of those before."""
        if not self._done:
            return ""
        whole = sum(map(self._size, self._run.found.files))
        minutes = (now - self._begin) * max(whole / self._done_size - 1, 0) / 60
        return f"; about {max(round(minutes), 1):,} min left"

    def _size(self, name: str) -> int:
        """About how much work a file is."""
        if name not in self._sizes:
            try:
                size = self._run.found.files[name].stat().st_size
            except (KeyError, OSError):  # it is gone, or is in an archive
                size = 0
            self._sizes[name] = SMALLEST + size
        return self._sizes[name]


def report(output: Output, collection: str, run: Run) -> None:
    """What a run did, for people: failures, what a dry run would do, the summary, and notes."""
    found = run.found
    for name, message in found.failures.items():
        output.notes.print(Text.assemble(("failed", "red"), "  ", (in_a_line(name), "bold"), "  ", message))
    if run.is_dry:
        output.table(
            ["", "item"],
            [
                *(["new", name] for name in run.new),
                *(["changed", name] for name in run.changed),
                *(["gone", name] for name in run.removed),
            ],
        )
    would = "would be " if run.is_dry else ""
    written = len(run.new) + len(run.changed) if run.is_dry else run.written
    kinds = ", ".join(f"{count} {kind}" for kind, count in run.kinds.most_common())
    sections = f"{run.sections:,} section{'' if run.sections == 1 else 's'}"
    if run.is_dry:
        sections += " before long ones are split"
    elif run.added:
        sections += f", {run.sections + run.added:,} after long ones were split"
    counts = [f"{counted(written, 'file')} {would}indexed{f' ({kinds}; {sections})' if kinds else ''}"]
    counts += [f"{run.unchanged} unchanged"] if run.unchanged else []
    counts += [f"{len(run.removed)} {would}removed"] if run.removed else []
    counts += [f"{len(found.ignored)} of other kinds ({_kinds(found.ignored)})"] if found.ignored else []
    counts += [counted(len(run.notes), "note")] if run.notes else []
    counts += [f"{len(found.failures)} failed"] if found.failures else []
    summary = f"{', '.join(counts)} in {run.seconds:.1f} s"
    # Beside the list of a dry run, which a pipe may take, the summary is a remark.
    if run.is_dry:
        output.note(f"{collection}  {summary}")
    else:
        output.line(Text.assemble((collection, "bold"), f"  {summary}"))
    if not (found.files or found.failures or found.ignored or found.links or run.notes or run.unread):
        output.note("no files were found; hidden files and files that match --exclude are skipped")
    for one in run.gone:
        if run.is_dry and run.prunes and one.is_doubtful:
            output.note(f"{one.reason}; --yes removes them")
        elif one.paths and not run.prunes:
            lost = "1 file is" if len(one.paths) == 1 else f"{len(one.paths)} files are"
            output.note(f"{lost} gone from {one.scope.path}; the items are kept, --prune removes them")
    if found.links:
        output.note(f"not followed, since it leads out of the folder (--follow-links): {_named(found.links)}")
    noted: dict[str, list[str]] = {}
    for name, notes in run.notes.items():
        for message in notes:
            noted.setdefault(message, []).append(name)
    for message, names in list(noted.items())[:NOTES]:
        output.note(f"{_named(names)}: {message}")
    if len(noted) > NOTES:
        output.note(f"and {len(noted) - NOTES} other notes; --json lists them")
    if run.thin:
        counts = [f"{name} ({kept:,} of {all_:,})" for name, (kept, all_) in run.thin.items()]
        output.note(f"less than a fifth of the words that these files show was read: {_named(counts)}")
    if run.emptied and not run.prunes:
        output.note(
            f"files that are empty now; their items are kept, --prune removes them: {_named(run.emptied)}"
        )
    if run.split:
        output.note(
            f"{counted(run.split, 'section')} longer than a space's window "
            f"{'was' if run.split == 1 else 'were'} split into {run.split + run.added}"
        )
    for space, unread in run.cut_off.items():
        output.note(
            f"{space} has a window of {unread.window} tokens and did not read the ends of "
            f"{counted(unread.sections, 'section')} ({unread.tokens} tokens): shorten their files, or remove "
            "the space with TIEBACK_SPACES"
        )


def ended_early(run: Run) -> str:
    """What an interrupted or aborted run did, and how to continue."""
    files = len(run.found.files)
    return (
        f"ended early: {run.written} of {counted(files, 'file')} indexed now, {run.unchanged} unchanged; "
        "run it again to go on"
    )


def _named(names: Sequence[str]) -> str:
    """Some of the names, and how many there are beside them."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(in_a_line, names[:NAMED])) + more


def _kinds(ignored: Mapping[str, str]) -> str:
    kinds = Counter(ignored.values()).most_common()
    told = ", ".join(f"{count} {in_a_line(kind)}" for kind, count in kinds[:NAMED])
    return f"{told}, …" if len(kinds) > NAMED else told


def report_sources(
    output: Output, roots: Iterable[Root], lost: Sequence[Source], collection: str | None
) -> None:
    """Names new sources if their names are not obvious, and sources that have moved or may have.

    `collection` is where the new ones are recorded now, if they are.
    """
    new = [root for root in roots if root.known is None]
    for root in roots:
        if root.known is None and root.name != root.folder.name:
            output.note(f"{root.folder} is the source {root.name}: its items are {root.name}/…")
        elif root.known is not None and root.moved:
            output.note(
                f"the source {root.name} is {root.folder} now; before it was {root.known.location} "
                f"on {root.known.host}"
            )
    for source in lost if new else ():
        undo = f"`tieback collections forget {collection} {new[0].name}`, then " if collection else ""
        output.note(
            f"the source {source.name} is not at {source.location} any more; if it is {new[0].folder} now: "
            f"{undo}index that with --source {source.name}"
        )


def counted(number: int, thing: str) -> str:
    """A number and a noun, in the plural where it is not one."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
