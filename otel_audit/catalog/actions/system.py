"""What the shop's operators and machines do: deployments, flags, migrations, jobs."""

from otel_audit.catalog.action import Action

ACTIONS = (
    Action("deployment.start", "notice", "configuration/start", fields=("version",)),
    Action("deployment.finish", "notice", "configuration/change", fields=("version",)),
    Action("deployment.roll_back", "warning", "configuration/change", fields=("version",)),
    Action("feature_flag.change", "notice", "configuration/change"),
    Action("configuration.change", "notice", "configuration/change"),
    Action("migration.run", "notice", "database/change", fields=("version",)),
    Action("job.run", "info", "process/info"),
)
