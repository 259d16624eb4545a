#!/usr/bin/env bash
# Installs the PyTorch that `npm run bench` measures against (Debian and Ubuntu), with a fast BLAS: without
# one Debian's PyTorch multiplies matrices by the reference BLAS, some twenty times slower. Does nothing when both are
# there.
set -euo pipefail

packages=(python3-torch libopenblas0-pthread libopenblas0-openmp)

if ! command -v apt-get >/dev/null; then
  echo "no apt-get here: install PyTorch by hand and set VAEKIT_PYTHON to its Python" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  if [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
    missing+=("$package")
  fi
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "found ${packages[*]}"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "neither root nor sudo: ask an administrator for 'apt-get install ${missing[*]}'" >&2
    exit 1
  fi
  as_root=(sudo)
fi

"${as_root[@]}" apt-get update
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
