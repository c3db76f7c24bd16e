"""Rows as CSV and as JSON Lines, and answers in these forms: the same predictions, the same refusals."""

import json
from typing import Any

import pytest

from tests.unit.serving.conftest import ROW, Endpoint
from tests.unit.serving.test_handler import kept

FAR = ROW | {"distance": 2900.0, "wind": 60.0, "holiday": True}
CSV_ROWS = "distance,wind,carrier,holiday\n740,,AA,false\n2900,60.0,AA,True\n"
LINES = f"{json.dumps(ROW)}\n{json.dumps(FAR)}\n"
CSV, WITHOUT_HEADER, JSON_LINES = "text/csv", "text/csv; header=absent", "application/jsonlines"


def expected(endpoint: Endpoint) -> list[float]:
    answered: list[float] = endpoint.post({"rows": [ROW, FAR]})[1]["predictions"]
    return answered


def sent(content_type: str) -> dict[str, Any]:
    return {"headers": {"content-type": content_type}}


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [
        (CSV, CSV_ROWS),
        ("Text/CSV; charset=UTF-8", CSV_ROWS.replace("\n", "\r\n")),
        (CSV, ("\ufeff" + CSV_ROWS).encode()),
        (CSV, "holiday,carrier,wind,distance\n0,AA,NaN,7.4e2\n1,AA,60,2900\n"),
        (CSV, 'carrier,"distance",wind,holiday\n"AA",740,null,FALSE\n\n"AA","2900",60,TRUE'),
        (WITHOUT_HEADER, CSV_ROWS.partition("\n")[2]),
        (JSON_LINES, LINES),
        ("application/x-ndjson", LINES.replace("\n", "\r\n") + "\n"),
        ("application/vnd.rows+json", json.dumps({"rows": [ROW, FAR]})),
        ("application/x-www-form-urlencoded", json.dumps({"rows": [ROW, FAR]})),
    ],
)
def test_rows_of_any_form_are_predicted_alike(endpoint: Endpoint, content_type: str, raw: str | bytes) -> None:
    status, answer = endpoint.post(None, raw=raw, **sent(content_type))
    assert status == 200
    assert answer["predictions"] == expected(endpoint)


def test_a_name_of_a_header_may_be_written_otherwise(endpoint: Endpoint) -> None:
    assert endpoint.post(None, raw=CSV_ROWS, headers={"Content-Type": "text/csv"})[0] == 200


def test_a_nullable_column_may_be_left_out(endpoint: Endpoint) -> None:
    _, answer = endpoint.post(None, raw="distance,carrier,holiday\n740,AA,false", **sent(CSV))
    assert answer["predictions"] == expected(endpoint)[:1]


def test_text_stays_text(endpoint: Endpoint) -> None:
    _, of_csv = endpoint.post(None, raw='distance,wind,carrier,holiday\n740,1,"7,5",true', **sent(CSV))
    _, of_json = endpoint.post(ROW | {"wind": 1, "carrier": "7,5", "holiday": True})
    assert of_csv["predictions"] == of_json["predictions"]


def test_rows_of_a_line_each_are_kept_as_many(endpoint: Endpoint) -> None:
    endpoint.post(None, raw=CSV_ROWS, **sent(CSV))
    endpoint.post(None, raw=f"{json.dumps(ROW)}\n", **sent(JSON_LINES))
    of_csv, of_one_line = kept()
    assert list(of_csv.row_ids) == ["r-1:0", "r-1:1"]
    assert [dict(row) for row in of_csv.rows] == [ROW, FAR]
    assert list(of_one_line.row_ids) == ["r-1:0"]


@pytest.mark.parametrize(
    ("accept", "content_type", "lines"),
    [
        ("text/csv", "text/csv; charset=utf-8; header=present", ["prediction", "{0}", "{1}"]),
        ("text/csv; header=absent", "text/csv; charset=utf-8; header=absent", ["{0}", "{1}"]),
        ("text/*;q=0.9, image/png", "text/csv; charset=utf-8; header=present", ["prediction", "{0}", "{1}"]),
        ("application/jsonlines", "application/jsonlines", ['{{"prediction": {0}}}', '{{"prediction": {1}}}']),
        ("application/x-ndjson", "application/x-ndjson", ['{{"prediction": {0}}}', '{{"prediction": {1}}}']),
    ],
)
def test_predictions_come_in_the_form_that_is_asked_for(
    endpoint: Endpoint, accept: str, content_type: str, lines: list[str]
) -> None:
    answer = endpoint.ask({"rows": [ROW, FAR]}, headers={"accept": accept})
    assert answer["statusCode"] == 200
    assert answer["headers"] == {
        "content-type": content_type,
        "x-prediction-id": "r-1",
        "x-model-version": "v1",
    }
    assert answer["body"].splitlines() == [line.format(*expected(endpoint)) for line in lines]


