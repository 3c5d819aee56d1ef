"""`edgefuse train` from the command line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("torch")

from edgefuse.cli import main
from edgefuse.engines.onnx import OnnxBackend

RECIPE: dict[str, Any] = {
    "name": "office",
    "what": "a test",
    "data": {"corpus": "occupancy", "source": "made", "licence": "CC0", "ship": True, "options": {"steps": 2}},
    "split": {"by": "day", "folds": 2},
    "modalities": {
        name: {
            "features": {"kind": "grid", "options": {"channels": [name], "steps": 2, "step_s": 60, "hold_s": 300}},
            "encoder": {"kind": "mlp", "options": {"width": 4, "layers": 1}},
        }
        for name in ("light", "co2")
    },
    "train": {"epochs": 20, "batch": 16, "singles": 1, "rate": 0.02},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two days of an office where light is on while somebody is there, and a recipe."""
    rng = np.random.default_rng(0)
    lines = ['"date","Temperature","Humidity","Light","CO2","HumidityRatio","Occupancy"']
    for minute in range(120):
        here = minute // 10 % 2
        day, light, co2 = 4 + minute // 60, 450 * here + rng.normal(0, 5), 500 + 200 * here + rng.normal(0, 20)
        lines.append(f'"{minute}","2015-02-0{day} 09:{minute % 60:02}:00",21,27,{light:.1f},{co2:.1f},.004,{here}')
    (tmp_path / "days.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "office.yaml").write_text(yaml.safe_dump(RECIPE))
    return tmp_path


def test_a_recipe_becomes_a_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model is written where it is asked for, runs, and its card is printed."""
    monkeypatch.setenv("EDGEFUSE_TRAIN_JOBS", "1")
    out = folder / "model"
    told = ["train", str(folder / "office.yaml"), "--data", str(folder / "days.txt"), "--out", str(out)]
    assert main([*told, "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["model"] == str(out)
    assert card["metrics"]["each"]["accuracy"]["mean"] > 0.9
    model = OnnxBackend().load(out / "model.onnx", {})
    assert set(model.inputs) == {"light", "co2", "mask"}
    assert main(told) == 0
    assert "co2 + light" in capsys.readouterr().out


def test_mistakes_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown recipe, missing data and a wrong number of processes end with 78 and a sentence."""
    recipe = str(folder / "office.yaml")
    monkeypatch.setenv("EDGEFUSE_TRAIN_JOBS", "none")
    for told, message in (
        (["train", "nothing", "--data", str(folder)], "unknown recipe 'nothing' (known: "),
        (["train", recipe, "--data", str(folder / "gone")], "no such file or folder"),
        (["train", recipe, "--data", str(folder)], "EDGEFUSE_TRAIN_JOBS: expected a whole number"),
    ):
        monkeypatch.setenv("EDGEFUSE_TRAIN_JOBS", "none" if "JOBS" in message else "1")
        assert main(told) == 78
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_nothing_trains_on_once_the_command_is_ended(folder: Path, number: signal.Signals, code: int) -> None:
    """Its processes end too, be it killed; on SIGTERM nothing half written is left either."""
    endless = RECIPE | {"train": RECIPE["train"] | {"epochs": 10**6}}
    (folder / "office.yaml").write_text(yaml.safe_dump(endless))
    before = sorted(folder.iterdir())
    command = [sys.executable, "-m", "edgefuse", "train", "office.yaml", "--data", "days.txt", "--out", "model"]
    environment = {**os.environ, "EDGEFUSE_TRAIN_JOBS": "2"}
    trainer = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    try:
        workers = _until(lambda: found if len(found := _training(trainer.pid)) == 2 else None)
        trainer.send_signal(number)
        assert trainer.wait(30) == code
        assert _until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    finally:
        trainer.kill()
    if number is signal.SIGTERM:
        assert sorted(folder.iterdir()) == before


def _until(look: Callable[[], Any]) -> Any:
    """What `look` gives once it gives something."""
    for _ in range(600):
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError("nothing came of it in a minute")


def _training(pid: int) -> list[int]:
    """Processes of `pid` that train: their imports are done, they use the CPU on."""
    tasks = [(task / "children").read_text().split() for task in Path(f"/proc/{pid}/task").iterdir()]
    spawned = [
        child for task in tasks for child in task if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    return [int(child) for child in spawned if _ticks(child) > 4 * os.sysconf("SC_CLK_TCK")]


def _ticks(pid: str) -> int:
    """CPU time that a process has used."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(told[11]) + int(told[12])
