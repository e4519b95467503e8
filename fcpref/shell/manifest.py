"""The manifest: which artifacts are public, and which of their ancestors are not.

What it lists as derivable is no file: it is made again from its header alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import msgspec

from fcpref.errors import ArtifactError
from fcpref.shell.store import FORMAT, Header, write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MANIFEST = "manifest.json"
Stage = Literal["problems", "chains", "scores"]
_Id = Annotated[str, msgspec.Meta(pattern=r"\Asha256:[0-9a-f]{64}\Z")]
_Count = Annotated[int, msgspec.Meta(ge=0)]


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public artifact."""

    stage: str
    id: str
    parents: tuple[str, ...]
    count: int
    bytes: int
    byte_hash: str
    path: str


class Derivable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An artifact that was left out, for `fcpref remake` makes it: its id and header."""

    stage: Stage
    id: _Id
    parents: tuple[_Id, ...]
    count: _Count
    spec: dict[str, Any]
    versions: dict[str, str] = {}

    @property
    def header(self) -> Header:
        """The first line of the artifact's file."""
        return Header(
            format=FORMAT,
            stage=self.stage,
            parents=self.parents,
            spec=self.spec,
            versions=self.versions,
            count=self.count,
        )


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole manifest."""

    artifacts: tuple[Row, ...]
    derivable: tuple[Derivable, ...] = ()

    @property
    def listed(self) -> dict[str, Derivable]:
        """What was left out, by id."""
        return {entry.id: entry for entry in self.derivable}


def entry_of(identifier: str, header: Header) -> Derivable:
    """Return what the manifest lists of an artifact that is left out.

    Args:
        identifier: its id.
        header: its first line, of a stage that is derivable.
    """
    return Derivable(
        stage=cast("Stage", header.stage),
        id=identifier,
        parents=header.parents,
        count=header.count,
        spec=header.spec,
        versions=header.versions,
    )


def read_manifest(root: Path) -> Manifest:
    """Return the manifest of a folder of artifacts; an empty one where there is none.

    Raises:
        ArtifactError: it cannot be read, or is none.
    """
    path = root / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return Manifest(artifacts=())
    # msgspec lets wrong UTF-8 and too deep nesting out as what they are.
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(f"{path}: cannot be read ({error}); restore it") from None


def save_manifest(root: Path, rows: Iterable[Row], derivable: Iterable[Derivable]) -> Path:
    """Write the manifest of a folder of artifacts; return its path."""
    target = root / MANIFEST
    text = f'{{"artifacts": [\n{_lines(rows)}\n]'
    if left_out := _lines(derivable):
        text += f', "derivable": [\n{left_out}\n]'
    write_bytes(target, f"{text}}}\n".encode())
    return target


def _lines(rows: Iterable[Row | Derivable]) -> str:
    # One artifact a line, so that a change reads well in a diff.
    return ",\n".join(json.dumps(msgspec.to_builtins(row), sort_keys=True) for row in rows)
