"""Feast's historical retrieval from its file offline store."""

import json
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64

left, values = sys.argv[1:3]
place = Path(tempfile.mkdtemp())
config = RepoConfig(
    project="bench",
    registry=str(place / "registry.db"),
    provider="local",
    offline_store={"type": "file"},
    online_store={"type": "sqlite", "path": str(place / "online.db")},
    entity_key_serialization_version=3,
)
store = FeatureStore(config=config)
sensor = Entity(name="sensor", join_keys=["sensor"])
held = FileSource(path=values, timestamp_field="event_time", created_timestamp_column="ingested_at")
names = [f"f{number}" for number in range(5)]
view = FeatureView(
    name="held",
    entities=[sensor],
    ttl=timedelta(days=7),
    schema=[Field(name=name, dtype=Float64) for name in names],
    source=held,
)
store.apply([sensor, view])
rows = pd.read_parquet(left).rename(columns={"event_time": "event_timestamp"})
began = time.perf_counter()
joined = store.get_historical_features(entity_df=rows, features=[f"held:{name}" for name in names]).to_df()
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "matched": int(joined["f0"].notna().sum())}))
