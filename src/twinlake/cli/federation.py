"""`twinlake federation`: join sites, trust them, see how they are."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from twinlake.cli.client import DEFAULT_URL, SiteClient, TokenFileOption, ToOption
from twinlake.core.documents import JsonObject

federation = typer.Typer(
    help="""Join sites, trust them, see how they are.

    Two sites join when both operators have said so; each needs an id of its own (`twinlake init --id`).

    1. Both, if one cannot reach the other by https on the public internet: set `addresses` under `[federation]` in
       `site.toml`, such as `addresses = { climate = "http://127.0.0.1:8701" }` (http on loopback only), and restart.
    2. Here: `twinlake federation invite > climate.invite`; hand the file to the other operator.
    3. There: `twinlake federation join climate.invite`.
    4. Here: `twinlake federation list`; compare the fingerprint of the site that asks with what its operator tells you.
    5. Here: `twinlake federation trust climate`.
    """,
    no_args_is_help=True,
)
SiteArgument = Annotated[str, typer.Argument(metavar="SITE", help="Id of the other site.")]
_MAX_INVITE = 8192
"""Bytes; more than an invite has."""
_WHAT_NEXT = {
    "invited": "its operator must confirm: twinlake federation trust",
    "pending": "it asks to join; compare its fingerprint, then: twinlake federation trust",
    "blocked": "nothing is asked of it, and it counts for nothing",
    "left": "joining again takes a new invite",
}


def register(app: typer.Typer) -> None:
    """Add the commands to *app*."""
    app.add_typer(federation, name="federation")


@federation.command("list")
def list_sites(*, to: ToOption = DEFAULT_URL, token_file: TokenFileOption = None) -> None:
    """List the other sites: what they are to this one, when they were last heard, and what was wrong.

    A terminal gets a table, anything else a line per site with tabs between id, state, address, last heard,
    remarks and fingerprint.

    Example: `twinlake federation list --to https://lake.example --token-file admin.token`
    """
    with SiteClient.open(to, token_file) as site:
        found = site.json("GET", "/api/federation/peers")
    rows = [_describe(peer) for peer in found["peers"]]
    typer.echo(f"This site is {found['site']}, fingerprint {found['fingerprint']}", err=True)
    _print(("site", "state", "address", "last heard", "remarks", "fingerprint"), rows)


@federation.command("invite")
def invite(*, to: ToOption = DEFAULT_URL, token_file: TokenFileOption = None) -> None:
    """Make an invite for one other site and print it, once: the site keeps only its hash. It is good for a week.

    Example: `twinlake federation invite > climate.invite`
    """
    with SiteClient.open(to, token_file) as site:
        typer.echo(site.json("POST", "/api/federation/invites")["invite"])
    typer.echo("Hand it to the other operator, who runs: twinlake federation join FILE", err=True)


@federation.command("join")
def join(
    invite_file: Annotated[
        typer.FileBinaryRead,
        typer.Argument(metavar="FILE", help="File with the invite of the other site; - is standard input."),
    ],
    *,
    to: ToOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Ask the site that made an invite to take this one in.

    This site first looks whether the other one has the key that the invite names. Then the other operator confirms.

    Example: `twinlake federation join climate.invite`
    """
    try:
        invite = invite_file.read(_MAX_INVITE).decode("ascii").strip()
    except UnicodeDecodeError:
        raise typer.BadParameter(
            f"{invite_file.name} holds no invite: an invite is one word that begins with twinlake-invite:.", param_hint="FILE"
        ) from None
    with SiteClient.open(to, token_file) as site:
        peer = site.json("POST", "/api/federation/joins", json={"invite": invite})
        own = site.json("GET", "/api/federation/peers")
    typer.echo(f"{peer['id']} ({peer['operator'] or 'operator not named'}) has the key of the invite and was asked.")
    if peer["state"] == "trusted":
        typer.echo("It has confirmed already.")
        return
    typer.echo(f"Its operator must confirm; tell them this site's fingerprint: {own['fingerprint']}")


@federation.command("trust")
def trust(
    peer: SiteArgument,
    *,
    role: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE", help="Role that the site may assert of its users here: data-steward. Repeat it; none by default."
        ),
    ] = None,
    to: ToOption = DEFAULT_URL,
    token_file: TokenFileOption = None,
) -> None:
    """Confirm a site that asked to join, or change what it may assert; lifts a block.

    Compare its fingerprint with what its operator tells you before you do.

    Example: `twinlake federation trust climate`
    """
    with SiteClient.open(to, token_file) as site:
        found = site.json("PUT", f"{_address(peer)}/trust", json={"roles": role or []})
    typer.echo(f"{found['id']} is {found['state']}; fingerprint {found['fingerprint']}")
    typer.echo(f"It may assert: {', '.join(found['roles']) or 'no roles'}")
    if found["fetched_at"] is None:
        typer.echo(f"It could not be reached at {found['address']} yet; the site keeps trying.")


@federation.command("block")
def block(peer: SiteArgument, *, to: ToOption = DEFAULT_URL, token_file: TokenFileOption = None) -> None:
    """Have nothing more to do with a site, at once: it is not asked, and its users and tokens count for nothing.

    Example: `twinlake federation block climate`; `twinlake federation trust climate` lifts it.
    """
    with SiteClient.open(to, token_file) as site:
        found = site.json("PUT", f"{_address(peer)}/block")
    typer.echo(f"{found['id']} is {found['state']}.")


@federation.command("leave")
def leave(peer: SiteArgument, *, to: ToOption = DEFAULT_URL, token_file: TokenFileOption = None) -> None:
    """Part from a site and tell it; joining again takes a new invite.

    Example: `twinlake federation leave climate`
    """
    with SiteClient.open(to, token_file) as site:
        found = site.json("DELETE", _address(peer))
    typer.echo(f"This site has left {found['id']}.")


@federation.command("links")
def links(*, to: ToOption = DEFAULT_URL, token_file: TokenFileOption = None) -> None:
    """Show how fast the way to each site was, as this one measured it, and how long ago.

    Example: `twinlake federation links`
    """
    with SiteClient.open(to, token_file) as site:
        found = site.json("GET", "/api/federation/links")["links"]
    rows = [
        (
            link["peer"],
            f"{link['round_trip_seconds'] * 1000:.1f} ms",
            f"{link['bytes_per_second'] / 1e6:.1f} MB/s",
            _age(link["age_seconds"]),
        )
        for link in found
    ]
    if not rows:
        typer.echo("Nothing was measured yet; a site measures the ways to those that it trusts.", err=True)
    _print(("site", "round trip", "from there", "measured"), rows)


def _describe(peer: JsonObject) -> tuple[str, ...]:
    remarks = [_WHAT_NEXT.get(peer["state"], "")]
    if peer["state"] == "trusted":
        remarks += ["what is known of it has ended" if peer["stale"] else "", peer["refusal"] or ""]
        remarks.append("" if peer["calls"] == "closed" else "it failed of late and is left alone for a moment")
        remarks.append(f"may assert {', '.join(peer['roles'])}" if peer["roles"] else "")
    heard = (peer["fetched_at"] or "never")[:19]
    return peer["id"], peer["state"], peer["address"], heard, "; ".join(filter(None, remarks)), peer["fingerprint"]


def _age(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s ago"
    return f"{seconds // 60} min ago" if seconds < 7200 else f"{seconds // 3600} h ago"


def _print(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    console = Console()
    if not console.is_terminal:
        for row in rows:
            typer.echo("\t".join(row))
        return
    table = Table(box=None)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _address(peer: str) -> str:
    return f"/api/federation/peers/{quote(peer, safe='')}"
