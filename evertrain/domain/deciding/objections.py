"""What speaks against a retraining, in the order in which it counts. Pure.

To add an objection: a function in `calls`, where a human is to be told, or in `holds`, and its place in `OBJECTIONS`.
"""

from evertrain.domain.deciding import calls, holds

OBJECTIONS = (
    calls.feed_broken,
    calls.feed_stale,
    calls.feed_doubtful,
    calls.requests_differ,
    calls.below_floor,
    calls.not_mended,
    calls.group_not_mended,
    holds.nothing_to_do,
    holds.not_worth_it,
    holds.running,
    calls.contenders_rejected,
    calls.labels_overdue,
    holds.cooling_down,
    holds.quiet_days,
    holds.budget_spent,
    holds.labels_immature,
    holds.change_has_too_few_rows,
    holds.too_few_rows,
)
"""In the order in which they count. Broken feeds come first: retraining on them would only spread the fault."""
