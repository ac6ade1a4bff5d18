"""Settings of a database as Django wants them, for an alias that is added while it runs."""

from typing import Any


def database(engine: str, **given: Any) -> dict[str, Any]:
    """All of them; *given* are those that matter."""
    left_out = dict.fromkeys(("USER", "PASSWORD", "HOST", "PORT"), "")
    fixed = {"ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}
    test = dict.fromkeys(("CHARSET", "COLLATION", "MIRROR", "NAME"))
    return {
        "ENGINE": f"django.db.backends.{engine}", "OPTIONS": {}, "TIME_ZONE": None, "TEST": test,
        **left_out, **fixed, **given,
    }  # fmt: skip
