from __future__ import annotations

from hypothesis import example, given

from fcpref.core.report.markup import element, text
from tests.core.report.documents import Page, texts


@given(content=texts)
@example(content='" onload="x')
@example(content="&quot;' <b>")
def test_an_attribute_holds_any_text(content):
    ((tag, attributes),) = Page(element("b", {"title": content})).elements
    assert tag == "b"
    assert attributes == {"title": Page(f"<i>{text(content)}</i>").joined}


def test_numbers_are_written_shortly():
    assert element("b", {"x": 1.0, "y": 2.346, "z": 0.1}) == '<b x="1" y="2.35" z="0.1"></b>'


def test_elements_nest():
    assert element("b", {}, element("i", {}, text("<")), text("&")) == "<b><i>&lt;</i>&amp;</b>"
