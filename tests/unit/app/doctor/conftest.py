from collections.abc import Callable
from pathlib import Path

import pytest

from edgefuse.app.build import read_site
from edgefuse.app.doctor.findings import Case
from edgefuse.pipeline.clock import SystemClock

HEAD = "device: {{id: hall, area: hall, state_dir: {folder}/state}}\nmodels: {{dir: {folder}/models, pull: never}}\n"


@pytest.fixture
def case(tmp_path: Path) -> Callable[..., Case]:
    """Makes a case: of a configuration in YAML, or of none; the files of the system lie in `tmp_path / "root"`."""

    def make(text: str | None = None, part: str = "") -> Case:
        site = None
        if text is not None:
            path = tmp_path / "hall.yaml"
            path.write_text(HEAD.format(folder=tmp_path) + text, encoding="utf-8")
            site = read_site(path)
        return Case(site, SystemClock(), root=tmp_path / "root", part=part)

    return make


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, str], None]:
    """Writes a file of the system."""

    def write(name: str, text: str) -> None:
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return write
