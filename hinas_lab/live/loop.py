"""From a thread to the kernel's own loop, where widgets and displays may be written."""

import contextvars
from collections.abc import Callable
from functools import partial

from hinas_lab.live.widgets import in_kernel


def hand_over(callback: Callable[[], None]):
    """Have ``callback()`` called by the kernel's loop, soon and in order; outside of a kernel it is
    called at once.

    What a thread itself writes to a widget is lost in Colab, and a LookupError in ipykernel 7.0.
    The thread plays ``in_context``.
    """
    if not in_kernel():
        callback()
        return
    from IPython import get_ipython

    get_ipython().kernel.io_loop.add_callback(callback)


def in_context(target: Callable[[], None]) -> Callable[[], None]:
    """``target`` for a thread that hands over: there the context is the one of this call, as
    Python's own threads do not have it. ipykernel 7.0 keeps in it to which message it answers, and
    writes nothing without one."""
    return partial(contextvars.copy_context().run, target)
