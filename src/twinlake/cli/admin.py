"""`twinlake admin`: what whoever holds a site's folder does to it."""

import asyncio
import shlex
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich import filesize
from rich.console import Console
from rich.table import Table
from rich.text import Text

from twinlake.cli.accounts import accounts
from twinlake.core.counting import count

if TYPE_CHECKING:
    from twinlake.identity.tokens import TokenRecord

T = TypeVar("T")
ConfigOption = Annotated[Path, typer.Option("--config", help="The site's settings.", metavar="FILE")]
_CONFIG = Path("site.toml")

admin = typer.Typer(help="Look after a site: accounts, tokens, backup, restore, checks.", no_args_is_help=True)
token = typer.Typer(help="Make, list and revoke tokens; works beside a running site.", no_args_is_help=True)
admin.add_typer(accounts, name="accounts")
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
    days: Annotated[int, typer.Option(metavar="DAYS", help="Days after which it ends; 0 makes one that does not.", min=0)] = 90,
    name: Annotated[str, typer.Option(help="What you call it.")] = "made by command",
) -> None:
    """Make a token and print it, once: the site keeps only its hash.

    Example: `twinlake admin token create alice --scopes search,read,write --roles data-steward > alice.token`
    """
    from twinlake.core.clock import SystemClock
    from twinlake.site.administration import create_token as create

    expires_at = SystemClock().now() + timedelta(days=days) if days else None
    text, record = _run(
        create(config, subject=subject, name=name, scopes=_split(scopes), roles=_split(roles), expires_at=expires_at)
    )
    typer.echo(text)
    revoke = f"twinlake admin token revoke {record.key} --config {shlex.quote(str(config))}"
    typer.echo(f"key {record.key}, for {record.owner.subject}; revoke it: {revoke}", err=True)


@token.command("list")
def list_tokens(*, config: ConfigOption = _CONFIG) -> None:
    """List all tokens of the site, oldest first; with tabs between the columns where standard output is no terminal."""
    from twinlake.site.administration import list_tokens as list_all

    rows = [_describe(record) for record in _run(list_all(config))]
    if not Console().is_terminal:
        for row in rows:
            typer.echo("\t".join(row))
        return
    table = Table()
    # A key is copied to revoke its token: it stays in one piece, and the others make room.
    table.add_column("key", no_wrap=True, overflow="fold", min_width=max((len(row[0]) for row in rows), default=0))
    for name in ("owner", "name", "scopes", "roles", "expires", "state"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def _describe(record: "TokenRecord") -> tuple[str, ...]:
    return (
        record.key,
        record.owner.subject,
        record.name,
        " ".join(sorted(record.scopes)),
        " ".join(sorted(record.roles)),
        f"{record.expires_at:%Y-%m-%d}" if record.expires_at else "never",
        "revoked" if record.revoked_at else "good",
    )


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
    """Copy the site to a folder: database, objects, keys, settings. The site may run meanwhile.

    Objects in a bucket are listed, not copied. Exit code 1 where an object that the catalogue cites is missing or damaged.
    """
    from twinlake.site.administration import backup as make_backup

    report = _run(make_backup(config, target))
    kept = "copied" if report.objects_copied else "listed; their bucket has its own copies"
    typer.echo(f"Backup in {target}: database of {filesize.decimal(report.database_bytes)}, {count(report.files, 'other file')},")
    typer.echo(f"  {count(report.objects, 'object')} of {filesize.decimal(report.object_bytes)} ({kept}).")
    _tell_lost(report.damaged, "missing or damaged at the site; `twinlake admin fsck --scrub` says whose they are")


@admin.command("restore")
def restore(
    source: Annotated[Path, typer.Argument(help="A backup made by `twinlake admin backup`.")],
    directory: Annotated[Path, typer.Argument(help="Folder of the site to make; it must be empty or not exist.")],
) -> None:
    """Make a site of a backup. Readers of its events are told that some are missing."""
    from twinlake.site.administration import restore as make_site

    report = _run(make_site(source, directory))
    typer.echo(f"Restored the site of {report.created_at}: {count(report.files, 'file')},")
    typer.echo(f"  {count(report.objects, 'object')} of {filesize.decimal(report.object_bytes)}.")
    _tell_lost(report.missing, "in the backup's list and nowhere to be had")
    typer.echo(f"Start it:  twinlake serve --config {directory / 'site.toml'}")


@admin.command("fsck")
def fsck(
    *,
    config: ConfigOption = _CONFIG,
    scrub: Annotated[bool, typer.Option("--scrub", help="Read every object and compare its SHA-256.")] = False,
) -> None:
    """Prove that database, index, events and objects agree. The site must be stopped. Exit code 1 where they do not."""
    from twinlake.site.administration import check

    report = _run(check(config, read_objects=scrub))
    for finding in report.findings:
        typer.secho(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name}: {finding.detail}", fg=None if finding.ok else "red")
    if report.orphans:
        size = filesize.decimal(sum(orphan.size_bytes for orphan in report.orphans))
        typer.echo(f"     {count(len(report.orphans), 'object')} of {size} cited by nothing; a serving site sweeps such.")
    raise typer.Exit(0 if report.ok else 1)


@admin.command("nginx")
def nginx(
    *,
    config: ConfigOption = _CONFIG,
    listen: Annotated[str, typer.Option(help="What nginx listens on, as in its own directive.")] = "80",
) -> None:
    """Print the server block of an nginx in front of the site: nginx sends the bytes, the site decides who gets them.

    Example: `twinlake admin nginx --listen "443 ssl" > /etc/nginx/conf.d/lake.conf`
    """
    from twinlake.site.administration import write_nginx

    typer.echo(write_nginx(config, listen=listen), nl=False)


def _tell_lost(objects: Sequence[str], where: str) -> None:
    if objects:
        typer.secho(f"{count(len(objects), 'object')} {where}:", err=True, fg="red")
        for sha256 in objects:
            typer.echo(f"  {sha256}", err=True)
        raise typer.Exit(1)


def _split(text: str) -> frozenset[str]:
    return frozenset(part for part in text.replace(",", " ").split() if part)


def _run(work: Coroutine[None, None, T]) -> T:
    return asyncio.run(work)
