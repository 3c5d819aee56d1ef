"""`python -m edgefuse.app.doctor AREA PART CONFIG`: the checks of one area, one JSON object a line."""

import os
import sys
from pathlib import Path

from edgefuse.app.build import read_site
from edgefuse.app.doctor.apart import write
from edgefuse.app.doctor.areas import check_of
from edgefuse.app.doctor.findings import Case
from edgefuse.pipeline.clock import SystemClock


def main(area: str, part: str = "", config: str = "") -> None:
    """Print findings on the real stdout; what libraries print goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    case = Case(read_site(Path(config)) if config else None, SystemClock(), part=part)
    for finding in check_of(area, part)(case):
        write(finding, out)
    out.close()
    sys.stderr.flush()
    os._exit(0)  # a driver's thread that hangs must not keep the process


if __name__ == "__main__":
    main(*sys.argv[1:])
