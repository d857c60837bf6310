"""Loading what talks while it is loaded."""

import os
import sys
import tempfile


def import_tensorflow() -> None:
    """Import TensorFlow without the notices that it writes before it reads any log level.

    They go past Python to the process's standard error. Where the import fails they are shown.
    """
    if "tensorflow" in sys.modules:
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        shown = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            held.seek(0)
            os.write(shown, held.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)
