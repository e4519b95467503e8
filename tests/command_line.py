"""What tests of the command line expect of a command."""

from __future__ import annotations

import json


def made_by(result):
    """Check that a command with ``--json`` and ``--quiet`` succeeded, and return its JSON."""
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return json.loads(result.stdout)


def refused(result, *said):
    """Check that a command failed with one line that says all this."""
    lines = result.stderr.splitlines()
    assert result.exit_code == 2, result.output
    assert len(lines) == 1
    assert lines[0].startswith("fcpref: ")
    for text in said:
        assert str(text) in lines[0]
