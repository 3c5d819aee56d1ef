"""`edgefuse models build` as a process, with a backend and a detector that are installed for the test."""

import hashlib
import json
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

pytestmark = pytest.mark.e2e
PLUGIN = Path(__file__).parents[1] / "unit" / "engines" / "copying_backend.py"
ENTRY_POINTS = """
[edgefuse.backends]
copying = copying_backend:CopyingBackend
[edgefuse.detectors]
sampling = copying_backend:SamplingDetector
"""


def double() -> bytes:
    """An ONNX model: y = x + x, x of shape (n, 3)."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "double", [x], [y])
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    )


def convolution() -> bytes:
    """An ONNX model of three convolutions of 32 channels, 28 x 28."""
    dice = np.random.default_rng(1)
    weights = [(dice.standard_normal((32, 32, 3, 3)) / 17).astype(np.float32) for _ in range(3)]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 32, 28, 28]) for name in ("x", "y"))
    nodes = []
    for n, (before, after) in enumerate((("x", "a"), ("b", "c"), ("d", "e"))):
        nodes.append(helper.make_node("Conv", [before, f"w{n}"], [after], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [after], ["bdy"[n]]))
    stored = [numpy_helper.from_array(weight, f"w{n}") for n, weight in enumerate(weights)]
    graph = helper.make_graph(nodes, "convolution", [x], [y], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class Shop:
    """A folder of models, and the command on it."""

    def __init__(self, folder: Path) -> None:
        self.models = folder / "models"
        self.models.mkdir(parents=True)
        self._site = folder / "site"
        info = self._site / "copying_backend-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: copying-backend\nVersion: 1\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
        shutil.copy(PLUGIN, self._site)
        self._catalogue: dict[str, Any] = {}

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self._site)}

    def add(self, name: str, data: bytes, **card: Any) -> None:
        """A model of the catalogue that is here."""
        (self.models / name).mkdir()
        (self.models / name / "m.onnx").write_bytes(data)
        pin = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        sources = [{"take": [{"file": str(self.models), "files": {"m.onnx": "m.onnx"}}]}]
        body = {"what": "test", "licence": "none", "used_by": ["sampling"] if name == "convolution" else []}
        self._catalogue[name] = {
            **body,
            "files": {"m.onnx": pin},
            "sources": sources,
            "card": {"format": "onnx", **card},
        }
        (self.models / "catalogue.yaml").write_text(yaml.safe_dump(self._catalogue), encoding="utf-8")

    def command(self, action: str, *args: str) -> list[str]:
        return [sys.executable, "-m", "edgefuse", "models", action, *args, "--dir", str(self.models)]

    def run(self, action: str, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(action, *args), capture_output=True, text=True, check=False, env=self.env)

    def engines(self) -> list[Path]:
        """Everything in the cache but the locks."""
        folder = self.models / ".engines"
        return sorted(path for path in folder.rglob("*") if path.is_file() and ".locks" not in path.parts)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """With a model `double`."""
    shop = Shop(tmp_path)
    shop.add("double", double())
    return shop


def test_an_engine_is_built_once_and_progress_is_json(shop: Shop) -> None:
    """Lines with a share that only grows, then the records; a second run builds nothing and says the same."""
    args = ("double", "--engine", "copying", "--precision", "fp32", "--progress", "json")

    first = shop.run("build", *args)
    again = shop.run("build", *args)

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    *lines, last = map(json.loads, first.stdout.splitlines())
    shares = [line["share"] for line in lines]
    assert len(lines) > 3
    assert shares == sorted(shares)
    assert {"model", "backend", "precision", "share", "phase", "eta_s"} == set(lines[0])
    (record,) = last["records"]
    assert (record["ok"], record["backend"], record["precision"]) == (True, "copying", "fp32")
    assert Path(record["path"]).stat().st_size == record["size"]
    assert record["verdict"]["cosine"] > 0.9999
    assert [json.loads(line) for line in again.stdout.splitlines()] == [last]
    assert (shop.models / ".backends" / "copying" / "builds").read_text(encoding="utf-8").count("\n") == 1


def test_a_wrong_engine_steps_down_and_says_why(shop: Shop) -> None:
    """The command ends with 1, names the engine that failed with its reason, and the one that serves."""
    shop.add("wrong", double(), inputs={"x": {"shape": [2, 3], "value": 0.5}}, copying={"op": "Mul"})

    done = shop.run("build", "wrong", "--engine", "copying", "--precision", "fp32", "--json")

    assert done.returncode == 1
    failed, serves = json.loads(done.stdout)
    assert (failed["ok"], failed["backend"], failed["path"]) == (False, "copying", None)
    assert (serves["ok"], serves["backend"], serves["precision"]) == (True, "onnx", "fp32")
    assert "wrong: copying fp32 cannot be used" in done.stderr
    assert "wrong: cpu fp32 serves instead" in done.stderr


def test_without_names_every_onnx_model_is_built(shop: Shop) -> None:
    """All models that are here have a line in the table."""
    shop.add("twice", double() + b"\x3a\x00")

    done = shop.run("build", "--engine", "copying", "--precision", "fp32")

    assert done.returncode == 0, done.stderr
    for name in ("double", "twice"):
        assert f"{name} copying fp32: " in done.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nothing"], "unknown model 'nothing'"),
        (["alexa"], "expected an ONNX model, got format microwakeword"),
        (["double", "--engine", "abacus"], "--engine: expected one of auto, copying, cpu, tensorrt, got 'abacus'"),
        (["double", "--samples", "/nowhere"], "--samples: expected a folder"),
    ],
)
def test_what_the_operator_got_wrong_is_said(shop: Shop, args: list[str], said: str) -> None:
    """Exit code 78, and the message names what was expected."""
    done = shop.run("build", *args)

    assert done.returncode == 78
    assert said in done.stderr
    assert done.stdout == ""


def test_samples_of_the_configuration_must_be_there(shop: Shop, tmp_path: Path) -> None:
    """A folder that does not exist is no reason to take the bundled samples unasked."""
    file = tmp_path / "site.yaml"
    file.write_text(f"device: {{id: a}}\nmodels: {{dir: {shop.models}, samples: /nowhere}}\n", encoding="utf-8")

    done = shop.run("build", "double", "--config", str(file))

    assert done.returncode == 78
    assert "models.samples: expected a folder with one folder per model, got /nowhere" in done.stderr


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there may be a GPU here")
def test_tensorrt_without_a_gpu_is_the_operators_error(shop: Shop) -> None:
    """Asked for on the command line, it is not replaced by anything."""
    done = shop.run("build", "double", "--engine", "tensorrt")

    assert done.returncode == 78
    assert "--engine tensorrt: " in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_build_and_nothing_is_left(shop: Shop, number: signal.Signals, code: int) -> None:
    """The exit code is the signal's; no half engine, no record of a failure; the next build succeeds."""
    shop.add("slow", double(), copying={"steps": 1000, "step_s": 0.05})
    command = shop.command("build", "slow", "--engine", "copying", "--precision", "fp32", "--progress", "json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=shop.env) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)

    assert process.returncode == code, stderr
    assert "stopped" in stderr
    assert shop.engines() == []


def test_whoever_stops_listening_stops_the_build(shop: Shop) -> None:
    """When the reader of the JSON lines goes away, the build ends and leaves nothing."""
    shop.add("slow", double(), copying={"steps": 1000, "step_s": 0.05})
    command = shop.command("build", "slow", "--engine", "copying", "--precision", "fp32", "--progress", "json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=shop.env) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()

        assert process.wait(timeout=30) == 141
    assert shop.engines() == []


def test_a_terminal_gets_a_bar(shop: Shop) -> None:
    """On a terminal the model, the phase and the time that is left are shown; stdout has the result alone."""
    shop.add("slow", double(), copying={"steps": 10, "step_s": 0.05})
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        shop.command("build", "slow", "--engine", "copying", "--precision", "fp32", "--json"),
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**shop.env, "TERM": "xterm", "COLUMNS": "120"},
    ) as process:
        os.close(theirs)
        seen = b""
        try:
            while block := os.read(ours, 65536):
                seen += block
        except OSError:  # what a terminal says once nobody is at its other end
            pass
        stdout, _ = process.communicate(timeout=30)
    os.close(ours)

    assert process.returncode == 0
    assert b"slow copying fp32" in seen
    assert b"build: step" in seen
    assert b"s left" in seen
    assert json.loads(stdout)[0]["ok"]


