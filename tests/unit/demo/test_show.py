import io

from rich.console import Console

from edgefuse.demo.expect import Outcome
from edgefuse.demo.show import Screen
from edgefuse.demo.timeline import Line

LINE = Line("alert", "ALERT", "“Somebody” came in …", ("sensor +3.4", "vision +1.2"))


def screen(*, encoding: str, width: int = 60) -> tuple[Screen, io.BytesIO]:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    return Screen(Console(file=file, width=width, highlight=False), 90), raw


def test_pipe_gets_plain_text() -> None:
    """Without a terminal there is no escape sequence; time, sign, word and text stand in columns, reasons below."""
    shown, raw = screen(encoding="utf-8")

    with shown.bar():
        shown.line(42.7, LINE)
        shown.at(43)

    assert raw.getvalue().decode().splitlines() == [
        " 0:42 ▲ ALERT      “Somebody” came in …",
        "                   sensor +3.4",
        "                   vision +1.2",
    ]


def test_terminal_without_unicode_gets_ascii() -> None:
    """Signs and quotation marks are replaced, none is lost."""
    shown, raw = screen(encoding="ascii")

    shown.line(42.7, LINE)

    assert raw.getvalue().splitlines()[0] == b' 0:42 ! ALERT      "Somebody" came in ...'


def test_long_text_stays_in_its_column() -> None:
    """Text that does not fit goes on below itself."""
    shown, raw = screen(encoding="utf-8", width=40)

    shown.line(5, Line("status", "online", "word " * 12))

    lines = raw.getvalue().decode().splitlines()
    assert len(lines) > 2
    assert all(line.startswith(" " * 19 + "word") for line in lines[1:])


def test_summary_tells_what_came() -> None:
    """Each expectation has a sign, its text and what came."""
    shown, raw = screen(encoding="utf-8")

    shown.summary(
        [Outcome("light", met=True, came="at 0:05"), Outcome("alarm", met=False, came="no alert")], [("CPU", "9 s")]
    )

    text = raw.getvalue().decode()
    assert "and what came: 1 of 2 as it should" in text
    assert "✔  light  at 0:05" in text
    assert "✘  alarm  no alert" in text
    assert "CPU  9 s" in text
