"""The page: one HTML file that loads nothing and runs nothing, for desk, phone and paper, by day and night.

The page's own policy forbids scripts and requests. Whoever gives it content escapes what comes from outside.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from tieback.reports.style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: str, heading: str, introduction: str, sections: Iterable[str]) -> str:
    """The page as HTML. The introduction and the sections are HTML; those that are empty are left out."""
    header = f"<header><h1>{escape(heading)}</h1><p>{introduction}</p></header>"
    content = "\n".join([header, *filter(None, sections)])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{content}\n</body></html>\n"
    )
