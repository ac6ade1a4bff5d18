"""The index the settings ask for."""

from receiver.config import Settings
from receiver.elastic import connect
from receiver.index.conflict import SetAside, nowhere
from receiver.index.elastic import ElasticIndex
from receiver.index.port import EntryIndex
from receiver.index.sqlite import SqliteIndex
from receiver.refused import Refuse
from receiver.refused import nowhere as refused_by_all


def open_index(
    settings: Settings, *, write: bool, set_aside: SetAside = nowhere, refuse: Refuse = refused_by_all
) -> EntryIndex:
    """The index of ``index.url``. It answers Unavailable as long as the server is away, or the file is not made yet.

    *set_aside* is handed what another receiver's event of the same id stands in the way of, *refuse* what the server
    will never take.
    """
    if settings.index.url == "sqlite":
        return SqliteIndex.open(settings.data_dir, write=write, numeric=settings.index.numeric_metadata)
    credentials = (*settings.auth.tokens, *settings.auth.certificates)
    tenants = sorted({"default", *(each.tenant for each in credentials)})
    return ElasticIndex(
        connect(settings.index), settings.index.namespace, tenants, settings.index.numeric_metadata, set_aside, refuse
    )
