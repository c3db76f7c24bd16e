"""Names on which the CDK app and what it deploys have to agree, each written down once."""
