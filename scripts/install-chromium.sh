#!/usr/bin/env bash
# Installs the Chromium that the browser tests use (Debian and Ubuntu). Does nothing when one is there.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then
    echo "found $(command -v "$name")"
    exit 0
  fi
done

if ! command -v apt-get >/dev/null; then
  echo "no apt-get here: install Chromium by hand and set VAEKIT_CHROMIUM to its path" >&2
  exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "neither root nor sudo: ask an administrator for 'apt-get install chromium', or set VAEKIT_CHROMIUM" >&2
    exit 1
  fi
  as_root=(sudo)
fi

"${as_root[@]}" apt-get update
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium
