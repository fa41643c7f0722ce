"""The settings of a site: ``site.toml``, overridden by ``TWINLAKE_*`` in the environment.

Every field's description is its documentation: the commented ``site.toml`` of ``twinlake init`` and
``docs/settings.md`` are made from it. Back-ends are chosen by ``kind``.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from twinlake.core.errors import InvalidInputError

_PREFIX = "TWINLAKE_"
_SITE_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_CLIENT_VARIABLES = frozenset({"TWINLAKE_URL", "TWINLAKE_TOKEN_FILE"})


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Section):
    """Where the site listens and whom it believes."""

    host: str = Field("127.0.0.1", description="Address to listen on. Put a TLS proxy in front before leaving loopback.")
    port: int = Field(8700, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    trusted_proxies: tuple[str, ...] = Field(
        (), description="Addresses or networks whose X-Forwarded-* and X-Request-Id headers are believed."
    )
    cors_origins: tuple[str, ...] = Field(
        ("*",), description="Web origins that may call the APIs from a browser. Cookies are never accepted across origins."
    )
    max_body_bytes: int = Field(32 << 20, gt=0, description="Largest request body outside uploads, in bytes.")


class SqliteSettings(_Section):
    """The embedded database."""

    kind: Literal["sqlite"] = Field("sqlite", description="Keep state in one SQLite file under the site's folder.")
    readers: int = Field(4, ge=1, le=64, description="Threads for queries that take longer than a few milliseconds.")


class LocalObjectsSettings(_Section):
    """Bytes in a local folder."""

    kind: Literal["local"] = Field("local", description="Keep bytes under the site's folder.")


class S3ObjectsSettings(_Section):
    """Bytes in an S3 bucket; credentials come from the environment (``AWS_*``), never from this file."""

    kind: Literal["s3"] = Field(description="Keep bytes in an S3 bucket.")
    bucket: str = Field(description="Name of the bucket.")
    endpoint: str | None = Field(None, description="URL of the S3 service; none is AWS.")
    region: str = Field("us-east-1", description="Region of the bucket.")
    prefix: str = Field("", description="Key prefix of everything this site keeps there.")


class DeliverySettings(_Section):
    """How bytes leave the site."""

    mode: Literal["direct", "signed", "nginx", "presigned"] = Field(
        "direct",
        description="direct: sent by the gateway (zero-copy). signed: redirect to a short-lived /bytes URL. "
        "nginx: X-Accel-Redirect to an nginx in front. presigned: redirect to a pre-signed S3 URL.",
    )
    signed_seconds: int = Field(300, ge=5, le=300, description="Life of a signed URL, in seconds.")


class CatalogueSettings(_Section):
    """Limits of search."""

    deadline_seconds: float = Field(5.0, gt=0, le=300, description="Longest a query may run before it is answered with 503.")


class IngestSettings(_Section):
    """How files are taken in."""

    link_roots: tuple[Path, ...] = Field((), description="Folders whose files may be linked instead of copied (`ingest --link`).")
    max_upload_bytes: int = Field(64 << 30, gt=0, description="Largest single file accepted, in bytes.")
    upload_quota_bytes: int | None = Field(
        None,
        gt=0,
        description="Largest sum of one owner's uploads that wait to be taken in, in bytes; default: twice max_upload_bytes.",
    )
    upload_hours: int = Field(24, ge=1, description="Hours after which an unfinished upload is swept.")

    @property
    def quota_bytes(self) -> int:
        """Largest sum of one owner's uploads that wait to be taken in."""
        return self.upload_quota_bytes or 2 * self.max_upload_bytes

    @model_validator(mode="after")
    def _check_quota(self) -> Self:
        if self.quota_bytes < self.max_upload_bytes:
            raise ValueError("upload_quota_bytes must be at least max_upload_bytes, or the largest file could never be sent")
        return self


