"""Events reach the bus in order, tens at a time; people get a subject that SNS takes; clocks never go back."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from evertrain.adapters.clocks import NoReplayedPresent, ReplayClock, SystemClock
from evertrain.adapters.dynamodb import Table
from evertrain.adapters.event_bus import EventBridgeBus, EventsNotPublished
from evertrain.adapters.human_channel import SnsHumanChannel
from evertrain.domain.events import Event, EventName
from tests.builders.models import NOW, days


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


def test_more_events_than_one_call_takes_all_arrive(aws: boto3.Session) -> None:
    sqs, url = queue_for_all_events(aws)
    EventBridgeBus(client=aws.client("events"), bus_name="evertrain").publish(events(23))
    received = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        received += [json.loads(message["Body"]) for message in messages]
    assert sorted(message["detail"]["number"] for message in received) == list(range(23))
    assert {message["detail-type"] for message in received} == {"RetrainHeld"}


def test_an_event_that_the_bus_refuses_is_an_error(aws: boto3.Session) -> None:
    client = aws.client("events")
    refused = {"FailedEntryCount": 1, "Entries": [{"EventId": "1"}, {"ErrorCode": "ThrottlingException"}]}
    with Stubber(client) as stubber:
        stubber.add_response("put_events", refused)
        with pytest.raises(EventsNotPublished, match="RetrainHeld: ThrottlingException"):
            EventBridgeBus(client=client, bus_name="evertrain").publish(events(2))


def test_a_person_gets_subject_and_message(aws: boto3.Session) -> None:
    sqs, sns = aws.client("sqs"), aws.client("sns")
    topic = sns.create_topic(Name="people")["TopicArn"]
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    SnsHumanChannel(client=sns, topic_arn=topic).call(
        subject="Évertrain:\nlook " + "x" * 200, message="the feed is broken"
    )
    received = json.loads(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])
    assert received["Message"] == "the feed is broken"
    assert received["Subject"].startswith("?vertrain: look x")
    assert len(received["Subject"]) == 100


def test_the_system_s_clock_is_aware() -> None:
    assert SystemClock().now().utcoffset() is not None


def test_a_replayed_present_goes_forward_only(table: Table) -> None:
    clock = ReplayClock(table=table)
    with pytest.raises(NoReplayedPresent):
        clock.now()
    clock.set(NOW)
    clock.set(NOW - days(1))
    assert clock.now() == NOW
    clock.set(NOW + days(1))
    assert clock.now() == datetime(2013, 4, 2, tzinfo=UTC)
