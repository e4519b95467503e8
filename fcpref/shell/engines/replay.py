"""Engine `replay`: answers from a sealed recording and never goes live."""

from fcpref.shell.recordings import ReplayEngine

__all__ = ["ReplayEngine"]
