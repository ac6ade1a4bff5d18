"""Time, handed in so that a test can choose it."""

import time
from collections.abc import Callable

#: Returns nanoseconds since the Unix epoch.
Clock = Callable[[], int]

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS

now_ns: Clock = time.time_ns
