"""Log lines: time, level, a fixed lower-case phrase, then the facts as fields."""

import logging

_STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


class Fields(logging.Formatter):
    """A line a person reads and a machine can split: ``time LEVEL process: phrase key=value``."""

    def __init__(self, process: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {process}: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The line without a traceback."""
        fields = {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        return " ".join([super().formatMessage(record), *(f"{key}={value}" for key, value in fields.items())])


def to_stderr(process: str) -> None:
    """Write this process's log to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(Fields(process))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # It tells of every request it makes; forwarding makes some at any time, and counts them.
    logging.getLogger("httpx").setLevel(logging.WARNING)
