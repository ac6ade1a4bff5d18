"""Constructors of the group *system*: what the shop's operators and machines do: deployments, flags, migrations, jobs.

Written by ``python -m otel_audit.catalog.write`` from actions/system.py: change that one.
"""

from typing import Unpack

from otel_audit.catalog.event import Event, Id, More, made


def deployment_start_success(
    deployment_id: Id | None = None,
    *,
    version: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``deployment.start.success``: notice, success, ECS configuration/start.

    ``catalog.system.deployment_start_success("deployment-1", version="2.4.1")``
    """
    return made("deployment.start.success", "deployment", deployment_id, {"version": version}, more)


def deployment_start_failed(
    deployment_id: Id | None = None,
    *,
    version: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``deployment.start.failed``: warning, failure, ECS configuration/start.

    ``catalog.system.deployment_start_failed("deployment-1", version="2.4.1")``
    """
    return made("deployment.start.failed", "deployment", deployment_id, {"version": version}, more)


def deployment_finish_success(
    deployment_id: Id | None = None,
    *,
    version: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``deployment.finish.success``: notice, success, ECS configuration/change.

    ``catalog.system.deployment_finish_success("deployment-1", version="2.4.1")``
    """
    return made("deployment.finish.success", "deployment", deployment_id, {"version": version}, more)


def deployment_finish_failed(
    deployment_id: Id | None = None,
    *,
    version: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``deployment.finish.failed``: warning, failure, ECS configuration/change.

    ``catalog.system.deployment_finish_failed("deployment-1", version="2.4.1")``
    """
    return made("deployment.finish.failed", "deployment", deployment_id, {"version": version}, more)


def deployment_roll_back_success(
    deployment_id: Id | None = None,
    *,
    version: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``deployment.roll_back.success``: warning, success, ECS configuration/change.

    ``catalog.system.deployment_roll_back_success("deployment-1", version="2.4.1")``
    """
    return made("deployment.roll_back.success", "deployment", deployment_id, {"version": version}, more)


def deployment_roll_back_failed(
    deployment_id: Id | None = None,
    *,
    version: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``deployment.roll_back.failed``: critical, failure, ECS configuration/change.

    ``catalog.system.deployment_roll_back_failed("deployment-1", version="2.4.1")``
    """
    return made("deployment.roll_back.failed", "deployment", deployment_id, {"version": version}, more)


def feature_flag_change_success(
    feature_flag_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``feature_flag.change.success``: notice, success, ECS configuration/change.

    ``catalog.system.feature_flag_change_success("feature-flag-1")``
    """
    return made("feature_flag.change.success", "feature_flag", feature_flag_id, {}, more)


def feature_flag_change_failed(
    feature_flag_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``feature_flag.change.failed``: warning, failure, ECS configuration/change.

    ``catalog.system.feature_flag_change_failed("feature-flag-1")``
    """
    return made("feature_flag.change.failed", "feature_flag", feature_flag_id, {}, more)


def configuration_change_success(
    configuration_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``configuration.change.success``: notice, success, ECS configuration/change.

    ``catalog.system.configuration_change_success("configuration-1")``
    """
    return made("configuration.change.success", "configuration", configuration_id, {}, more)


def configuration_change_failed(
    configuration_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``configuration.change.failed``: warning, failure, ECS configuration/change.

    ``catalog.system.configuration_change_failed("configuration-1")``
    """
    return made("configuration.change.failed", "configuration", configuration_id, {}, more)


def migration_run_success(
    migration_id: Id | None = None,
    *,
    version: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``migration.run.success``: notice, success, ECS database/change.

    ``catalog.system.migration_run_success("migration-1", version="2.4.1")``
    """
    return made("migration.run.success", "migration", migration_id, {"version": version}, more)


def migration_run_failed(
    migration_id: Id | None = None,
    *,
    version: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``migration.run.failed``: warning, failure, ECS database/change.

    ``catalog.system.migration_run_failed("migration-1", version="2.4.1")``
    """
    return made("migration.run.failed", "migration", migration_id, {"version": version}, more)


def job_run_success(
    job_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``job.run.success``: info, success, ECS process/info.

    ``catalog.system.job_run_success("job-1")``
    """
    return made("job.run.success", "job", job_id, {}, more)


def job_run_failed(
    job_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``job.run.failed``: notice, failure, ECS process/info.

    ``catalog.system.job_run_failed("job-1")``
    """
    return made("job.run.failed", "job", job_id, {}, more)
