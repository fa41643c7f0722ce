"""What is written about the project is so: reference pages follow the code, named files exist, links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from twinlake.cli.main import app
from twinlake.site.settings import list_settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`((?:src|docs|tests|tools|benchmarks|frontend|\.ci)/[\w./-]*)`")
TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)


def list_commands():
    """Yield (path, command) of every command and group."""
    waiting = [("twinlake", get_command(app))]
    while waiting:
        path, command = waiting.pop()
        yield path, command
        if isinstance(command, TyperGroup):
            waiting += [(f"{path} {name}", child) for name, child in command.commands.items()]


def test_the_reference_pages_follow_the_code():
    """`make docs` writes them."""
    checked = subprocess.run(
        [sys.executable, ROOT / "tools" / "write_reference.py", "--check"], check=False, capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_command_option_and_argument_is_described():
    lacking = []
    for path, command in list_commands():
        if not (command.help or "").strip():
            lacking.append(path)
        lacking += [f"{path} {parameter.name}" for parameter in command.params if not getattr(parameter, "help", None)]

    assert lacking == []


def test_every_command_is_on_its_page():
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    leaves = [path for path, command in list_commands() if not isinstance(command, TyperGroup)]

    assert [path for path in leaves if f"## `{path}`" not in page] == []
    assert {"twinlake serve", "twinlake ingest", "twinlake admin token create", "twinlake admin fsck"} <= set(leaves)


def test_every_setting_is_on_its_page_with_its_variable():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    for name, field in list_settings():
        assert field.description, name
        assert f"| `{name}` |" in page
        assert f"`TWINLAKE_{name.upper().replace('.', '__')}`" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_file_that_a_page_names_is_there(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    links = [link.partition("#")[0] for link in LINK.findall(text) if not re.match(r"[a-z]+:|#", link)]
    broken = [link for link in links if not (page.parent / link).exists()]
    broken += [name for name in NAMED.findall(text) if not (ROOT / name).exists()]

    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_and_command_that_a_page_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    commands = {path for path, _ in list_commands()}
    named = re.findall(r"`(twinlake(?: [a-z]+)+)", text) + re.findall(r"^ *(twinlake(?: [a-z]+)+)", text, re.MULTILINE)

    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
    for words in named:
        parts = words.split()
        known = [" ".join(parts[:end]) for end in range(2, len(parts) + 1) if " ".join(parts[:end]) in commands]
        assert known, f"{words} is no command"


def test_the_site_that_the_guides_make_in_a_clone_is_ignored_by_git():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for guide in ("README.md", "docs/tutorial.md"):
        folders = re.findall(r"twinlake init (\S+) --yes", (ROOT / guide).read_text())
        assert folders
        assert {f"/{folder}/" for folder in folders} <= set(ignored)
