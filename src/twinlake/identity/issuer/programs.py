"""The program that somebody signs in with, as people call it; of what it says of itself no more is kept."""

import re

_BROWSERS = (
    ("Edge", r"\bEdg(e|A|iOS)?/"),
    ("Opera", r"\b(OPR|Opera)/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Firefox", r"\b(Firefox|FxiOS)/"),
    ("Chrome", r"\b(Chrome|CriOS|HeadlessChrome|Chromium)/"),
    ("Safari", r"\bVersion/.*\bSafari/"),
)
_SYSTEMS = (
    ("Android", r"\bAndroid\b"),
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Windows", r"\bWindows\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("macOS", r"\bMac OS X\b"),
    ("Linux", r"\bLinux\b"),
)
_PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,39}")
_READ = 400
"""Characters of a User-Agent header that are looked at."""


def name_program(user_agent: str) -> str:
    """Return family and system of a ``User-Agent`` (RFC 9110, section 10.1.5), as "Firefox on Linux"; empty where it has none."""
    text = user_agent[:_READ]
    browser = _find(_BROWSERS, text)
    if not browser:
        product = _PRODUCT.match(text)
        return product[0] if product and product[0] != "Mozilla" else ""
    system = _find(_SYSTEMS, text)
    return f"{browser} on {system}" if system else browser


def _find(families: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for name, pattern in families if re.search(pattern, text)), "")
