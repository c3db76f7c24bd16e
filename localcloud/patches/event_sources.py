"""Queues that a function reads: as many messages at a time as it asks for, after as long a wait."""

import time
from typing import Any

from ministack.services import lambda_svc, sqs

from localcloud.patches.patching import replaces

MAX_DELIVERY_BYTES = 5_000_000
"""Of message bodies: a call takes 6 MB, with what is around them."""


def honour_batch_sizes_and_windows() -> None:
    """AWS collects up to BatchSize messages, for MaximumBatchingWindowInSeconds at most; ministack hands on at once
    what is there, ten at a time."""

    @replaces(sqs, "_receive_messages_for_esm")
    def receive_messages_for_esm(original: Any, queue_url: str, max_number: int) -> list[Any]:
        with sqs._queues_lock:
            queue = sqs._get_q(queue_url)
            if queue["is_fifo"]:
                messages: list[Any] = original(queue_url, max_number)
                return messages
            sqs._expire_retained(queue)
            sqs._dlq_sweep(queue)
            now, window = time.time(), _window_of(queue["attributes"]["QueueArn"])
            visible = [each for each in queue["messages"] if each.get("visible_at", 0) <= now]
            count = _how_many(visible, max_number)
            is_full = count < len(visible) or count >= max_number
            if not visible or (not is_full and now - min(each.get("visible_at", 0) for each in visible) < window):
                return []
            received: list[Any] = sqs._collect_msgs(queue, count, int(queue["attributes"]["VisibilityTimeout"]))
            return received


def _how_many(messages: list[Any], max_number: int) -> int:
    """Of the first messages: as many as one call takes, but one at least."""
    count = size = 0
    for message in messages[:max_number]:
        size += len(message["body"])
        if count and size > MAX_DELIVERY_BYTES:
            break
        count += 1
    return count


def _window_of(queue_arn: str) -> float:
    """Seconds; of the queue's only reader."""
    readers = (esm for _, _, esm in lambda_svc._iter_all_esms() if esm.get("EventSourceArn") == queue_arn)
    return max((float(esm.get("MaximumBatchingWindowInSeconds") or 0) for esm in readers), default=0.0)
