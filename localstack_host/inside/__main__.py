"""LocalStack's process: `python -m localstack_host.inside`, in its own environment."""

from localstack.runtime.main import main

from localstack_host.inside import patches

patches.apply()
main()
