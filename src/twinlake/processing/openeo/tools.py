"""What processes may do beyond computing: a kernel reads and writes nothing by itself, whoever computes lends it what may."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from twinlake.engines.sandbox.user_errors import UserCodeError
from twinlake.processing.openeo.reporting import UNHEARD, Report
from twinlake.processing.openeo.shapes.dimensions import Dimension
from twinlake.standards.openeo.graph import Node

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twinlake.engines.sandbox.frames import Frame


class RunsUserCode(Protocol):
    """What answers for code that users wrote (`engines.sandbox.user_code.UserCode`)."""

    def ask(self, document: Any, arrays: "Sequence[NDArray[Any]]", *, report: Callable[[str, str, int | None], None]) -> "Frame":
        """Return what the code makes of *document* and *arrays*, or raise `UserCodeError`."""
        ...

    def close(self) -> None:
        """End what runs; another question would begin it anew."""
        ...


@dataclass(frozen=True, slots=True)
class RefusedUserCode:
    """Runs none."""

    reason: str

    def ask(self, document: Any, arrays: Any, *, report: Any) -> "Frame":  # noqa: ARG002
        """Refuse."""
        raise UserCodeError(self.reason)

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What those who compute a graph lend its processes."""

    report: Report = UNHEARD
    """Where they tell their user what they have to tell."""
    user_code: RunsUserCode = field(default_factory=lambda: RefusedUserCode("User-defined functions are not run here."))

    @classmethod
    def of_child(cls, report: Report = UNHEARD) -> "Tools":
        """Return those of the child that this is: with sandboxes, if it was started with what they take."""
        from twinlake.engines.sandbox.user_code import UserCode

        user_code = UserCode.beside_child()
        return cls(report=report) if user_code is None else cls(report=report, user_code=user_code)

    def close(self) -> None:
        """End what was begun for those who computed."""
        self.user_code.close()

    def at(self, node: Node) -> "Tools":
        """Return the tools of a node within."""
        return replace(self, report=self.report.at(node))


NO_TOOLS: Final = Tools()


@dataclass(frozen=True, slots=True)
class Cells:
    """What the values that a callback is given lie along."""

    dimensions: tuple[Dimension, ...]
    """Of the cube that the process around works on."""
    along: int | None = None
    """The one of the array's elements, which stands first; the others follow in their order."""
    is_reduced: bool = False
    """Whether one value for each cell is wanted, and no array."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a process is called: given to kernels that say so (`Process.needs_standing`)."""

    tools: Tools
    cells: Cells | None
