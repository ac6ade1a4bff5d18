"""Who may do what, and who looked: accounts, roles, permissions, keys, exports."""

from otel_audit.catalog.action import Action

ACTIONS = (
    Action("account.create", "notice", "iam/creation"),
    Action("account.deactivate", "notice", "iam/deletion"),
    Action("user.role.assign", "warning", "iam/change"),
    Action("user.role.change", "warning", "iam/change"),
    Action("user.role.revoke", "warning", "iam/change"),
    Action("user.permission.grant", "warning", "iam/change"),
    Action("user.permission.revoke", "warning", "iam/change"),
    Action("api_key.create", "warning", "iam/creation"),
    Action("api_key.use", "info", "authentication/access"),
    Action("api_key.revoke", "notice", "iam/deletion"),
    Action("staff.action", "notice", "iam/info"),
    Action("settings.update", "warning", "configuration/change"),
    Action("record.view", "info", "database/access"),
    Action("data.export", "warning", "database/access"),
    Action("secret.reveal", "warning", "database/access"),
)
