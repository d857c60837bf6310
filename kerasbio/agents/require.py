"""Loading tf-agents, which only reinforcement learning needs."""

import contextlib
import io
import warnings

from kerasbio.errors import KerasbioError

#: Its own pins are stale and would keep it off Python 3.12, hence two commands.
INSTALL = "pip install 'kerasbio[rl]' && pip install --no-deps tf-agents==0.19.0"


def require_tf_agents() -> None:
    """Import tf-agents without the notice that its dependency gym prints.

    Raises:
        KerasbioError: If it is not installed; says which two commands install it.
    """
    try:
        with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            # It asks for versions in a way that is out of date.
            warnings.simplefilter("ignore", DeprecationWarning)
            import tf_agents  # noqa: F401
    except ImportError as error:
        raise KerasbioError(
            f"tf-agents, which agents need, cannot be imported ({error}): type {INSTALL}"
        ) from error
