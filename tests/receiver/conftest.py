"""A real Elasticsearch that knows its users, started once for whoever needs it."""

from collections.abc import Iterator

import pytest
import yaml

from receiver.index.roles import roles
from tests.parts import elasticsearch
from tests.parts.elasticsearch import Secured, User
from tests.parts.missing import CannotBeHad

#: The namespace that the roles we print are for.
GUARDED = "guarded"
_PRINTED = roles(GUARDED)
#: A role that may do all of it, templates too, and one that lacks most of it.
ROLES = """
keeper:
  cluster: [monitor, manage_index_templates]
  indices:
    - names: ["logs-audit.events-*", "traces-audit.spans-*", "audit-cursors-*"]
      privileges: [create_index, auto_configure, index, read, view_index_metadata, maintenance, delete, delete_index]
guest:
  cluster: [monitor]
  indices:
    - names: ["logs-audit.events-*"]
      privileges: [read]
nobody:
  cluster: []
"""
USERS = [User("keeper", "secret-1", "keeper"), User("guest", "secret-2", "guest"), User("nobody", "secret-3", "nobody")]
#: A user for each role we print, its password its name.
USERS += [
    User(f"{part}-user", f"{part}-user", f"otel-audit-{GUARDED}-{part}") for part in ("setup", "writer", "reader")
]


@pytest.fixture(scope="session")
def secured_url() -> Iterator[str]:
    """The address of a server that knows USERS and their roles."""
    try:
        with elasticsearch.running(secured=Secured(ROLES + yaml.safe_dump(_PRINTED), USERS)) as url:
            yield url
    except CannotBeHad as missing:
        pytest.exit(str(missing), returncode=1)
