"""The state of the whole cloud: saved while it runs, not only when it is stopped politely."""

import json
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import persistence

from localcloud.patches.patching import replaces


def encode_at_once() -> None:
    """ministack writes its state word by word, by Python's own encoder; the one in C, which makes the whole text,
    takes less than a third of the time, in which requests wait."""

    @replaces(persistence, "save_state")
    def save_state(original: Any, service: str, data: Any) -> None:
        document = {"__ministack_format__": persistence._state_format_version(service), "payload": data}
        path = Path(persistence.STATE_DIR) / f"{service}.json"
        unfinished = path.with_suffix(".json.tmp")
        try:
            text = json.dumps(document, default=persistence._json_default)
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(text)
            unfinished.replace(path)
        except Exception:
            persistence.logger.exception("Persistence: failed to save %s", service)


def save_periodically() -> None:
    """AWS forgets nothing. Each service is saved on its own: after a kill, S3 may be ahead of DynamoDB."""
    seconds = float(os.environ["LOCALCLOUD_SNAPSHOT_SECONDS"])
    saving = threading.Lock()
    logging.getLogger("persistence").setLevel(logging.WARNING)

    @replaces(app, "save_all")
    def save_all(original: Any, services: Any) -> None:
        with saving:  # the last save, at shutdown, must not meet one of ours
            original(services)

    def save_in_loop() -> None:
        while True:
            time.sleep(seconds)
            app.save_all(app._build_persistence_save_dict())

    @replaces(app, "_load_persisted_state")
    def load_persisted_state(original: Any) -> None:
        original()
        # Only now: an earlier save would overwrite the state that is still to be loaded.
        threading.Thread(target=save_in_loop, daemon=True, name="snapshots").start()
