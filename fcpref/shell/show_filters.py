"""What is asked of an artifact's chains or pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from fcpref.core.functions import FailureCode
from fcpref.core.pairs import ORIGINS
from fcpref.core.scores import Verdict
from fcpref.core.tasks import find_task
from fcpref.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fcpref.shell.store import Artifact


@frozen(kw_only=True)
class Filters:
    """Which chains or pairs are asked for; an empty one asks for all.

    Attributes:
        name: the start of a content id, or ``PROBLEM[/SAMPLE]``.
        verdict: of a chain; of a pair's rejected one.
        code: a failure in a chain; what a pair's rejected one is judged for.
        depth: least and greatest difficulty of the problem.
        task: the task's name.
        origin: of a pair.
    """

    name: str = ""
    verdict: str = ""
    code: str = ""
    depth: tuple[int, int] | None = None
    task: str = ""
    origin: str = ""

    @property
    def described(self) -> str:
        """The filters in words; empty where there are none."""
        words = {name: getattr(self, name) for name in ("verdict", "code", "task", "origin")}
        if self.depth:
            words["depth"] = "-".join(map(str, dict.fromkeys(self.depth)))
        said = [f"{name} {value}" for name, value in words.items() if value]
        return ", ".join([self.name, *said] if self.name else said)


def read_depth(text: str) -> tuple[int, int]:
    """Read a difficulty, N or LOW-HIGH.

    Raises:
        UsageError: it is neither.
    """
    low, dash, high = text.partition("-")
    ends = (low, high if dash else low)
    if not all(end.isascii() and end.isdigit() and len(end) <= 6 for end in ends):  # noqa: PLR2004
        raise UsageError(f"depth {text!r} is neither a number nor LOW-HIGH, such as 2 or 3-5")
    if int(ends[0]) > int(ends[1]):
        raise UsageError(f"depth {text!r} ends before it begins; write {high}-{low}")
    return int(ends[0]), int(ends[1])


def check(filters: Filters, artifact: Artifact) -> None:
    """Refuse filters that nothing could fit.

    Raises:
        UsageError: a verdict, code, task or origin that there is not, or an origin of chains.
    """
    known: dict[str, Iterable[str]] = {
        "verdict": Verdict,
        "code": FailureCode,
        "origin": ORIGINS,
    }
    for name, values in known.items():
        asked, listed = getattr(filters, name), [str(value) for value in values]
        if asked and asked not in listed:
            raise UsageError(f"there is no {name} {asked!r}; there are {', '.join(listed)}")
    if filters.task:
        find_task(filters.task)
    if filters.origin and artifact.header.stage != "pairs":
        raise UsageError(f"{artifact.path}: --origin is of pairs, and these are chains")
