"""What can be said on the command line."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgefuse import __version__
from edgefuse.cli import do


def parser() -> argparse.ArgumentParser:
    """Of all commands; each sets `command`, which takes the arguments and gives an exit code."""
    made = argparse.ArgumentParser(
        prog="edgefuse",
        description="Hear, see and feel on an edge device, fuse by time, act over MQTT.",
        epilog="Start with `edgefuse demo`; then `edgefuse check FILE` and `edgefuse run FILE`.",
    )
    made.add_argument("--version", action="version", version=f"edgefuse {__version__}")
    commands = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _daemon_commands(commands)
    _recording_commands(commands)
    _say_command(commands)
    _model_commands(commands)
    _train_command(commands)
    _evaluate_commands(commands)
    _demo_command(commands)
    return made


def _add(commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=run)
    return parser


def _daemon_commands(commands: Any) -> None:
    run = _add(commands, "run", do.run, "Run the daemon until it is stopped (SIGTERM); SIGHUP reloads the file.")
    run.add_argument("config", type=Path, metavar="CONFIG", help="YAML file of the device")
    run.add_argument("--log", choices=("text", "json"), help="log format (default: text on a terminal, else json)")
    run.add_argument("--verbose", action="store_true", help="log debug messages too")
    check = _add(commands, "check", do.check, "Print every mistake of a configuration file; exit 78 if there is one.")
    check.add_argument("config", type=Path, metavar="CONFIG", help="YAML file of the device")
    check.add_argument("--json", action="store_true", help="machine-readable result")
    doctor = _add(
        commands, "doctor", do.doctor, "Look for what is missing on this machine, and say what to do about it."
    )
    doctor.add_argument("--config", type=Path, metavar="FILE", help="what this configuration needs, not what any may")
    doctor.add_argument("--json", action="store_true", help="machine-readable result")
    text = "Write a page per belief: what it rests on, what is to be expected of it, what your answers have changed."
    evidence = _add(commands, "evidence", do.evidence, text)
    evidence.add_argument("config", type=Path, metavar="CONFIG", help="YAML file of the device")
    evidence.add_argument("--belief", metavar="NAME", help="only this one")
    evidence.add_argument("--out", type=Path, metavar="FILE", help="write Markdown here (default: standard output)")
    schema = _add(commands, "schema", do.schema, "Print the JSON Schema of the configuration file, for editors.")
    schema.add_argument("--out", type=Path, help="write to this file instead of standard output")


def _recording_commands(commands: Any) -> None:
    replay = _add(commands, "replay", do.replay, "Run a recorded scene through a configuration, as fast as possible.")
    replay.add_argument("scene", type=Path, nargs="?", help="folder with scene.yaml (default: the recorded sources)")
    replay.add_argument("--config", type=Path, required=True, help="YAML file of the device")
    replay.add_argument("--out", type=Path, help="write the messages here, one JSON a line (default: stdout)")
    diff = _add(
        commands, "diff", do.diff, "Which decisions of a recorded scene change from one configuration to another."
    )
    diff.add_argument("scene", type=Path, help="folder with scene.yaml")
    diff.add_argument("old", type=Path, help="YAML file as it was")
    diff.add_argument("new", type=Path, help="YAML file as it would be")
    diff.add_argument("--json", action="store_true", help="machine-readable result")


def _say_command(commands: Any) -> None:
    say = _add(commands, "say", do.say, "What a sentence would do in a home, and why. Nothing is published.")
    say.add_argument("text", metavar="TEXT", help="what is said, as a recogniser writes it")
    say.add_argument("--config", type=Path, required=True, metavar="FILE", help="YAML file of the device")
    say.add_argument("--scene", type=Path, metavar="FILE", help="who is seen where and how the things stand, as JSON")
    say.add_argument("--after", action="append", default=[], metavar="TEXT", help="said before it; may be repeated")
    say.add_argument("--language", metavar="CODE", help="default: the language of the device")
    say.add_argument("--explain", action="store_true", help="with reasons, and every way to understand it")
    say.add_argument("--json", action="store_true", help="machine-readable result")
    say.formatter_class = argparse.RawDescriptionHelpFormatter
    say.epilog = """\
Example: edgefuse say "turn that off" --config home.yaml --scene evening.json --explain
where evening.json is, for instance:
  {"microphone": "hall_mic", "cameras": ["hall_cam"], "states": {"hall_light": "on", "hall_fan": "off"},
   "persons": [{"camera": "hall_cam", "at": [0.6, 0.9], "pointing": [[0.55, 0.5], [0.53, 0.4]]}]}

