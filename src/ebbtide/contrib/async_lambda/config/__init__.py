"""`.async_lambda/config.json`: what a stage of an async-lambda app is told beside its code, as our settings.

    environment_of(folder, "prod")       the variables that are there while the app is built
    settings_of(app, "prod", folder)     our Settings, for the template
    place_stage("prod-eu")               what such a stage is called on AWS: "prodeu"

The file is read strictly (`json_lines`, `read`), every key is looked at (`keys`, `faults`), the levels app, stage, task
and task's stage are laid over one another (`levels`), and each key becomes what our template knows (`functions`,
`extras`, `alarms`, `domain`, `methods`, `tags`).
"""

from ebbtide.contrib.async_lambda.config.environment import environment_of
from ebbtide.contrib.async_lambda.config.settings import settings_of
from ebbtide.contrib.async_lambda.config.stages import place_stage

__all__ = ["environment_of", "place_stage", "settings_of"]
