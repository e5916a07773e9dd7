"""The context of an event where no Lambda made one."""

from ebbtide.contrib.async_lambda.context import LambdaContext

ON_LAMBDA = {
    "AWS_LAMBDA_FUNCTION_NAME": "deployed-Task",
    "AWS_LAMBDA_FUNCTION_VERSION": "7",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/own/group",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/21/[7]abc",
    "AWS_REGION": "eu-west-1",
    "ASYNC_LAMBDA_ACCOUNT_ID": "123456789012",
}


def shown(context: LambdaContext) -> tuple[str, ...]:
    return (
        context.function_name,
        context.function_version,
        context.invoked_function_arn,
        context.memory_limit_in_mb,
        context.aws_request_id,
        context.log_group_name,
        context.log_stream_name,
    )


def test_away_from_lambda_it_says_what_would_stand_there() -> None:
    assert shown(LambdaContext("project-Task", "id-1", memory=256, environment={})) == (
        "project-Task",
        "$LATEST",
        "arn:aws:lambda:us-east-1:000000000000:function:project-Task",
        "256",
        "id-1",
        "/aws/lambda/project-Task",
        "local",
    )


def test_on_lambda_the_environment_knows_better() -> None:
    assert shown(LambdaContext("project-Task", "id-1", memory=256, environment=ON_LAMBDA)) == (
        "deployed-Task",
        "7",
        "arn:aws:lambda:eu-west-1:123456789012:function:deployed-Task",
        "512",
        "id-1",
        "/own/group",
        "2026/11/21/[7]abc",
    )


def test_the_time_left_runs_down_to_nothing() -> None:
    clock = [100.0]
    context = LambdaContext("Task", deadline=101.5, environment={}, now=lambda: clock[0])
    assert context.get_remaining_time_in_millis() == 1500
    clock[0] = 101.0
    assert context.get_remaining_time_in_millis() == 500
    clock[0] = 200.0
    assert context.get_remaining_time_in_millis() == 0


def test_without_a_deadline_it_is_lambdas_longest_from_the_start() -> None:
    clock = [100.0]
    context = LambdaContext("Task", environment={}, now=lambda: clock[0])
    assert context.get_remaining_time_in_millis() == 900_000
    clock[0] = 101.0
    assert context.get_remaining_time_in_millis() == 899_000


def test_what_only_mobile_apps_have_is_none() -> None:
    context = LambdaContext("Task", environment={})
    assert (context.identity, context.client_context, context.tenant_id) == (None, None, None)
