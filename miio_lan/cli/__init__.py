"""The command ``miio-lan``: one file per group of commands, loaded when called."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    try:
        # Loading takes its time too, and Ctrl-C shall not show a traceback meanwhile.
        from miio_lan.cli.program import program

        program.main(prog_name="miio-lan")
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        sys.exit(130)
