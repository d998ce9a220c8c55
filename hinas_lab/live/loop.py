"""From a thread to the kernel's own loop, where widgets and displays may be written."""

from collections.abc import Callable

from hinas_lab.live.widgets import in_kernel


def hand_over(callback: Callable[[], None]):
    """Have ``callback()`` called by the kernel's loop, soon and in order; outside of a kernel it is
    called at once.

    What a thread itself writes to a widget is lost in Colab, and a LookupError in ipykernel 7.0.
    """
    if not in_kernel():
        callback()
        return
    from IPython import get_ipython

    get_ipython().kernel.io_loop.add_callback(callback)
