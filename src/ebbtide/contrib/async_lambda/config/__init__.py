"""`from ebbtide.contrib.async_lambda.config import config_set_name`, as in async-lambda; beside it, what reads
`.async_lambda/config.json`: what a stage of such an app is told beside its code, as our settings.

    environment.environment_of(folder, "prod")    the variables that are there while the app is built
    settings.settings_of(app, "prod", folder)     our Settings, for the template
    stages.place_stage("prod-eu")                 what such a stage is called on AWS: "prodeu"

The file is read strictly (`json_lines`, `read`), every key is looked at (`keys`, `faults`), the levels app, stage, task
and task's stage are laid over one another (`levels`), and each key becomes what our template knows (`functions`,
`extras`, `alarms`, `domain`, `methods`, `tags`). None of that is in a bundle.
"""

from ebbtide.contrib.async_lambda.globals import (
    config,
    config_set_default_task_ephemeral_storage,
    config_set_default_task_memory,
    config_set_name,
    config_set_runtime,
    config_set_s3_payload_retention,
    config_set_shared_function_role,
)

__all__ = [
    "config",
    "config_set_default_task_ephemeral_storage",
    "config_set_default_task_memory",
    "config_set_name",
    "config_set_runtime",
    "config_set_s3_payload_retention",
    "config_set_shared_function_role",
]
