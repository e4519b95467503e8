"""What tests of the command line run, and what they expect of a command."""

from __future__ import annotations

import json

from click.testing import CliRunner

from fcpref.cli import main


def invoke(root, *words, stdin=None):
    """Run a command on the artifacts of a folder, in this process."""
    return CliRunner().invoke(main, ["--artifacts", str(root), *map(str, words)], input=stdin)


def succeeding(run):
    """Return what runs a command by `run`, checks that it succeeds, and returns its JSON."""

    def made(*words):
        return made_by(run(*words, "--json", "--quiet"))

    return made


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
