"""What the settings of a site choose and limit among what it is built of."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec

from twinlake.access.delivery.nginx import NginxSender
from twinlake.access.delivery.redirects import PresignedSender, SignedSender
from twinlake.access.delivery.sender import DirectSender, Sender
from twinlake.access.delivery.signing import DataSigner
from twinlake.core.clock import Clock
from twinlake.core.errors import InvalidInputError
from twinlake.engines.objectstore import LinkedFiles, ObjectStore
from twinlake.engines.sandbox import Destination, Limits, UserProgram
from twinlake.engines.web.signed_urls import UrlSigner
from twinlake.holdings.ingest.kind import ingest_kind
from twinlake.holdings.ingest.models import UploadLimits
from twinlake.holdings.ingest.service import IngestService
from twinlake.identity.policy.cedar import CedarRules, read_schema
from twinlake.jobs.models import JobKind
from twinlake.processing.openeo.api.app import API_PATH as OPENEO_PATH
from twinlake.processing.openeo.jobs.kind import Preparing, openeo_kind
from twinlake.processing.openeo.jobs.signing import ResultSigner
from twinlake.processing.openeo.quotas.ledger import QuotaLedger
from twinlake.processing.openeo.quotas.models import Quota
from twinlake.processing.openeo.quotas.tariff import Tariff
from twinlake.site.layout import SiteFolder
from twinlake.site.settings import SiteSettings


def read_rules(settings: SiteSettings, folder: SiteFolder) -> CedarRules:
    """Return the rules of the policy's file, or the built-in ones where the settings name none.

    Raises
    ------
    InvalidInputError
        The file cannot be read, or what is in it is no policy.
    """
    if settings.policy.file is None:
        return CedarRules.built_in()
    file = folder.path / settings.policy.file
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"The policy {file} cannot be read: {error}.", remedy="Check the setting policy.file.") from error
    return CedarRules(text, schema=read_schema(), origin=str(file))


def choose_sender(
    settings: SiteSettings, *, direct: DirectSender, objects: ObjectStore, links: LinkedFiles, signer: UrlSigner
) -> Sender:
    """Return what sends the bytes of assets in the mode of the settings."""
    lifetime = timedelta(seconds=settings.delivery.signed_seconds)
    match settings.delivery.mode:
        case "direct":
            return direct
        case "signed":
            return SignedSender(direct=direct, signer=signer, public_url=settings.base_url, lifetime=lifetime)
        case "nginx":
            return NginxSender(direct=direct, links=links)
        case "presigned":
            return PresignedSender(direct=direct, objects=objects, lifetime=lifetime)


def data_signer(settings: SiteSettings, signer: UrlSigner) -> DataSigner:
    """Return what signs the addresses of assets, for as long as the settings let one live."""
    return DataSigner(
        signer=signer,
        public_url=settings.base_url,
        backend=settings.id,
        lifetime=timedelta(seconds=settings.delivery.signed_seconds),
    )


def upload_limits(settings: SiteSettings) -> UploadLimits:
    """Return how much may be uploaded, and for how long it is kept."""
    return UploadLimits(
        file_bytes=settings.ingest.max_upload_bytes,
        owner_bytes=settings.ingest.quota_bytes,
        lifetime=timedelta(hours=settings.ingest.upload_hours),
    )


def result_signer(settings: SiteSettings, folder: SiteFolder, clock: Clock) -> ResultSigner:
    """Return what signs the addresses of the results of openEO's jobs, which live longer than others."""
    lifetime = timedelta(hours=settings.openeo.result_hours)
    return ResultSigner(
        signer=UrlSigner(key=folder.derive_key("openeo results"), clock=clock, longest=lifetime),
        clock=clock,
        origin=settings.base_url,
        path=OPENEO_PATH,
        lifetime=lifetime,
    )


def tariff(settings: SiteSettings) -> Tariff | None:
    """Return what jobs of openEO cost; None where they cost nothing."""
    if settings.openeo.currency is None:
        return None
    return Tariff(currency=settings.openeo.currency, per_cpu_hour=settings.openeo.price_per_cpu_hour)


def cluster_of(settings: SiteSettings, folder: SiteFolder) -> Destination | None:
    """Return where the scheduler of the Dask cluster is that computes batch jobs; None where there is none.

    Raises
    ------
    InvalidInputError
        The library that speaks with it is not installed.
    """
    openeo = settings.openeo
    if openeo.dask_scheduler is None:
        return None
    if find_spec("distributed") is None:
        raise InvalidInputError(
            "openeo.dask_scheduler is set, and the library 'distributed' is not installed.",
            remedy="Install Twinlake with its extra: pip install 'twinlake[dask]'.",
        )
    host, _, port = openeo.dask_scheduler.partition("://")[2].rpartition(":")
    return Destination(
        host=host.strip("[]"),
        port=int(port),
        ca_file=None if openeo.dask_ca_file is None else str(folder.path / openeo.dask_ca_file),
        certificate_file=None if openeo.dask_certificate_file is None else str(folder.path / openeo.dask_certificate_file),
    )


def quota(settings: SiteSettings) -> Quota:
    """Return what one person may take of openEO."""
    return Quota.of(
        cpu_seconds=settings.openeo.quota_cpu_seconds,
        size_bytes=settings.openeo.quota_result_bytes,
        job_cpu_seconds=settings.openeo.job_cpu_seconds,
        job_bytes=settings.openeo.job_result_bytes,
    )


def job_kinds(
    settings: SiteSettings,
    *,
    ingest: IngestService,
    preparing: Preparing,
    ledger: QuotaLedger,
    user_program: UserProgram | None,
    cluster: Destination | None,
) -> Mapping[str, JobKind]:
    """Return the kinds of jobs that the site runs, by name."""
    # What an ingest writes is an archive of what came in, and a graph at most its results.
    most_bytes = settings.ingest.max_upload_bytes
    limits = Limits(memory_bytes=settings.jobs.memory_bytes, cpu_seconds=settings.jobs.cpu_seconds, file_bytes=most_bytes)
    kinds = (
        ingest_kind(
            service=ingest,
            limits=limits,
            concurrent=settings.jobs.concurrent_runs,
            stall=timedelta(seconds=settings.jobs.stall_seconds),
            link_roots=settings.ingest.link_roots,
        ),
        openeo_kind(
            preparing=preparing,
            ledger=ledger,
            parallel=settings.openeo.parallel_jobs or None,
            limits=replace(limits, file_bytes=settings.openeo.job_result_bytes or most_bytes),
            concurrent=settings.jobs.concurrent_runs,
            link_roots=settings.ingest.link_roots,
            user_program=user_program,
            cluster=cluster,
        ),
    )
    return {kind.name: kind for kind in kinds}
