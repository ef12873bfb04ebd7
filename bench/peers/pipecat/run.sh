#!/usr/bin/env bash
# Makes Pipecat's environment beside this file (once, from hash-locked wheels) and starts the agent: run.sh PORT
# PEER_WHISPER, PEER_LLM_URL, PEER_LLM_KEY and PEER_INSTRUCTIONS come from the environment; bench/latency/run.py sets them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
env=${PEER_VENV:-$here/.venv}
stamp=$env/.installed
if ! cmp -s "$here/requirements.txt" "$stamp"; then
  rm -rf "$env"
  "${PYTHON:-python3}" -m venv "$env"
  "$env/bin/python" -m pip --disable-pip-version-check install -qq --no-deps --require-hashes --only-binary :all: -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$stamp"
fi
exec "$env/bin/python" "$here/agent.py" "${1:?a port}"
