"""The SQL of the broker. Every statement of a holder names row, id, claim and the running state: that is its fence."""

from __future__ import annotations

from ebbtide.brokers.sqlite.schema import DEAD, DELAYED, DONE, READY, RUNNING

_HELD = f"where seq = ? and id = ? and claim = ? and state = {RUNNING}"

INSERT = """
insert into tasks (id, task, queue, lane, state, rank, due, tenant, body, outside, enqueued_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing
"""

PROMOTE = f"update tasks set state = {READY}, due = null where state = {DELAYED} and due <= ?"
NEXT_DUE = f"select min(due) from tasks where state = {DELAYED}"
ANY_READY = f"select 1 from tasks where state = {READY} and queue = ? and lane < ? limit 1"

_CLAIM = f"""
update tasks set state = {RUNNING}, attempt = attempt + 1, claim = claim + 1, holder = ?, lease = ?, started_at = ?
where seq in (
    select seq from tasks as t where state = {READY} and queue = ? and lane = ? {{also}} order by rank, seq limit ?
)
returning rank, seq, id, claim, attempt, cast(body as blob), outside, case when suspect then errors end
"""
CLAIM = _CLAIM.format(also="")
CLAIM_FIFO = _CLAIM.format(  # only the first unfinished message of its group
    also=f"""and (tenant is null or seq = (
        select min(seq) from tasks as g
        where g.queue = t.queue and g.tenant = t.tenant and g.tenant is not null and g.state < {DONE}
    ))"""
)
IN_FLIGHT = f"select count(*) from tasks where state = {RUNNING} and queue = ? and lane = ?"

KEEP = f"""
update tasks set state = {DONE}, body = x'', outside = 0, holder = null, lease = null, suspect = 0,
    value = ?, started_at = ?, finished_at = ?, purge_at = ? {_HELD}
"""
FAIL = f"""  -- its dead letter went elsewhere: a done row without a value
update tasks set state = {DONE}, body = x'', outside = 0, holder = null, lease = null, suspect = 0, purge_at = ?,
    started_at = ?, finished_at = ?, attempt = ?,
    errors = case when ? then errors else json_insert(ifnull(errors, '[]'), '$[#]', json(?)) end {_HELD}
"""
DELETE = f"delete from tasks {_HELD}"
AGAIN = f"""
update tasks set state = ?, due = ?, holder = null, lease = null, suspect = 0,
    errors = json_insert(ifnull(errors, '[]'), '$[#]', json(?)) {_HELD}
"""
UNSPENT = f"""
update tasks set state = ?, due = ?, holder = null, lease = null, attempt = attempt - 1 {_HELD}
"""
BURY = f"""
update tasks set state = {DEAD}, holder = null, lease = null, started_at = ?, finished_at = ?, attempt = ?,
    errors = case when ? then errors else json_insert(ifnull(errors, '[]'), '$[#]', json(?)) end {_HELD}
"""
EXTEND = f"update tasks set lease = ? {_HELD}"

HOLDERS = f"select distinct holder from tasks where state = {RUNNING}"
HELD_BY = f"select seq, claim from tasks where state = {RUNNING} and holder = ?"
OVERDUE = f"select seq from tasks where state = {RUNNING} and lease < ?"
RECLAIM_UNSTARTED = f"""
update tasks set state = {READY}, holder = null, lease = null, attempt = attempt - 1 where seq = ? and state = {RUNNING}
"""
RECLAIM_STARTED = f"""
update tasks set state = {READY}, holder = null, lease = null, suspect = 1,
    errors = json_insert(ifnull(errors, '[]'), '$[#]', json_array(?, ?, ?, attempt)) where seq = ? and state = {RUNNING}
"""

PURGE = f"""
delete from tasks where seq in (select seq from tasks where state = {DONE} and purge_at <= ? order by purge_at limit ?)
"""
PURGE_KEYS = f"""
delete from keys where (task, key) in (
    select k.task, k.key from keys as k left join tasks as t on t.id = k.id
    where k.until <= ? and (t.state is null or t.state = {DONE}) limit ?
)
"""
KEY_HELD = f"""
select k.id, k.call from keys as k left join tasks as t on t.id = k.id
where k.task = ? and k.key = ? and (k.until > ? or t.state < {DONE})
"""
TAKE_KEY = "insert or replace into keys (task, key, id, call, until) values (?, ?, ?, ?, ?)"

DEPTH = f"""  -- each state by its own index: most rows of an old file are done
with lanes (lane, ready, delayed, running, dead, first, due) as (
    select lane, count(*), 0, 0, 0, min(seq), null from tasks where state = {READY} and queue = ? group by lane
    union all
    select lane, sum(due <= ?), sum(due > ?), 0, 0, min(case when due <= ? then seq end),
        min(case when due > ? then due end)
    from tasks where state = {DELAYED} and queue = ? group by lane
    union all
    select lane, 0, 0, count(*), 0, null, null from tasks where state = {RUNNING} and queue = ? group by lane
    union all
    select lane, 0, 0, 0, count(*), null, null from tasks where state = {DEAD} and queue = ? group by lane
)
select lane, ready, delayed, running, dead, (select enqueued_at from tasks where seq = first), due from (
    select lane, sum(ready) as ready, sum(delayed) as delayed, sum(running) as running, sum(dead) as dead,
        min(first) as first, min(due) as due
    from lanes group by lane
) order by lane
"""

OUTSIDE = "select 1 from tasks where id = ? and outside"
ALL_OUTSIDE = "select id from tasks where outside"
RECORD = "select id, task, state, attempt, enqueued_at, started_at, finished_at, value, errors from tasks where id = ?"
DEAD_LETTERS = f"""
select id, task, queue, lane, errors, attempt, finished_at, cast(body as blob), outside from tasks
where state = {DEAD} and queue = ifnull(?, queue)
    and id > ifnull(?, '') order by id limit ?
"""
REDRIVE = f"""
update tasks set seq = (select max(seq) + 1 from tasks),  -- queues up anew, as in SQS; its group may have gone on
    state = {READY}, attempt = 0, suspect = 0, started_at = null, finished_at = null, errors = null
where id = ? and state = {DEAD} returning queue
"""
DROP = f"delete from tasks where id = ? and state = {DEAD}"

_MEANT = {  # each takes now, and the age
    "ready": f"(state = {READY} or (state = {DELAYED} and due <= ?)) and enqueued_at <= ?",
    "delayed": f"state = {DELAYED} and due > ? and enqueued_at <= ?",
    "dead": f"state = {DEAD} and ? is not null and finished_at <= ?",
    "done": f"state = {DONE} and ? is not null and finished_at <= ?",
}
MEANT_COUNT = {state: f"select count(*) from tasks where {these} and queue = ?" for state, these in _MEANT.items()}
MEANT = {
    state: f"select seq, id, outside from tasks where {these} and queue = ? and seq > ? order by seq limit ?"
    for state, these in _MEANT.items()
}
REMOVE = {
    state: f"delete from tasks where {these} and queue = ? and seq = ? and id = ?" for state, these in _MEANT.items()
}
FREE_KEYS = "delete from keys where id = ?"
