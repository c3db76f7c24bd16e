"""A model's function behind its alias, as the HTTP API may call it.

What the alias points at is the rollout's business. The construct library's own integration cannot be used: it grants
the call to a function that the stack owns, and nothing on an alias that it only knows by name.
"""

import aws_cdk.aws_apigatewayv2 as apigateway
import jsii
from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from evertrain.domain.deployment.steps import LIVE_ALIAS


class LiveAliasIntegration(apigateway.HttpRouteIntegration):
    """One for each model: the integration of all its routes."""

    def __init__(self, scope: Construct, name: str, *, function: lambda_.IFunction) -> None:
        super().__init__(f"{name}Live")
        # Constant on purpose: CloudFormation writes the alias only when this text changes, so it never takes back
        # what a rollout has put there.
        self._alias = lambda_.CfnAlias(
            scope, f"{name}Alias", function_name=function.function_name, function_version="$LATEST", name=LIVE_ALIAS
        )
        self._scope, self._name = scope, name
        self._arn = f"{function.function_arn}:{LIVE_ALIAS}"

    @jsii.member(jsii_name="bind")
    def bind(
        self,
        *,
        route: apigateway.IHttpRoute,  # noqa: ARG002  # jsii calls it by name
        scope: Construct,  # noqa: ARG002  # as above
    ) -> apigateway.HttpRouteIntegrationConfig:
        return apigateway.HttpRouteIntegrationConfig(
            type=apigateway.HttpIntegrationType.AWS_PROXY,
            uri=self._arn,
            payload_format_version=apigateway.PayloadFormatVersion.VERSION_2_0,
        )

    def grant_invoke(self, api: apigateway.HttpApi, *paths: str) -> None:
        """`paths`: of the model's routes. On the alias itself: a grant on the function does not reach it."""
        stack = Stack.of(api)
        for number, path in enumerate(paths):
            permission = lambda_.CfnPermission(
                self._scope,
                f"{self._name}MayBeCalled{number or ''}",
                action="lambda:InvokeFunction",
                function_name=self._arn,
                principal="apigateway.amazonaws.com",
                source_arn=stack.format_arn(service="execute-api", resource=api.api_id, resource_name=f"*/*{path}"),
            )
            permission.add_resource_dependency(self._alias)
