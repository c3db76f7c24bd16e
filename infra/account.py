"""`python -m infra.account`: the account that the credentials belong to, or one sentence on why there is none."""

import sys

from botocore.exceptions import BotoCoreError, ClientError


def main() -> int:
    import boto3

    try:
        print(boto3.client("sts").get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        print(f"no AWS account to deploy to: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
