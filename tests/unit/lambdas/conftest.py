"""No queue: who fails asks for messages to be delivered again soon, of what answers here."""

import pytest

from evertrain.adapters.aws import sqs_events
from tests.fakes.queues import FakeSqs


@pytest.fixture(autouse=True)
def queue(monkeypatch: pytest.MonkeyPatch) -> FakeSqs:
    fake = FakeSqs()
    sqs_events._queue_url.cache_clear()
    monkeypatch.setattr(sqs_events, "client", lambda service: fake)
    return fake
