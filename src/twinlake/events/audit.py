"""Proof that the event log is whole."""

from twinlake.engines.database import Connection

_SITE_GAPS = """
select seq from (select seq, lag(seq + count) over (order by seq) as expected from event)
where expected is not null and seq <> expected
"""
_STREAM_GAPS = """
select type, domain, number from (
    select stream, number, lag(number + count) over (partition by stream order by seq) as expected from event
) join event_stream on event_stream.id = stream where expected is not null and number <> expected
"""
_STREAM_ENDS = """
select type, domain from event_stream join (select stream, max(number + count) as next from event group by stream)
on stream = id where next <> next_number
"""


def find_event_differences(tx: Connection) -> list[str]:
    """Return what is wrong with the numbers of the log, in words; nothing if all is well."""
    [(next_seq, dropped_through)] = tx.execute("select next_seq, dropped_through from event_log").fetchall()
    [(first, after_last, backwards)] = tx.execute(
        "select min(seq), max(seq + count), (select count(*) from"
        " (select time, lag(time) over (order by seq) as before from event) where time < before) from event"
    ).fetchall()
    problems = []
    if (first or next_seq) != dropped_through + 1:
        problems.append(f"the log begins with {first or next_seq}, not {dropped_through + 1}")
    if first is not None and after_last != next_seq:
        problems.append(f"the log ends before {after_last}, not {next_seq}")
    if backwards:
        problems.append(f"time runs backwards {backwards} times")
    problems += [f"the log has a gap before {seq}" for (seq,) in tx.execute(_SITE_GAPS).fetchall()]
    for type_, domain, number in tx.execute(_STREAM_GAPS).fetchall():
        problems.append(f"the stream {type_} of {domain} has a gap before {number}")
    for type_, domain in tx.execute(_STREAM_ENDS).fetchall():
        problems.append(f"the stream {type_} of {domain} does not end where it says")
    return problems
