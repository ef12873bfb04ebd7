#!/usr/bin/env bash
# Makes LiteLLM's environment beside this file (once) and starts its proxy: run.sh CONFIG PORT
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
env=${PEER_LITELLM:-$here/.venv}
stamp=$env/.installed
if ! cmp -s "$here/requirements.txt" "$stamp"; then
  rm -rf "$env"
  "${PYTHON:-python3}" -m venv "$env"
  "$env/bin/python" -m pip --disable-pip-version-check install -qq --no-deps --only-binary :all: -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$stamp"
fi
exec "$env/bin/litellm" --config "${1:?a configuration}" --port "${2:?a port}" --host 127.0.0.1 --num_workers 1 --telemetry False
