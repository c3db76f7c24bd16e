"""Two who tag one version at the same time: no tag is lost."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from evertrain.adapters.aws.dynamodb import Table
from evertrain.adapters.release.registry import DynamoDBModelRegistry
from tests.builders.registry import a_version


@pytest.mark.cloud
def test_tags_of_several_at_once_are_all_there(table_in_cloud: Table) -> None:
    registry = DynamoDBModelRegistry(table=table_in_cloud)
    registry.register(a_version("v1"))

    def tag(person: int) -> None:
        registry.tag("trips", "v1", put={f"person{person}": "was here"}, remove=[])

    with ThreadPoolExecutor(4) as people:
        list(people.map(tag, range(4)))
    assert set(registry.version("trips", "v1").tags) == {f"person{number}" for number in range(4)}


def test_who_read_before_another_wrote_reads_again(table: Table) -> None:
    registry, other = DynamoDBModelRegistry(table=table), DynamoDBModelRegistry(table=table)
    registry.register(a_version("v1"))
    read, calls = registry.version, []

    def read_and_be_overtaken(model: str, version: str) -> object:
        found = read(model, version)
        if not calls:
            calls.append(version)
            other.tag(model, version, put={"theirs": "1"}, remove=[])
        return found

    registry.version = read_and_be_overtaken  # type: ignore[method-assign, assignment]
    tagged = registry.tag("trips", "v1", put={"mine": "2"}, remove=[])
    assert tagged.tags == {"mine": "2", "theirs": "1"}
