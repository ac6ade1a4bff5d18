"""Traces are known to be silent in the order of their last sign, and no more are remembered than may be."""

from receiver.traces.quiet import Quiet


def test_the_trace_silent_for_longest_comes_first():
    """What comes again is silent from then on; no more are given than are asked for."""
    quiet = Quiet()
    for number, trace in enumerate("abca"):
        quiet.heard(("default", trace), number)
    assert quiet.silent_since(3, 10) == [("default", "b"), ("default", "c")]
    assert quiet.silent_since(4, 2) == [("default", "b"), ("default", "c")]
    quiet.forget([("default", "b"), ("default", "unknown")])
    assert quiet.silent_since(4, 10) == [("default", "c"), ("default", "a")]


def test_what_is_remembered_is_bounded():
    """The one silent for longest is forgotten."""
    quiet = Quiet(remembered_max=2)
    for number, trace in enumerate("abc"):
        quiet.heard(("default", trace), number)
    assert quiet.silent_since(9, 9) == [("default", "b"), ("default", "c")]
