"""Why a benchmark says nothing: a number that means nothing is worse than none."""


class Stop(Exception):
    """A peer could not be had, a side lost or changed something, counts disagree, or the machine was too noisy."""