def test_verify_finds_a_flipped_byte_and_the_next_build_repairs_it(shop: Shop) -> None:
    """The engine is in quarantine, the FAIL says how to build it again, and that works."""
    build = ("double", "--engine", "copying", "--precision", "fp32")
    shop.run("build", *build)
    (engine,) = (path for path in shop.engines() if path.suffix == ".plan")
    good = shop.run("verify", "double", "--json")
    data = bytearray(engine.read_bytes())
    data[20] ^= 1
    engine.write_bytes(data)

    bad = shop.run("verify", "double", "--json")

    assert (good.returncode, bad.returncode) == (0, 1)
    assert [row["ok"] for row in json.loads(good.stdout)] == [True, True]
    model, broken = json.loads(bad.stdout)
    assert model["ok"]
    assert not broken["ok"]
    assert "quarantine" in broken["detail"]
    assert "edgefuse models build double --engine copying --precision fp32" in broken["detail"]
    assert not engine.exists()
    assert shop.run("build", *build).returncode == 0
    assert engine.exists()


def test_int8_for_the_cpu_is_built_from_samples(shop: Shop) -> None:
    """A real convolutional network, quantised with the detector's samples, agrees with fp32; what it has a verdict."""
    shop.add("convolution", convolution())

    done = shop.run("build", "convolution", "--engine", "cpu", "--precision", "int8", "--json")

    record, *_ = json.loads(done.stdout)
    verdict = record["verdict"]
    assert (record["backend"], record["precision"]) == ("onnx", "int8")
    assert verdict is not None, record["detail"]
    assert verdict["finite"]
    assert verdict["cosine"] > 0.99
    assert verdict["agreement"] == 1
    assert verdict["metric"] == "nothing"
    # Whether int8 is faster is the CPU's to say; if it is not, that is the reason of the refusal.
    assert done.returncode == (0 if record["ok"] else 1)
    assert record["ok"] or "fast" in record["detail"]


def test_a_full_disk_ends_the_build_with_what_to_do(shop: Shop) -> None:
    """The engine does not fit: 78, the folder and the setting are named, nothing half and no record is left."""
    shop.add("convolution", convolution())

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        shop.command("build", "convolution", "--engine", "cpu", "--precision", "int8"),
        capture_output=True,
        text=True,
        check=False,
        env={**shop.env, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=small_files,
    )

    assert done.returncode == 78, done.stderr
    assert "no space for an engine" in done.stderr
    assert "MB are needed" in done.stderr
    assert "EDGEFUSE_MODELS" in done.stderr
    assert shop.engines() == []


def test_int8_without_samples_is_not_built(shop: Shop) -> None:
    """A model whose detector has no samples stays in fp32, and the reason is said."""
    done = shop.run("build", "double", "--engine", "cpu", "--precision", "int8")

    assert done.returncode == 1
    assert "int8 is calibrated on samples" in done.stderr
    assert "double cpu fp32: " in done.stdout
