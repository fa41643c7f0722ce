"""Write the pages of docs that follow the code: settings, commands, processes. With ``--check`` only say whether they do."""

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from pydantic_core import PydanticUndefined
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from twinlake.cli.main import app
from twinlake.processing.openeo.process import Reducer
from twinlake.processing.openeo.registry import list_processes
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
    lines = [
        "# Commands",
        "",
        "Commands that talk to a site take its address from `--to` or `TWINLAKE_URL`, and the caller's token from",
        "`--token-file` or `TWINLAKE_TOKEN_FILE`. `init`, `serve`, `doctor` and `admin` work on a site's folder.",
        "",
    ]
    for path, command in list_commands():
        lines += _describe(path, command)
    return "\n".join(lines).rstrip() + "\n"


def list_commands() -> Iterator[tuple[str, TyperCommand]]:
    """Yield every command with its full name, in the order of the help."""

    def walk(path: str, command: TyperCommand | TyperGroup) -> Iterator[tuple[str, TyperCommand]]:
        if isinstance(command, TyperGroup):
            for name, child in command.commands.items():
                yield from walk(f"{path} {name}", child)
        else:
            yield path, command

    return walk("twinlake", get_command(app))


def _describe(path: str, command: TyperCommand) -> Iterator[str]:
    pieces = command.collect_usage_pieces(typer.Context(command, info_name=path))
    yield from (f"## `{path}`", "", inspect.cleandoc(command.help or ""), "", f"    {path} {' '.join(pieces)}", "")
    rows = [f"| `{_name(each)}` | {_explain(each)} |" for each in command.params if each.name != "help"]
    if rows:
        yield from ("| option or argument | meaning |", "|---|---|", *rows, "")


def _name(parameter: TyperOption | TyperArgument) -> str:
    if isinstance(parameter, TyperOption):
        return ", ".join((*parameter.opts, *parameter.secondary_opts))
    return str(parameter.metavar or parameter.name).strip("[]").upper().replace("|", "\\|")


def _explain(parameter: TyperOption | TyperArgument) -> str:
    default = parameter.default
    told = "" if default in (None, False, (), "") or callable(default) or parameter.required else f" Default: `{default}`."
    return f"{(parameter.help or '').replace('|', chr(92) + '|')}{told}"


def write_processes() -> str:
    """Return the page on openEO's processes."""
    lines = [
        "# Processes",
        "",
        "What a site computes at `/openeo/1.2`. How it works on an array: *pointwise* each element by itself, *reducer* to one",
        "value (of parts that go together, or *holistic*, of all at once), *along* to another array, *opaque* as it says.",
        "A change of the version may change results. `/openeo/1.2/processes` tells parameters, exceptions and examples.",
        "",
        "| process | what it does | kind | works | version |",
        "|---|---|---|---|--:|",
    ]
    for each in list_processes():
        work = type(each.work).__name__.lower() + (f", {each.work.kind}" if isinstance(each.work, Reducer) else "")
        lines.append(f"| `{each.id}` | {each.summary} | {', '.join(each.categories)} | {work} | {each.version} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write or check the pages; return the exit code."""
    pages = {
        DOCS / "settings.md": write_settings(),
        DOCS / "commands.md": write_commands(),
        DOCS / "processes.md": write_processes(),
    }
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
