"""The HTML report's style sheet: system fonts, one column, light and dark."""

from __future__ import annotations

LIGHT = ("#33669f", "#c06a14", "#2f8378", "#a8456a", "#6f5ba8", "#75756a")
DARK = ("#7eaee0", "#e6a15c", "#6cc0b4", "#df8aab", "#ab9be0", "#b3b3a4")


def _palette(colours: tuple[str, ...]) -> str:
    return "".join(f"--series-{index}:{colour};" for index, colour in enumerate(colours))


_SERIES = "\n".join(
    f".fill-{index}{{fill:var(--series-{index})}}.stroke-{index}{{stroke:var(--series-{index})}}"
    for index in range(len(LIGHT))
)

STYLE = f"""
:root{{color-scheme:light dark;--paper:#fdfdfb;--ink:#1d2125;--soft:#5c636a;--line:#dcdfe0;
--band:#f3f4f2;--accent:#33669f;--bar:1;{_palette(LIGHT)}}}
@media (prefers-color-scheme:dark){{:root{{--paper:#16181b;--ink:#e4e5e3;--soft:#a0a6ab;
--line:#363a3f;--band:#1e2125;--accent:#7eaee0;--bar:.7;{_palette(DARK)}}}}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
overflow-wrap:break-word}}
main{{max-width:66rem;margin:0 auto;padding:3rem 1.25rem 4rem}}
h1{{font-size:2rem;line-height:1.2;letter-spacing:-.015em;margin:0 0 1.25rem;text-wrap:balance}}
h2{{font-size:1.3rem;line-height:1.3;margin:3.25rem 0 .75rem;padding-top:1.1rem;
border-top:1px solid var(--line)}}
p{{max-width:68ch;margin:0 0 1rem}}
nav ul{{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;list-style:none;margin:0;padding:0;
font-size:.9rem}}
a{{color:var(--accent);text-underline-offset:.2em}}
figure{{margin:2rem 0 2.25rem;max-width:52rem}}
figcaption,caption{{text-align:left;font-weight:600;margin-bottom:.7rem;font-size:.97rem}}
.scroll{{overflow-x:auto}}
table{{border-collapse:collapse;width:100%;font-size:.9rem;line-height:1.4;
font-variant-numeric:tabular-nums lining-nums}}
caption{{padding-bottom:.7rem;margin:0}}
.data{{margin:2rem 0 2.25rem}}
th,td{{padding:.42rem .6rem;text-align:left;vertical-align:top;
border-bottom:1px solid var(--line)}}
th:first-child,td:first-child{{padding-left:.25rem}}
th:last-child,td:last-child{{padding-right:.25rem}}
thead th{{color:var(--soft);font-weight:600;vertical-align:bottom;
border-bottom:1.5px solid var(--soft)}}
tbody th{{font-weight:500;min-width:9rem}}
tbody tr:hover{{background:var(--band)}}
.number{{text-align:right}}
td.number{{white-space:nowrap}}
.note{{color:var(--soft);font-size:.87rem;margin:.7rem 0 0;max-width:75ch}}
.legend{{display:flex;flex-wrap:wrap;gap:.2rem 1.3rem;list-style:none;margin:0 0 .7rem;padding:0;
font-size:.87rem;color:var(--soft)}}
.legend li{{display:flex;align-items:center;gap:.45rem}}
.key{{width:.75rem;height:.75rem;flex:none}}
.plot{{display:block;width:100%;min-width:34rem}}
.plot>svg{{display:block;width:100%;height:auto;overflow:visible}}
svg text{{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:var(--ink);
font-variant-numeric:tabular-nums}}
svg rect{{fill-opacity:var(--bar)}}
svg .tick,svg .name{{fill:var(--soft)}}
svg .grid{{stroke:var(--line);fill:none}}
svg .axis{{stroke:var(--soft);fill:none}}
svg .whisker{{stroke:var(--ink);stroke-width:1.3;fill:none}}
svg .thin{{stroke-width:1.3;fill:none;opacity:.65}}
svg .line{{stroke-width:2;fill:none;stroke-linejoin:round}}
{_SERIES}
details{{margin-top:.8rem;font-size:.9rem}}
summary{{cursor:pointer;color:var(--soft);font-size:.87rem}}
details table{{margin-top:.5rem}}
code{{font:.85em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}}
@media print{{body{{font-size:11pt}}main{{max-width:none;padding:0}}nav,details{{display:none}}
figure,tr{{break-inside:avoid}}}}
"""

CHAINS = """
:root{--good:#2f7d4f;--bad:#b3372f;--differs:#c06a14;--trained:#d6edf5}
@media (prefers-color-scheme:dark){:root{--good:#7cc796;--bad:#ef8a80;--differs:#e6a15c;
--trained:#1f4654}}
main{max-width:80rem}
article{margin:2.5rem 0 0;padding-top:1.1rem;border-top:1px solid var(--line)}
article h2{margin:0 0 .5rem;padding:0;border:0}
h3{font-size:1rem;margin:0 0 .3rem}
.facts{list-style:none;margin:0 0 1rem;padding:0;color:var(--soft);font-size:.9rem}
.problem{white-space:pre-wrap;background:var(--band);padding:.8rem 1rem;margin:0 0 .4rem;
max-width:52rem}
.calls{list-style:none;margin:0 0 1.2rem;padding:0}
.calls>li{border-left:3px solid var(--line);padding:.15rem 0 .15rem .8rem;margin:0 0 .45rem}
.calls .break{border:0;padding:0;color:var(--soft);font-size:.87rem}
.reply,.result{display:block;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext;
font:.85rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.result{color:var(--soft)}
.result::before{content:"\\2192\\a0"}
.calls>.evidence{border-color:var(--good)}
.calls>.failed{border-color:var(--bad)}
.failed .result{color:var(--bad)}
.calls>.first{border-color:var(--differs);border-left-width:6px;background:var(--band)}
.faded{opacity:.6}
.badge{font-size:.78rem;font-weight:600;color:var(--soft);margin-right:.7rem}
.good{color:var(--good)}.bad{color:var(--bad)}
.trained{background:var(--trained);border-bottom:2px solid currentcolor}
.dim{color:var(--soft)}
.sides{display:grid;grid-template-columns:1fr;gap:0 2rem}
.sides>*{min-width:0}
@media (min-width:56rem){.sides{grid-template-columns:1fr 1fr}}
"""
