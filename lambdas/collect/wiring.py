"""The collector's use cases with their adapters, made on first use."""

import time
from functools import cache
from pathlib import Path

from evertrain.adapters.aws.clients import client
from evertrain.adapters.aws.clocks import make_clock
from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.landing.label_reports import SqsLabelReportQueue, label_file
from evertrain.adapters.landing.objects import S3LandingWriter
from evertrain.adapters.landing.prediction_files import prediction_file
from evertrain.adapters.project.files import load_project
from evertrain.adapters.project.settings import Settings
from evertrain.adapters.release.answer_log import DynamoDBAnswerLog
from evertrain.adapters.release.endpoint import LambdaEndpoint
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from evertrain.domain.landing.feeds import feed_schema
from evertrain.domain.release.openapi import Document, project_document
from evertrain.use_cases.landing.count_answers import CountAnswers
from evertrain.use_cases.landing.land_predictions import LandPredictions
from evertrain.use_cases.landing.report_labels import LandLabels, ReportLabels


@cache
def land_predictions() -> LandPredictions:
    settings = Settings.from_environment()
    # History is replayed: the present of its requests is the replayed one.
    replayed = make_clock(settings.clock, decisions=_decisions) if settings.clock == "replay" else None
    return LandPredictions(
        project=load_project(Path(__file__).parents[2]),
        encode_file=prediction_file,
        landing=S3LandingWriter(client=client("s3"), bucket=settings.landing_bucket),
        replay_clock=replayed,
    )


@cache
def count_answers() -> CountAnswers:
    settings = Settings.from_environment()
    return CountAnswers(
        project=load_project(Path(__file__).parents[2]),
        registry=DynamoDBModelRegistry(table=Table(client=client("dynamodb"), name=settings.registry_table)),
        endpoint=LambdaEndpoint(client=client("lambda"), function_prefix=settings.serving_function_prefix),
        log=DynamoDBAnswerLog(table=Table(client=client("dynamodb"), name=settings.batches_table)),
        timer=time.monotonic,
    )


@cache
def report_labels() -> ReportLabels:
    settings = Settings.from_environment()
    return ReportLabels(
        project=load_project(Path(__file__).parents[2]),
        reports=SqsLabelReportQueue(client=client("sqs"), queue_url=settings.labels_queue_url),
        clock=make_clock(settings.clock, decisions=_decisions),
    )


@cache
def land_labels() -> LandLabels:
    project = load_project(Path(__file__).parents[2])
    return LandLabels(
        project=project,
        encode_file=lambda feed, reported: label_file(feed_schema(feed, project), reported),
        landing=S3LandingWriter(client=client("s3"), bucket=Settings.from_environment().landing_bucket),
    )


@cache
def described_api() -> Document:
    return project_document(load_project(Path(__file__).parents[2]))


def _decisions() -> Table:
    return Table(client=client("dynamodb"), name=Settings.from_environment().decisions_table)
