"""What may be wrong with a filter."""

from twinlake.core.errors import InvalidInputError


class InvalidFilterError(InvalidInputError):
    """The filter is not CQL2, or asks for what this site cannot do."""

    code = "invalid-filter"
