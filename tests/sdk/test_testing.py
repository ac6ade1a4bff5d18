"""What applications test with."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]


def test_the_fixture_gives_what_a_test_records(pytester: pytest.Pytester) -> None:
    """And nothing of the test before."""
    pytester.makeconftest('pytest_plugins = ["otel_audit.testing"]')
    pytester.makepyfile(
        """
        import otel_audit

        def test_one(audit_entries):
            otel_audit.record("order.create.success", ("order", "1"))
            assert [each.event_id[-2:] for each in audit_entries] == ["01"]

        def test_two(audit_entries):
            assert audit_entries == []
            otel_audit.record("order.create.failed")
            assert (audit_entries[0].outcome, audit_entries[0].timestamp[:4]) == ("failure", "2026")
        """
    )
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=2)


def test_no_runner_is_needed() -> None:
    """An application whose tests run otherwise has no pytest."""
    source = Path(__file__).parents[2] / "otel_audit" / "testing.py"
    text = source.read_text().replace("import pytest", "raise ImportError", 1)
    namespace: dict[str, object] = {"__name__": "otel_audit.testing_without"}
    exec(compile(text, str(source), "exec"), namespace)
    assert "capture" in namespace
    assert "audit_entries" not in namespace
