"""Schedules: what may be declared, what is refused and with which correction, and when each is due."""

import ast
import json
import random
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.triggers import reading
from tests.triggers.reading import calls, sample, target

from ebbtide import App, Schedule
from ebbtide.errors import DeclarationError, EnvelopeError
from ebbtide.runners.scheduler import messages
from ebbtide.ticks import schedules
from ebbtide.triggers.expression import LONGEST, read
from ebbtide.triggers.wrong import corrected

# Wrong on the left, the correction that the message must give on the right.
CORRECTIONS = [
    # rates
    ("rate(1 minutes)", "rate(1 minute)"),
    ("rate(5 minute)", "rate(5 minutes)"),
    ("rate(0 hours)", "rate(1 hour)"),
    ("rate(-5 minutes)", "rate(5 minutes)"),
    ("rate(05 minutes)", "rate(5 minutes)"),
    ("rate(0.5 hours)", "rate(30 minutes)"),
    ("rate(1.5 hours)", "rate(90 minutes)"),
    ("rate(30 seconds)", "rate(1 minute)"),
    ("rate(90 sec)", "rate(2 minutes)"),
    ("rate(2 weeks)", "rate(14 days)"),
    ("rate(5minutes)", "rate(5 minutes)"),
    ("rate(minute)", "rate(1 minute)"),
    ("RATE(5 MINUTES)", "rate(5 minutes)"),
    # words
    ("every 5 minutes", "rate(5 minutes)"),
    ("5 minutes", "rate(5 minutes)"),
    ("rate 5 minutes", "rate(5 minutes)"),
    ("@every 5m", "rate(5 minutes)"),
    ("@daily", "cron(0 0 * * ? *)"),
    ("@weekly", "cron(0 0 ? * SUN *)"),
    ("hourly", "cron(0 * * * ? *)"),
    # five fields, seven fields, none
    ("cron(0 9 * * *)", "cron(0 9 * * ? *)"),
    ("cron(0 9 1 * *)", "cron(0 9 1 * ? *)"),
    ("cron(0 9 * * 1-5)", "cron(0 9 ? * MON-FRI *)"),
    ("cron(0 9 ? * 1-5)", "cron(0 9 ? * MON-FRI *)"),
    ("cron(0 9 * * 0)", "cron(0 9 ? * SUN *)"),
    ("cron(0 9 * * 7)", "cron(0 9 ? * SUN *)"),
    ("cron(0 9 * * 5-7)", "cron(0 9 ? * SUN,FRI,SAT *)"),
    ("cron(0 9 * * 1,3,5)", "cron(0 9 ? * MON,WED,FRI *)"),
    ("cron(0 9 * * */2)", "cron(0 9 ? * SUN,TUE,THU,SAT *)"),
    ("cron(0 9 * * mon-fri)", "cron(0 9 ? * MON-FRI *)"),
    ("*/5 * * * *", "cron(*/5 * * * ? *)"),
    ("0 9 * * 1-5", "cron(0 9 ? * MON-FRI *)"),
    ("0 9 ? * MON-FRI *", "cron(0 9 ? * MON-FRI *)"),
    ("cron(0 0 9 ? * MON *)", "cron(0 9 ? * MON *)"),
    # parentheses and spelling
    ("cron 0 9 * * ? *", "cron(0 9 * * ? *)"),
    ("cron(0 9 * * ? *", "cron(0 9 * * ? *)"),
    ("cron[0 9 * * ? *]", "cron(0 9 * * ? *)"),
    ("corn(0 9 * * ? *)", "cron(0 9 * * ? *)"),
    # the two day fields
    ("cron(0 9 * * * *)", "cron(0 9 * * ? *)"),
    ("cron(0 9 ? * ? *)", "cron(0 9 * * ? *)"),
    ("cron(0 9 * * MON-FRI *)", "cron(0 9 ? * MON-FRI *)"),
    ("cron(0 9 1 * * *)", "cron(0 9 1 * ? *)"),
    ("cron(0 9 1 * MON *)", "cron(0 9 1 * ? *)"),
    # ranges of values
    ("cron(60 9 * * ? *)", "cron(0 9 * * ? *)"),
    ("cron(0 24 * * ? *)", "cron(0 0 * * ? *)"),
    ("cron(0 9 32 * ? *)", "cron(0 9 31 * ? *)"),
    ("cron(0 9 1 13 ? *)", "cron(0 9 1 DEC ? *)"),
    ("cron(0 9 ? * 0 *)", "cron(0 9 ? * SUN *)"),
    ("cron(0 9 1 * ? 1969)", "cron(0 9 1 * ? 1970)"),
    ("cron(0 9 1 * ? 27)", "cron(0 9 1 * ? 2027)"),
    ("cron(0 9 ? * monday *)", "cron(0 9 ? * MON *)"),
    ("cron(0 9 ? * FRI-MON *)", "cron(0 9 ? * FRI-SAT,SUN-MON *)"),
    ("cron(0 22-2 * * ? *)", "cron(0 22-23,0-2 * * ? *)"),
    # wildcards where they may not stand
    ("cron(? 9 * * ? *)", "cron(* 9 * * ? *)"),
    ("cron(/5 * * * ? *)", "cron(0/5 * * * ? *)"),
    ("cron(0/60 * * * ? *)", "cron(0 * * * ? *)"),
    ("cron(0 9 ? * MON/2 *)", "cron(0 9 ? * MON,WED,FRI *)"),
    ("cron(0 9 LW * ? *)", "cron(0 9 L * ? *)"),
    ("cron(0 9 L-3 * ? *)", "cron(0 9 L * ? *)"),
    ("cron(0 9 1W,15W * ? *)", "cron(0 9 1W * ? *)"),
    ("cron(0 9 ? * 3#1,6#3 *)", "cron(0 9 ? * 3#1 *)"),
    ("cron(0 9 ? * MON#6 *)", "cron(0 9 ? * MON#5 *)"),
    ("cron(0 9 ? * 5L,6L *)", "cron(0 9 ? * 5L *)"),
    ("cron(0 9 ? * MON,,TUE *)", "cron(0 9 ? * MON,TUE *)"),
    # days that never come
    ("cron(0 9 31 2 ? *)", "cron(0 9 L 2 ? *)"),
    ("cron(0 9 ? 2 MON#5 2027)", "cron(0 9 ? 2 MONL 2027)"),
    # times
    ("at(2027-01-01 09:00)", "at(2027-01-01T09:00:00)"),
    ("at(2027-01-01T09:00)", "at(2027-01-01T09:00:00)"),
    ("at(2027-01-01)", "at(2027-01-01T00:00:00)"),
    ("at(2027-01-01T09:00:00Z)", "at(2027-01-01T09:00:00)"),
    ("at(2027-01-01T09:00:00+02:00)", "at(2027-01-01T07:00:00)"),
    ("at(2027-01-01T09:00:00.5)", "at(2027-01-01T09:00:00)"),
    ("at(2027-02-30T25:00:00)", "at(2027-02-28T23:00:00)"),
    ("at(9999-01-01T00:00:00)", "at(2199-01-01T00:00:00)"),
    ("at(0000-00-00T00:00:00)", "at(1970-01-01T00:00:00)"),
    ("at 2027-1-1 9:00", "at(2027-01-01T09:00:00)"),
    ("2027-01-01T09:00", "at(2027-01-01T09:00:00)"),
]

