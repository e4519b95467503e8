"""Chains and pairs for people: which of an artifact's are shown, in a terminal or on a page."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from fcpref.core.canon import short
from fcpref.core.codec import unstructure
from fcpref.core.report import ShownChain, ShownPair, rendered, shown_lines, shown_page
from fcpref.core.report.chains_words import (
    MARKS,
    MARKS_OF_PAIR,
    MARKS_OF_TRAINED,
    UNDERLINED,
)
from fcpref.errors import ArtifactError, UsageError
from fcpref.shell.progress import SILENT
from fcpref.shell.show_filters import Filters, check, read_depth
from fcpref.shell.show_items import items_of, named
from fcpref.shell.show_trained import AsTrained, TrainedItems, in_words
from fcpref.shell.stages_chains import parent
from fcpref.shell.stages_pairs import problems_of
from fcpref.shell.stages_problems import problems_by_id
from fcpref.shell.store import Artifact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fcpref.core.problems import Problem
    from fcpref.shell.show_items import Item
    from fcpref.shell.workspace import Workspace

__all__ = ["AsTrained", "Filters", "Selection", "for_terminal", "read_depth", "select"]

STAGES = ("chains", "scores", "pairs")
WIDTH = 80
IN_TERMINAL = 5
ON_PAGE = 200


@frozen(kw_only=True)
class Selection:
    """What is shown of an artifact.

    Attributes:
        artifact: the artifact.
        filters: what was asked for.
        matching: how many there are.
        shown: the first of them, in the artifact's order.
        note: what is not here, if anything.
        trained: what a training run takes of those that are shown, where that is asked.
    """

    artifact: Artifact
    filters: Filters
    matching: int
    shown: tuple[ShownChain | ShownPair, ...]
    note: str = ""
    trained: Mapping[str, Any] = field(factory=dict)

    @property
    def kind(self) -> str:
        """What they are: chains or pairs."""
        return "pairs" if self.artifact.header.stage == "pairs" else "chains"

    @property
    def title(self) -> str:
        """What is shown, in words."""
        asked = f" ({self.filters.described})" if self.filters.described else ""
        left = self.matching - len(self.shown)
        of = f"{len(self.shown)} of {self.matching}" if left else f"{self.matching}"
        header = self.artifact.header
        kind = self.kind if self.matching > 1 else self.kind.removesuffix("s")
        return f"{header.stage} {short(self.artifact.id)}: {of} {kind}{asked}"

    @property
    def left_out(self) -> str:
        """How many are not shown, and how to see them; empty where all are."""
        left = self.matching - len(self.shown)
        return f"{left} more left out; --limit {self.matching} shows all" if left else ""

    def text(self, width: int, *, colour: bool) -> str:
        """Return it for a terminal."""
        lines = [
            self.title,
            MARKS_OF_PAIR if self.kind == "pairs" else MARKS,
            *self._trained(MARKS_OF_TRAINED),
        ]
        rule = "-" * min(width, 40)
        blocks = [
            f"\n{rule}\n{rendered(shown_lines(one, width), colour=colour)}" for one in self.shown
        ]
        return "\n".join([*lines, *blocks, *self._notes("\n")])

    def page(self) -> str:
        """Return it as an HTML page."""
        return shown_page(self.title, [*self._trained(UNDERLINED), *self._notes("")], self.shown)

    def counts(self) -> dict[str, Any]:
        """Return what it comes to, as plain data."""
        return {
            "stage": self.artifact.header.stage,
            "id": self.artifact.id,
            "matching": self.matching,
            "shown": len(self.shown),
            "note": self.note,
            **({"trained": dict(self.trained)} if self.trained else {}),
        }

    def data(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return {**self.counts(), self.kind: [unstructure(one) for one in self.shown]}

    def _trained(self, marks: str) -> list[str]:
        """Return how tokens that carry loss are marked, and how many they are."""
        return [marks, in_words(self.trained)] if self.trained else []

    def _notes(self, before: str) -> list[str]:
        return [f"{before}{note}" for note in (self.left_out, self.note) if note]


def for_terminal(selection: Selection) -> str:
    """Return a selection as wide as the terminal, coloured where that is one that has colours."""
    width = shutil.get_terminal_size((WIDTH, 24)).columns
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return selection.text(width, colour=sys.stdout.isatty() and not plain)


def select(
    workspace: Workspace,
    name: str,
    filters: Filters,
    limit: int | None,
    run: AsTrained | None = None,
) -> Selection:
    """Return the chains or pairs of an artifact that are asked for.

    Args:
        workspace: holds it, and the problems that they are about.
        name: of the artifact: its path or the first digits of its id.
        filters: which.
        limit: how many at most; None shows all.
        run: the training run whose tokens are shown, if any.

    Raises:
        ArtifactError: there is no such artifact of chains, scores or pairs.
        UsageError: nothing is asked for that there could be, or nothing is found.
        ModelError: the student's tokenizer cannot be read, or its template lacks the grammar.
        TrainingError: the student's chat template cannot be trained on.
    """
    artifact = workspace.locate(name, *STAGES)
    check(filters, artifact)
    problems, note = _problems(workspace, artifact, filters, needed=run is not None)
    items = items_of(artifact, problems)
    wanted = named(items, filters.name, artifact) if filters.name else items
    scores = artifact.header.stage == "chains" and bool(filters.verdict)
    found = []
    with (workspace.progress if scores else SILENT).bar("scores", len(wanted)) as bar:
        for item in wanted:
            if item.fits(filters):
                found.append(item)
            bar.advance()
    if not found:
        kind = "pair" if artifact.header.stage == "pairs" else "chain"
        if not items:
            raise UsageError(f"{artifact.path}: holds no {kind}s")
        raise UsageError(
            f"{artifact.path}: none of its {len(items)} {kind}s is of {filters.described}; ask for "
            "less"
        )
    selection = Selection(
        artifact=artifact,
        filters=filters,
        matching=len(found),
        shown=() if run else tuple(item.shown() for item in found[:limit]),
        note=note,
    )
    return _trained(workspace, selection, run, items, found[:limit]) if run else selection


def _trained(
    workspace: Workspace,
    selection: Selection,
    run: AsTrained,
    items: Sequence[Item],
    wanted: Sequence[Item],
) -> Selection:
    """Return a selection that shows what is wanted with the tokens that carry loss."""
    trained = TrainedItems(run, items)
    if trained.note:
        workspace.progress.note(trained.note)
    shown = []
    progress = workspace.progress if len(wanted) > ON_PAGE else SILENT
    with progress.bar("tokens", len(wanted)) as bar:
        for item in wanted:
            shown.append(trained.shown(item))
            bar.advance()
    return evolve(selection, shown=tuple(shown), trained=trained.summary(shown))


def _problems(
    workspace: Workspace, artifact: Artifact, filters: Filters, *, needed: bool
) -> tuple[dict[str, Problem], str]:
    """Return the problems by id, and what is to be said where they are not here.

    Raises:
        ArtifactError: they are not here, and needed or a filter needs them.
    """
    try:
        if artifact.header.stage == "pairs":
            return problems_of(workspace, [artifact]), ""
        index = 1 if artifact.header.stage == "scores" else 0
        return problems_by_id(workspace.find(parent(artifact, index), "problems")), ""
    except ArtifactError as error:
        unscored = artifact.header.stage == "chains" and filters.verdict
        if needed or filters.depth or unscored:
            raise
        return {}, f"note: without problems: {error}"
