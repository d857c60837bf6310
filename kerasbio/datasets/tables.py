"""Tables of the user."""

import csv
from pathlib import Path

from kerasbio.errors import KerasbioError


def read_csv(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Read a CSV file with a header.

    Args:
        path: The file, in UTF-8.

    Returns:
        The names of the columns, stripped and in small letters, and a dict for each row.

    Raises:
        KerasbioError: If the file cannot be read, or is no CSV in UTF-8.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = [name.strip().lower() for name in reader.fieldnames or []]
            reader.fieldnames = columns
            return columns, list(reader)
    except OSError as error:
        raise KerasbioError(
            f"{path} cannot be read ({error.strerror}): give a CSV file in UTF-8"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise KerasbioError(f"{path} is no CSV in UTF-8 ({error}): save it as such") from None