Every key may be left out; without a scene it is what a plain microphone where the device is knows. The keys are told
in deploy/grounding-cases.md. Many sentences at once: edgefuse evaluate grounding."""


def _model_commands(commands: Any) -> None:
    models = commands.add_parser(
        "models", help=(text := "List, pull, build, verify and measure the models."), description=text
    )
    actions = models.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, text in (
        ("list", "Every model of the catalogue: licence, size, whether it is here."),
        ("pull", "Fetch, verify and convert models; resumes where it stopped."),
        ("build", "Make the engines that this machine runs best, verify each against ONNX Runtime in fp32, keep them."),
        ("verify", "Hash the models and engines that are here, load each model and run it once."),
        ("bench", "Latency, CPU time and memory of the models that are here, on every engine that is here."),
    ):
        action = _add(actions, name, do.models, text)
        action.set_defaults(action=name)
        action.add_argument("names", nargs="*", metavar="NAME", help="default: pull the needed ones, else what is here")
        action.add_argument(
            "--dir", type=Path, help="model folder (default $EDGEFUSE_MODELS or ~/.cache/edgefuse/models)"
        )
        action.add_argument("--json", action="store_true", help="machine-readable result")
        if name == "pull":
            action.add_argument("--all", action="store_true", help="the optional ones too")
            action.add_argument("--config", type=Path, help="what this configuration needs")
        if name == "list":
            action.add_argument("--config", type=Path, help="with the engines that this configuration asks for")
    _build_options(actions.choices["build"])
    bench = actions.choices["bench"]
    bench.add_argument(
        "--engine", default="auto", metavar="ENGINE", help="cpu, tensorrt ...; default all that are here"
    )
    bench.add_argument("--precision", choices=("fp32", "fp16", "int8"), help="default all that are here")
    bench.add_argument("--runs", type=_count, metavar="N", help="runs of each; default as many as 5 s hold, 20 to 1000")


def _build_options(build: argparse.ArgumentParser) -> None:
    build.add_argument(
        "--precision",
        choices=("auto", "fp32", "fp16", "int8"),
        help="default auto: fp16 on a GPU, nothing on the CPU, where int8 has to be asked for",
    )
    build.add_argument("--engine", metavar="ENGINE", help="auto (default: a GPU if one answers), cpu, tensorrt")
    build.add_argument("--samples", type=Path, metavar="DIR", help="own samples, a folder per model (default: bundled)")
    build.add_argument("--force", action="store_true", help="build again what is there or is known to fail")
    build.add_argument("--config", type=Path, help="with what `models:` of this configuration asks for")
    build.add_argument(
        "--progress", choices=("bar", "json"), default="bar", help="json: a line per change and a last one with records"
    )
    build.epilog = "Example: edgefuse models build nanodet --engine cpu --precision int8"


def _train_command(commands: Any) -> None:
    train = _add(commands, "train", do.train, "Train a model that fuses modalities, from a recipe and labelled data.")
    train.add_argument("recipe", metavar="RECIPE", help="name of a bundled recipe, or a .yaml file of your own")
    train.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with the data of the recipe")
    train.add_argument(
        "--out", type=Path, metavar="MODEL", help="folder of the model (default: the recipe's name in the model folder)"
    )
    train.add_argument("--seeds", type=_count, metavar="N", help="members of the ensemble (default: as in the recipe)")
    train.add_argument("--json", action="store_true", help="print the card of the model")
    train.formatter_class = argparse.RawDescriptionHelpFormatter
    train.epilog = """\
Example: edgefuse train occupancy --data ~/data --out room
then:    edgefuse evaluate fusion room --data ~/other-days

