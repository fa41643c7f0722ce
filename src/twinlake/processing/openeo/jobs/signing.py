"""Addresses of results that are good for whoever has them, for a while."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

from twinlake.core.clock import Clock
from twinlake.engines.web.signed_urls import SignatureError, SignatureExpiredError, UrlSigner
from twinlake.standards.openeo.errors import ResultLinkExpiredError

_FILE, _FOLDER, _METADATA = "openeo result file", "openeo result folder", "openeo result metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSigner:
    """Signs them.

    The signature of a file stands in the query; that of a folder stands before its name, so that addresses of what is in it
    are made by appending to it, as readers of Zarr do.
    """

    signer: UrlSigner
    clock: Clock
    origin: str
    """Of the site: its public URL without a path."""
    path: str
    """Of the API, without a slash at the end."""
    lifetime: timedelta

    def expiry(self) -> datetime:
        """Return until when what is signed now is good, whole seconds."""
        return (self.clock.now() + self.lifetime).replace(microsecond=0)

    def sign_file(self, job: str, name: str, until: datetime) -> str:
        """Return the URL of an asset that is a file."""
        return self._sign(f"/jobs/{job}/results/assets/{name}", until, _FILE)

    def sign_metadata(self, job: str, until: datetime) -> str:
        """Return the URL of the description of all results."""
        return self._sign(f"/jobs/{job}/results/collection.json", until, _METADATA)

    def sign_folder(self, job: str, name: str, until: datetime) -> str:
        """Return the URL of an asset that is a folder, to which paths in it are appended."""
        signed = self.signer.sign(f"/{job}/{name}", {}, purpose=_FOLDER, lifetime=until - self.clock.now())
        _, _, query = signed.partition("?")
        seal = ".".join(value for _, value in parse_qsl(query))
        return f"{self.origin}{self.path}/results/{seal}/{job}/{quote(name)}"

    def verify_file(self, job: str, name: str, query: bytes) -> None:
        """Check the signature of `sign_file`.

        Raises
        ------
        SignatureError
            It is not this site's, or of something else.
        ResultLinkExpiredError
            It is too old.
        """
        self._verify(f"{self.path}/jobs/{job}/results/assets/{name}", query, _FILE)

    def verify_metadata(self, job: str, query: bytes) -> datetime:
        """Check the signature of `sign_metadata`, return until when it is good; raises as `verify_file` does."""
        return self._verify(f"{self.path}/jobs/{job}/results/collection.json", query, _METADATA)

    def verify_folder(self, job: str, name: str, seal: str) -> None:
        """Check the signature of `sign_folder`; raises as `verify_file` does."""
        expires, _, signature = seal.partition(".")
        self._verify(f"/{job}/{name}", f"expires={expires}&signature={signature}".encode(), _FOLDER)

    def _sign(self, path: str, until: datetime, purpose: str) -> str:
        lifetime = until - self.clock.now()
        return self.origin + self.signer.sign(self.path + path, {}, purpose=purpose, lifetime=lifetime)

    def _verify(self, path: str, query: bytes, purpose: str) -> datetime:
        if b"&signature=" not in query:
            raise SignatureError("This address needs its signature.", remedy="Use the URL exactly as it was given.")
        try:
            self.signer.verify(path, query, purpose=purpose)
        except SignatureExpiredError as error:
            raise ResultLinkExpiredError("The link has expired.", remedy="Ask for the results again.") from error
        return datetime.fromtimestamp(int(dict(parse_qsl(query.decode()))["expires"]), UTC)
