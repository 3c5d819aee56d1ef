"""Checks and fakes for the authors of plug-ins.

Each `check_*` is a generator of named checks; run them one by one as test cases, or all with `run_all`::

    def make():
        return MyDetector(MyDetector.Config(on=["source"]), make_context())

    @pytest.mark.parametrize("check", list(check_detector(make, ordinary(Frame))), ids=str)
    def test_my_detector(check):
        check.run()
"""

from edgefuse.testing.backend_checks import check_backend
from edgefuse.testing.config_checks import Check, check_config, run_all
from edgefuse.testing.detector_checks import check_detector
from edgefuse.testing.fakes import FakeBus, FakeClock, NoModels, make_context
from edgefuse.testing.fuser_checks import check_fuser
from edgefuse.testing.publisher_checks import check_publisher
from edgefuse.testing.samples import odd, ordinary
from edgefuse.testing.source_checks import check_source

__all__ = [
    "check_source", "check_detector", "check_backend", "check_fuser", "check_publisher", "check_config",
    "Check", "run_all",
    "FakeClock", "FakeBus", "NoModels", "make_context",
    "ordinary", "odd",
]  # fmt: skip
