"""What a reader says of a file it does not take."""

from twinlake.core.errors import InvalidInputError


class UnreadableFileError(InvalidInputError):
    """A file is not what it says, or is not taken in; nothing of it was kept.

    Parameters
    ----------
    reason
        What is wrong with the file, fit for a client's eyes.
    remedy
        What its owner can do.
    """

    code = "unreadable-file"
    status = 422

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy=remedy)
        self.reason = reason


class ForeignReferenceError(UnreadableFileError):
    """A file points at other files or URLs; those are never followed."""

    code = "foreign-reference"

    def __init__(self, reason: str, remedy: str = "Write one file that holds all its data, and send that.") -> None:
        super().__init__(reason, remedy)


class TooLargeToReadError(UnreadableFileError):
    """A file, or what it unfolds to, is beyond what a reader opens."""

    code = "too-large-to-read"


class RecipeNeededError(UnreadableFileError):
    """The file lacks something that a recipe can state; the remedy is the line to write."""

    code = "recipe-needed"
