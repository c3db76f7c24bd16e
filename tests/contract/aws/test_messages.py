"""Events reach the bus in order, tens at a time; people get a subject that SNS takes; clocks never go back."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from evertrain.adapters.aws.clocks import ReplayClock, ReplayClockNotSet, make_clock
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.aws.escalation_channel import SnsEscalationChannel
from evertrain.adapters.aws.event_bus import EventBridgeBus, EventsNotPublished
from evertrain.adapters.memory.messages import InMemoryClock, InMemoryEscalationChannel, InMemoryEventBus
from evertrain.domain.events import Event, EventName
from evertrain.ports.clock import Clock
from evertrain.ports.messages import EscalationChannel, EventBus, Subscribers
from tests.builders.models import NOW, days

Arrived = Callable[[], list[tuple[str, dict[str, Any]]]]


def events(count: int) -> list[Event]:
    return [Event(name=EventName.RETRAIN_HELD, detail={"model": "trips", "number": each}) for each in range(count)]


def queue_for_all_events(aws: boto3.Session) -> tuple[Any, str]:
    sqs, bus = aws.client("sqs"), aws.client("events")
    url = sqs.create_queue(QueueName="all")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.create_event_bus(Name="evertrain")
    bus.put_rule(Name="all", EventBusName="evertrain", EventPattern=json.dumps({"source": ["evertrain"]}))
    bus.put_targets(Rule="all", EventBusName="evertrain", Targets=[{"Id": "1", "Arn": arn}])
    return sqs, url


@pytest.fixture(params=["memory", "eventbridge"])
def bus(request: pytest.FixtureRequest) -> tuple[EventBus, Arrived]:
    """A bus, and what has arrived on it: detail types and details."""
    if request.param == "memory":
        fake = InMemoryEventBus()
        return fake, lambda: [(event.name.value, dict(event.detail)) for event in fake.published]
    aws = request.getfixturevalue("aws")
    sqs, url = queue_for_all_events(aws)

    def arrived() -> list[tuple[str, dict[str, Any]]]:
        received = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            received += [json.loads(message["Body"]) for message in messages]
        return [(message["detail-type"], message["detail"]) for message in received]

    return EventBridgeBus(client=aws.client("events"), bus_name="evertrain"), arrived


def test_more_events_than_one_call_takes_all_arrive_in_order(bus: tuple[EventBus, Arrived]) -> None:
    publisher, arrived = bus
    publisher.publish(events(23))
    assert arrived() == [("RetrainHeld", {"model": "trips", "number": each}) for each in range(23)]


def test_publishing_nothing_is_harmless(bus: tuple[EventBus, Arrived]) -> None:
    publisher, arrived = bus
    publisher.publish([])
    assert arrived() == []


def test_an_event_that_the_bus_refuses_is_an_error(aws: boto3.Session) -> None:
    client = aws.client("events")
    refused = {"FailedEntryCount": 1, "Entries": [{"EventId": "1"}, {"ErrorCode": "ThrottlingException"}]}
    with Stubber(client) as stubber:
        stubber.add_response("put_events", refused)
        with pytest.raises(EventsNotPublished, match="RetrainHeld: ThrottlingException"):
            EventBridgeBus(client=client, bus_name="evertrain").publish(events(2))


def a_subscribed_person(aws: boto3.Session) -> tuple[SnsEscalationChannel, Callable[[], tuple[str, str]]]:
    sqs, sns = aws.client("sqs"), aws.client("sns")
    topic = sns.create_topic(Name="people")["TopicArn"]
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def heard() -> tuple[str, str]:
        received = json.loads(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])
        return received["Subject"], received["Message"]

    return SnsEscalationChannel(client=sns, topic_arn=topic), heard


@pytest.mark.parametrize("kind", ["memory", "sns"])
def test_a_person_gets_subject_and_message(kind: str, request: pytest.FixtureRequest) -> None:
    escalations: EscalationChannel
    heard: Callable[[], tuple[str, str]]
    if kind == "memory":
        escalations = fake = InMemoryEscalationChannel()
        heard = lambda: fake.called[-1]  # noqa: E731
    else:
        escalations, heard = a_subscribed_person(request.getfixturevalue("aws"))
    escalations.call(subject="Evertrain: trips needs a person", message="the feed is broken")
    assert heard() == ("Evertrain: trips needs a person", "the feed is broken")


def test_a_subject_is_cut_to_what_sns_takes(aws: boto3.Session) -> None:
    escalations, heard = a_subscribed_person(aws)
    escalations.call(subject="Évertrain:\nlook " + "x" * 200, message="the feed is broken")
    subject, _ = heard()
    assert subject.startswith("?vertrain: look x")
    assert len(subject) == 100


@pytest.mark.parametrize("kind", ["memory", "system", "replay"])
def test_the_present_is_in_utc(kind: str, request: pytest.FixtureRequest) -> None:
    clock: Clock
    if kind == "replay":
        table = request.getfixturevalue("table")
        ReplayClock(table=table).set(NOW.astimezone(timezone(timedelta(hours=2))))
        clock = make_clock("replay", decisions=lambda: table)
        assert clock.now() == NOW
    else:
        clock = (
            InMemoryClock(NOW)
            if kind == "memory"
            else make_clock("system", decisions=lambda: pytest.fail("not asked"))
        )
    assert clock.now().utcoffset() == timedelta(0)


def test_a_replayed_present_goes_forward_only(table: Table) -> None:
    clock = ReplayClock(table=table)
    with pytest.raises(ReplayClockNotSet):
        clock.now()
    clock.set(NOW)
    clock.set(NOW - days(1))
    assert clock.now() == NOW
    clock.set(NOW + days(1))
    assert clock.now() == datetime(2013, 4, 2, tzinfo=UTC)
    clock.set(NOW + days(1) + timedelta(microseconds=1))
    clock.set(NOW + days(1))
    assert clock.now() == NOW + days(1) + timedelta(microseconds=1)


def test_who_has_not_confirmed_is_no_subscriber_yet(aws: boto3.Session) -> None:
    client = aws.client("sns")
    topic = client.create_topic(Name="calls")["TopicArn"]
    channel = SnsEscalationChannel(client=client, topic_arn=topic)
    assert channel.subscribers() == Subscribers(confirmed=0, pending=0)
    client.subscribe(TopicArn=topic, Protocol="https", Endpoint="https://example.com/hook")
    assert channel.subscribers() == Subscribers(confirmed=1, pending=0)


def test_a_subscription_is_pending_until_its_link_was_followed() -> None:
    client = boto3.client("sns", region_name="us-east-1")
    entries = [{"SubscriptionArn": each} for each in ("PendingConfirmation", "arn:aws:sns:us-east-1:1:calls:2")]
    with Stubber(client) as stubbed:
        stubbed.add_response("list_subscriptions_by_topic", {"Subscriptions": entries}, {"TopicArn": "calls"})
        found = SnsEscalationChannel(client=client, topic_arn="calls").subscribers()
    assert found == Subscribers(confirmed=1, pending=1)
