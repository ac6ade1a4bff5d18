"""What has to happen around a fork."""

import os
import weakref
from collections.abc import Callable


def around_forks(before: Callable[[], None], in_parent: Callable[[], None], in_child: Callable[[], None]) -> None:
    """Call these bound methods around every fork from here on, as long as their object lives."""

    def weakly(method: Callable[[], None]) -> Callable[[], None]:
        held = weakref.WeakMethod(method)

        def call() -> None:
            alive = held()
            if alive is not None:
                alive()

        return call

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=weakly(before), after_in_parent=weakly(in_parent), after_in_child=weakly(in_child))
