"""The `edgefuse` command. Each sub-command imports what it needs and nothing else."""

import argparse
import errno
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from edgefuse.core.errors import EdgefuseError, OperatorError, TransientError

EX_OK, EX_FAILURE, EX_IOERR, EX_TEMPFAIL, EX_CONFIG = 0, 1, 74, 75, 78
"""Exit codes of sysexits.h."""
_EXITS = ((OperatorError, EX_CONFIG), (TransientError, EX_TEMPFAIL), (EdgefuseError, EX_FAILURE))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command; errors go to stderr, the exit code says their kind (sysexits.h)."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's pool would only spin beside the models' own threads
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: a name that cannot be shown ends nothing
    from edgefuse.cli.parser import parser

    return _exit_code(parser().parse_args(argv))


def _exit_code(args: argparse.Namespace) -> int:
    """Run it; what went wrong is a message, not a traceback."""
    try:
        code: int = args.command(args)
        sys.stdout.flush()
    except EdgefuseError as error:
        print(error, file=sys.stderr)
        return next(code for kind, code in _EXITS if isinstance(error, kind))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _drop_stdout()
        return 141
    except OSError as error:
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        print(f"{error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        if error.filename is None:
            _drop_stdout()
        return EX_IOERR
    return code


def _drop_stdout() -> None:
    """What is still buffered goes nowhere: the interpreter flushes it at exit and would fail again."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
