from __future__ import annotations

import re

import pytest
from hypothesis import example, given

from fcpref.core.report import Report, Source, Table, html
from tests.core.report.documents import NASTY, Page, bars, lines, report_of, reports, tables, texts

FETCHED = {"script", "img", "iframe", "object", "embed", "video", "audio", "image", "use", "form"}
VISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def shown(content):
    """Return what a reader sees of a text: line ends are one, what cannot be shown is marked."""
    return VISIBLE.sub("\ufffd", content.replace("\r\n", "\n").replace("\r", "\n"))


@given(report=reports)
def test_any_report_is_a_page_with_balanced_tags(report):
    page = Page(html(report))
    assert [tag for tag, _ in page.elements][:2] == ["html", "head"]


@given(report=reports)
def test_any_report_can_be_encoded(report):
    assert html(report).encode().startswith(b"<!DOCTYPE html>")


@given(report=reports)
def test_no_text_becomes_an_element_or_a_request(report):
    page = Page(html(report))
    assert not {tag for tag, _ in page.elements} & FETCHED
    assert page.found("link") == [{"rel": "icon", "href": "data:,"}]
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "src"]
        assert attributes.get("href", "#").startswith(("#", "data:,"))


@given(content=texts)
@example(content="</title><script>")
def test_any_text_is_shown_as_it_is_wherever_it_stands(content):
    table = Table(title=content, columns=(content,), rows=((content,),), note=content)
    words = Page(html(report_of(table, paragraphs=(content,)))).words
    wanted = shown(content)
    # The paragraph, the caption, the header, the cell and the note; an empty text shows nowhere.
    assert words.count(wanted) == (5 if content else 0)


@given(table=tables())
def test_a_table_keeps_its_cells_and_its_headers_have_a_scope(table):
    page = Page(html(report_of(table)))
    assert len(page.found("td")) == len(table.rows) * (len(table.columns) - 1)
    scopes = [attributes["scope"] for attributes in page.found("th")]
    assert scopes == ["col"] * len(table.columns) + ["row"] * len(table.rows)


@given(report=reports)
def test_every_drawing_has_a_title_and_a_description_or_is_hidden(report):
    page = Page(html(report))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for drawing in page.found("svg"):
        named = drawing.get("aria-labelledby", "").split()
        assert drawing.get("aria-hidden") == "true" or (len(named) == 2 and set(named) <= set(ids))


def test_the_policy_refuses_every_request():
    (policy,) = [a["content"] for a in Page(html(report_of())).found("meta") if "http-equiv" in a]
    assert "default-src 'none'" in policy
    assert "url(" not in html(report_of())
    assert "@import" not in html(report_of())


def test_the_page_follows_the_readers_colour_scheme():
    assert "@media (prefers-color-scheme:dark)" in html(report_of())


def lengths(figure):
    rects = Page(html(report_of(figure))).found("rect")
    return [float(r["width"]) for r in rects if "x" in r]


def test_bars_are_as_long_as_their_values():
    short, none, long = lengths(bars(0.2, 0.0, 0.8))
    assert none == 0
    assert long == pytest.approx(4 * short, rel=1e-3)


def test_bars_of_losses_end_where_bars_of_gains_begin():
    rects = Page(html(report_of(bars(0.5, -0.5, unit="points")))).found("rect")
    gain, loss = ({key: float(r[key]) for key in ("x", "width")} for r in rects if "x" in r)
    assert loss["x"] + loss["width"] == pytest.approx(gain["x"], abs=0.02)
    assert loss["width"] == pytest.approx(gain["width"], abs=0.02)


def route(figure):
    paths = Page(html(report_of(figure))).found("path")
    return next(p["d"] for p in paths if p["class"].startswith("line"))


def test_a_line_runs_through_its_points_and_breaks_where_one_is_missing():
    assert re.sub(r"[^ML]", "", route(lines(0.1, 0.2, 0.3))) == "MLL"
    assert re.sub(r"[^ML]", "", route(lines(0.1, None, 0.3, 0.4))) == "MML"


def test_greater_values_stand_higher():
    first, second = (float(y) for y in re.findall(r" ([\d.]+)", route(lines(0.1, 0.9))))
    assert second < first


def test_only_figures_of_several_series_need_a_legend():
    assert 'class="legend"' not in html(report_of(bars(0.1)))
    assert 'class="legend"' in html(report_of(bars(0.1, names=("a", "b"))))


def test_the_numbers_of_a_figure_are_there_to_read():
    page = Page(html(report_of(bars(0.125))))
    assert page.found("details")
    assert page.words.count("12.5%") == 2


def test_sources_are_named():
    report = Report(title="R", sections=(), sources=(Source(stage="pairs", id="sha256:0f"),))
    assert {"pairs", "sha256:0f"} <= set(Page(html(report)).words)


@pytest.mark.parametrize("content", NASTY)
def test_a_title_of_any_text_is_safe(content):
    page = Page(html(Report(title=content, sections=())))
    assert len(page.found("h1")) == 1
