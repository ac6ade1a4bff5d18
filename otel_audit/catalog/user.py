"""Constructors of the group *user*: what people do with their own account: login, password, lockout, sessions, two factors.

Written by ``python -m otel_audit.catalog.write`` from actions/user.py: change that one.
"""

from typing import Unpack

from otel_audit.catalog.event import Event, Id, More, made


def login_success(
    user_id: Id | None = None,
    *,
    session_id: Id | None = None,
    method: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.login.success``: info, success, ECS authentication/start.

    ``catalog.user.login_success("user-1", session_id="session-1", method="totp")``
    """
    return made("user.login.success", "user", user_id, {"session_id": session_id, "method": method}, more)


def login_failed(
    user_id: Id | None = None,
    *,
    session_id: Id | None = None,
    method: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.login.failed``: notice, failure, ECS authentication/start.

    ``catalog.user.login_failed("user-1", session_id="session-1", method="totp")``
    """
    return made("user.login.failed", "user", user_id, {"session_id": session_id, "method": method}, more)


def logout_success(
    user_id: Id | None = None,
    *,
    session_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.logout.success``: info, success, ECS authentication/end.

    ``catalog.user.logout_success("user-1", session_id="session-1")``
    """
    return made("user.logout.success", "user", user_id, {"session_id": session_id}, more)


def logout_failed(
    user_id: Id | None = None,
    *,
    session_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.logout.failed``: notice, failure, ECS authentication/end.

    ``catalog.user.logout_failed("user-1", session_id="session-1")``
    """
    return made("user.logout.failed", "user", user_id, {"session_id": session_id}, more)


def password_change_success(
    user_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.password.change.success``: notice, success, ECS iam/change.

    ``catalog.user.password_change_success("user-1")``
    """
    return made("user.password.change.success", "user", user_id, {}, more)


def password_change_failed(
    user_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.password.change.failed``: warning, failure, ECS iam/change.

    ``catalog.user.password_change_failed("user-1")``
    """
    return made("user.password.change.failed", "user", user_id, {}, more)


def password_reset_request_success(
    user_id: Id | None = None,
    *,
    channel: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.password.reset.request.success``: notice, success, ECS iam/info.

    ``catalog.user.password_reset_request_success("user-1", channel="email")``
    """
    return made("user.password.reset.request.success", "user", user_id, {"channel": channel}, more)


def password_reset_request_failed(
    user_id: Id | None = None,
    *,
    channel: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.password.reset.request.failed``: warning, failure, ECS iam/info.

    ``catalog.user.password_reset_request_failed("user-1", channel="email")``
    """
    return made("user.password.reset.request.failed", "user", user_id, {"channel": channel}, more)


def password_reset_success(
    user_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.password.reset.success``: notice, success, ECS iam/change.

    ``catalog.user.password_reset_success("user-1")``
    """
    return made("user.password.reset.success", "user", user_id, {}, more)


def password_reset_failed(
    user_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.password.reset.failed``: warning, failure, ECS iam/change.

    ``catalog.user.password_reset_failed("user-1")``
    """
    return made("user.password.reset.failed", "user", user_id, {}, more)


def account_lock_success(
    user_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.account.lock.success``: warning, success, ECS iam/change.

    ``catalog.user.account_lock_success("user-1")``
    """
    return made("user.account.lock.success", "user", user_id, {}, more)


def account_lock_failed(
    user_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.account.lock.failed``: critical, failure, ECS iam/change.

    ``catalog.user.account_lock_failed("user-1")``
    """
    return made("user.account.lock.failed", "user", user_id, {}, more)


def account_unlock_success(
    user_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.account.unlock.success``: notice, success, ECS iam/change.

    ``catalog.user.account_unlock_success("user-1")``
    """
    return made("user.account.unlock.success", "user", user_id, {}, more)


def account_unlock_failed(
    user_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.account.unlock.failed``: warning, failure, ECS iam/change.

    ``catalog.user.account_unlock_failed("user-1")``
    """
    return made("user.account.unlock.failed", "user", user_id, {}, more)


def security_question_passed(
    user_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.security_question.passed``: notice, success, ECS authentication/info.

    ``catalog.user.security_question_passed("user-1")``
    """
    return made("user.security_question.passed", "user", user_id, {}, more)


def security_question_failed(
    user_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.security_question.failed``: warning, failure, ECS authentication/info.

    ``catalog.user.security_question_failed("user-1")``
    """
    return made("user.security_question.failed", "user", user_id, {}, more)


def session_create_success(
    session_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.session.create.success``: info, success, ECS session/start.

    ``catalog.user.session_create_success("session-1")``
    """
    return made("user.session.create.success", "session", session_id, {}, more)


def session_create_failed(
    session_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.session.create.failed``: notice, failure, ECS session/start.

    ``catalog.user.session_create_failed("session-1")``
    """
    return made("user.session.create.failed", "session", session_id, {}, more)


def session_expire_success(
    session_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.session.expire.success``: info, success, ECS session/end.

    ``catalog.user.session_expire_success("session-1")``
    """
    return made("user.session.expire.success", "session", session_id, {}, more)


def session_expire_failed(
    session_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.session.expire.failed``: notice, failure, ECS session/end.

    ``catalog.user.session_expire_failed("session-1")``
    """
    return made("user.session.expire.failed", "session", session_id, {}, more)


def session_invalidate_success(
    session_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.session.invalidate.success``: notice, success, ECS session/end.

    ``catalog.user.session_invalidate_success("session-1")``
    """
    return made("user.session.invalidate.success", "session", session_id, {}, more)


def session_invalidate_failed(
    session_id: Id | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.session.invalidate.failed``: warning, failure, ECS session/end.

    ``catalog.user.session_invalidate_failed("session-1")``
    """
    return made("user.session.invalidate.failed", "session", session_id, {}, more)


def two_factor_enable_success(
    user_id: Id | None = None,
    *,
    method: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.two_factor.enable.success``: notice, success, ECS iam/change.

    ``catalog.user.two_factor_enable_success("user-1", method="totp")``
    """
    return made("user.two_factor.enable.success", "user", user_id, {"method": method}, more)


def two_factor_enable_failed(
    user_id: Id | None = None,
    *,
    method: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.two_factor.enable.failed``: warning, failure, ECS iam/change.

    ``catalog.user.two_factor_enable_failed("user-1", method="totp")``
    """
    return made("user.two_factor.enable.failed", "user", user_id, {"method": method}, more)


def two_factor_disable_success(
    user_id: Id | None = None,
    *,
    method: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.two_factor.disable.success``: warning, success, ECS iam/change.

    ``catalog.user.two_factor_disable_success("user-1", method="totp")``
    """
    return made("user.two_factor.disable.success", "user", user_id, {"method": method}, more)


def two_factor_disable_failed(
    user_id: Id | None = None,
    *,
    method: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.two_factor.disable.failed``: critical, failure, ECS iam/change.

    ``catalog.user.two_factor_disable_failed("user-1", method="totp")``
    """
    return made("user.two_factor.disable.failed", "user", user_id, {"method": method}, more)


def two_factor_challenge_success(
    user_id: Id | None = None,
    *,
    method: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.two_factor.challenge.success``: info, success, ECS authentication/info.

    ``catalog.user.two_factor_challenge_success("user-1", method="totp")``
    """
    return made("user.two_factor.challenge.success", "user", user_id, {"method": method}, more)


def two_factor_challenge_failed(
    user_id: Id | None = None,
    *,
    method: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.two_factor.challenge.failed``: notice, failure, ECS authentication/info.

    ``catalog.user.two_factor_challenge_failed("user-1", method="totp")``
    """
    return made("user.two_factor.challenge.failed", "user", user_id, {"method": method}, more)


def two_factor_verify_success(
    user_id: Id | None = None,
    *,
    method: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.two_factor.verify.success``: info, success, ECS authentication/info.

    ``catalog.user.two_factor_verify_success("user-1", method="totp")``
    """
    return made("user.two_factor.verify.success", "user", user_id, {"method": method}, more)


def two_factor_verify_failed(
    user_id: Id | None = None,
    *,
    method: str | None = None,
    **more: Unpack[More],
) -> Event:
    """``user.two_factor.verify.failed``: notice, failure, ECS authentication/info.

    ``catalog.user.two_factor_verify_failed("user-1", method="totp")``
    """
    return made("user.two_factor.verify.failed", "user", user_id, {"method": method}, more)
