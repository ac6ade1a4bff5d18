"""OTLP over HTTP with protobuf bodies."""

import requests

from otel_audit._carrier import Request
from otel_audit._config import Config
from otel_audit._exporter import DELAY_MAX_S, RECEIPT, Again, Answer, Rejected, read_answer

#: Answers that are about this very request: sending it again cannot help.
_REFUSED = frozenset({400, 413, 415, 422})


class HttpExporter:
    """See :class:`otel_audit._exporter.Exporter`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._session = requests.Session()
        self._session.headers.update({**config.headers, "Content-Type": "application/x-protobuf"})
        if config.certificate is not None:
            self._session.verify = str(config.certificate)

    def send(self, request: Request, timeout_s: float) -> Answer:
        """See :class:`otel_audit._exporter.Exporter`."""
        url = self._config.url_of(request.signal.path)
        try:
            answer = self._session.post(url, data=request.body, timeout=timeout_s, allow_redirects=False)
        except requests.RequestException as error:
            raise Again(str(error)) from error
        if answer.status_code == 200:
            return read_answer(request.signal, answer.content, answer.headers.get(RECEIPT))
        reason = f"{answer.status_code} {answer.reason}"
        if answer.status_code in _REFUSED:
            raise Rejected(reason)
        asked = answer.headers.get("Retry-After", "")
        raise Again(reason, min(float(asked), DELAY_MAX_S) if asked.isdecimal() else None)

    def close(self) -> None:
        """See :class:`otel_audit._exporter.Exporter`."""
        self._session.close()
