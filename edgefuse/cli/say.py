"""`edgefuse say TEXT --config FILE [--scene SCENE] [--explain] [--json]`."""

import argparse
import json
from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_ENDS = {"done": "green", "answered": "green", "asked": "yellow", "refused": "red"}


def say_command(args: argparse.Namespace) -> int:
    """Print what would happen; the JSON keys are stable."""
    from edgefuse.evaluation.grounding_say import say

    said = say(args.text, args.config, scene=args.scene, before=args.after, code=args.language).to_json()
    if args.json:
        print(json.dumps(said, indent=2, ensure_ascii=False))
    else:
        show(said, Console(), explain=args.explain)
    return 0


def show(said: Mapping[str, Any], console: Console, *, explain: bool) -> None:
    """The same facts as the JSON, as a person reads them."""
    where = f" in the {said['area'].replace('_', ' ')}" if said["area"] else ""
    colour = _ENDS[said["outcome"]]
    console.print(f"[bold]{escape(said['text'])}[/]{where}: [bold {colour}]{said['outcome']}[/]", highlight=False)
    if said["why"]:
        console.print(f"not understood: {escape(said['why'])}", highlight=False)
    for order in said["orders"]:
        _order(order, console, explain=explain)
    for each in said["says"]:
        console.print(f'says ({each["kind"]}): "{escape(each["text"])}"', highlight=False)
    if explain and any(order["considered"] for order in said["orders"]):
        console.print(_considered(said))
    if explain and said["interpretations"]:
        console.print(_interpretations(said))
    if said["messages"]:
        console.print(_messages(said))
    if said["outcome"] == "done" and not said["acted_upon"]:
        console.print(
            "No rule acts upon it: only the intent would be told (a rule that asks for a belief never fires here)."
        )
    console.print("Nothing was published.", style="dim")


def _order(order: Mapping[str, Any], console: Console, *, explain: bool) -> None:
    slots = " ".join(f"{name}={value}" for name, value in order["slots"].items())
    found = ", ".join(order["targets"]) or ("which of " + ", ".join(order["candidates"]) if order["candidates"] else "")
    refused = f"refused: {order['refused']}" if order["refused"] else ""
    line = "  ".join(filter(None, [order["intent"], found, slots, refused, f"p {order['p']:.2f}"]))
    console.print(f"-> {escape(line)}", highlight=False)
    for reason in order["because"] if explain else ():
        console.print(f"     because {escape(reason)}", highlight=False)


def _considered(said: Mapping[str, Any]) -> Table:
    table = Table("p", "thing", "because", title="What could be meant", box=SIMPLE)
    for order in said["orders"]:
        for each in order["considered"]:
            table.add_row(f"{each['p']:.2f}", escape(each["thing"]), escape("; ".join(each["because"])))
    return table


def _interpretations(said: Mapping[str, Any]) -> Table:
    table = Table("score", "understood as", "because", title="Ways to understand it, best first", box=SIMPLE)
    for each in said["interpretations"]:
        orders = "; ".join(_words(order) for order in each["orders"])
        table.add_row(f"{each['score']:.2f}", escape(orders), escape("; ".join(each["because"])))
    return table


def _words(order: Mapping[str, Any]) -> str:
    slots = " ".join(f"{name}={value}" for name, value in order["slots"].items())
    things = [_phrase(phrase) for phrase in order.get("things", ())]
    without = [f"but {_phrase(phrase)}" for phrase in order.get("but", ())]
    return " ".join(filter(None, [order["intent"], *things, *without, slots]))


def _phrase(phrase: Mapping[str, Any]) -> str:
    return "(" + " ".join(f"{name}={value}" for name, value in phrase.items()) + ")"


def _messages(said: Mapping[str, Any]) -> Table:
    table = Table("topic", "payload", title="What would be published", box=SIMPLE)
    for each in said["messages"]:
        table.add_row(escape(each["topic"]), escape(_short(each["payload"])))
    return table


def _short(payload: Any) -> str:
    """An intent without what is the same in all of them."""
    if isinstance(payload, dict) and "intent" in payload:
        payload = {name: payload.get(name) for name in ("intent", "target", "slots", "rule", "question")}
    return payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
