"""The first example of async-lambda's own page; only the import line is another."""

from ebbtide.contrib.async_lambda import AsyncLambdaController, ManagedSQSEvent, ScheduledEvent, config_set_name

app = AsyncLambdaController()
config_set_name("project-name")
lambda_handler = app.async_lambda_handler  # This "export" is required for lambda.


@app.scheduled_task("ScheduledTask1", schedule_expression="rate(15 minutes)")
def scheduled_task_1(event: ScheduledEvent) -> None:
    app.async_invoke("AsyncTask1", payload={"foo": "bar"})


@app.async_task("AsyncTask1")
def async_task_1(event: ManagedSQSEvent) -> None:
    print(event.source_task_id, event.payload)  # ScheduledTask1 {'foo': 'bar'}
