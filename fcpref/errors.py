"""Every error that fcpref raises on purpose: one root, one subclass per boundary.

A message is one sentence that names the thing that is wrong and says what to do.
The command line prints it as it stands and exits with status 2.
"""

from __future__ import annotations


class FcprefError(Exception):
    """Root of all expected errors."""


class CanonError(FcprefError):
    """A value has no canonical bytes (NaN, infinity, lone surrogate, unknown type)."""


class CodecError(FcprefError):
    """Data does not have the declared type; the message carries the path to the field."""


class FormulaSyntaxError(FcprefError):
    """A formula's text is not well-formed; carries the character position."""

    def __init__(self, message: str, position: int) -> None:
        """Keep the position (0-based character offset) beside the message."""
        super().__init__(f"{message} at character {position}")
        self.position = position


class FormulaLimitError(FcprefError):
    """A normal form or a saturation would be larger than its stated bound."""


class StructureError(FcprefError):
    """A structure is not one, or does not interpret a name of a formula."""


class ProblemError(FcprefError):
    """A problem file or a problem's content cannot be used."""


class ArtifactError(FcprefError):
    """An artifact is unreadable, truncated, edited or of another version."""


class ReplayMissError(FcprefError):
    """A recording does not hold the asked reply; replay never goes live.

    Attributes:
        component: the part of the reply's key that differs from the nearest recorded one, such as
            ``prompt``, ``result``, ``temperature`` or ``sample``; empty where it is not known.
        diff: what differs, as a unified diff; empty where the message says it all.
        job: the chain whose reply it is, ``PROBLEM-ID/SAMPLE``.
    """

    def __init__(self, message: str, *, component: str = "", diff: str = "", job: str = "") -> None:
        """Keep what differs beside the message."""
        super().__init__(message)
        self.job = job
        self.component = component
        self.diff = diff


class ModelError(FcprefError):
    """A model cannot be found, verified or loaded."""


class EndpointError(FcprefError):
    """A server is down, refuses, or answers with something unusable."""


class ClusterError(FcprefError):
    """A cluster is down, runs other code, or lost a piece of work for good."""


class EvaluationError(FcprefError):
    """Trials cannot be summarised or compared."""


class PairError(FcprefError):
    """Chains cannot be paired, or pairs are not fit for training."""


class TrainingError(FcprefError):
    """Training cannot start, or stopped to protect the model."""


class UsageError(FcprefError):
    """A command was asked for something that does not exist."""
