"""The state of the whole cloud: saved while it runs, not only when it is stopped politely."""

import logging
import os
import threading
import time
from typing import Any

from ministack import app

from localcloud.patches.patching import replaces


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
