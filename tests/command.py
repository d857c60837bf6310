"""The installed command, as a user types it."""

import subprocess
import sys
from pathlib import Path

KERASBIO = str(Path(sys.executable).with_name("kerasbio"))


def kerasbio(*words, cwd, code=0):
    """Run `kerasbio` in a folder and return what it said, its exit code as expected."""
    done = subprocess.run([KERASBIO, *words], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == code, done.stdout + done.stderr
    return done
