import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "deploy").glob("*.sh"))
SMOKE = ROOT / "tests" / "smoke" / "arm64.py"
pytestmark = pytest.mark.skipif(not SCRIPTS, reason="the tests run outside a checkout")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_parse(script: Path) -> None:
    """bash can read every script of deploy/."""
    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_pass_shellcheck(script: Path) -> None:
    """shellcheck finds nothing in any script of deploy/."""
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_help_lists_the_smoke_run() -> None:
    """`make help` knows a target with a hyphen."""
    done = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "make smoke-arm64 " in done.stdout


def dry_install(prefix: Path, *options: str) -> str:
    """What install.sh would do below `prefix`."""
    command = ["bash", ROOT / "deploy" / "install.sh", "--dry-run", "--prefix", prefix, "--no-models", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_install_on_a_jetson_takes_what_comes_with_jetpack(tmp_path: Path) -> None:
    """Where /etc/nv_tegra_release lies, the venv sees the system's packages and pip brings no OpenCV."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "nv_tegra_release").write_text("# R36 (release), REVISION: 4.4\n")

    steps = dry_install(tmp_path)

    assert f"python3 -m venv --system-site-packages {tmp_path}/opt/edgefuse" in steps
    assert "[mic,voice,wyoming,convert,jetson]" in steps
    assert f"{tmp_path}/etc/systemd/system/edgefuse.service.d/jetson.conf" in steps


def test_install_elsewhere_brings_everything(tmp_path: Path) -> None:
    """On any other machine the venv is closed and OpenCV is pip's."""
    steps = dry_install(tmp_path)

    assert f"python3 -m venv {tmp_path}/opt/edgefuse" in steps
    assert "[mic,camera,voice,wyoming,convert]" in steps
    assert "jetson" not in steps.replace(str(ROOT), "").replace(str(tmp_path), "")


@pytest.fixture(scope="module")
def smoke() -> dict[str, Any]:
    """What tests/smoke/arm64.py defines."""
    return runpy.run_path(str(SMOKE))


def test_smoke_run_accepts_rounding(smoke: dict[str, Any]) -> None:
    """A difference of one part in 100 000 of the largest value passes, and is told."""
    wanted = {"y": np.array([0.0, 2.0], np.float32)}

    assert smoke["compared"]({"y": wanted["y"] + np.float32(2e-5)}, wanted) == "1 outputs, differs by 1e-05"


@pytest.mark.parametrize("got", [[0.0, 2.01], [0.0, np.nan], [0.0]])
def test_smoke_run_fails_on_another_result(smoke: dict[str, Any], got: list[float]) -> None:
    """Numbers that are off, not finite or of another shape fail the check."""
    with pytest.raises(AssertionError):
        smoke["compared"]({"y": np.array(got, np.float32)}, {"y": np.array([0.0, 2.0], np.float32)})


def test_smoke_run_needs_the_very_libraries_that_compute(smoke: dict[str, Any]) -> None:
    """ONNX Runtime is pinned to this machine's version, so a difference is one of the processor."""
    import onnxruntime

    wanted = smoke["requirements"]()

    assert f"onnxruntime=={onnxruntime.__version__}" in wanted
    assert any(line.startswith("opencv-python-headless") for line in wanted)
    assert not any(line.startswith(("pyaudio", "pytest", "tensorrt")) for line in wanted)
