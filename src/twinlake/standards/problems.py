"""What is wrong with a document: where, what, and what to do; all of it, not only the first."""

from collections.abc import Sequence
from dataclasses import dataclass

from twinlake.core.errors import InvalidInputError

_TOLD = 10


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document."""

    path: str
    """Where, as ``properties.datetime`` or ``geometry.coordinates[0][3]``; empty for the document itself."""
    message: str
    remedy: str | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidDocumentError(InvalidInputError):
    """A document breaks its standard; *problems* lists how, in the order found."""

    code = "invalid-document"

    def __init__(self, what: str, problems: Sequence[Problem]) -> None:
        told = "; ".join(str(problem) for problem in problems[:_TOLD])
        more = f"; and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
        remedies = dict.fromkeys(problem.remedy for problem in problems[:_TOLD] if problem.remedy)
        super().__init__(f"{what} is not valid: {told}{more}.", remedy=" ".join(remedies) or None)
        self.problems = tuple(problems)
