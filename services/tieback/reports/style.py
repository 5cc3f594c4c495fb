"""How the page looks: one column, cards and pictures that wrap, by day and by night, on paper too."""

from __future__ import annotations

import math

# One scale of colours for every heat map: even to the eye, and the same for people who are colour-blind.
#
# Cividis (Nuñez, Anderton and Renslow, 2018, arXiv:1712.01662) grows lighter in even steps and differs in
# blue and yellow alone. What is written on a cell is black or white, whichever stands out more: never less
# than 4.5 to 1, the least that WCAG 2 asks of text.
STEPS = (
    *("#00224e", "#083370", "#35456c", "#4f576c", "#666970", "#7d7c78"),
    *("#948e77", "#aea371", "#c8b866", "#e5cf52", "#fee838"),
)
"""The scale in eleven even steps, from least to most."""

BLACK, WHITE = "#000000", "#ffffff"


def shade(share: float) -> str:
    """The colour at `share` of the scale, 0 to 1; what lies outside is drawn as its end."""
    place = min(max(share, 0.0), 1.0) * (len(STEPS) - 1)
    below = min(math.floor(place), len(STEPS) - 2)
    part = place - below
    mixed = [
        round(low + part * (high - low))
        for low, high in zip(_channels(STEPS[below]), _channels(STEPS[below + 1]), strict=True)
    ]
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def ink_on(colour: str) -> str:
    """Black or white, whichever stands out more on the colour."""
    return max((BLACK, WHITE), key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """The ratio of two colours' luminances, 1 to 21, as WCAG 2 defines it."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    linear = [
        channel / 255 / 12.92 if channel / 255 <= 0.03928 else ((channel / 255 + 0.055) / 1.055) ** 2.4
        for channel in _channels(colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


DAY = {
    "paper": "#ffffff",
    "card": "#f4f6f8",
    "line": "#cdd4db",
    "ink": "#16202b",
    "soft": "#4d5a68",
    "bar": "#7b8ea3",
    "best": "#00509e",
    "good": "#1b6b3a",
    "bad": "#a32f00",
}
NIGHT = {
    "paper": "#12171d",
    "card": "#1c232b",
    "line": "#3a4652",
    "ink": "#e8edf2",
    "soft": "#a9b6c3",
    "bar": "#64788c",
    "best": "#6cb4ff",
    "good": "#6fd195",
    "bad": "#ff9d73",
}
TEXT = ("ink", "soft", "best", "good", "bad")
"""The colours that text is set in."""

LEAST_CONTRAST = 4.5


def least_contrast() -> float:
    """Of any colour of text on any ground that it stands on."""
    return min(
        contrast(colours[text], colours[ground])
        for colours in (DAY, NIGHT)
        for text in TEXT
        for ground in ("paper", "card")
    )


def _variables(colours: dict[str, str]) -> str:
    return ";".join(f"--{name}:{colour}" for name, colour in colours.items())


STYLE = (
    f"""
:root{{color-scheme:light dark;{_variables(DAY)}}}
@media (prefers-color-scheme:dark){{:root{{{_variables(NIGHT)}}}}}
@media print{{:root{{color-scheme:light;{_variables(DAY)}}}}}
"""
    + """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{margin:0 auto;max-width:60rem;padding:1.5rem 1.25rem 4rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .25rem}
h2{font-size:1.2rem;margin:2.75rem 0 .25rem;padding-top:.75rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.25rem 0 .5rem}
p{margin:.25rem 0 .75rem}
.soft,figcaption,.legend{color:var(--soft)}
code{font:.9em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
table{border-collapse:collapse;width:100%;font-size:.92rem;overflow-wrap:break-word}
th,td code{white-space:nowrap}
th,td{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(14.5rem,1fr));gap:.75rem;margin:1rem 0}
.card{background:var(--card);border:1px solid var(--line);border-left:5px solid var(--bar);
border-radius:6px;padding:.7rem .9rem}
.card.met{border-left-color:var(--good)}.card.missed{border-left-color:var(--bad)}
.card h3{margin:0;font-size:.9rem;font-weight:600}
.card .value{font-size:1.5rem;line-height:1.3;font-weight:650;font-variant-numeric:tabular-nums}
.card p{margin:0;font-size:.85rem;color:var(--soft)}
.verdict{font-weight:650;white-space:nowrap}
.met .verdict{color:var(--good)}.missed .verdict{color:var(--bad)}
.side{display:flex;flex-wrap:wrap;gap:.5rem 2.5rem;align-items:flex-start}
.side>*{max-width:100%}
figure{margin:.5rem 0 1rem;overflow-x:auto;max-width:100%}
figcaption{font-size:.9rem;font-weight:600;margin-bottom:.25rem}
svg{font-family:inherit}
svg text{font-size:12px;font-variant-numeric:tabular-nums}
svg .name{fill:var(--ink);font-size:11.5px}
svg .none{fill:var(--soft)}
svg .empty{fill:none;stroke:var(--line);stroke-dasharray:3 3}
svg .axis{stroke:var(--line);fill:none;vector-effect:non-scaling-stroke}
.map{display:block;max-width:none}
.legend{display:flex;align-items:center;gap:.5rem;font-size:.85rem;margin:.25rem 0}
.line{display:grid;grid-template:"name picture number"/15rem minmax(6rem,1fr) 13.5rem;gap:.1rem .9rem;
align-items:center;padding:.15rem 0;font-size:.92rem}
.line .name{grid-area:name}.line .picture{grid-area:picture}
.line .number{grid-area:number;font-variant-numeric:tabular-nums;white-space:nowrap}
.line .strong{font-weight:650;color:var(--best)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(16.5rem,1fr));gap:.25rem 2rem}
.charts h4{margin:.25rem 0;font-size:.9rem;color:var(--soft)}
.charts .line{grid-template:"name number" "picture picture"/1fr auto;font-size:.85rem}
.stretched{display:block;width:100%;height:16px}
.bar{fill:var(--bar)}.bar.best{fill:var(--best)}
.whisker{stroke:var(--ink);stroke-width:1.5;fill:none;vector-effect:non-scaling-stroke}
.mark{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:3 3;fill:none;vector-effect:non-scaling-stroke}
.chart{flex:1 1 18rem;max-width:30rem}
.chart svg[role]{display:block;width:100%;height:auto}
.chart .first,.chart .other{fill:none;stroke:var(--best);stroke-width:2.5;stroke-linejoin:round}
.chart .other{stroke:var(--ink);stroke-dasharray:6 3}
.chart .legend{flex-wrap:wrap;gap:.2rem 1rem}
.chart .legend span{display:inline-flex;gap:.4rem;align-items:center}
.chart+figure{flex:1 1 14rem}
.query{border:1px solid var(--line);border-radius:6px;padding:.75rem .9rem;margin:.75rem 0;
background:var(--card)}
.query h3{margin:0 0 .25rem;display:flex;gap:.6rem;align-items:center}
.found{flex:1 1 20rem;min-width:0}
.found ol{list-style:none;display:flex;flex-wrap:wrap;gap:.5rem;margin:0;padding:0}
.found li{font-size:.8rem;line-height:1.3}
.found li.photo{width:6.25rem}
.found li.words{border:1px solid var(--line);border-radius:4px;background:var(--paper);padding:.15rem .5rem}
.thumb{display:block;width:100%;aspect-ratio:1;border-radius:4px}
h3 .thumb{width:4.5rem;flex:none}
.score{color:var(--soft);font-variant-numeric:tabular-nums}
@media (max-width:34rem){
body{padding:1rem .9rem 3rem}
.line{grid-template:"name number" "picture picture"/1fr auto;padding:.3rem 0}
th,td{padding-right:.5rem}
.stack thead{display:none}
.stack tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}
.stack td,.stack td.number{display:block;border:0;padding:.05rem 0;text-align:left;white-space:normal}
.stack td:empty{display:none}
.stack td[data-name]::before{content:attr(data-name) " ";color:var(--soft)}
.stack td:first-child{font-weight:650}
.stack td:first-child::before{content:""}
}
@media print{
body{max-width:none;padding:0;font-size:10pt}
.card,.query,figure,.line{break-inside:avoid}
h2,h3{break-after:avoid}
figure{overflow:visible}
}
"""
)
