"""What deploy/smoke-arm64.sh runs: the host writes inputs and outputs of each small model, aarch64 repeats them.

arm64.py requirements        the wheels that the checks need, one requirement a line
arm64.py reference FOLDER    run the models here and keep what goes in and comes out
arm64.py check FOLDER        on aarch64: one line per check; exit 1 when one fails
"""

import contextlib
import io
import json
import pkgutil
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = ("camera", "convert", "media", "voice")
SAME_VERSION = ("onnxruntime", "pymicro-features", "pymicro-wakeword")
"""What computes must be the same on both sides; of the rest any version that the project allows."""
LIBRARIES = ("numpy", "onnxruntime", "cv2", "ctranslate2", "faster_whisper", "hassil", "soxr", "soundfile")
GPU_LIBRARIES = ("cuda", "tensorrt", "torch")
SMALL = 20_000_000
"""Bytes of the largest model that is run: emulation is slow."""
CLOSE = 1e-3
"""Largest difference of an output, as a part of the output's largest value."""
CLOSE_WAKE = 0.02
"""Largest difference of a wake word's probability, which comes in steps of 1/256."""
WINDOW = 1024
FAILURES = (AssertionError, AttributeError, ImportError, KeyError, OSError, RuntimeError, TypeError, ValueError)


def main(action: str, folder: str = "") -> int:
    """Do one of the three actions."""
    if action == "requirements":
        print("\n".join(requirements()))
        return 0
    return {"reference": reference, "check": check}[action](Path(folder))


def requirements() -> list[str]:
    """Requirements of the installed edgefuse with the extras that have aarch64 wheels."""
    from packaging.requirements import Requirement

    wanted = {}
    for text in metadata.requires("edgefuse") or []:
        requirement = Requirement(text)
        extras = [{"extra": extra, "platform_machine": "aarch64"} for extra in ("", *EXTRAS)]
        if requirement.marker is None or any(requirement.marker.evaluate(extra) for extra in extras):
            wanted[requirement.name] = f"{requirement.name}{requirement.specifier}"
    return sorted({**wanted, **{name: f"{name}=={metadata.version(name)}" for name in SAME_VERSION}}.values())


# --- on this machine --------------------------------------------------------------------------------------------------


def reference(folder: Path) -> int:
    """Write plan.json and, for each small model, <name>.npz with inputs `in_*` and outputs `out_*`."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = [row for row in small_models() if write_reference(row, folder)]
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    print(f"edgefuse smoke-arm64: {len(plan)} models ran on {platform.machine()}", file=sys.stderr)
    return 0 if plan else 1


def small_models() -> Iterator[dict[str, Any]]:
    """Name, path and card of each model that is run; without the optional ones that are not here."""
    import yaml

    catalogue = yaml.safe_load((ROOT / "models" / "catalogue.yaml").read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "edgefuse", "models", "list", "--json"]
    rows = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)
    for row in rows:
        if row["name"] not in catalogue or row["size"] > SMALL or (row["optional"] and not row["path"]):
            continue
        if not row["path"]:
            raise SystemExit(f"{row['name']} is {row['state']}: run `edgefuse models pull {row['name']}`")
        yield {"name": row["name"], "path": row["path"], "what": row["what"], "card": catalogue[row["name"]]["card"]}


def write_reference(row: Mapping[str, Any], folder: Path) -> bool:
    """Whether there is a way to run this kind of model."""
    import numpy as np

    kind = row["card"].get("format")
    if kind == "onnx":
        feed = onnx_feed(row)
        arrays = {f"in_{name}": array for name, array in feed.items()}
        arrays |= {f"out_{name}": array for name, array in run_onnx(row, feed).items()}
    elif kind == "microwakeword":
        pcm = spoken(row["what"], folder)
        arrays = {"in_pcm": pcm, "out_probability": run_wake_word(row, pcm)}
    else:
        return False
    np.savez(folder / f"{row['name']}.npz", **arrays)
    return True


def onnx_feed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Noise of a fixed seed in every input of floats that the card gives no value; (name -> array)."""
    import numpy as np

    from edgefuse.engines.onnx import OnnxBackend

    rng = np.random.default_rng(8)
    model = OnnxBackend().load(Path(row["path"]), row["card"])
    cards = row["card"].get("inputs", {})
    return {
        name: rng.normal(0, 0.3, array.shape).astype(array.dtype)
        if array.dtype.kind == "f" and "value" not in cards.get(name, {})
        else array
        for name, array in model.example().items()
    }


def spoken(what: str, folder: Path) -> Any:
    """The wake word of `wake word "Alexa"` by a synthesiser, else noise; int16 at 16 kHz, (n,)."""
    import numpy as np

    from edgefuse.core.errors import ConfigError
    from edgefuse.demo.sound import speak, synthesiser

    sound = np.random.default_rng(8).normal(0, 0.002, 32 * WINDOW)
    try:
        word = speak(synthesiser(), "slt", re.findall('"(.+)"', what)[0], folder)
    except ConfigError:
        word = np.random.default_rng(9).normal(0, 0.1, 8 * WINDOW)
    sound[8 * WINDOW : 8 * WINDOW + len(word)] += word[: 24 * WINDOW]
    return (sound * 32767).astype(np.int16)


