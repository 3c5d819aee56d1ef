"""Findings as lines on a terminal. Pure."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from edgefuse.app.doctor.findings import Finding, State

_MARKS: dict[State, tuple[str, str]] = {"ok": ("ok", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "bold red")}
_CHECK_WIDTH = 18


class Line:
    """One finding; what to do follows below it, for those that are not ok."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Three columns; long texts hang below their beginning."""
        finding = self._finding
        mark, style = _MARKS[finding.state]
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=5, no_wrap=True)
        grid.add_column(width=_CHECK_WIDTH, overflow="fold")
        grid.add_column(overflow="fold")
        grid.add_row(Text(f" {mark}", style), Text(finding.check), Text(finding.found))
        if finding.next:
            arrow = "->" if options.ascii_only else "\N{RIGHTWARDS ARROW}"
            grid.add_row("", Text(arrow, "cyan", justify="right"), Text(finding.next, "cyan"))
        yield grid


def heading(area: str) -> Text:
    """Above the findings of an area."""
    return Text(area, "bold")


def summary(findings: Sequence[Finding]) -> Text:
    """The last line."""
    count = Counter(finding.state for finding in findings)
    parts = [f"{count['ok']} ok", _plural(count["warn"], "warning"), _plural(count["fail"], "failure")]
    style = "bold red" if count["fail"] else "yellow" if count["warn"] else "green"
    return Text(", ".join(parts), style)


def _plural(n: int, word: str) -> str:
    return f"{n or 'no'} {word}{'' if n == 1 else 's'}"
