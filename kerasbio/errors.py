"""The one exception that a user of kerasbio is meant to read."""


class KerasbioError(Exception):
    """An error whose message is one line: what was wrong, where, and what to do.

    The command line prints the message alone; `--debug` adds the traceback.
    """
