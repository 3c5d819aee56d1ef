import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = (
    "models/catalogue.yaml",
    "deploy/install.sh",
    "deploy/examples/home.yaml",
    "systemd/edgefuse.service",
    "systemd/jetson.conf",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this tree, unpacked."""
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("the tests run outside a checkout: there is nothing to build from")
    if not find_spec("hatchling"):
        pytest.skip("hatchling, which builds the wheel, is not installed")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", out, ROOT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("edgefuse-*.whl")
    zipfile.ZipFile(built).extractall(out / "unpacked")
    return out / "unpacked"


@pytest.mark.parametrize("name", FILES)
def test_wheel_carries_the_files_beside_the_code(wheel: Path, name: str) -> None:
    """models/, deploy/ and systemd/ travel inside the wheel, byte for byte."""
    assert (wheel / "edgefuse/_data" / name).read_bytes() == (ROOT / name).read_bytes()


def test_wheel_carries_the_demo_and_the_type_marker(wheel: Path) -> None:
    """The demo's configuration and py.typed are in the package."""
    assert (wheel / "edgefuse/demo/demo.yaml").is_file()
    assert (wheel / "edgefuse/py.typed").is_file()


@pytest.mark.parametrize("name", FILES)
def test_resource_finds_them_in_an_install(wheel: Path, name: str) -> None:
    """`resource` finds the bundled files when the package is imported from the wheel."""
    code = "import sys; from edgefuse.resources import resource; print(resource(*sys.argv[1].split('/')))"
    done = subprocess.run(
        [sys.executable, "-c", code, name],
        cwd=wheel,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(wheel)},
    )

    assert str(wheel / "edgefuse/_data" / name) == done.stdout.strip(), done.stderr


def test_resource_names_a_missing_file() -> None:
    """A file that is in neither place is an error that names it."""
    from edgefuse.resources import resource

    with pytest.raises(FileNotFoundError, match=r"models/nothing\.yaml is missing"):
        resource("models", "nothing.yaml")
