#!/usr/bin/env bash
# The function app under Azure Functions Core Tools, beside the storage emulator that it keeps its state in; they end together.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tools="$root/artifacts/functions-tools"
app="$root/artifacts/bin/EmbeddingFunctions/release"

fail() {
  echo "run: $*" >&2
  exit 1
}

without_tools() {
  fail "$1; './run embeddings serve' has the same HTTP API and schedule without the Functions tools."
}

install_tools() {
  local node
  node=$(command -v npm >/dev/null && node --version 2>/dev/null | sed -nE 's/^v([0-9]+).*/\1/p') || true
  [ "${node:-0}" -ge 22 ] || without_tools "the Azure Functions Core Tools and the storage emulator need Node.js 22 or later with npm"
  mkdir -p "$tools"
  cp "$root/infra/local/functions-tools/package.json" "$root/infra/local/functions-tools/package-lock.json" "$tools/"
  [ -x "$tools/node_modules/.bin/func" ] && [ -x "$tools/node_modules/.bin/azurite" ] && return
  echo "run: installing the Azure Functions Core Tools and the storage emulator" >&2
  npm ci --prefix "$tools" --no-audit --no-fund --loglevel=error >"$tools/install.log" 2>&1 ||
    without_tools "the Azure Functions Core Tools cannot be installed here (${tools#"$root"/}/install.log says why)"
}

settings() {
  if [ ! -f "$root/local.settings.json" ]; then
    (umask 077 && cp "$root/local.settings.sample.json" "$root/local.settings.json")
    echo "run: wrote local.settings.json; it is yours, and not committed" >&2
  fi
  [ -n "${DATABASE_URL:-}" ] || grep -qE '"DATABASE_URL": *"[^"]' "$root/local.settings.json" ||
    fail "DATABASE_URL is not set: put it into local.settings.json, and migrate that database with './run embeddings migrate workspace'."
}

# Its data stays in artifacts/, so that runs go on after a restart. In a process group of its own, where no Ctrl-C reaches it: the host, which
# writes to it until its end, must end first.
start_storage() {
  set -m
  "$tools/node_modules/.bin/azurite" --silent --skipApiVersionCheck --location "$root/artifacts/azurite" >"$tools/azurite.log" 2>&1 &
  storage=$!
  set +m
  trap 'kill "$storage" 2>/dev/null || true' EXIT
  local i
  for ((i = 0; i < 100; i++)); do
    kill -0 "$storage" 2>/dev/null || fail "the storage emulator ended: $(tail -n 1 "$tools/azurite.log") Are its ports 10000 to 10002 in use?"
    (exec 3<>/dev/tcp/127.0.0.1/10000) 2>/dev/null && return
    sleep 0.1
  done
  fail "the storage emulator does not answer."
}

# Whatever ends this script ends the host, and is waited for.
start_host() {
  set -m
  "$tools/node_modules/.bin/func" start "$@" </dev/null &
  host=$!
  set +m
  trap 'kill -INT "$host" 2>/dev/null || true' INT TERM
  local status=0
  while kill -0 "$host" 2>/dev/null; do
    wait "$host" && status=0 || status=$?
  done
  return "$status"
}

case "${1:-}" in
  prepare)
    settings
    install_tools
    ;;
  start)
    shift
    start_storage
    cd "$app"
    start_host "$@"
    ;;
  *) fail "functions.sh takes prepare or start." ;;
esac
