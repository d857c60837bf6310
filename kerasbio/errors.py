"""The exceptions that a user of kerasbio is meant to read."""


class KerasbioError(Exception):
    """An error whose message is one line: what was wrong, where, and what to do.

    The command line prints the message alone; `--debug` adds the traceback.
    """

    exit_code = 1


class Interrupted(KerasbioError):
    """A run that a signal ended after its state was saved; leaves with 128 + signal."""

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number