class JobsSettings(_Section):
    """How work is run in children."""

    concurrent_runs: int = Field(2, ge=1, le=256, description="Runs of one kind that may be active at once.")
    memory_bytes: int = Field(4 << 30, gt=0, description="Address space of a child, in bytes.")
    cpu_seconds: int = Field(3600, gt=0, description="CPU time of a child, in seconds.")
    stall_seconds: int = Field(
        300, gt=0, description="Longest that a child may get nothing done before it is ended, in seconds; large files get more."
    )
    retention_days: int = Field(90, ge=1, description="Days after which a job that has ended is dropped with its log and result.")


class WebhookSettings(_Section):
    """Where events may be sent."""

    allow: tuple[str, ...] = Field(
        (), description="Receivers that are exempt from the guard against internal addresses, as exact scheme://host:port."
    )


class EventSettings(_Section):
    """How long the event log remembers."""

    retention_days: int = Field(30, ge=1, description="Days after which events are dropped; readers then get an explicit gap.")


class AuditSettings(_Section):
    """How long the audit log remembers."""

    retention_days: int = Field(365, ge=1, description="Days after which entries of the audit log are dropped.")


class UsageSettings(_Section):
    """How long the usage ledger remembers."""

    retention_days: int = Field(730, ge=1, description="Days after which hours of the usage ledger are dropped.")


class FederationSettings(_Section):
    """The site among others."""

    operator: str = Field("", max_length=500, description="Who runs this site, as other sites show it.")
    place: str = Field("", max_length=500, description="Where it stands, as other sites show it.")
    addresses: dict[str, str] = Field(
        {},
        description="Where this site calls peers that it does not reach at their public URL, by their id, as exact "
        "scheme://host:port; http on loopback only.",
    )
    peer_seconds: float = Field(4.0, gt=0, le=60, description="Longest that a search or a download waits for a peer.")
    refresh_seconds: int = Field(60, ge=1, le=86_400, description="How often peers are asked what they are and measured.")


class PolicySettings(_Section):
    """Who may do what."""

    file: Path | None = Field(
        None, description="Cedar policies to use instead of the built-in ones; a relative path begins at the site's folder."
    )


class ClientSettings(_Section):
    """A web application that signs people in at this site."""

    id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,100}$", description="Its client id.")
    title: str = Field(description="Name shown to people.")
    redirect_uris: tuple[str, ...] = Field(min_length=1, description="Where people are sent back to; compared exactly.")
    secret_sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="SHA-256 of its secret, in hex; without it the client is public."
    )
    logout_redirect_uris: tuple[str, ...] = Field((), description="Where people may be sent after they signed out.")
    back_channel_logout_uri: str | None = Field(None, description="Where it hears of sessions that ended.")

    @field_validator("redirect_uris", "logout_redirect_uris", "back_channel_logout_uri")
    @classmethod
    def _check_uris(cls, value: tuple[str, ...] | str | None) -> tuple[str, ...] | str | None:
        for uri in (value,) if isinstance(value, str) else value or ():
            if not uri.startswith(("http://", "https://")) or "#" in uri:
                raise ValueError(f"{uri[:80]!r} must begin with http:// or https:// and have no fragment")
        return value


class IssuerSettings(_Section):
    """An external issuer whose accounts may sign in here (a Keycloak, any OpenID Connect provider)."""

    url: str = Field(description="Issuer, exactly as its tokens say (iss).")
    id: str = Field(description="Stable name of it, part of principals; never change it, even if the URL changes.")
    audience: str = Field(description="What its tokens' aud must contain.")
    roles: tuple[str, ...] = Field((), description="Roles that its tokens may bring along; operator and administrator never.")
    algorithms: tuple[str, ...] = Field(("RS256",), description="Signature algorithms that are accepted.")
    leeway_seconds: int = Field(30, ge=0, le=300, description="How far its clock may be off.")


