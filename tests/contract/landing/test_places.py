"""Files of rows in S3 are found by key, prefix and pattern, and read by each command as files of this machine are."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from evertrain.adapters.files import places
from evertrain.adapters.files.places import NoFiles, find_files
from evertrain.cli.main import app
from evertrain.replay.raw_rows import read_raw_rows
from localcloud.launcher import EmbeddedCloud
from tests.contract.conftest import Client

pytestmark = pytest.mark.cloud

BUCKET = "histories"


def orders(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "order_no": [f"O{seed}-{i}" for i in range(rows)],
            "ordered_at": pd.date_range("2025-01-01", periods=rows, freq="2h"),
            "weight": rng.normal(size=rows).round(3),
            "late": rng.integers(0, 2, rows),
        }
    )


@pytest.fixture
def s3(cloud: EmbeddedCloud, client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    places._s3_client.cache_clear()  # each start of the cloud has its own key
    bucket = client("s3")
    bucket.create_bucket(Bucket=BUCKET)
    for day in range(2):
        body = orders(300, day).to_csv(index=False, sep=";", decimal=",").encode()
        bucket.put_object(Bucket=BUCKET, Key=f"orders/2025-01-0{day + 1}.csv", Body=body)
    rows = orders(300, 3).to_json(orient="records", lines=True, date_format="iso").strip()
    bucket.put_object(Bucket=BUCKET, Key="json/orders.jsonl.gz", Body=gzip.compress(rows.encode()))
    bucket.put_object(Bucket=BUCKET, Key="orders/_SUCCESS", Body=b"")
    return bucket


def test_objects_are_found_by_key_by_prefix_and_by_pattern(s3: Any) -> None:
    both = [f"s3://{BUCKET}/orders/2025-01-0{day}.csv" for day in (1, 2)]
    assert [str(each) for each in find_files(f"s3://{BUCKET}/orders")] == both
    assert [str(each) for each in find_files(f"s3://{BUCKET}/orders/")] == both
    assert [str(each) for each in find_files(f"s3://{BUCKET}/*/*-02.csv")] == both[1:]
    assert [str(each) for each in find_files(both[0])] == both[:1]
    for nothing in (f"s3://{BUCKET}/nowhere/", f"s3://{BUCKET}/orders/*.parquet", "s3://no-such-bucket/x"):
        with pytest.raises(NoFiles, match=r"s3://.*(has no files|cannot be listed)"):
            find_files(nothing)
    with pytest.raises(NoFiles, match="a pattern stands after the name of a bucket"):
        find_files("s3://*/x")


def test_rows_of_a_history_are_read(s3: Any) -> None:
    raw = read_raw_rows(f"s3://{BUCKET}/orders/*.csv", infer_kinds=True)
    expected = pd.concat([orders(300, 0), orders(300, 1)])
    assert raw.table["weight"].to_pylist() == expected["weight"].tolist()
    assert raw.table["ordered_at"].to_pandas().tolist() == expected["ordered_at"].tolist()


def test_commands_take_objects(s3: Any, tmp_path: Path) -> None:
    found = CliRunner().invoke(
        app, ["drift", f"s3://{BUCKET}/orders/", f"s3://{BUCKET}/json/orders.jsonl.gz", "--json"]
    )
    assert found.exit_code == 0, found.output
    page = json.loads(found.stdout)
    assert (page["reference_rows"], page["rows"]) == (600, 300)
    options = ["--label", "late", "--key", "order_no", "--latency", "1d", "--yes", "--project", str(tmp_path)]
    made = CliRunner().invoke(app, ["init", "orders", "--rows", f"s3://{BUCKET}/orders/", *options])
    assert made.exit_code == 0, made.output
    assert 'decimal = ","' in (tmp_path / "features" / "orders.toml").read_text(encoding="utf-8")
