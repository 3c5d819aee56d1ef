import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from edgefuse import __version__
from edgefuse.cli import main

CONFIG = """\
device: {id: cellar, area: cellar}
sources:
  air: {type: mqtt, topic: zigbee2mqtt/cellar}
detectors:
  climate: {type: climate, on: [air]}
rules:
  - name: damp
    when: {reading: {of: air, quantity: humidity, above: 70}}
    then: [{alert: damp, severity: Minor, urgency: Future, headline: The cellar is damp}]
"""
SCENE = "start: 2026-01-05T21:30:00+00:00\nseconds: 20\nsources:\n  air: {file: air.csv}\n"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The caches and folders of whoever runs the tests are left alone, and so is the log of the tests that follow."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("EDGEFUSE_MODELS", raising=False)
    yield
    structlog.reset_defaults()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "cellar.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Twenty seconds in which a cellar gets damp."""
    folder = tmp_path / "scene"
    folder.mkdir()
    rows = [f"{t},12.5,{60 + t}" for t in range(20)]
    (folder / "air.csv").write_text("\n".join(["t,temperature,humidity", *rows]) + "\n", encoding="utf-8")
    (folder / "scene.yaml").write_text(SCENE, encoding="utf-8")
    return folder


def usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str, str]:
    """Run what argparse ends by itself: exit code, stdout, stderr."""
    with pytest.raises(SystemExit) as left:
        main(argv)
    out, err = capsys.readouterr()
    return left.value.code, out, err


