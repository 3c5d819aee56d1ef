"""`edgefuse evidence CONFIG [--belief NAME] [--out FILE]`."""

import argparse

from edgefuse.app.build import read_site
from edgefuse.app.evidence import sheet
from edgefuse.app.models import model_store
from edgefuse.pipeline.clock import SystemClock


def evidence_command(args: argparse.Namespace) -> int:
    """Write the sheets as Markdown."""
    site = read_site(args.config)
    text = sheet(site, model_store(site.models, SystemClock()), args.belief)
    if args.out:
        args.out.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)
    return 0