class IdentitySettings(_Section):
    """Where people have their accounts."""

    desp: bool | None = Field(
        None, description="Whether accounts of this site may sign in at other sites (realm desp); default: at the central site."
    )
    terms_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="URL of terms of use that everybody accepts before signing in; none asks for none.",
    )
    clients: tuple[ClientSettings, ...] = Field(
        (),
        description="Web applications that sign people in here, each a table: id, title, redirect_uris, secret_sha256, "
        "logout_redirect_uris, back_channel_logout_uri.",
    )
    issuers: dict[str, IssuerSettings] = Field(
        {},
        description="External issuers by the alias that clients give as subject_issuer, each a table [identity.issuers.ALIAS] "
        "with url, id, audience, and where wanted roles, algorithms, leeway_seconds.",
    )


class OpenEoSettings(_Section):
    """Processing near the data."""

    inline_cubes: bool = Field(False, description="Let cubes stand in process graphs as JSON; for tests of processes.")
    unsafe_user_code: bool = Field(
        False,
        description="Run user-defined functions of anybody even where this machine cannot shut them in (bubblewrap, a user and a "
        "control group for each); `twinlake doctor` tells what it lacks. Whoever may process here may then do harm.",
    )
    result_hours: int = Field(24, ge=1, le=24 * 7, description="Life of the signed addresses of a job's results, in hours.")
    currency: str | None = Field(
        None,
        min_length=1,
        max_length=20,
        description="What jobs are paid in, as clients show it; without it nothing costs anything.",
    )
    price_per_cpu_hour: float = Field(0.0, ge=0, description="What an hour of CPU time costs, in that currency.")
    quota_cpu_seconds: int = Field(
        360_000, ge=0, description="CPU time that one person may take within 30 days, in seconds; 0 for no limit."
    )
    quota_result_bytes: int = Field(
        200 << 30, ge=0, description="Bytes of results that one person may have made within 30 days; 0 for no limit."
    )
    job_cpu_seconds: int = Field(
        36_000, ge=0, description="CPU time that one job may take, in seconds, in all of its processes; 0 for no limit."
    )
    job_result_bytes: int = Field(20 << 30, ge=0, description="Bytes that the results of one job may have; 0 for no limit.")
    job_memory_bytes: int = Field(
        2 << 30,
        gt=0,
        description="Memory that the processes of one job may take together (proportional set size, GDAL's caches counted); with "
        "too little for two, one works alone. Workers of a Dask cluster have limits of their own.",
    )
    parallel_jobs: int = Field(2, ge=0, description="Jobs of one person that run at once; the others wait. 0 for no limit.")
    user_files_bytes: int = Field(10 << 30, ge=0, description="What the files of one person for their graphs may have together.")
    dask_scheduler: str | None = Field(
        None,
        pattern=r"^(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]]+):[0-9]{1,5}$",
        description="Scheduler of a Dask cluster that computes batch jobs, such as tcp://10.0.0.5:8786; without it this machine "
        "does. Its workers run this version of Twinlake as the site's user, and see the site's folder and linked files under the "
        "same paths; nothing confines them. Graphs with user-defined functions stay on this machine.",
    )
    dask_ca_file: Path | None = Field(
        None, description="Certificates (PEM) that the scheduler at a tls:// address must have one of; below the site's folder."
    )
    dask_certificate_file: Path | None = Field(
        None, description="Certificate with its key (PEM) that is shown to the scheduler at a tls:// address."
    )

    @model_validator(mode="after")
    def _check_cluster(self) -> Self:
        is_tls = (self.dask_scheduler or "").startswith("tls:")
        if {self.dask_ca_file is not None, self.dask_certificate_file is not None} != {is_tls}:
            raise ValueError("a tls:// dask_scheduler needs dask_ca_file and dask_certificate_file, and nothing else does")
        return self