@pytest.mark.parametrize(
    "command",
    ["run", "check", "schema", "replay", "diff", "models", "evaluate", "demo", "doctor", "say"]
    + [f"models {action}" for action in ("list", "pull", "verify", "bench")]
    + [f"evaluate {what}" for what in ("voice", "wake", "objects", "grounding")],
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` leaves with 0 and says, besides the usage, what the command does."""
    code, out, err = usage([*command.split(), "--help"], capsys)

    assert (code, err) == (0, "")
    assert out.startswith(f"usage: edgefuse {command}")
    assert len(out.split("\n\n")[1]) > len("a sentence of some words")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`edgefuse --help` lists the commands and says with which one to start."""
    code, out, _ = usage(["--help"], capsys)

    assert code == 0
    listed = {line.split()[0] for line in out.splitlines() if line.startswith("    ") and line[4] != " "}
    assert listed >= {"run", "check", "schema", "replay", "diff", "models", "evaluate", "demo", "doctor"}
    assert "Start with `edgefuse demo`" in out


def test_version_is_the_one_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints name and version."""
    assert usage(["--version"], capsys) == (0, f"edgefuse {__version__}\n", "")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("", "required: COMMAND"),
        ("frobnicate", "invalid choice: 'frobnicate'"),
        ("models", "required: ACTION"),
        ("demo --port 65536", "expected a port from 1 to 65535, or 0 for a free one, got '65536'"),
        ("demo --port -1", "expected a port from 1 to 65535, or 0 for a free one, got '-1'"),
        ("evaluate wake --data . --limit 0", "expected a whole number from 1, got '0'"),
        ("evaluate wake --data . --threshold 7", "expected a number from 0 to 1, got '7'"),
        ("evaluate wake --data . --threshold often", "expected a number from 0 to 1, got 'often'"),
    ],
)
def test_wrong_arguments_are_named(argv: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the command line cannot take is named on stderr, with the usage; exit code 2."""
    code, out, err = usage(argv.split(), capsys)

    assert (code, out) == (2, "")
    assert err.startswith("usage: edgefuse")
    assert said in err


def test_good_configuration_is_called_good(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` leaves with 0 and counts what is configured."""
    assert main(["check", str(config)]) == 0

    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"{config}: good, no mistakes")
    assert "1 source, 1 detector" in last


def test_every_mistake_is_printed_with_its_place(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` leaves with 78; each mistake is a line `file:line:column: path: message`, as JSON the same."""
    config.write_text(CONFIG.replace("type: climate", "type: climat").replace("above: 70", "above: a lot"))

    assert main(["check", str(config)]) == 78
    text = capsys.readouterr().out
    assert main(["check", "--json", str(config)]) == 78
    result = json.loads(capsys.readouterr().out)

    assert f"{config}:5:19: detectors.climate.type: unknown detector type 'climat'; did you mean 'climate'?" in text
    assert "expected a number, got 'a lot'" in text
    assert f"{config}: 2 mistakes" in text
    assert not result["ok"]
    assert [(each["line"], each["path"]) for each in result["problems"]] == [
        (5, "detectors.climate.type"),
        (8, "rules[0].when.reading.above"),
    ]


@pytest.mark.parametrize(
    "command", ["check {}", "run {}", "replay --config {}", "diff . {} {}", "models pull --config {}"]
)
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: None, "No such file or directory"),
        (Path.mkdir, "Is a directory"),
        (Path.touch, "expected a configuration, got an empty file"),
        (lambda path: path.write_bytes(b"\xd5\xd5\xd5"), "expected UTF-8, got the byte 0xd5"),
    ],
)
def test_file_that_is_no_configuration_is_told(
    command: str, make: Callable[[Path], object], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever command reads it, the message names the file and what is wrong with it; exit code 78."""
    path = tmp_path / "home.yaml"
    make(path)

    assert main(command.format(path, path).split()) == 78

    out, err = capsys.readouterr()
    assert f"{path}:1:1: " in out + err
    assert said in out + err


def test_name_that_the_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    """Neither a terminal without Unicode nor a file name that is no UTF-8 ends in a traceback."""
    command = [sys.executable, "-m", "edgefuse", "check", b"k\xc3\xbcche-\xff.yaml"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}

    done = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path, env=environment)

    assert (done.returncode, done.stderr) == (78, b"")
    assert done.stdout.startswith(b"k\\xfcche-\\udcff.yaml:1:1: expected a readable file")


def test_schema_is_json_with_the_plug_ins_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`schema` prints, or writes, a JSON Schema that knows the keys of the installed parts."""
    assert main(["schema"]) == 0
    printed = capsys.readouterr().out
    assert main(["schema", "--out", str(tmp_path / "edgefuse.json")]) == 0

    assert (tmp_path / "edgefuse.json").read_text(encoding="utf-8") == printed
    assert json.loads(printed)["$schema"].startswith("https://json-schema.org/")
    assert "wake_word" in printed


def test_replay_of_a_scene_writes_one_message_a_line(
    config: Path, scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`replay` prints what the daemon would publish, and twice the same bytes; `--out` writes them to a file."""
    out = tmp_path / "messages.jsonl"

    assert main(["replay", str(scene), "--config", str(config)]) == 0
    printed = capsys.readouterr().out
    assert main(["replay", str(scene), "--config", str(config), "--out", str(out)]) == 0

    assert out.read_text(encoding="utf-8") == printed
    messages = [json.loads(line) for line in printed.splitlines()]
    (alert,) = [message for message in messages if message["class"] == "alert"]
    assert alert["topic"] == "edgefuse/cellar/alert/damp"
    assert alert["payload"]["sent"] == "2026-01-05T21:30:11+00:00"


def test_replay_without_a_recording_is_refused(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A scene that is not there, and no scene where no source is recorded, are told; exit code 78."""
    assert main(["replay", str(tmp_path / "nothing"), "--config", str(config)]) == 78
    assert f"{tmp_path}/nothing/scene.yaml: expected a scene" in capsys.readouterr().err

    assert main(["replay", "--config", str(config)]) == 78
    assert "nothing to replay: name a scene" in capsys.readouterr().err


@pytest.mark.parametrize(("file", "reason"), [("gone.csv", "No such file or directory"), ("empty.csv", "")])
def test_recording_that_gives_nothing_is_told(
    file: str, reason: str, config: Path, scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A replay without its recording decides nothing, which must not look like a result; exit code 78."""
    (scene / "empty.csv").touch()
    (scene / "scene.yaml").write_text(SCENE.replace("air.csv", file), encoding="utf-8")

    for argv in (["replay", "--config", str(config), str(scene)], ["diff", str(scene), str(config), str(config)]):
        assert main(argv) == 78
        out, err = capsys.readouterr()
        assert "no decision changes" not in out
        assert err.startswith(f"air: {scene / file}: ")
        assert reason in err


def test_diff_tells_the_decisions_that_change(
    config: Path, scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`diff` prints the decisions of only one configuration, `-` and `+`, with their reasons; the same in JSON."""
    new = tmp_path / "new.yaml"
    new.write_text(CONFIG.replace("Minor", "Severe"), encoding="utf-8")
    argv = ["diff", str(scene), str(config), str(new)]

    assert main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert main([*argv, "--json"]) == 0
    changes = json.loads(capsys.readouterr().out)

    assert [line for line in lines if line[0] in "+-"] == [
        "- 21:30:11.000 alert/damp Alert Minor Future Observed",
        "+ 21:30:11.000 alert/damp Alert Severe Future Observed",
    ]
    assert [(change["which"], change["topic"]) for change in changes] == [
        ("only old", "alert/damp"),
        ("only new", "alert/damp"),
    ]
    assert main(["diff", str(scene), str(config), str(config)]) == 0
    assert capsys.readouterr().out == "no decision changes\n"


def test_models_are_listed_whole_on_a_narrow_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of name, state, licence is cut off at 80 columns; the JSON has the same models."""
    assert main(["models", "list", "--dir", str(tmp_path)]) == 0
    table = capsys.readouterr().out
    assert main(["models", "list", "--dir", str(tmp_path), "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}

    assert "…" not in table
    assert max(len(line.rstrip()) for line in table.splitlines()) <= 80
    assert rows["nanodet"]["state"] == "missing"
    assert rows["alexa"]["licence"] == "Apache-2.0"
    assert all(name in table for name in rows)


def test_models_that_are_named_are_listed_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`models list NAME` lists that one."""
    assert main(["models", "list", "alexa", "--dir", str(tmp_path), "--json"]) == 0

    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["alexa"]


@pytest.mark.parametrize("action", ["list", "pull", "verify"])
def test_unknown_model_is_told_with_the_known_ones(
    action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that the catalogue does not have is no empty list; exit code 78."""
    assert main(["models", action, "nonsense", "--dir", str(tmp_path)]) == 78

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("unknown model 'nonsense' (known: ")
    assert "alexa, " in err


def test_model_of_a_package_is_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`models verify NAME` hashes, loads and runs; one line a model, exit code 0."""
    pytest.importorskip("pymicro_wakeword", reason="the extra `voice` is not installed")

    assert main(["models", "verify", "alexa", "--dir", str(tmp_path)]) == 0

    assert capsys.readouterr().out.startswith("ok   alexa: sha256 matches, runs on ")


def test_model_that_is_not_here_fails_its_verification(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`models verify` of a missing model says how to get it; exit code 1."""
    assert main(["models", "verify", "nanodet", "--dir", str(tmp_path)]) == 1

    out = capsys.readouterr().out
    assert out.startswith("FAIL nanodet: ")
    assert "edgefuse models pull nanodet" in out


@pytest.mark.parametrize(("what", "wanted"), [("voice", "labels.json"), ("wake", "alexa"), ("objects", "images")])
def test_data_that_is_not_there_is_told(
    what: str, wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`evaluate` says what it expects in the folder; exit code 78."""
    assert main(["evaluate", what, "--data", str(tmp_path)]) == 78

    err = capsys.readouterr().err
    assert err.startswith(str(tmp_path))
    assert "expected" in err
    assert wanted in err


@pytest.mark.parametrize("command", ["schema --out {}", "replay {scene} --config {config} --out {}"])
@pytest.mark.parametrize("place", [".", "nothing/here"])
def test_place_that_cannot_be_written_is_told(
    command: str, place: str, config: Path, scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the path and why, without a traceback; exit code 74."""
    path = tmp_path / place

    assert main(command.format(path, config=config, scene=scene).split()) == 74

    reason = "Is a directory" if place == "." else "No such file or directory"
    assert capsys.readouterr().err == f"{path}: {reason}\n"


def test_demo_says_at_once_that_its_folder_cannot_be_made(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before the scene is made or a daemon started."""
    assert main(["demo", "--out", str(config)]) == 74

    assert capsys.readouterr() == ("", f"{config}: File exists\n")


def edgefuse(*argv: str, stdout: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "edgefuse", *argv]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE)


@pytest.mark.parametrize("argv", ["schema", "models list --json"])
def test_closed_pipe_is_no_error(argv: str) -> None:
    """`edgefuse schema | head -1` prints no traceback; exit code 141, as of a program that SIGPIPE ends."""
    read, write = os.pipe()
    os.close(read)
    try:
        with edgefuse(*argv.split(), stdout=write) as process:
            _, err = process.communicate()
    finally:
        os.close(write)

    assert (process.returncode, err) == (141, b"")


def test_full_disk_is_told() -> None:
    """Output that cannot be written is an error with a message; exit code 74."""
    with Path("/dev/full").open("wb") as full, edgefuse("schema", stdout=full.fileno()) as process:
        _, err = process.communicate()

    assert (process.returncode, err) == (74, b"output: No space left on device\n")


def test_interrupt_ends_quietly(tmp_path: Path) -> None:
    """Ctrl-C prints no traceback; exit code 130."""
    fifo = tmp_path / "home.yaml"
    os.mkfifo(fifo)
    # Where the tests run in the background of a shell, SIGINT is ignored, by every child too.
    code = "import signal, sys, edgefuse.cli as cli; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{code}; sys.exit(cli.main(sys.argv[1:]))", "check", str(fifo)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with process, fifo.open("wb"):  # opens when `check` reads, which is then kept waiting
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()

    assert (process.returncode, err) == (130, b"")
