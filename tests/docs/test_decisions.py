"""Every invariant of the data model names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/decisions/0001-data-model.md").read_text(encoding="utf-8")


def test_every_invariant_names_a_test():
    stated = set(re.findall(r"^- \*\*(D\d+)\*\*", TEXT, re.MULTILINE))
    held = set(re.findall(r"^\| (D\d+) \|", TEXT, re.MULTILINE))

    assert stated
    assert stated == held


def test_every_named_test_exists():
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/twinlake/testing").glob("*.py"))
    rows = [line for line in TEXT.splitlines() if re.match(r"\| D\d+ \|", line)]
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    missing = []
    for name in named:
        if name.endswith(".py"):
            found = any(ROOT.glob(f"tests/**/{Path(name).name}"))
        else:
            found = all(f"class {part}" in sources or f"def {part}(" in sources for part in name.split("."))
        if not found:
            missing.append(name)

    assert missing == []
