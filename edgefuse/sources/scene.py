"""A scene: a folder with a recording for every source, and `scene.yaml` that puts them on one time line.

::

    start: 2025-03-01T18:00:00Z     # wall clock at 0 s
    seconds: 90                     # how long it lasts; default: until every recording has ended
    sources:
      hall_mic: {file: hall.flac}
      hall_cam: {file: hall.mp4, on_end: fail}              # unplugged at its end
      climate:  {file: climate.csv, at_s: 5}                # begins 5 s later

Names are those of the configuration: `edgefuse replay SCENE --config FILE` plays each recording in the place of the
source of that name. An entry takes what a source of type `recorded` takes, but `type`, `area` and `start`.
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from edgefuse.config.errors import problems_of
from edgefuse.config.load import findings
from edgefuse.config.models import Name, SourceConfig, Strict
from edgefuse.config.yaml import parse
from edgefuse.core.errors import ConfigError
from edgefuse.sources.recorded import Recorded


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


class Scene(Strict):
    """What scene.yaml says."""

    start: Annotated[datetime, AfterValidator(_utc)]
    seconds: Annotated[float, Field(gt=0)] | None = None
    sources: Annotated[dict[Name, Recorded.Config], Field(min_length=1)]

    def config_for(self, name: str, replaced: SourceConfig) -> Recorded.Config:
        """The recording of source `name`, with area, zones, masks, size and fps of the source that it stands in for."""
        own = self.sources[name]
        fields = ("area", "zones", "masks", "size", "fps", "stale_s")
        taken = {
            field: getattr(replaced, field)
            for field in fields
            if field in replaced.model_fields_set - own.model_fields_set
        }
        return own.model_copy(update=taken)


def read_scene(folder: Path) -> Scene:
    """Read `scene.yaml` of a folder; files are relative to it. Raises ConfigError with every mistake."""
    file = folder / "scene.yaml"
    try:
        document = parse(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"{file}: expected a scene: {error.strerror}") from error
    if document.problems:
        raise ConfigError(*map(str, findings(str(file), document.problems)))
    data = _with_paths(document.data, folder)
    try:
        return Scene.model_validate(data)
    except ValidationError as error:
        problems = problems_of(error, Scene, data, document)
        raise ConfigError(*map(str, findings(str(file), problems))) from error


def _with_paths(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    sources = data.get("sources")
    if not isinstance(sources, dict):
        return data
    return {**data, "sources": {name: _placed(entry, folder, data.get("start")) for name, entry in sources.items()}}


def _placed(entry: Any, folder: Path, start: Any) -> Any:
    if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
        return entry
    return {**entry, "file": str(folder / entry["file"]), "start": start}
