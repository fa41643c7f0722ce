"""What goes wrong with code that users wrote."""


class UserCodeError(Exception):
    """Somebody's code failed, was ended, or did not answer as it must."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line
        """Of their code, where it is known."""
