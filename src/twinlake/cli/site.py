"""`twinlake init`, `serve`, `doctor` and `demo`."""

import asyncio
import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from twinlake.core.clock import SystemClock
from twinlake.core.randomness import SYSTEM_RANDOMNESS

_DEFAULT_PORT = 8700


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.command("init")(init)
    app.command("serve")(serve)
    app.command("doctor")(doctor)
    app.command("demo")(demo)


def init(
    directory: Annotated[Path, typer.Argument(help="Folder of the new site.")],
    *,
    port: Annotated[int, typer.Option(help="TCP port to listen on.")] = _DEFAULT_PORT,
    site_id: Annotated[str, typer.Option("--id", help="Name of the site; part of data URLs, never changed later.")] = "central",
    title: Annotated[str | None, typer.Option(help="Name of the site for people.")] = None,
    role: Annotated[
        Literal["central", "bridge"] | None,
        typer.Option(help="What it is in a federation: central, where people have their accounts, or a bridge."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Make a new site: settings, keys and the first administrator's token.

    A site that shall join others needs an id of its own; title and role can be changed in its settings later.

    Example: `twinlake init my-site --yes`, then `twinlake serve --config my-site/site.toml`.

    Example: `twinlake init climate --id climate --title "Climate bridge" --role bridge --port 8701`
    """
    from twinlake.site.setup import init_site

    if not yes:
        typer.confirm(f"Make site {site_id!r} in {directory}, listening on port {port}?", abort=True)
    chosen = {name: value for name, value in (("title", title), ("role", role)) if value is not None}
    making = init_site(directory, site_id=site_id, port=port, clock=SystemClock(), randomness=SYSTEM_RANDOMNESS, chosen=chosen)
    folder = asyncio.run(making)
    typer.echo(f"Made site {site_id!r}: settings in {folder.config}, administrator's token in {folder.admin_token}.")
    typer.echo(f"Start it:  twinlake serve --config {shlex.quote(str(folder.config))}")


def serve(
    *,
    config: Annotated[Path, typer.Option(help="The site's settings.", exists=False)] = Path("site.toml"),
    unsafe_user_code: Annotated[
        bool, typer.Option("--unsafe-user-code", help="Run user-defined functions even where this machine cannot shut them in.")
    ] = False,
) -> None:
    """Serve a site until it is told to stop (Ctrl-C or SIGTERM)."""
    from twinlake.site.serve import serve as serve_site

    asyncio.run(serve_site(config, tell=typer.echo, unsafe_user_code=unsafe_user_code))


def doctor(
    config: Annotated[Path, typer.Option(help="The site's settings.")] = Path("site.toml"),
) -> None:
    """Check that a site can run here, and say what to do about what cannot."""
    from twinlake.site.doctor import examine

    findings = examine(config)
    for finding in findings:
        typer.secho(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name}: {finding.detail}", fg=None if finding.ok else "red")
        if finding.remedy:
            typer.echo(f"     {finding.remedy}")
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


def demo(
    *,
    port: Annotated[int, typer.Option(help="TCP port of the first site; the others take the next two.")] = _DEFAULT_PORT,
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the demo.")] = Path("build/demo"),
    once: Annotated[bool, typer.Option("--once", help="Tell the story, check it and stop.")] = False,
    keep: Annotated[bool, typer.Option("--serve", help="Keep the sites up without a terminal until SIGTERM.")] = False,
) -> None:
    """Start three sites, take in real data and tell the story: joined, signed in once, found, fetched, lost and back, computed.

    What came of each step is written to build/demo-report.json. Each time begins anew, with new accounts and passwords.
    """
    from twinlake.cli.demo.story import run_demo

    raise typer.Exit(run_demo(directory, port=port, once=once, keep=keep))
