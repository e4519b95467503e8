"""What is exported in every format, and what is read of it."""

from __future__ import annotations

from fcpref.core.pairs.export import FORMATS, PairFormat
from fcpref.shell.exporting import export_dataset
from tests.exported import pairs_of

GRAMMARS = ("python", "tools")


def every_pair(workspace, chains):
    """Make pairs of chains, by grammar and kind."""
    return {
        (grammar, kind): pairs_of(workspace, chains[grammar], kind)
        for grammar in GRAMMARS
        for kind in ("chain", "step", "oracle")
    }


def exporting(workspace, chains, pairs, folder):
    """Return a function that exports what a format is made of."""

    def run(name, grammar="python", data=None, out="set"):
        if data is None:
            of_pairs = isinstance(FORMATS[name], PairFormat)
            data = pairs[grammar, "step"] if of_pairs else chains[grammar]
        return export_dataset(workspace, data, folder / out, format=name)

    return run


def loaded(done, tmp_path):
    import datasets

    return datasets.load_dataset(str(done.folder), cache_dir=str(tmp_path / "cache"))
