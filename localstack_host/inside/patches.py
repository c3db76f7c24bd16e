"""Where LocalStack 4.14 takes for granted that it runs in its own image, and what a plain host has instead."""

from functools import partial
from typing import Any

from localstack.services.cloudformation.engine.v2.change_set_resource_support_checker import (
    ChangeSetResourceSupportChecker,
)
from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor
from localstack.services.dynamodb.server import DynamodbServer
from localstack.services.lambda_.invocation.plugins import DockerRuntimeExecutorPlugin
from localstack.utils.catalog.common import CloudFormationResourcesSupportAtRuntime as Support
from twisted.internet import endpoints  # type: ignore[import-not-found]  # comes with LocalStack

from localstack_host.inside.executor import ProcessExecutor


def apply() -> None:
    # The gateway drops the address in GATEWAY_LISTEN and would be reachable from other machines.
    endpoints.TCP4ServerEndpoint = partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")
    DockerRuntimeExecutorPlugin.load = lambda *_, **__: ProcessExecutor
    ChangeSetResourceSupportChecker._resource_support_status = _support_as_installed
    _start_dynamodb_local_without_agent()


def _support_as_installed(_: Any, resource_type: str) -> Any:
    # With CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES=0 LocalStack asks a catalogue that it downloads, and refuses every
    # type where it cannot. What is installed knows better.
    found = ResourceProviderExecutor.try_load_resource_provider(resource_type)
    return Support.AVAILABLE if found else Support.NOT_IMPLEMENTED


def _start_dynamodb_local_without_agent() -> None:
    # The agent does no more than lift the limit of 20 indexes, and is in no package registry.
    command = DynamodbServer._create_shell_command

    def without_agent(server: Any) -> list[str]:
        return [part for part in command(server) if not part.startswith("-javaagent:")]

    DynamodbServer._create_shell_command = without_agent
