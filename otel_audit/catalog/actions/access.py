"""Who may do what, and who looked: accounts, roles, permissions, keys, exports."""

from otel_audit.catalog.action import Action

ACTIONS = (
    Action("account.create", "notice", "iam/creation"),
    Action("account.deactivate", "notice", "iam/deletion"),
    Action("user.role.assign", "warning", "iam/change", fields=("role",), required=("role",)),
    Action("user.role.change", "warning", "iam/change", fields=("role",), required=("role",)),
    Action("user.role.revoke", "warning", "iam/change", fields=("role",), required=("role",)),
    Action("user.permission.grant", "warning", "iam/change", fields=("permission",), required=("permission",)),
    Action("user.permission.revoke", "warning", "iam/change", fields=("permission",), required=("permission",)),
    Action("api_key.create", "warning", "iam/creation"),
    Action("api_key.use", "info", "authentication/access"),
    Action("api_key.revoke", "notice", "iam/deletion"),
    Action("staff.action", "notice", "iam/info", fields=("task",), required=("task",)),
    Action("settings.update", "warning", "configuration/change"),
    Action("record.view", "info", "database/access", fields=("record_type",)),
    Action("data.export", "warning", "database/access", fields=("file_format", "count")),
    Action("secret.reveal", "warning", "database/access"),
)
