"""The progress of a pull: bars in a terminal, one line per step in a pipe; both on standard error."""

from __future__ import annotations

from types import TracebackType

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from tieback_client.cli.output import SafeConsole

from tieback.catalog.source import PackageSource

KILO = 1000.0


class PullProgress:
    """Prints progress."""

    def __init__(self) -> None:
        self._console = SafeConsole(stderr=True, soft_wrap=True)
        self._bars: Progress | None = None
        if self._console.is_terminal:
            label = TextColumn("{task.description}", markup=False)
            columns = (label, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
            self._bars = Progress(*columns, console=self._console)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> PullProgress:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def fetching(self, source: PackageSource, there: int, size: int) -> None:
        """Moves the wheel's bar."""
        label = f"{source.package} {source.version}"
        if self._bars is not None:
            if label not in self._tasks:
                self._tasks[label] = self._bars.add_task(label, total=size)
            self._bars.update(self._tasks[label], completed=there)
        elif there == size and label not in self._tasks:
            self._tasks[label] = TaskID(0)
            self.tell(f"{label}: {in_units(size)}, hash checked")

    def said(self, name: str, message: str) -> None:
        """Prints a step."""
        self.tell(f"{name}: {message}")

    def tell(self, message: str) -> None:
        """Prints a line, above the bars where there are any."""
        self._console.print(message)


def in_units(size: int) -> str:
    """Bytes as a person reads them: ``83.5 MB``."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < KILO:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= KILO
    return f"{value:.1f} GB"