NO_CORRECTION = ["", "tomorrow", "@reboot", "cron()", "at(soon)", "rate(five minutes)", "cron(x 9 ? * MON *)"]


@pytest.mark.parametrize(("wrong", "right"), CORRECTIONS)
def test_a_wrong_expression_is_refused_with_its_correction(wrong: str, right: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Schedule(wrong)
    assert f"Schedule({wrong!r}): " in str(refused.value)
    assert f"; write Schedule({right!r})" in str(refused.value)
    assert Schedule(right).expression == right


@pytest.mark.parametrize("wrong", NO_CORRECTION)
def test_where_nothing_can_be_guessed_the_message_shows_what_is_right(wrong: str) -> None:
    with pytest.raises(DeclarationError, match=r"as 'rate\(5 minutes\)' or 'cron\(0 9 \? \* MON-FRI \*\)' are"):
        Schedule(wrong)


def test_two_day_fields_are_two_schedules() -> None:
    with pytest.raises(DeclarationError) as refused:
        Schedule("cron(0 9 1 * MON *)")
    assert "declare two schedules: cron(0 9 1 * ? *) and cron(0 9 ? * MON *)" in str(refused.value)


def test_an_expression_longer_than_aws_takes_is_refused() -> None:
    with pytest.raises(DeclarationError, match="AWS takes up to 256"):
        Schedule(f"cron({','.join(['1'] * LONGEST)} * * * ? *)")


def test_an_expression_is_a_text() -> None:
    wrong: Any = timedelta(minutes=5)
    with pytest.raises(DeclarationError, match=r"a text such as 'rate\(5 minutes\)' expected"):
        Schedule(wrong)


@pytest.mark.parametrize(("wrong", "right"), CORRECTIONS)
def test_a_correction_needs_none_itself(wrong: str, right: str) -> None:
    assert corrected(wrong, read) == right == corrected(right, read)


def test_whatever_is_written_is_taken_or_refused_with_a_correction_that_is_right() -> None:
    draw = random.Random(20271121)
    marks = [*"0123456789*/,-?LW#() :TZ+.@", "MON", "JAN", "minutes", "cron", "rate", "at("]
    known = [wrong for wrong, _ in CORRECTIONS] + [right for _, right in CORRECTIONS]
    for _ in range(2000):
        text = list(draw.choice(known))
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(text) + 1)
            text[place : place + draw.randint(0, 2)] = draw.choices(marks, k=draw.randint(0, 2))
        written = "".join(text)
        try:
            schedule = Schedule(written)
        except DeclarationError as refused:
            if "write Schedule(" in str(refused):
                Schedule(ast.literal_eval(str(refused).rpartition("write Schedule(")[2].removesuffix(")")))
        else:
            assert len(list(islice(schedule.ticks(1_800_000_000.0, 1_800_000_000.0), 3))) <= 3
            assert Schedule(schedule.expression) == schedule


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("cron(0  9 ? * mon-fri *)", "cron(0 9 ? * MON-FRI *)"),
        (" rate( 5  minutes ) ", "rate(5 minutes)"),
        ("cron(0 9 15w * ? *)", "cron(0 9 15W * ? *)"),
    ],
)
def test_what_aws_is_told_is_written_one_way(written: str, told: str) -> None:
    schedule = Schedule(written, timezone="Europe/Berlin")
    assert schedule.timing() == {"ScheduleExpression": told, "ScheduleExpressionTimezone": "Europe/Berlin"}
    assert schedule == Schedule(told, timezone="Europe/Berlin")


