"""Calls a person, through an SNS topic that people subscribe to."""

from typing import TYPE_CHECKING

from evertrain.ports.messages import Subscribers

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_MAX_SUBJECT_LENGTH = 100
"""Characters that SNS takes, and they must be ASCII without line breaks."""


class SnsEscalationChannel:
    def __init__(self, *, client: "SNSClient", topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def call(self, *, subject: str, message: str) -> None:
        line = " ".join(subject.encode("ascii", "replace").decode().split())
        self._client.publish(TopicArn=self._topic_arn, Subject=line[:_MAX_SUBJECT_LENGTH], Message=message)

    def subscribers(self) -> Subscribers:
        pages = self._client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self._topic_arn)
        arns = [each["SubscriptionArn"] for page in pages for each in page["Subscriptions"]]
        confirmed = sum(arn.startswith("arn:") for arn in arns)  # until then it is a word, "PendingConfirmation"
        return Subscribers(confirmed=confirmed, pending=len(arns) - confirmed)
