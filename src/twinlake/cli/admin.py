"""`twinlake admin`: what whoever holds a site's folder does to it."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

T = TypeVar("T")
ConfigOption = Annotated[Path, typer.Option("--config", help="The site's settings.", metavar="FILE")]
_CONFIG = Path("site.toml")

admin = typer.Typer(help="Look after a site: tokens, backup, restore, checks.", no_args_is_help=True)
token = typer.Typer(help="Make, list and revoke tokens; works beside a running site.", no_args_is_help=True)
admin.add_typer(token, name="token")


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.add_typer(admin, name="admin")


@token.command("create")
def create_token(
    subject: Annotated[str, typer.Argument(help="Whose token: a name of this site's own.")],
    *,
    config: ConfigOption = _CONFIG,
    scopes: Annotated[str, typer.Option(help="What it may be used for: search, read, write, process, subscribe, admin.")] = (
        "search,read"
    ),
    roles: Annotated[str, typer.Option(help="Roles that its owner gets: data-steward, operator, administrator.")] = "",
    days: Annotated[int | None, typer.Option(help="Days after which it ends; without, it does not.", min=1)] = 90,
    name: Annotated[str, typer.Option(help="What you call it.")] = "made by command",
) -> None:
    """Make a token and print it, once: the site keeps only its hash.

    Example: `twinlake admin token create alice --scopes search,read,write --roles data-steward > alice.token`
    """
    from twinlake.core.clock import SystemClock
    from twinlake.site.administration import create_token as create

    expires_at = None if days is None else SystemClock().now() + timedelta(days=days)
    text, record = _run(
        create(config, subject=subject, name=name, scopes=_split(scopes), roles=_split(roles), expires_at=expires_at)
    )
    typer.echo(text)
    typer.echo(f"key {record.key}, for {record.owner.subject}; revoke it: twinlake admin token revoke {record.key}", err=True)


@token.command("list")
def list_tokens(*, config: ConfigOption = _CONFIG) -> None:
    """List all tokens of the site, oldest first."""
    from twinlake.site.administration import list_tokens as list_all

    table = Table("key", "owner", "name", "scopes", "roles", "expires", "state")
    for record in _run(list_all(config)):
        expires = f"{record.expires_at:%Y-%m-%d}" if record.expires_at else "never"
        table.add_row(
            record.key,
            record.owner.subject,
            record.name,
            " ".join(sorted(record.scopes)),
            " ".join(sorted(record.roles)),
            expires,
            "revoked" if record.revoked_at else "good",
        )
    Console().print(table)


@token.command("revoke")
def revoke_token(
    key: Annotated[str, typer.Argument(help="The part of the token between tl_ and the point.")],
    *,
    config: ConfigOption = _CONFIG,
) -> None:
    """End a token. A running site forgets it within a minute."""
    from twinlake.site.administration import revoke_token as revoke

    record = _run(revoke(config, key))
    typer.echo(f"Revoked the token {record.key} of {record.owner.subject}.")


@admin.command("backup")
def backup(
    target: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    *,
    config: ConfigOption = _CONFIG,
) -> None:
    """Copy the site to a folder: database, objects, keys, settings. The site may run meanwhile."""
    from twinlake.site.administration import backup as make_backup

    for line in _run(make_backup(config, target)):
        typer.echo(line)


@admin.command("restore")
def restore(
    source: Annotated[Path, typer.Argument(help="A backup made by `twinlake admin backup`.")],
    directory: Annotated[Path, typer.Argument(help="Folder of the site to make; it must be empty or not exist.")],
) -> None:
    """Make a site of a backup. Readers of its events are told that some are missing."""
    from twinlake.site.administration import restore as make_site

    for line in _run(make_site(source, directory)):
        typer.echo(line)


@admin.command("fsck")
def fsck(
    *,
    config: ConfigOption = _CONFIG,
    scrub: Annotated[bool, typer.Option("--scrub", help="Read every object and compare its SHA-256.")] = False,
) -> None:
    """Prove that database, index and objects agree. The site must be stopped. Exit code 1 where they do not."""
    from twinlake.site.administration import check

    findings = _run(check(config, scrub=scrub))
    for finding in findings:
        typer.secho(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name}: {finding.detail}", fg=None if finding.ok else "red")
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


def _split(text: str) -> frozenset[str]:
    return frozenset(part for part in text.replace(",", " ").split() if part)


def _run(work: Coroutine[None, None, T]) -> T:
    return asyncio.run(work)
