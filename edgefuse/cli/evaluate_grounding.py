"""How `edgefuse evaluate grounding` is told to a person."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_SHARES = ("right", "wrong_action", "wrong_answer", "asked", "refused", "correct")


def show(result: Mapping[str, Any], name: str, console: Console) -> None:
    """The same facts as the JSON."""
    console.print(_table(result, name))
    console.print(
        f"asked rightly {_percent(result['asked_rightly'])}, refused rightly {_percent(result['refused_rightly'])} "
        f"(in %); from text to what is meant: p50 {result['p50_ms']:.3g} ms, p95 {result['p95_ms']:.3g} ms",
        highlight=False,
    )
    for one in result.get("failures", ()):
        _failure(one, console)


def _table(result: Mapping[str, Any], name: str) -> Table:
    table = Table(title=f"{name}, in % (right: of the answerable; all else: of all cases)", box=SIMPLE)
    table.add_column("")
    for column in ("n", "answerable", *(share.replace("_", " ") for share in _SHARES)):
        table.add_column(column, justify="right")
    rows = {"all": result, **result.get("splits", {}), **result.get("categories", {})}
    for row, some in rows.items():
        shares = [_percent(some[share]) for share in _SHARES]
        table.add_row(escape(row), str(some["n"]), str(some["answerable"]), *shares)
    return table


def _failure(one: Mapping[str, Any], console: Console) -> None:
    wrong = f" [bold red]wrong {one['wrong']}[/]" if one["wrong"] else ""
    said = " > ".join([*one["history"], one["words"]])
    console.print(f"{escape(one['place'])}{wrong} [bold]{escape(said)}[/]", highlight=False)
    console.print(f"   expected {escape(' or '.join(map(_expected, one['expected'])))}", highlight=False)
    console.print(f"   got {escape(one['got'])}", highlight=False)
    for reason in one["because"]:
        console.print(f"   because {escape(reason)}", highlight=False)


def _expected(one: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in one.items())


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
