"""Addresses of services' tiles, which are the permission to look at them."""

from dataclasses import dataclass
from typing import Final

from twinlake.core.errors import InvalidInputError
from twinlake.core.paging import TokenSeal
from twinlake.standards.openeo.errors import NotFoundError

_BINDING: Final = b"openeo service"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAddresses:
    """Makes them and reads them; each holds the service's id, sealed."""

    seal: TokenSeal
    root: str
    """URL of the API, without a slash at the end."""

    def tiles_of(self, service: str) -> str:
        """Return the template of the addresses of a service's tiles."""
        return f"{self.root}/services/tiles/{self.seal.seal(service.encode(), _BINDING)}/{{z}}/{{x}}/{{y}}.png"

    def open(self, sealed: str) -> str:
        """Return the id of the service that an address is of.

        Raises
        ------
        NotFoundError
            This site has not made the address.
        """
        try:
            return self.seal.open(sealed, _BINDING).decode()
        except InvalidInputError as error:
            raise NotFoundError("There is no such map.", remedy="Use the address exactly as it was given.") from error
