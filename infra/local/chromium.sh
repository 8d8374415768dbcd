#!/usr/bin/env bash
# Prints the path of a Chromium for the tests of the search page; root on Debian gets Debian's if there is none.
set -euo pipefail

fail() {
  echo "chromium.sh: $*" >&2
  echo "chromium.sh: To get one: install Chromium or Chrome, set TEST_CHROMIUM to its path, or be root on Debian." >&2
  exit 1
}

find_chromium() {
  local name path
  for name in "${TEST_CHROMIUM:-}" chromium google-chrome google-chrome-stable chromium-browser \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" "/Applications/Chromium.app/Contents/MacOS/Chromium"; do
    # On Ubuntu some of these names only say which package to install.
    path=$(command -v "$name" 2>/dev/null) && "$path" --version >/dev/null 2>&1 && echo "$path" && return
  done
  return 1
}

install_chromium() {
  local log="${EMBEDDINGS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/embedding-functions}/chromium.log"
  [ "$(id -u)" = 0 ] && grep -qx 'ID=debian' /etc/os-release 2>/dev/null || fail "there is no Chromium."
  echo "chromium.sh: installing Debian's chromium (once, about half a minute)" >&2
  mkdir -p "${log%/*}"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } >"$log" 2>&1 </dev/null || {
    tail -n 20 "$log" >&2
    fail "installing failed; see $log."
  }
}

find_chromium && exit
install_chromium
find_chromium || fail "the installed Chromium does not start."
