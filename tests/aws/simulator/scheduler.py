"""boto3's `scheduler` client: one-off schedules that send a message to a queue when they are due.

Source: Amazon EventBridge Scheduler User Guide, "Schedule types" and "Deleting a schedule"; it promises a minute's
precision, and at least once. Here a schedule fires within `precision` seconds after it is due.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from tests.aws.simulator.account import Account
from tests.aws.simulator.service import Answer, Client

PRECISION = 60.0
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_NAME = re.compile(r"[0-9a-zA-Z-_.]{1,64}")


class SchedulerClient(Client):
    """Schedules by group and name; only `at(...)` on SQS queues."""

    service = "scheduler"

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.groups: dict[str, dict[str, Any]] = {"default": {}}
        self.fired = 0

    def _create_schedule_group(self, Name: str, **_: Any) -> Answer:
        self.groups.setdefault(Name, {})
        return {"ScheduleGroupArn": f"arn:aws:scheduler:::schedule-group/{Name}"}

    def _create_schedule(self, Name: str, ScheduleExpression: str, Target: Any, **given: Any) -> Answer:
        group = self._group("CreateSchedule", given.get("GroupName", "default"))
        at = _AT.fullmatch(ScheduleExpression)
        if not at or not _NAME.fullmatch(Name):
            raise self.refusal(
                "CreateSchedule", "ValidationException", f"Invalid Schedule Expression {ScheduleExpression}."
            )
        if Name in group:
            raise self.refusal("CreateSchedule", "ConflictException", f"Schedule {Name} already exists.", status=409)
        group[Name] = {"Name": Name, "ScheduleExpression": ScheduleExpression, "Target": Target, **given}
        due = datetime.fromisoformat(at[1]).replace(tzinfo=UTC).timestamp()
        late = self.account.random.uniform(0, PRECISION)
        timeline = self.account.timeline
        timeline.start(f"schedule {Name}", lambda: self._fire(group, Name), after=max(0.0, due - timeline.now) + late)
        return {"ScheduleArn": f"arn:aws:scheduler:::schedule/{Name}"}

    def _get_schedule(self, Name: str, GroupName: str = "default") -> Answer:
        return dict(self._schedule("GetSchedule", GroupName, Name))

    def _delete_schedule(self, Name: str, GroupName: str = "default", **_: Any) -> Answer:
        self._schedule("DeleteSchedule", GroupName, Name)
        del self.groups[GroupName][Name]
        return {}

    def _fire(self, group: dict[str, Any], name: str) -> None:
        schedule = group.get(name)
        if schedule is None:
            return
        target = schedule["Target"]
        queue = self.account.queues[target["Arn"].rpartition(":")[2]]
        queue.put(target.get("Input", "{}"), {}, 0, target.get("SqsParameters", {}).get("MessageGroupId"), None)
        self.fired += 1
        if schedule.get("ActionAfterCompletion") == "DELETE":
            del group[name]

    def _group(self, operation: str, name: str) -> dict[str, Any]:
        if name not in self.groups:
            raise self.refusal(
                operation, "ResourceNotFoundException", f"Schedule group {name} does not exist.", status=404
            )
        return self.groups[name]

    def _schedule(self, operation: str, group: str, name: str) -> Any:
        found = self._group(operation, group).get(name)
        if found is None:
            raise self.refusal(operation, "ResourceNotFoundException", f"Schedule {name} does not exist.", status=404)
        return found
