"""The outside world: AWS, files, TOML. The only package that imports boto3."""
