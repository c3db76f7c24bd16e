"""What deploying needs on this machine: folders, environments, the CDK's command line, the embedded cloud.

The deployables themselves are started as programs, never imported.
"""
