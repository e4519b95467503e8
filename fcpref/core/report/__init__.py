"""Tables and figures as data, and their Markdown and HTML text."""

from __future__ import annotations

from fcpref.core.report.build import build_report
from fcpref.core.report.chains import ShownChain, ShownPair, shown_chain, shown_pair
from fcpref.core.report.chains_html import shown_page
from fcpref.core.report.chains_text import shown_lines
from fcpref.core.report.document import (
    BarFigure,
    Figure,
    Item,
    LineFigure,
    Point,
    Report,
    Section,
    Series,
    Source,
    Table,
)
from fcpref.core.report.html import html
from fcpref.core.report.linting import lint_document, lint_text
from fcpref.core.report.markdown import markdown
from fcpref.core.report.prompts import prompt_report
from fcpref.core.report.recipes import RecipeResult, RunCost, sources_table
from fcpref.core.report.terminal import rendered
from fcpref.core.report.trained import Run, ShownTraining, Tokens, trained_tokens, untrained

__all__ = [
    "BarFigure",
    "Figure",
    "Item",
    "LineFigure",
    "Point",
    "RecipeResult",
    "Report",
    "Run",
    "RunCost",
    "Section",
    "Series",
    "ShownChain",
    "ShownPair",
    "ShownTraining",
    "Source",
    "Table",
    "Tokens",
    "build_report",
    "html",
    "lint_document",
    "lint_text",
    "markdown",
    "prompt_report",
    "rendered",
    "shown_chain",
    "shown_lines",
    "shown_page",
    "shown_pair",
    "sources_table",
    "trained_tokens",
    "untrained",
]
