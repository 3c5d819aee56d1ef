from edgefuse.core.health import Health
from edgefuse.core.types import SECOND, HealthChange
from edgefuse.pipeline.intake import feed, follow_sources, mark_stale, tell_changes


def test_detector_is_stale_only_when_all_its_sources_are_dead() -> None:
    """With two cameras, the first death changes nothing and the second makes the detector stale."""
    health, gaps = Health(), []
    for name in ("cam1", "cam2"):
        health.part(name, "source").set("ok")
    health.part("objects", "detector").set("ok")
    follow_sources(health, {"objects": ["cam1", "cam2"]}, gaps.append)
    health.part("cam1", "source").set("failed", "unplugged")
    assert health.part("objects", "detector").state == "ok"

    health.part("cam2", "source").set("ended")
    assert health.part("objects", "detector").state == "stale"
    assert gaps == ["objects"]

    health.part("cam1", "source").set("ok")
    assert health.part("objects", "detector").state == "ok"


def test_silent_source_turns_stale_after_its_limit() -> None:
    """A camera is given 5 s by default; a sensor only what its configuration says."""
    health = Health()
    camera, sensor = health.part("cam", "source"), health.part("door", "source")
    for part in (camera, sensor):
        part.arrived(0)
        part.set("ok")
    feeds = [feed(camera, "vision", None), feed(sensor, "sensor", None)]
    mark_stale(feeds, 5 * SECOND)
    assert camera.state == "ok"

    mark_stale(feeds, 6 * SECOND)
    assert (camera.state, sensor.state) == ("stale", "ok")


def test_changes_are_told_with_the_present_state_first() -> None:
    """A listener hears how every part is now, then each change once."""
    health, told = Health(), []
    part = health.part("mic", "source")
    tell_changes(health, told.append, lambda: 5)
    part.set("ok")
    part.set("ok")

    assert told == [HealthChange("mic", "starting", "", 5), HealthChange("mic", "ok", "", 5)]
