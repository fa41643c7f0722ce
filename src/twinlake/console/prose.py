"""Descriptions as pages show them: of CommonMark paragraphs, code and emphasis, all else as the text that it is."""

import re

from markupsafe import Markup, escape

_SPAN = re.compile(r"`([^`]+)`|\*([^*\s][^*]*)\*")
_BREAK = re.compile(r"\n\s*\n")


def write_prose(text: str) -> Markup:
    """Return the inside of paragraphs, with tags between them where there are several."""
    return Markup("</p><p>").join(_write_spans(paragraph) for paragraph in _BREAK.split(text.strip()))


def _write_spans(text: str) -> Markup:
    parts, end = [], 0
    for found in _SPAN.finditer(text):
        tag = "code" if found[1] else "em"
        inside = escape(found[1] or found[2])
        parts += [escape(text[end : found.start()]), Markup("<{0}>{1}</{0}>").format(tag, inside)]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])
