"""`python -m edgefuse` is the `edgefuse` command."""

from edgefuse.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
