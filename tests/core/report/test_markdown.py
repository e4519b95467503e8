from __future__ import annotations

import pytest
from hypothesis import given
from markdown_it import MarkdownIt

from fcpref.core.report import Report, Source, Table, markdown
from fcpref.core.report.markdown import escape
from tests.core.report.documents import bars, cells, lines, report_of, reports, tables, texts

READER = MarkdownIt("commonmark").enable("table").enable("strikethrough")


def table_lines(written):
    return [line for line in written.splitlines() if line.startswith("| ")]


def inline(token):
    """Return the text of a parsed line, or fail if any of it is more than text."""
    assert {child.type for child in token.children} <= {"text", "text_special"}
    return "".join(child.content for child in token.children)


@given(table=tables())
def test_every_row_of_a_table_has_as_many_cells_as_there_are_columns(table):
    written = table_lines(markdown(report_of(table)))
    assert [len(cells(line)) for line in written] == [len(table.columns)] * (len(table.rows) + 2)


@given(table=tables())
def test_a_reader_finds_the_table_with_all_its_cells(table):
    kinds = [token.type for token in READER.parse(markdown(report_of(table)))]
    assert kinds.count("table_open") == 1
    assert kinds.count("th_open") == len(table.columns)
    assert kinds.count("td_open") == len(table.columns) * len(table.rows)


@given(report=reports)
def test_a_report_has_the_headings_it_has_and_no_text_adds_to_them(report):
    tokens = READER.parse(markdown(report))
    items = sum(len(section.items) for section in report.sections)
    expected = 1 + len(report.sections) + items + bool(report.sources)
    assert [token.type for token in tokens].count("heading_open") == expected
    kinds = {token.type for token in tokens}
    assert not kinds & {"html_block", "fence", "code_block", "hr", "blockquote_open"}
    assert not [t for t in tokens if t.type == "ordered_list_open"]


@given(content=texts)
def test_any_text_reads_as_itself_on_one_line(content):
    tokens = READER.parse(f"x{escape(content)}x")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    written = "".join(c for c in content if c.isprintable() and not c.isspace())
    read = "".join(c for c in inline(tokens[1])[1:-1] if c.isprintable() and not c.isspace())
    assert read.replace("\ufffd", "") == written.replace("\ufffd", "")


@pytest.mark.parametrize("content", ["- a", "+ a", "1. a", "2) a", "> a", "# a", "=", "* a", "---"])
def test_a_paragraph_stays_a_paragraph(content):
    tokens = READER.parse(markdown(report_of(paragraphs=(content,))))
    paragraph = tokens[-2]
    assert [t.type for t in tokens[-3:]] == ["paragraph_open", "inline", "paragraph_close"]
    assert inline(paragraph) == content


@pytest.mark.parametrize("stage", ["- a", "1. a", "> a", "# a"])
def test_a_source_is_one_item_of_one_list(stage):
    written = markdown(Report(title="R", sections=(), sources=(Source(stage=stage, id="0f"),)))
    tokens = READER.parse(written)
    assert [t.type for t in tokens if t.type.endswith("list_open")] == ["bullet_list_open"]
    assert inline(tokens[-4]) == f"{stage}: 0f"


@given(report=reports)
def test_blocks_are_apart_by_one_line_and_the_last_line_ends(report):
    written = markdown(report)
    assert written.endswith("\n")
    assert not written.endswith("\n\n")
    assert "\n\n\n" not in written
    assert not [line for line in written.splitlines() if line != line.rstrip()]


def test_tables_are_aligned_and_numbers_stand_on_the_right():
    table = Table(title="T", columns=("Model", "n"), rows=(("base", "5"), ("a longer one", "1234")))
    assert table_lines(markdown(report_of(table))) == [
        "| Model        |    n |",
        "| ------------ | ---: |",
        "| base         |    5 |",
        "| a longer one | 1234 |",
    ]


def test_wide_characters_take_two_columns():
    table = Table(title="T", columns=("a",), rows=(("漢字",), ("abcd",)))
    assert table_lines(markdown(report_of(table)))[2:] == ["| 漢字 |", "| abcd |"]


def test_bars_are_in_proportion():
    written = table_lines(markdown(report_of(bars(0.5, 0.25, 0.0))))[2:]
    assert [line.count("█") for line in written] == [20, 10, 0]


def test_bars_with_losses_are_numbers_alone():
    written = markdown(report_of(bars(0.5, -0.25, unit="points")))
    assert "█" not in written
    assert "\N{MINUS SIGN}25.0" in written


def test_lines_become_a_row_for_each_category():
    written = table_lines(markdown(report_of(lines(0.5, None, 0.25))))
    assert [cell.strip() for cell in cells(written[2])] == ["0", "50.0%"]
    assert [cell.strip() for cell in cells(written[3])] == ["1", ""]


def test_names_with_underscores_stay_readable():
    assert escape("unknown_function") == "unknown_function"
    assert escape("p < 0.001") == "p < 0.001"


def test_sources_are_listed():
    report = Report(title="R", sections=(), sources=(Source(stage="pairs", id="sha256:0f"),))
    assert "## Sources\n\n- pairs: sha256:0f\n" in markdown(report)
