"""What people do with their own account: login, password, lockout, sessions, two factors."""

from otel_audit.catalog.action import Action

ACTIONS = (
    Action("user.login", "info", "authentication/start", ids=("session_id",), fields=("method",)),
    Action("user.logout", "info", "authentication/end", ids=("session_id",)),
    Action("user.password.change", "notice", "iam/change"),
    Action("user.password.reset.request", "notice", "iam/info", fields=("channel",)),
    Action("user.password.reset", "notice", "iam/change"),
    Action("user.account.lock", "warning", "iam/change"),
    Action("user.account.unlock", "notice", "iam/change"),
    Action("user.security_question", "notice", "authentication/info", results=("passed", "failed")),
    Action("user.session.create", "info", "session/start", target="session", ids=("session_id",)),
    Action("user.session.expire", "info", "session/end", target="session", ids=("session_id",)),
    Action("user.session.invalidate", "notice", "session/end", target="session", ids=("session_id",)),
    Action("user.two_factor.enable", "notice", "iam/change", fields=("method",)),
    Action("user.two_factor.disable", "warning", "iam/change", fields=("method",)),
    Action("user.two_factor.challenge", "info", "authentication/info", fields=("method",)),
    Action("user.two_factor.verify", "info", "authentication/info", fields=("method",)),
)
