#!/usr/bin/env bash
# Install the packages of debian-packages.txt that are missing; where that may not be, say what to type.
set -euo pipefail
cd "$(dirname "$0")/.."
missing=()
while read -r package; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done < debian-packages.txt
[ ${#missing[@]} -eq 0 ] && exit 0
command="apt-get install --yes --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && $command -qq >/dev/null; } || echo "could not install ${missing[*]}: tests that need them are skipped" >&2
else
  echo "tests that need ${missing[*]} are skipped; to run them: sudo $command" >&2
fi
