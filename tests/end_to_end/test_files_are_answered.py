"""A file landed below scoring/ is answered by a file, by the command line and by whoever lands it, on a deployed
stage."""

import io
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evertrain.adapters.aws.clients import client
from evertrain.demo.story import to_json_rows
from evertrain.domain.landing.batches import Feed, FeedKind
from evertrain.domain.landing.scoring import ScoringReport
from evertrain.use_cases.landing.score_file import ROWS_AT_ONCE
from tests.end_to_end.command_line import evertrain
from tests.end_to_end.deployment import LARGE
from tests.end_to_end.loop import Loop

pytestmark = pytest.mark.cloud

PREDICTIONS = Feed(kind=FeedKind.PREDICTIONS, name="flights")
IN_TWO_PARTS = 50_001


def a_day(loop: Loop, *, rows: int = 0) -> pd.DataFrame:
    """Of flights; as many `rows` as are asked for, the same ones again and again under other names."""
    day = pq.read_table(io.BytesIO(loop.flights.features(loop.today))).to_pandas()
    if not rows:
        return day
    copies = pd.concat([day] * (rows // len(day) + 1), ignore_index=True).head(rows)
    return copies.assign(flight_id=[f"f{number}" for number in range(rows)])


def by_http(loop: Loop, rows: pd.DataFrame) -> list[float]:
    answer = loop.stage.api.predict("flights", {"rows": to_json_rows(rows, loop.project.models["flights"])})
    return [float(each) for each in answer["predictions"]]


def report_on(loop: Loop, key: str, *, seconds: float = 0) -> ScoringReport:
    return loop.wait(lambda: loop.stage.file_scores.report(key), awaited=f"the report on {key}", seconds=seconds)


def test_a_file_of_rows_is_answered_from_the_command_line_as_callers_are(loop: Loop, tmp_path: Path) -> None:
    rows = a_day(loop).head(200)
    rows.to_csv(tmp_path / "today.csv", index=False)
    told = evertrain("score", "flights", str(tmp_path / "today.csv"), "--out", str(tmp_path / "answers")).stdout
    champion = loop.stage.registry.champion("flights")
    assert champion is not None
    assert f"today.csv: flights {champion.version} answered 200 rows" in " ".join(told.split())
    answered = pd.read_csv(tmp_path / "answers" / "today.csv", dtype={"flight_id": str})
    assert answered["flight_id"].tolist() == rows["flight_id"].astype(str).tolist()
    assert answered["prediction"].tolist() == by_http(loop, rows)

    again = evertrain("score", "flights", str(tmp_path / "today.csv"), "--out", str(tmp_path / "answers"), status=2)
    assert "is there already; name another folder with --out" in again.stderr

    def landed() -> pd.DataFrame | None:
        for batch in loop.stage.batches.batches(PREDICTIONS, limit=5):
            body = client("s3").get_object(Bucket=loop.stage.output("LandingBucket"), Key=batch.source_key)["Body"]
            kept = pq.read_table(io.BytesIO(body.read())).to_pandas()
            kept = kept[kept["prediction_id"].isin(answered["prediction_id"])]
            if len(kept):
                return kept
        return None

    kept = loop.wait(landed, awaited="the predictions of the file among those of callers", seconds=120)
    kept = kept.set_index("prediction_id").loc[answered["prediction_id"]]
    assert kept["prediction"].tolist() == answered["prediction"].tolist()


def test_a_large_file_is_answered_by_many_as_one(loop: Loop) -> None:
    rows, body = a_day(loop, rows=IN_TWO_PARTS), io.BytesIO()
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), body, compression="none", use_dictionary=False)
    assert len(body.getvalue()) > LARGE
    key = loop.stage.file_scores.land("flights", "large.parquet", body.getvalue())
    report = report_on(loop, key, seconds=240)
    assert (report.rows, report.refused, report.error) == (IN_TWO_PARTS, 0, "")
    answer = client("s3").get_object(Bucket=loop.stage.output("ScoresBucket"), Key=key)["Body"].read()
    answered = pq.read_table(io.BytesIO(answer)).to_pandas()
    assert answered["flight_id"].tolist() == rows["flight_id"].tolist()
    places = [0, ROWS_AT_ONCE, IN_TWO_PARTS - 1]  # of the first question, the second, and the second part
    assert answered["prediction"].iloc[places].tolist() == by_http(loop, rows.iloc[places])
    machine = loop.stage.output("ScoringArn")
    executions = client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    assert {execution["status"] for execution in executions} == {"SUCCEEDED"}


def test_what_is_wrong_with_a_file_is_told_beside_where_its_answer_would_be(loop: Loop, tmp_path: Path) -> None:
    rows = a_day(loop).head(20).drop(columns="carrier")
    rows.to_csv(tmp_path / "lacking.csv", index=False)
    told = evertrain("score", "flights", str(tmp_path / "lacking.csv"), "--out", str(tmp_path / "a"), status=2)
    assert "lacking.csv was refused: carrier: the column is missing" in " ".join(told.stdout.split())
    assert list((tmp_path / "a").iterdir()) == []

    key = loop.stage.file_scores.land("trains", "1.csv", b"a\n1\n")
    assert report_on(loop, key).error.startswith("there is no model 'trains'; land it below scoring/<model>/, of ")
    # It is no batch of any feed, and so nothing that would be set aside.
    assert not [each for each in loop.stage.batches.quarantines(limit=50) if each.source_key.startswith("scoring/")]


def test_rows_that_are_wrong_leave_the_others_their_predictions(loop: Loop, tmp_path: Path) -> None:
    rows = a_day(loop).head(20)
    rows["carrier"] = rows["carrier"].astype(object)
    rows.loc[rows.index[[2, 7]], "carrier"] = None
    lines = "".join(f"{json.dumps(row)}\n" for row in to_json_rows(rows, loop.project.models["flights"]))
    (tmp_path / "some.jsonl").write_text(lines)
    told = evertrain("score", "flights", str(tmp_path / "some.jsonl"), "--out", str(tmp_path / "a")).stdout
    assert "answered 18 of 20 rows" in " ".join(told.split())
    answered = [json.loads(line) for line in (tmp_path / "a" / "some.jsonl").read_text().splitlines()]
    assert [row["error"] for row in answered if row["prediction"] is None] == ["carrier: must be text, not null"] * 2