# Zones


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("utc", "UTC"),
        ("", "UTC"),
    ],
)
def test_an_unknown_zone_is_refused_with_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Schedule("rate(1 day)", timezone=wrong)
    assert f"no time zone {wrong!r} here; write timezone={near!r}" in str(refused.value)


@pytest.mark.parametrize("wrong", ["localtime", "posixrules", "../../etc/passwd", "/etc/localtime", "a\0b", None, 2])
def test_what_is_no_name_of_a_place_is_no_zone(wrong: Any) -> None:
    with pytest.raises(DeclarationError, match="no time zone"):
        Schedule("rate(1 day)", timezone=wrong)


# The value


def test_a_schedule_is_frozen_and_equal_by_its_parts() -> None:
    one = Schedule("rate(1 day)", timezone="Europe/Berlin", arguments={"n": [1]}, missed="all")
    assert one == Schedule("rate(1 day)", timezone="Europe/Berlin", arguments={"n": [1]}, missed="all")
    assert hash(one) == hash(Schedule("rate(1 day)", timezone="Europe/Berlin", arguments={"n": [1]}, missed="all"))
    others = [Schedule("rate(2 days)"), Schedule("rate(1 day)"), Schedule("rate(1 day)", timezone="Europe/Berlin")]
    assert one not in others
    assert one != "rate(1 day)"
    with pytest.raises(AttributeError, match="frozen"):
        one.zone = "UTC"


