"""`twinlake admin accounts`: who can sign in at a site, done by whoever holds its folder."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from twinlake.core.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from twinlake.identity.issuer.offline import OfflineAccounts

T = TypeVar("T")
_CONFIG = Path("site.toml")
ConfigOption = Annotated[Path, typer.Option("--config", help="The site's settings.", metavar="FILE")]
UsernameArgument = Annotated[str, typer.Argument(metavar="USERNAME", help="Name that the account signs in with.")]
SecretFileOption = Annotated[
    Path | None,
    typer.Option(
        "--write-to", metavar="FILE", help="Write the secret to this new file, for you alone to read, not to the screen."
    ),
]

accounts = typer.Typer(help="Make, list and change the accounts of a site; works beside a running site.", no_args_is_help=True)


@accounts.command("add")
def add(
    username: UsernameArgument,
    *,
    email: Annotated[str | None, typer.Option(help="E-mail address.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the person.")] = None,
    roles: Annotated[str, typer.Option(help="Roles beside those that everybody has, such as DPAD_Direct_Access,operator.")] = "",
    write_to: SecretFileOption = None,
    config: ConfigOption = _CONFIG,
) -> None:
    """Make an account with a password by chance, which is shown once: the site keeps only its hash.

    Example: `twinlake admin accounts add alice --roles DPAD_Direct_Access --write-to alice.password`
    """
    from twinlake.identity.issuer.accounts import DEFAULT_ROLES, NewAccount

    _check_new(write_to)
    new = NewAccount(username=username, email=email, name=name, roles=DEFAULT_ROLES | _split(roles))
    account, password = _run(config, lambda store: store.add(new))
    _hand_over(password, write_to)
    typer.echo(f"account {account.username}, subject {account.subject}", err=True)


@accounts.command("list")
def list_accounts(*, config: ConfigOption = _CONFIG) -> None:
    """List all accounts by name, with tabs between the columns: name, subject, e-mail, second factor, state."""
    for account in _run(config, lambda store: store.list_accounts()):
        factor = "second factor" if account.has_second_factor else "password only"
        state = "enabled" if account.is_enabled else "disabled"
        typer.echo("\t".join((account.username, account.subject, account.email or "-", factor, state)))


@accounts.command("disable")
def disable(username: UsernameArgument, *, config: ConfigOption = _CONFIG) -> None:
    """Let somebody sign in no longer. A running site ends their sessions within a minute."""
    account = _run(config, lambda store: store.set_enabled(username, enabled=False))
    typer.echo(f"Disabled {account.username}.")


@accounts.command("enable")
def enable(username: UsernameArgument, *, config: ConfigOption = _CONFIG) -> None:
    """Let somebody sign in again."""
    account = _run(config, lambda store: store.set_enabled(username, enabled=True))
    typer.echo(f"Enabled {account.username}.")


@accounts.command("password")
def password(username: UsernameArgument, *, write_to: SecretFileOption = None, config: ConfigOption = _CONFIG) -> None:
    """Give an account a new password by chance, which is shown once. A running site ends its sessions within a minute."""
    _check_new(write_to)
    _hand_over(_run(config, lambda store: store.new_password(username)), write_to)


@accounts.command("otp")
def otp(
    username: UsernameArgument,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Ask for no second factor any more.")] = False,
    write_to: SecretFileOption = None,
    config: ConfigOption = _CONFIG,
) -> None:
    """Ask an account for a second factor: show a new secret, once, as an address that authenticator apps read."""
    if remove:
        _run(config, lambda store: store.remove_second_factor(username))
        typer.echo(f"{username} signs in with the password alone.")
        return
    _check_new(write_to)
    _hand_over(_run(config, lambda store: store.new_second_factor(username)), write_to)


@accounts.command("key")
def key(
    username: UsernameArgument,
    *,
    name: Annotated[str, typer.Option(help="What you call it.")] = "made by command",
    roles: Annotated[str, typer.Option(help="Roles of the account's that it carries.")] = "",
    scopes: Annotated[str, typer.Option(help="What it may be used for: search, read, write, process, subscribe, admin.")] = (
        "search,read"
    ),
    write_to: SecretFileOption = None,
    config: ConfigOption = _CONFIG,
) -> None:
    """Make a service account, with whose id and secret a program acts for an account (client credentials)."""
    _check_new(write_to)
    made = _run(config, lambda store: store.new_key(username, name, roles=_split(roles), scopes=_split(scopes)))
    _hand_over(made.secret, write_to)
    typer.echo(f"client id {made.service.client}", err=True)


@accounts.command("revoke-key")
def revoke_key(
    client: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="Id of the service account.")],
    *,
    config: ConfigOption = _CONFIG,
) -> None:
    """End a service account. A running site ends its sessions within a minute."""
    typer.echo(f"Revoked {_run(config, lambda store: store.revoke_key(client)).client}.")


def _check_new(file: Path | None) -> None:
    """Refuse a file that exists before anything is changed."""
    if file is not None and file.exists():
        raise ConflictError(f"There is a file {file} already.", remedy="Name one that does not exist yet.")


def _hand_over(secret: str, file: Path | None) -> None:
    """Print a secret, or write it to a new file of mode 0600."""
    if file is None:
        typer.echo(secret)
        return
    from twinlake.site.layout import write_secret

    try:
        write_secret(file, f"{secret}\n".encode())
    except OSError as error:
        remedy = "The secret is lost: make another."
        raise InvalidInputError(f"{file} cannot be written: {error.strerror}.", remedy=remedy) from error


def _split(text: str) -> frozenset[str]:
    return frozenset(part for part in text.replace(",", " ").split() if part)


def _run(config: Path, work: "Callable[[OfflineAccounts], Awaitable[T]]") -> T:
    from twinlake.site.account_administration import open_accounts

    async def run() -> T:
        async with open_accounts(config) as store:
            return await work(store)

    return asyncio.run(run())
