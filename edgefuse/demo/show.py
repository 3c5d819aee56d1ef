"""How the demo looks: on a terminal in colour, in a pipe as plain text."""

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from edgefuse.demo.expect import Outcome
from edgefuse.demo.timeline import Line

_LOOKS = {
    "heard": ("♪", "~", "cyan"),
    "doubt": ("?", "?", "yellow"),
    "seen": ("◉", "o", "magenta"),
    "sensor": ("≈", "=", "blue"),
    "belief": ("◐", "%", "blue"),
    "order": ("→", ">", "green"),
    "thing": ("☼", "*", "bold green"),
    "alert": ("▲", "!", "bold red"),
    "fault": ("✖", "x", "bold yellow"),
    "status": ("●", ".", "bold"),
}
"""kind -> sign, sign without Unicode, style of sign and word."""
_WORD = 10
_ASCII = str.maketrans({"“": '"', "”": '"', "…": "...", "·": "-", "→": "->", "✔": "+", "✘": "-", "°": " "})


class Screen:
    """Prints events, and below them on a terminal how far the scene is."""

    def __init__(self, console: Console, length_s: float) -> None:
        self.console = console
        self._plain = not console.encoding.lower().startswith("utf")
        self._length_s = length_s
        self._progress = Progress(
            TextColumn("[dim]{task.description}"), BarColumn(40), TextColumn("[dim]{task.fields[clock]}"),
            console=console, transient=True, disable=not console.is_terminal or console.record,
        )  # fmt: skip
        self._task = self._progress.add_task("the scene", total=length_s, clock="")

    def note(self, text: str) -> None:
        """Print what is being done."""
        self.console.print(Text(self._fit(text), style="dim"), soft_wrap=True)

    def error(self, text: str) -> None:
        """Print what went wrong."""
        self.console.print(Text(self._fit(text), style="red"), soft_wrap=True)

    def begin(self, port: int, pid: int) -> None:
        """Print what is about to be seen."""
        self.heading(f"A recorded hall, {self._length_s:g} seconds", f"daemon {pid}, MQTT broker 127.0.0.1:{port}")
        self.note("What follows was published over MQTT and received by an independent subscriber.")
        self.note(f"To be another one: mosquitto_sub -p {port} -t 'edgefuse/#' -v")
        self.console.print()

    def bar(self) -> Progress:
        """How far the scene is; a context manager, invisible where there is no terminal."""
        return self._progress

    def at(self, at_s: float) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=at_s, clock=f"{clock(at_s)} of {clock(self._length_s)}")

    def line(self, at_s: float, line: Line) -> None:
        """Print one event with its reasons."""
        unicode_sign, plain_sign, style = _LOOKS[line.kind]
        row = Table.grid(padding=(0, 1))
        row.add_column(width=5, justify="right", style="dim")
        row.add_column(width=_WORD + 2)
        row.add_column()
        text = Text(self._fit(line.text), style="bold" if line.kind == "alert" else "")
        for detail in line.details:
            text.append("\n" + self._fit(detail), style="dim not bold")
        sign = plain_sign if self._plain else unicode_sign
        row.add_row(clock(at_s), Text(f"{sign} {self._fit(line.word)}", style=style), text)
        self._print(row)

    def summary(self, outcomes: Iterable[Outcome], figures: Iterable[tuple[str, str]]) -> None:
        """Print what was expected against what came, and the figures."""
        table = Table.grid(padding=(0, 2))
        table.add_column(width=1)
        table.add_column()
        table.add_column(style="dim")
        outcomes = list(outcomes)
        for outcome in outcomes:
            sign = Text(self._fit("✔" if outcome.met else "✘"), style="green" if outcome.met else "bold red")
            table.add_row(sign, self._fit(outcome.expected), self._fit(outcome.came))
        self.heading("Expected", f"and what came: {sum(o.met for o in outcomes)} of {len(outcomes)} as it should")
        self._print(table)
        rest = Table.grid(padding=(0, 2))
        rest.add_column(style="dim")
        rest.add_column(overflow="fold")
        for name, value in figures:
            rest.add_row(self._fit(name), self._fit(value))
        self.heading("Figures", "of the daemon, a process of its own")
        self._print(rest)

    def heading(self, title: str, text: str) -> None:
        """Print a heading and what it is about."""
        self.console.print()
        self.console.print(Text.assemble((title, "bold"), ("  " + self._fit(text), "dim")))

    def _print(self, table: Table) -> None:
        """Without the blanks that fill its last column, where a file or a program reads it."""
        if self.console.is_terminal:
            self.console.print(table)
            return
        with self.console.capture() as printed:
            self.console.print(table)
        self.console.out("\n".join(line.rstrip() for line in printed.get().splitlines()), highlight=False)

    def _fit(self, text: str) -> str:
        return text.translate(_ASCII).encode("ascii", "replace").decode() if self._plain else text


def clock(at_s: float) -> str:
    """0:42."""
    whole = max(0, int(at_s))
    return f"{whole // 60}:{whole % 60:02d}"