def test_a_schedule_shows_how_it_was_declared() -> None:
    assert repr(Schedule("rate(1 day)")) == "Schedule('rate(1 day)')"
    whole = Schedule("cron(0 9 * * ? *)", timezone="Asia/Kolkata", arguments={"a": 1}, missed="skip")
    said = "Schedule('cron(0 9 * * ? *)', timezone='Asia/Kolkata', arguments={'a': 1}, missed='skip')"
    assert repr(whole) == said


def test_the_policy_for_missed_ticks_is_one_of_three() -> None:
    wrong: Any = "twice"
    with pytest.raises(DeclarationError, match="missed='twice' must be one of 'one', 'skip', 'all'"):
        Schedule("rate(1 day)", missed=wrong)


# Arguments, against the task


def declared(*schedules: Schedule) -> App:
    app = App("t", broker="memory://")

    @app.task(*schedules)
    def report(region: str, day: date | None = None, *, count: int = 1) -> None: ...

    return app


def test_arguments_that_fit_are_taken() -> None:
    app = declared(
        Schedule("rate(1 day)", arguments={"region": "eu"}),
        Schedule("rate(1 day)", arguments={"region": "us", "day": date(2027, 1, 1), "count": 2}),
    )
    assert len(app.tasks["report"].triggers) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "missing a required argument: 'region'"),
        ({"region": "eu", "zone": 1}, "no parameter 'zone'"),
        ({"regoin": "eu"}, "Did you mean 'region'?"),
        ({"region": 5}, "parameter 'region': expected str, got int 5"),
        ({"region": "eu", "day": "tomorrow"}, "parameter 'day'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_where_they_are_declared(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        declared(Schedule("rate(1 day)", arguments=arguments))
    assert told in str(refused.value)
    assert "task 'report'" in str(refused.value)
    assert "Schedule('rate(1 day)'" in str(refused.value)


def test_arguments_are_a_mapping_by_name() -> None:
    wrong: Any
    for wrong in (["eu"], {1: "eu"}):
        with pytest.raises(DeclarationError, match="must map the names of parameters to values"):
            Schedule("rate(1 day)", arguments=wrong)


def test_an_event_of_this_schedule_holds_its_arguments() -> None:
    schedule = Schedule("rate(1 day)", arguments={"region": "eu"})
    assert schedule.arguments({"schedule": schedule.name, "arguments": {"region": "eu"}}) == ([], {"region": "eu"})
    for other in ({}, {"schedule": "rate(2 days) UTC", "arguments": {}}, {"schedule": schedule.name}):
        with pytest.raises(EnvelopeError, match="not an event of"):
            schedule.arguments(other)


# When it is due; the clock change is C3's, random expressions are C4's


def due(expression: str, after: str, count: int = 3, zone: str = "UTC", anchor: float = 0.0) -> list[str]:
    """The next times after a moment, as that zone shows them."""
    place = ZoneInfo(zone)
    moment = datetime.fromisoformat(after).replace(tzinfo=place).timestamp()
    ticks = islice(Schedule(expression, timezone=zone).ticks(moment, anchor), count)
    return [f"{datetime.fromtimestamp(tick, place):%Y-%m-%dT%H:%M}" for tick in ticks]


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("cron(0 9 ? * MON-FRI *)", "2027-01-01T09:00", ["2027-01-04T09:00", "2027-01-05T09:00", "2027-01-06T09:00"]),
        ("cron(0 9 L * ? *)", "2027-01-31T09:00", ["2027-02-28T09:00", "2027-03-31T09:00", "2027-04-30T09:00"]),
        ("cron(0 9 29 2 ? *)", "2027-01-01T00:00", ["2028-02-29T09:00", "2032-02-29T09:00", "2036-02-29T09:00"]),
        ("cron(0 9 1W * ? *)", "2027-04-30T00:00", ["2027-05-03T09:00", "2027-06-01T09:00", "2027-07-01T09:00"]),
        ("cron(0 9 31W * ? *)", "2027-10-01T00:00", ["2027-10-29T09:00", "2027-12-31T09:00", "2028-01-31T09:00"]),
        ("cron(0 9 15W * ? *)", "2027-05-01T00:00", ["2027-05-14T09:00", "2027-06-15T09:00", "2027-07-15T09:00"]),
        ("cron(0 9 ? * 3#2 *)", "2027-01-01T00:00", ["2027-01-12T09:00", "2027-02-09T09:00", "2027-03-09T09:00"]),
        ("cron(0 9 ? * FRIL *)", "2027-01-01T00:00", ["2027-01-29T09:00", "2027-02-26T09:00", "2027-03-26T09:00"]),
        ("cron(0 9 ? * L *)", "2027-01-01T00:00", ["2027-01-02T09:00", "2027-01-09T09:00", "2027-01-16T09:00"]),
        (
            "cron(1/20 23 31 12 ? 2027)",
            "2027-01-01T00:00",
            ["2027-12-31T23:01", "2027-12-31T23:21", "2027-12-31T23:41"],
        ),
        ("cron(0 0 1 1 ? 2198-2199)", "2027-01-01T00:00", ["2198-01-01T00:00", "2199-01-01T00:00"]),
        ("cron(0 0 1 1 ? 2026)", "2027-01-01T00:00", []),
        ("cron(0 * 1 1 ? 2026)", "2027-01-01T00:00", []),
        ("cron(59 * 31 12 ? *)", "2198-12-31T22:59", ["2198-12-31T23:59", "2199-12-31T00:59", "2199-12-31T01:59"]),
        ("at(2027-01-01T09:00:00)", "2027-01-01T08:59", ["2027-01-01T09:00"]),
        ("at(2027-01-01T09:00:00)", "2027-01-01T09:00", []),
    ],
)
def test_when_a_schedule_is_due(expression: str, after: str, expected: list[str]) -> None:
    assert due(expression, after) == expected