@pytest.mark.parametrize("accept", ["", "*/*", "text/html, */*;q=0.1", "text/csv;q=0.2, application/json", "*/*;q=x"])
def test_json_is_answered_where_it_is_as_good(endpoint: Endpoint, accept: str) -> None:
    answer = endpoint.ask(ROW, headers={"accept": accept})
    assert answer["headers"]["content-type"] == "application/json"
    assert answer["headers"]["x-prediction-id"] == json.loads(answer["body"])["prediction_id"] == "r-1"


def test_what_is_to_be_explored_stands_beside_its_prediction(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPLORE_SHARE", "0.5")
    rows = {"rows": [ROW] * 20}
    flags = endpoint.post(rows)[1]["explore"]
    of_lines = endpoint.ask(rows, headers={"accept": JSON_LINES})["body"].splitlines()
    assert [json.loads(line)["explore"] for line in of_lines] == flags
    header, *of_csv = endpoint.ask(rows, headers={"accept": CSV})["body"].splitlines()
    assert header == "prediction,explore"
    assert [line.partition(",")[2] for line in of_csv] == [json.dumps(flag) for flag in flags]


@pytest.mark.parametrize(
    ("content_type", "raw", "expected_message"),
    [
        (CSV, "distance,carrier,holiday\n740,AA,false\nfar,AA,true", "row 1: distance: must be a number, not text"),
        (CSV, "distance,carrier,holiday\n740,AA,perhaps", "holiday: must be true or false, not text"),
        (CSV, "distance,carrier,holiday\n,AA,true", "distance: must be a number, not null"),
        (CSV, "distance,carrier,holiday\ninf,AA,true", "distance: must be a number, not text"),
        (CSV, "distance,carrier,holiday\n1e999,AA,true", "distance: must be a number, not NaN or Infinity"),
        (CSV, "distance,carrier\n740,AA", "holiday: missing; it must be true or false"),
        (CSV, "distance,carrier,holiday,speed\n740,AA,true,1", "speed: this model has no such feature; it has"),
        (CSV, "distance,carrier\n740,AA\n1,B6,2", "row 1: 3 values, and its header names 2"),
        (CSV, "distance;carrier\n7,40;AA", 'the header looks separated by ";"; write a comma between cells'),
        (CSV, "distance\tcarrier\n740\tAA", "the header looks separated by tabs; write a comma between cells"),
        (WITHOUT_HEADER, "740,,AA", "row 0: 3 values, and the model has features 4"),
        (CSV, "distance,distance\n1,2", "the header names 'distance' twice"),
        (CSV, "distance,carrier,holiday\n", "rows: the list is empty; at least one row is needed"),
        (CSV, "\n\n", "rows: the list is empty; at least one row is needed"),
        (CSV, 'distance\n"74', "line 2: not CSV: unexpected end of data"),
        (CSV, f"carrier\n{'x' * 200_000}", "line 2: not CSV: field larger than field limit"),
        (CSV, b"distance\n\xff", "the body is not UTF-8: invalid start byte at byte 9"),
        (CSV, "", "the body is empty; send one row"),
        (JSON_LINES, f"{json.dumps(ROW)}\n{{", "row 1: not JSON: "),
        (JSON_LINES, f"{json.dumps(ROW)}\n3", "row 1: an object of features, not a number"),
        (JSON_LINES, "[" * 100_000, "row 0: not JSON: "),
        (JSON_LINES, "\n \n", "rows: the list is empty; at least one row is needed"),
        ("text/csv; header=maybe", CSV_ROWS, "content-type: header is present or absent, not 'maybe'"),
    ],
)
def test_what_does_not_fit_is_refused_by_row_and_feature(
    endpoint: Endpoint, content_type: str, raw: str | bytes, expected_message: str
) -> None:
    status, sentence = endpoint.refusal(None, raw=raw, **sent(content_type))
    assert status == 400
    assert sentence.startswith(expected_message)


def test_a_form_that_is_not_known_is_refused(endpoint: Endpoint) -> None:
    known = "application/json, text/csv, application/jsonlines or application/x-ndjson"
    assert endpoint.refusal(None, raw="x", **sent("image/png")) == (
        415,
        f"content-type: 'image/png' is not taken; send {known}",
    )
    assert endpoint.refusal(None, raw="x", **sent("text/csv; charset=utf-16")) == (
        415,
        "content-type: charset 'utf-16' is not taken; send UTF-8",
    )
    assert endpoint.refusal(ROW, headers={"accept": "text/html, text/csv;q=0"}) == (
        406,
        f"accept: 'text/html, text/csv;q=0' cannot be answered; ask for {known}",
    )


def test_too_many_lines_are_too_many_rows(endpoint: Endpoint) -> None:
    status, sentence = endpoint.refusal(None, raw="distance\n" + "1\n" * 10_001, **sent(CSV))
    assert (status, sentence) == (413, "rows: 10001 are too many for one request, 10000 are allowed")
