"""What the shop's operators and machines do: deployments, flags, migrations, jobs."""

from otel_audit.catalog.action import Action

ACTIONS = (
    Action("deployment.start", "notice", "configuration/start"),
    Action("deployment.finish", "notice", "configuration/change"),
    Action("deployment.roll_back", "warning", "configuration/change"),
    Action("feature_flag.change", "notice", "configuration/change"),
    Action("configuration.change", "notice", "configuration/change"),
    Action("migration.run", "notice", "database/change"),
    Action("job.run", "info", "process/info"),
)