MODEL gets model.onnx, card.json (what it was trained on, how good it is on groups it has not seen, with and without
each modality), singles.onnx (the single modalities it is compared with) and curves.png. Nothing is half-written: stop
it with Ctrl-C at any time. EDGEFUSE_TRAIN_JOBS=1 trains one member at a time (default 2, where there are two cores)."""


def _evaluate_commands(commands: Any) -> None:
    evaluate = commands.add_parser(
        "evaluate", help=(text := "Measure a part of edgefuse on labelled data."), description=text
    )
    tasks = evaluate.add_subparsers(title="what", metavar="WHAT", required=True)
    texts = {
        "voice": "Spoken orders: labels.json, *.flac and grammar.yaml in DIR.",
        "wake": "Wake word: DIR/<word>/*.flac must wake, DIR/other/*.flac must not.",
        "objects": "Objects: DIR/images and DIR/labels (class x y w h, normalised, COCO-80 order).",
        "sounds": "Sounds: DIR/meta.csv (file, category) and the clips that it names, 16 kHz.",
    }
    for name, text in texts.items():
        task = _add(tasks, name, do.evaluate, text)
        task.set_defaults(task=name)
        task.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with the data, as above")
        task.add_argument("--json", action="store_true", help="machine-readable result")
        task.add_argument("--limit", type=_count, metavar="N", help="only the first N items")
    tasks.choices["voice"].add_argument(
        "--recogniser", default="whisper-tiny.en", metavar="MODEL", help="default %(default)s"
    )
    tasks.choices["voice"].add_argument(
        "--runtime", choices=("auto", "ctranslate2", "onnx"), default="auto", help="default %(default)s"
    )
    tasks.choices["voice"].add_argument(
        "--decoding", choices=("auto", "free", "grammar"), default="auto", help="default %(default)s"
    )
    tasks.choices["voice"].add_argument(
        "--foreign", type=Path, action="append", default=[], metavar="DIR", help="speech that must not be acted upon"
    )
    for task in (tasks.choices["voice"], tasks.choices["objects"]):
        task.add_argument(
            "--engine", default="auto", help="auto, cpu, tensorrt or another backend; default %(default)s"
        )
        task.add_argument(
            "--precision", choices=("auto", "fp32", "fp16", "int8"), default="auto", help="default %(default)s"
        )
    tasks.choices["wake"].add_argument("--wake-word", default="alexa", metavar="WORD", help="default %(default)s")
    tasks.choices["wake"].add_argument(
        "--threshold", type=_probability, default=0.7, metavar="P", help="of the wake word, 0 to 1; default %(default)s"
    )
    tasks.choices["wake"].add_argument(
        "--view",
        choices=("unknown", "person", "facing", "nobody", "television"),
        default="unknown",
        help="what the device sees of the room; default %(default)s",
    )
    tasks.choices["wake"].add_argument(
        "--babble", type=float, metavar="DB", help="six other voices behind each clip, DB below its mean power"
    )
    tasks.choices["wake"].add_argument(
        "--also", type=Path, action="append", default=[], metavar="DIR", help="more speech without the wake word"
    )
    sounds = tasks.choices["sounds"]
    sounds.add_argument("--speech", type=Path, metavar="DIR", help="clips of speech, in which nothing may be heard")
    sounds.add_argument(
        "--model", default="sounds", metavar="MODEL", help="or a YAMNet-shaped .onnx file; default sounds"
    )
    sounds.add_argument("--classes", type=Path, metavar="CSV", help="class map of a YAMNet-shaped file")
    _grounding_task(tasks)
    _fusion_tasks(tasks)


def _grounding_task(tasks: Any) -> None:
    text = "Words in scenes: whether what they mean is found, asked for or refused, as FILE says."
    grounding = _add(tasks, "grounding", do.evaluate, text)
    grounding.set_defaults(task="grounding")
    grounding.add_argument("--data", type=Path, required=True, metavar="FILE", help="YAML file with home and cases")
    grounding.add_argument("--json", action="store_true", help="machine-readable result")
    grounding.add_argument("--limit", type=_count, metavar="N", help="only the first N cases")
    grounding.add_argument("--details", action="store_true", help="list what came out otherwise, with the reasons")
    grounding.epilog = (
        "Example: edgefuse evaluate grounding --data deploy/grounding-example.yaml --details. "
        "The file: deploy/grounding-cases.md."
    )


def _fusion_tasks(tasks: Any) -> None:
    fusion = _add(
        tasks, "fusion", do.evaluate_fusion, "A learned model: whole, degraded, and beside what it has to beat."
    )
    fusion.add_argument("model", metavar="MODEL", help="folder of the model, or the recipe that it was trained from")
    fusion.add_argument("--data", type=Path, required=True, metavar="DIR", help="data of the layout it was trained on")
    fusion.add_argument("--json", action="store_true", help="machine-readable result")
    fusion.add_argument("--limit", type=_count, metavar="N", help="N samples, drawn at random, always the same")
    fusion.add_argument("--report", type=Path, metavar="DIR", help="write a page with pictures here")
    fusion.epilog = (
        "A member judges only groups that it has not seen. Example: edgefuse evaluate fusion room --data days"
    )
    report = _add(
        tasks, "report", do.evaluate_report, "One page about all learned models of a folder, from their cards."
    )
    report.add_argument("models", type=Path, metavar="MODELS_DIR", help="folder with a folder per model")
    report.add_argument("--data", type=Path, metavar="DIR", help="measure each of them, with a page of its own")
    report.add_argument("--limit", type=_count, metavar="N", help="N samples of each, drawn at random")
    report.add_argument("--out", type=Path, default=Path("report"), metavar="DIR", help="default: ./report")
    report.add_argument("--json", action="store_true", help="the table as JSON on standard output instead of a page")


def _demo_command(commands: Any) -> None:
    demo = _add(
        commands, "demo", do.demo, "Run a recorded scene against an embedded broker and show what is published."
    )
    demo.add_argument("--port", type=_port, default=0, help="port of the embedded broker (default: a free one)")
    demo.add_argument("--out", type=Path, help="keep the scene, its configuration and the log here")
    demo.add_argument("--keep", action="store_true", help="leave the working folder behind")
    demo.add_argument("--svg", type=Path, help="save what is printed as a picture")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004  # 16 bits
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, or 0 for a free one, got {text!r}")
    return int(text)


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text!r}")
    return value
