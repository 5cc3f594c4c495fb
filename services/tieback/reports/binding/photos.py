"""Nearest neighbours of the photos of a folder, as a section with thumbnails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from tieback.reports import parts
from tieback.reports.pictures import figure


@dataclass(frozen=True, slots=True)
class Found:
    """A neighbour: its name, its score, and for a photo a JPEG of it as a data URI."""

    name: str
    score: float
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A query (a text, or a photo), and what was near it, best first."""

    name: str
    near: Sequence[Found]
    picture: str = ""


def section(questions: Sequence[Question]) -> str:
    """Each question with what was near it."""
    if not questions:
        return ""
    found = [
        one for question in questions for one in (question.picture, *(hit.picture for hit in question.near))
    ]
    places = {picture: f"photo-{place}" for place, picture in enumerate(dict.fromkeys(filter(None, found)))}
    shared = "".join(
        f'<symbol id="{place}" viewBox="0 0 1 1"><image href="{escape(picture)}" width="1" height="1"/>'
        "</symbol>"
        for picture, place in places.items()
    )
    asked = "".join(_question(question, places) for question in questions)
    hidden = f'<svg width="0" height="0" aria-hidden="true" style="position:absolute">{shared}</svg>'
    said = "The nearest of another modality, best first, by this binding with its routers."
    return parts.section("Nearest neighbours", said, hidden + asked)


def _question(question: Question, places: Mapping[str, str]) -> str:
    picture = _thumbnail(question.picture, question.name, places)
    items = "".join(
        f"<li class={'photo' if one.picture else 'words'}>{_thumbnail(one.picture, one.name, places)}"
        f"{escape(one.name)} <span class=score>{figure(one.score, 3)}</span></li>"
        for one in question.near
    )
    name = f"the photo {question.name}" if question.picture else f"“{question.name}”"
    heading = f"<h3>{picture}<span>{escape(name)}</span></h3>"
    return f"<div class=query>{heading}<div class=found><ol>{items}</ol></div></div>"


def _thumbnail(picture: str, name: str, places: Mapping[str, str]) -> str:
    if not picture:
        return ""
    return (
        f'<svg class="thumb" role="img" aria-label="{escape(name)}" viewBox="0 0 1 1">'
        f'<title>{escape(name)}</title><use href="#{places[picture]}"/></svg>'
    )
