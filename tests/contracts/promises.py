"""What holds for every suite of promises: a backend may excuse itself by name, never bend a promise."""

from collections.abc import Iterable


def bent(contract: type, suites: Iterable[type]) -> list[str]:
    """The promises of *contract* that one of *suites* redefines, and excuses for what is no promise."""
    promises = {name for name in vars(contract) if name.startswith("test_")}
    wrong = []
    for suite in suites:
        wrong += [f"{suite.__name__} redefines {name}" for name in sorted(promises & vars(suite).keys())]
        wrong += [f"{suite.__name__} excuses {name}" for name in sorted(suite.excused.keys() - promises)]
    return wrong
