"""A check of pairs as lines and as a document."""

from __future__ import annotations

from fcpref.core.pairs import Finding, LengthBias, LintReport, Tally, Trained
from fcpref.core.report import Source, html, lint_document, lint_text, markdown


def finding(n, severity="warning", rule="too_long"):
    return Finding(
        severity=severity, rule=rule, pair=f"sha256:{n:016x}ffff", message=f"pair {n}; drop it"
    )


BIAS = LengthBias(
    unit="calls", pairs=7, chosen=4, rejected=2, correlation=-0.5, interval=(-0.8, -0.1)
)
REPORT = LintReport(
    pairs=1234,
    executed=1000,
    findings=(
        finding(99, "error", "label"),
        Finding(severity="error", rule="none_fits", pair="", message="nothing fits; raise it"),
        *(finding(n) for n in range(7)),
        Finding(severity="warning", rule="prompt", pair="train.jsonl:12", message="no prompt; add"),
    ),
    tallies=(Tally(name="verdict", counts=(("limit", 1000), ("no_answer", 234))),),
    lengths=(BIAS,),
    trained=Trained(tokens=2000, trained=500, least=0.1, greatest=0.4, longest=77),
)


def test_errors_come_first_and_five_pairs_are_named_for_each_rule():
    lines = lint_text(REPORT).splitlines()

    assert lines[:2] == [
        "error: label: pair 99; drop it [0000000000000063]",
        "error: none_fits: nothing fits; raise it",
    ]
    assert lines[2:7] == [f"warning: too_long: pair {n}; drop it [{n:016x}]" for n in range(5)]
    assert lines[7:9] == [
        "  and 2 more of too_long; --all shows all",
        "warning: prompt: no prompt; add [train.jsonl:12]",
    ]
    assert "1,234 pairs, 1,000 of them executed again; errors: 2, warnings: 8" in lines


def test_every_pair_is_named_where_that_is_asked_for():
    text = lint_text(REPORT, every=True)

    assert text.count("warning: too_long") == 7
    assert "more of" not in text


def test_numbers_are_in_columns():
    text = lint_text(REPORT)

    assert "  verdict   limit      1,000  81.0%\n" in text
    assert "500 (25.0%)" in text
    assert "10.0% to 40.0%" in text
    assert "\N{MINUS SIGN}0.50  \N{MINUS SIGN}0.80 to \N{MINUS SIGN}0.10" in text


def test_nothing_found_is_said():
    sound = LintReport(pairs=2, findings=())

    assert lint_text(sound) == "nothing found\n\n2 pairs; errors: 0, warnings: 0"
    assert "Nothing was found." in markdown(lint_document(sound, name="90ab"))


def test_a_document_has_findings_numbers_and_sources():
    source = Source(stage="pairs", id="sha256:" + "5" * 64)
    document = lint_document(REPORT, name="90ab", sources=[source])

    for written in (markdown(document), html(document)):
        for part in ("Check of 90ab", "pair 99; drop it", "0000000000000063", "and 2 more"):
            assert part in written
        for part in ("verdict", "1,000", "81.0%", "trained", "5555", "train.jsonl:12"):
            assert part in written
        assert "the whole set" in written
    everything = markdown(lint_document(REPORT, name="90ab", every=True))
    assert "pair 6; drop it" in everything
    assert "pair 6; drop it" not in markdown(document)