def test_the_times_of_a_cron_are_those_of_its_zone() -> None:
    assert due("cron(0 9 * * ? *)", "2027-01-01T10:00", 1, "Asia/Kolkata") == ["2027-01-02T09:00"]


def test_a_rate_counts_from_when_it_was_first_seen() -> None:
    anchor = datetime(2027, 1, 1, 12, 0, 7, tzinfo=UTC).timestamp()
    rate = Schedule("rate(5 minutes)")
    assert rate.next_after(anchor, anchor) == anchor + 300
    assert rate.next_after(anchor + 300, anchor) == anchor + 600
    assert rate.next_after(anchor + 299.9, anchor) == anchor + 300
    assert rate.next_after(anchor - 1000, anchor) == anchor + 300


def test_no_rounding_makes_a_rate_due_twice() -> None:
    anchor, rate = 1_800_000_000.123456, Schedule("rate(7 minutes)")
    tick: float | None = anchor
    for _ in range(2000):
        following = rate.next_after(tick or 0, anchor)
        assert following is not None
        assert following - (tick or 0) >= 419
        tick = following


def test_nothing_is_due_past_the_last_year() -> None:
    end = datetime(2199, 12, 31, 23, 59, tzinfo=UTC).timestamp()
    for expression in ("rate(1 day)", "cron(* * * * ? *)", "cron(0 9 * * ? *)"):
        assert Schedule(expression).next_after(end, 0.0) is None


