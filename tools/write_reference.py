"""Write docs/settings.md and docs/commands.md from the code. With ``--check`` only say whether they are up to date."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from pydantic_core import PydanticUndefined
from typer.main import get_command

from twinlake.cli.main import app
from twinlake.site.settings import list_settings

DOCS = Path(__file__).parents[1] / "docs"


def write_settings() -> str:
    """Return the page on settings."""
    lines = [
        "# Settings",
        "",
        "A site reads `site.toml` in its folder. A variable of the environment wins over it. Unknown names are errors.",
        "",
        "| setting | default | environment | meaning |",
        "|---|---|---|---|",
    ]
    for name, field in list_settings():
        default = "required" if field.default is PydanticUndefined else f"`{json.dumps(field.default, default=list)}`"
        variable = "TWINLAKE_" + name.upper().replace(".", "__")
        lines.append(f"| `{name}` | {default} | `{variable}` | {field.description} |")
    return "\n".join(lines) + "\n"


def write_commands() -> str:
    """Return the page on commands."""
    return "# Commands\n\n" + "\n".join(_describe(get_command(app), "twinlake")) + "\n"


def _describe(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from _describe(child, f"{path} {name}")
        return
    pieces = " ".join(command.collect_usage_pieces(context))
    yield from (f"## `{path}`", "", (command.help or "").replace("\f", "").strip(), "", f"    {path} {pieces}", "")
    rows = []
    for parameter in command.params:
        record = getattr(parameter, "help", None) or ""
        if parameter.name == "help":
            continue
        names = ", ".join(parameter.opts + parameter.secondary_opts) if isinstance(parameter, click.Option) else parameter.human_readable_name
        rows.append(f"| `{names}` | {record} |")
    if rows:
        yield from ("| option or argument | meaning |", "|---|---|", *rows, "")


def main() -> int:
    """Write or check the pages; return the exit code."""
    pages = {DOCS / "settings.md": write_settings(), DOCS / "commands.md": write_commands()}
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.name} is not up to date: make docs")
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
