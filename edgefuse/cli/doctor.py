"""`edgefuse doctor [--config FILE] [--json]`."""

import argparse
import json
import sys
from contextlib import nullcontext
from dataclasses import asdict

from rich.console import Console

from edgefuse.app.doctor import Finding, broken_configuration, diagnose
from edgefuse.app.doctor.render import Line, heading, summary
from edgefuse.cli import EX_CONFIG, EX_FAILURE, EX_OK


def doctor_command(args: argparse.Namespace) -> int:
    """Check and print; 1 when something failed, 78 when the configuration is broken."""
    findings = list(diagnose(args.config)) if args.json else _shown(args)
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    if broken_configuration(findings):
        return EX_CONFIG
    return EX_FAILURE if any(finding.state == "fail" for finding in findings) else EX_OK


def _shown(args: argparse.Namespace) -> list[Finding]:
    """Print each finding as it comes."""
    console, waiting = Console(highlight=False), Console(stderr=True)
    findings: list[Finding] = []
    with waiting.status("looking ...") if sys.stderr.isatty() else nullcontext():
        for finding in diagnose(args.config):
            if not findings or findings[-1].area != finding.area:
                console.print(heading(finding.area))
            console.print(Line(finding))
            findings.append(finding)
    console.print(summary(findings))
    return findings
