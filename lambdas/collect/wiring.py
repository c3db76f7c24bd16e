"""The collector's use cases with their adapters, made on first use."""

import os
from functools import cache
from pathlib import Path

from evertrain.adapters.clients import client
from evertrain.adapters.clocks import clock_of
from evertrain.adapters.dynamodb import Table
from evertrain.adapters.label_reports import SqsLabelReports, label_file
from evertrain.adapters.prediction_files import prediction_file
from evertrain.adapters.project_files import load_project
from evertrain.adapters.s3_landing import S3Landing
from evertrain.adapters.settings import Settings
from evertrain.domain.feeds import schema_of
from evertrain.use_cases.land_predictions import LandPredictions
from evertrain.use_cases.report_labels import LandLabels, ReportLabels


@cache
def land_predictions() -> LandPredictions:
    settings = Settings.from_environment()
    # History is replayed: the present of its requests is the replayed one.
    replayed = clock_of(settings.clock, decisions=_decisions) if settings.clock == "replay" else None
    return LandPredictions(
        project=load_project(Path(__file__).parents[2]),
        as_file=prediction_file,
        landing=S3Landing(client=client("s3"), bucket=settings.landing_bucket),
        replayed=replayed,
    )


@cache
def report_labels() -> ReportLabels:
    settings = Settings.from_environment()
    return ReportLabels(
        project=load_project(Path(__file__).parents[2]),
        reports=SqsLabelReports(client=client("sqs"), queue_url=os.environ["LABELS_QUEUE_URL"]),
        clock=clock_of(settings.clock, decisions=_decisions),
    )


@cache
def land_labels() -> LandLabels:
    project = load_project(Path(__file__).parents[2])
    return LandLabels(
        project=project,
        as_file=lambda feed, reported: label_file(schema_of(feed, project), reported),
        landing=S3Landing(client=client("s3"), bucket=Settings.from_environment().landing_bucket),
    )


def _decisions() -> Table:
    return Table(client=client("dynamodb"), name=Settings.from_environment().decisions_table)
