"""Files of rows as whoever wants them answered sees it: landed here, answered there."""

from pathlib import Path
from typing import TYPE_CHECKING

from evertrain.adapters.documents import load
from evertrain.domain.landing.scoring import REPORT_SUFFIX, SCORING, ScoringReport

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class FileScores:
    def __init__(self, *, client: "S3Client", landing_bucket: str, scores_bucket: str) -> None:
        self._client = client
        self._landing_bucket = landing_bucket
        self._scores_bucket = scores_bucket

    def land(self, model: str, name: str, body: bytes) -> str:
        """Returns the key, by which the answer is found too. Another file of this name is replaced."""
        key = f"{SCORING}/{model}/{name}"
        self._client.put_object(Bucket=self._landing_bucket, Key=key, Body=body)
        return key

    def report(self, key: str) -> ScoringReport | None:
        """None until the file was answered or refused."""
        try:
            found = self._client.get_object(Bucket=self._scores_bucket, Key=f"{key}{REPORT_SUFFIX}")
        except self._client.exceptions.NoSuchKey:
            return None
        return load(ScoringReport, found["Body"].read())

    def download(self, key: str, place: Path) -> None:
        self._client.download_file(self._scores_bucket, key, str(place))
