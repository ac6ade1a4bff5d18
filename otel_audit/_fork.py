"""What a forked child must do anew."""

import os
import weakref
from collections.abc import Callable


def in_every_child(method: Callable[[], None]) -> None:
    """Call the bound *method* in every child forked from here on, as long as its object lives."""
    held = weakref.WeakMethod(method)

    def call() -> None:
        alive = held()
        if alive is not None:
            alive()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=call)
