"""The prediction endpoint: the standard library and boto3, so that a cold start is short."""
