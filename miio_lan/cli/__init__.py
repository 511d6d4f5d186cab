"""The command ``miio-lan``: one file per group of commands, loaded when called."""

from __future__ import annotations

import sys

# What :func:`miio_lan.click_common.failures.tell` writes, which may be among what could not be loaded. A test holds
# them together.
_INTERRUPTED = '{"error": {"type": "Interrupted", "message": "interrupted", "code": null, "method": null}}\n'


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    try:
        # Loading takes its time too, and Ctrl-C shall not show a traceback meanwhile.
        from miio_lan.cli.program import program
    except KeyboardInterrupt:
        _tell_interrupted(sys.argv[1:])
        sys.exit(130)
    try:
        program.main(prog_name="miio-lan")
    except KeyboardInterrupt:  # while the end of it was told
        sys.stderr.write("\ninterrupted\n")
        sys.exit(130)


def _tell_interrupted(arguments: list[str]) -> None:
    """Say that nothing was done, with ``--json`` to programs."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    to_programs = "--json" in options
    stream = sys.stdout if to_programs else sys.stderr
    try:
        if stream is not None:
            stream.write(_INTERRUPTED if to_programs else "\ninterrupted\n")
            stream.flush()
    except OSError:  # nobody reads it
        pass