class LoggingSettings(_Section):
    """What the site writes to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is written.")


class SiteSettings(BaseSettings):
    """All settings of one site."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=_PREFIX, env_nested_delimiter="__", nested_model_default_partial_update=True
    )

    id: str = Field("central", description="Name of this site: part of data URLs and of principals. Never change it later.")
    role: Literal["central", "bridge"] = Field("central", description="What the site is in the federation.")
    title: str = Field("Twinlake", max_length=500, description="Name shown to people.")
    public_url: str | None = Field(
        None, description="URL under which users reach the site, without a trailing slash; default: http://host:port."
    )
    server: ServerSettings = ServerSettings.model_validate({})
    database: SqliteSettings = SqliteSettings.model_validate({})
    objects: Annotated[LocalObjectsSettings | S3ObjectsSettings, Field(discriminator="kind")] = (
        LocalObjectsSettings.model_validate({})
    )
    delivery: DeliverySettings = DeliverySettings.model_validate({})
    catalogue: CatalogueSettings = CatalogueSettings.model_validate({})
    ingest: IngestSettings = IngestSettings.model_validate({})
    jobs: JobsSettings = JobsSettings.model_validate({})
    events: EventSettings = EventSettings.model_validate({})
    audit: AuditSettings = AuditSettings.model_validate({})
    usage: UsageSettings = UsageSettings.model_validate({})
    webhooks: WebhookSettings = WebhookSettings.model_validate({})
    federation: FederationSettings = FederationSettings.model_validate({})
    policy: PolicySettings = PolicySettings.model_validate({})
    identity: IdentitySettings = IdentitySettings.model_validate({})
    openeo: OpenEoSettings = OpenEoSettings.model_validate({})
    logging: LoggingSettings = LoggingSettings.model_validate({})

    @field_validator("id")
    @classmethod
    def _check_id(cls, value: str) -> str:
        if not _SITE_ID.fullmatch(value):
            raise ValueError(f"the site id {value[:80]!r} must be 1 to 63 of a-z, 0-9 and -, with no - at either end")
        return value

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/") if value else None

    @property
    def signs_in_for_others(self) -> bool:
        """Whether the site has the realm ``desp``."""
        return self.role == "central" if self.identity.desp is None else self.identity.desp

    @property
    def base_url(self) -> str:
        """URL under which users reach the site, without a trailing slash."""
        return self.public_url or f"http://{self.server.host}:{self.server.port}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file."""
        _ = settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read ``site.toml`` at *path* and the environment.

        Raises
        ------
        InvalidInputError
            The file is missing or no TOML, or a setting is unknown or has a bad value.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InvalidInputError(
                f"There is no {path}.", remedy=f"Make a site with: twinlake init {path.parent} --yes"
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidInputError(f"{path} is not TOML: {error}.") from error
        _check_environment(os.environ)
        return cls.check(values, origin=str(path))

    @classmethod
    def check(cls, values: Mapping[str, Any], *, origin: str) -> Self:
        """Return settings of *values* and the environment.

        Raises
        ------
        InvalidInputError
            One is unknown or has a bad value; the message begins with *origin*.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise InvalidInputError(f"{origin}: " + "; ".join(_explain(error))) from error


def list_settings() -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, field) of every setting, sections in order; of tagged unions every member's."""
    yield from _list_fields(SiteSettings, "")


def _list_fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        # Tables by name are one setting: their members are in its description.
        kinds = () if get_origin(field.annotation) is dict else _members(field.annotation)
        sections = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not sections:
            yield prefix + name, field
        for section in sections:
            yield from _list_fields(section, f"{prefix}{name}.")


def _members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is tuple:
        return ()
    return getattr(annotation, "__args__", None) or (annotation,)


def _check_environment(environment: Mapping[str, str]) -> None:
    """Refuse a variable that would silently do nothing."""
    known = {_PREFIX + name.upper().replace(".", "__") for name, _ in list_settings()}
    sections = {_PREFIX + name.upper() for name in SiteSettings.model_fields}
    for variable in environment:
        if variable.startswith(_PREFIX) and variable not in known | sections | _CLIENT_VARIABLES:
            raise InvalidInputError(f"The environment variable {variable} is no setting.{_nearest(variable, known)}")


def _explain(error: ValidationError) -> Iterator[str]:
    names = [name for name, _ in list_settings()]
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"] if part not in {"local", "s3", "sqlite"})
        if problem["type"] == "extra_forbidden":
            yield f"there is no setting {place!r}.{_nearest(place, names)}"
        else:
            yield f"{place}: {problem['msg'].removeprefix('Value error, ')}"


def _nearest(word: str, known: Any) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""
