"""Constructors of the group *access*: who may do what, and who looked: accounts, roles, permissions, keys, exports.

Written by ``python -m otel_audit.catalog.write`` from actions/access.py: change that one.
"""

from typing import Unpack

from otel_audit.catalog.event import Event, Id, More, made


def account_create_success(
    account_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``account.create.success``: notice, success, ECS iam/creation.

    ``catalog.access.account_create_success("account-1")``
    """
    return made("account.create.success", "account", account_id, {}, more)


def account_create_failed(
    account_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``account.create.failed``: warning, failure, ECS iam/creation.

    ``catalog.access.account_create_failed("account-1")``
    """
    return made("account.create.failed", "account", account_id, {}, more)


def account_deactivate_success(
    account_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``account.deactivate.success``: notice, success, ECS iam/deletion.

    ``catalog.access.account_deactivate_success("account-1")``
    """
    return made("account.deactivate.success", "account", account_id, {}, more)


def account_deactivate_failed(
    account_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``account.deactivate.failed``: warning, failure, ECS iam/deletion.

    ``catalog.access.account_deactivate_failed("account-1")``
    """
    return made("account.deactivate.failed", "account", account_id, {}, more)


def user_role_assign_success(
    user_id: Id | None = None,
    *,
    role: str,
    **more: Unpack[More],
) -> Event:
    """``user.role.assign.success``: warning, success, ECS iam/change.

    ``catalog.access.user_role_assign_success("user-1", role="manager")``
    """
    return made("user.role.assign.success", "user", user_id, {"role": role}, more)


def user_role_assign_failed(
    user_id: Id | None = None,
    *,
    role: str,
    **more: Unpack[More],
) -> Event:
    """``user.role.assign.failed``: critical, failure, ECS iam/change.

    ``catalog.access.user_role_assign_failed("user-1", role="manager")``
    """
    return made("user.role.assign.failed", "user", user_id, {"role": role}, more)


def user_role_change_success(
    user_id: Id | None = None,
    *,
    role: str,
    **more: Unpack[More],
) -> Event:
    """``user.role.change.success``: warning, success, ECS iam/change.

    ``catalog.access.user_role_change_success("user-1", role="manager")``
    """
    return made("user.role.change.success", "user", user_id, {"role": role}, more)


def user_role_change_failed(
    user_id: Id | None = None,
    *,
    role: str,
    **more: Unpack[More],
) -> Event:
    """``user.role.change.failed``: critical, failure, ECS iam/change.

    ``catalog.access.user_role_change_failed("user-1", role="manager")``
    """
    return made("user.role.change.failed", "user", user_id, {"role": role}, more)


def user_role_revoke_success(
    user_id: Id | None = None,
    *,
    role: str,
    **more: Unpack[More],
) -> Event:
    """``user.role.revoke.success``: warning, success, ECS iam/change.

    ``catalog.access.user_role_revoke_success("user-1", role="manager")``
    """
    return made("user.role.revoke.success", "user", user_id, {"role": role}, more)


def user_role_revoke_failed(
    user_id: Id | None = None,
    *,
    role: str,
    **more: Unpack[More],
) -> Event:
    """``user.role.revoke.failed``: critical, failure, ECS iam/change.

    ``catalog.access.user_role_revoke_failed("user-1", role="manager")``
    """
    return made("user.role.revoke.failed", "user", user_id, {"role": role}, more)


def user_permission_grant_success(
    user_id: Id | None = None,
    *,
    permission: str,
    **more: Unpack[More],
) -> Event:
    """``user.permission.grant.success``: warning, success, ECS iam/change.

    ``catalog.access.user_permission_grant_success("user-1", permission="orders.refund")``
    """
    return made("user.permission.grant.success", "user", user_id, {"permission": permission}, more)


def user_permission_grant_failed(
    user_id: Id | None = None,
    *,
    permission: str,
    **more: Unpack[More],
) -> Event:
    """``user.permission.grant.failed``: critical, failure, ECS iam/change.

    ``catalog.access.user_permission_grant_failed("user-1", permission="orders.refund")``
    """
    return made("user.permission.grant.failed", "user", user_id, {"permission": permission}, more)


def user_permission_revoke_success(
    user_id: Id | None = None,
    *,
    permission: str,
    **more: Unpack[More],
) -> Event:
    """``user.permission.revoke.success``: warning, success, ECS iam/change.

    ``catalog.access.user_permission_revoke_success("user-1", permission="orders.refund")``
    """
    return made("user.permission.revoke.success", "user", user_id, {"permission": permission}, more)


def user_permission_revoke_failed(
    user_id: Id | None = None,
    *,
    permission: str,
    **more: Unpack[More],
) -> Event:
    """``user.permission.revoke.failed``: critical, failure, ECS iam/change.

    ``catalog.access.user_permission_revoke_failed("user-1", permission="orders.refund")``
    """
    return made("user.permission.revoke.failed", "user", user_id, {"permission": permission}, more)


def api_key_create_success(
    api_key_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``api_key.create.success``: warning, success, ECS iam/creation.

    ``catalog.access.api_key_create_success("api-key-1")``
    """
    return made("api_key.create.success", "api_key", api_key_id, {}, more)


def api_key_create_failed(
    api_key_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``api_key.create.failed``: critical, failure, ECS iam/creation.

    ``catalog.access.api_key_create_failed("api-key-1")``
    """
    return made("api_key.create.failed", "api_key", api_key_id, {}, more)


def api_key_use_success(
    api_key_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``api_key.use.success``: info, success, ECS authentication/access.

    ``catalog.access.api_key_use_success("api-key-1")``
    """
    return made("api_key.use.success", "api_key", api_key_id, {}, more)


def api_key_use_failed(
    api_key_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``api_key.use.failed``: notice, failure, ECS authentication/access.

    ``catalog.access.api_key_use_failed("api-key-1")``
    """
    return made("api_key.use.failed", "api_key", api_key_id, {}, more)


def api_key_revoke_success(
    api_key_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``api_key.revoke.success``: notice, success, ECS iam/deletion.

    ``catalog.access.api_key_revoke_success("api-key-1")``
    """
    return made("api_key.revoke.success", "api_key", api_key_id, {}, more)


def api_key_revoke_failed(
    api_key_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``api_key.revoke.failed``: warning, failure, ECS iam/deletion.

    ``catalog.access.api_key_revoke_failed("api-key-1")``
    """
    return made("api_key.revoke.failed", "api_key", api_key_id, {}, more)


def staff_action_success(
    staff_id: Id | None = None,
    *,
    task: str,
    **more: Unpack[More],
) -> Event:
    """``staff.action.success``: notice, success, ECS iam/info.

    ``catalog.access.staff_action_success("staff-1", task="price override")``
    """
    return made("staff.action.success", "staff", staff_id, {"task": task}, more)


def staff_action_failed(
    staff_id: Id | None = None,
    *,
    task: str,
    **more: Unpack[More],
) -> Event:
    """``staff.action.failed``: warning, failure, ECS iam/info.

    ``catalog.access.staff_action_failed("staff-1", task="price override")``
    """
    return made("staff.action.failed", "staff", staff_id, {"task": task}, more)


def settings_update_success(
    settings_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``settings.update.success``: warning, success, ECS configuration/change.

    ``catalog.access.settings_update_success("settings-1")``
    """
    return made("settings.update.success", "settings", settings_id, {}, more)


def settings_update_failed(
    settings_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``settings.update.failed``: critical, failure, ECS configuration/change.

    ``catalog.access.settings_update_failed("settings-1")``
    """
    return made("settings.update.failed", "settings", settings_id, {}, more)


def record_view_success(
    record_id: Id | None = None,
    *,
    record_type: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``record.view.success``: info, success, ECS database/access.

    ``catalog.access.record_view_success("record-1", record_type="customer")``
    """
    return made("record.view.success", "record", record_id, {"record_type": record_type}, more)


def record_view_failed(
    record_id: Id | None = None,
    *,
    record_type: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``record.view.failed``: notice, failure, ECS database/access.

    ``catalog.access.record_view_failed("record-1", record_type="customer")``
    """
    return made("record.view.failed", "record", record_id, {"record_type": record_type}, more)


def data_export_success(
    data_id: Id | None = None,
    *,
    file_format: str | None = None,
    count: int | None = None,
    **more: Unpack[More],
) -> Event:
    """``data.export.success``: warning, success, ECS database/access.

    ``catalog.access.data_export_success("data-1", file_format="csv", count=250)``
    """
    return made("data.export.success", "data", data_id, {"file_format": file_format, "count": count}, more)


def data_export_failed(
    data_id: Id | None = None,
    *,
    file_format: str | None = None,
    count: int | None = None,
    **more: Unpack[More],
) -> Event:
    """``data.export.failed``: critical, failure, ECS database/access.

    ``catalog.access.data_export_failed("data-1", file_format="csv", count=250)``
    """
    return made("data.export.failed", "data", data_id, {"file_format": file_format, "count": count}, more)


def secret_reveal_success(
    secret_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``secret.reveal.success``: warning, success, ECS database/access.

    ``catalog.access.secret_reveal_success("secret-1")``
    """
    return made("secret.reveal.success", "secret", secret_id, {}, more)


def secret_reveal_failed(
    secret_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``secret.reveal.failed``: critical, failure, ECS database/access.

    ``catalog.access.secret_reveal_failed("secret-1")``
    """
    return made("secret.reveal.failed", "secret", secret_id, {}, more)
