"""Sets up what the stores need on a server before anybody writes."""

from contextlib import closing

from receiver.config import Settings
from receiver.elastic import connect
from receiver.index.elastic_indices import Indices
from receiver.traces.open import open_store


def set_up(settings: Settings) -> None:
    """Put the templates of entries and spans, make the index of cursors; a repeat changes nothing.

    Unavailable when the server does not answer or does not let this user, Damaged when something stands in the way.
    """
    with closing(connect(settings.index)) as client:
        Indices(client, settings.index.namespace).set_up()
    with closing(open_store(settings, write=True)) as spans:
        spans.prepare()