# On AWS


def asked(schedule: Schedule, function: Any, fifo: bool = False) -> dict[str, Any]:
    """The properties of the schedule that a template gets for this task."""
    app = App("t")
    app.task(schedule, name="report")(function)
    (made,) = app.tasks["report"].triggers[0].asks(target("report", fifo=fifo)).resources.values()
    properties: dict[str, Any] = made["Properties"]
    return properties


def at_each_hour(since: date = date(2027, 1, 1), region: str = "eu") -> None: ...


def test_on_aws_scheduler_sends_the_call_to_the_queue_with_its_arguments_as_they_travel() -> None:
    schedule = Schedule("rate(1 hour)", timezone="Europe/Berlin", arguments={"since": date(2027, 3, 1)})
    properties = asked(schedule, at_each_hour)
    given = json.loads(properties["Target"].pop("Input"))
    assert given == {
        "schedule": "rate(1 hour) Europe/Berlin",
        "task": "report",
        "tick": "<aws.scheduler.scheduled-time>",
        "arguments": {"since": "2027-03-01"},
    }
    assert properties == {
        "Description": (
            "Schedule('rate(1 hour)', timezone='Europe/Berlin', arguments={'since': datetime.date(2027, 3, 1)}) "
            "of task report"
        ),
        "GroupName": {"Ref": "Group"},
        "ScheduleExpression": "rate(1 hour)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": {"Fn::GetAtt": ["DefaultQueue", "Arn"]},
            "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
            "RetryPolicy": {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185},
            "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}},
        },
    }


def test_what_scheduler_sends_is_read_as_the_call() -> None:
    app = App("t")
    schedule = Schedule("rate(1 hour)", arguments={"since": date(2027, 3, 1)})
    app.task(schedule, name="report")(at_each_hour)
    (made,) = app.tasks["report"].triggers[0].asks(target("report")).resources.values()
    event = json.loads(
        made["Properties"]["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", "2027-01-01T09:00:00Z")
    )
    assert calls(app, reading.read(app, event)) == [("report", [], {"since": date(2027, 3, 1)})]


def test_a_fifo_queue_gets_its_group_and_a_skipped_tick_is_not_tried_for_long() -> None:
    to = asked(Schedule("rate(1 hour)", missed="skip"), at_each_hour, fifo=True)["Target"]
    assert to["SqsParameters"] == {"MessageGroupId": "report"}
    assert to["RetryPolicy"]["MaximumEventAgeInSeconds"] == 60
    assert "SqsParameters" not in asked(Schedule("rate(1 hour)"), at_each_hour)["Target"]


def test_one_time_is_asked_for_as_it_is_written() -> None:
    properties = asked(Schedule("at(2027-01-01T09:00:00)", timezone="Asia/Tokyo"), at_each_hour)
    assert properties["ScheduleExpression"] == "at(2027-01-01T09:00:00)"
    assert properties["ScheduleExpressionTimezone"] == "Asia/Tokyo"


def test_a_tick_of_the_embedded_engine_and_one_of_aws_look_alike_to_middleware() -> None:
    app = App("t")
    app.task(Schedule("rate(1 hour)"), name="report")(at_each_hour)
    (here,) = messages(schedules(app.tasks)[0], [1_798_794_000.0])
    (there,) = reading.read(app, {**sample("schedule_tick"), "arguments": {}})
    assert here.headers["tick"] == there.message.headers["tick"] == "2027-01-01T09:00:00Z"
    assert here.key_window == there.message.key_window