# --- on both ----------------------------------------------------------------------------------------------------------


def run_onnx(row: Mapping[str, Any], feed: Mapping[str, Any]) -> dict[str, Any]:
    """Load by the `onnx` backend and run once."""
    from edgefuse.engines.onnx import OnnxBackend

    model = OnnxBackend().load(Path(row["path"]), row["card"])
    outputs: dict[str, Any] = model.run(feed)
    model.close()
    return outputs


def run_wake_word(row: Mapping[str, Any], pcm: Any) -> Any:
    """Probability after each window of 64 ms; (n,)."""
    import numpy as np

    from edgefuse.detectors.voice.wake import MicroWakeWord

    spotter = MicroWakeWord(Path(row["path"]))
    return np.array([spotter.hear(pcm[at : at + WINDOW]) for at in range(0, len(pcm), WINDOW)])


# --- on aarch64 -------------------------------------------------------------------------------------------------------


def check(folder: Path) -> int:
    """Print one line per check; 1 when one failed."""
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", python),
        ("import of edgefuse", modules),
        *((f"import of {name}", lambda name=name: library(name)) for name in LIBRARIES),
        *((f"edgefuse check {path.name}", lambda path=path: example(path)) for path in examples()),
        *((f"model {row['name']}", lambda row=row: model(row, folder)) for row in plan),
    ]
    passed = sum(one(*named) for named in checks)
    print(f"{passed} of {len(checks)} checks passed")
    return 0 if passed == len(checks) else 1


def one(name: str, run: Callable[[], str]) -> bool:
    """Run a check, print its line."""
    from edgefuse.core.errors import EdgefuseError

    begin = time.monotonic()
    try:
        told, ok = run(), True
    except (*FAILURES, EdgefuseError) as error:
        told, ok = f"{type(error).__name__}: {error}", False
    print(f"{'ok  ' if ok else 'FAIL'} {name}: {told} ({time.monotonic() - begin:.1f} s)", flush=True)
    return ok


def python() -> str:
    """The interpreter is one for aarch64."""
    assert platform.machine() == "aarch64", f"expected aarch64, got {platform.machine()}"
    return f"{platform.python_version()} on {platform.machine()}, {' '.join(platform.libc_ver())}"


def modules() -> str:
    """Every module of the package can be imported."""
    package = import_module("edgefuse")
    names = [module.name for module in pkgutil.walk_packages(package.__path__, "edgefuse.")]
    names = [name for name in names if not name.endswith("__main__")]
    without = [name for name in names if not imported(name)]
    return f"{len(names) - len(without)} modules" + (f", without {' '.join(without)}" if without else "")


def imported(name: str) -> bool:
    """False where a library of the GPU is missing. Raises whatever else an import raises."""
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        if str(error.name).split(".")[0] in GPU_LIBRARIES:
            return False
        raise
    return True


def library(name: str) -> str:
    """A library with machine code, or one that needs such."""
    return str(getattr(import_module(name), "__version__", "imported"))


def examples() -> list[Path]:
    """The configurations that come along."""
    from edgefuse.resources import resource

    return sorted(resource("deploy", "examples").glob("*.yaml"))


def example(path: Path) -> str:
    """`edgefuse check` finds no mistake in it."""
    from edgefuse.cli import main as edgefuse

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = edgefuse(["check", str(path)])
    assert code == 0, f"exit {code}: {said.getvalue().strip()}"
    return "exit 0"


def model(row: Mapping[str, Any], folder: Path) -> str:
    """It loads, runs, and gives what this machine's own processor gave."""
    import numpy as np

    with np.load(folder / f"{row['name']}.npz") as kept:
        feed = {name.removeprefix("in_"): kept[name] for name in kept if name.startswith("in_")}
        wanted = {name.removeprefix("out_"): kept[name] for name in kept if name.startswith("out_")}
    if row["card"]["format"] == "onnx":
        return compared(run_onnx(row, feed), wanted)
    got = run_wake_word(row, feed["pcm"])
    return within(float(np.abs(got - wanted["probability"]).max()), CLOSE_WAKE) + f", hears {got.max():.3f}"


def compared(got: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Every output is finite, of the same shape, and close."""
    import numpy as np

    assert got.keys() == wanted.keys(), f"expected outputs {sorted(wanted)}, got {sorted(got)}"
    worst = 0.0
    for name, array in wanted.items():
        assert got[name].shape == array.shape, f"{name}: expected {array.shape}, got {got[name].shape}"
        assert np.isfinite(got[name]).all(), f"{name}: not finite"
        worst = max(worst, float(np.abs(got[name] - array).max() / np.abs(array).max()))
    return f"{len(wanted)} outputs, " + within(worst, CLOSE)


def within(difference: float, limit: float) -> str:
    """Says the difference. Raises AssertionError beyond the limit."""
    assert difference <= limit, f"differs by {difference:.2g}, at most {limit:g} is allowed"
    return f"differs by {difference:.1g}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
