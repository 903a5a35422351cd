#!/usr/bin/env bash
# Fetches the chart libraries of report.html, which are committed, into crates/train/src/report/page/vendor/.
#
#     scripts/vendor_report_libraries.sh            # the versions below; fails if a checksum differs
#
# Needs npm. To move to a newer version, change it and its checksum here, run this, and run the browser tests.
set -euo pipefail
vendor="$(cd "$(dirname "$0")/../crates/train/src/report/page" && pwd)/vendor"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$vendor"
cd "$work"

fetch() { # package version
    mkdir "$work/${1##*/}"
    tar xzf "$(npm pack --silent "$1@$2" 2>/dev/null)" -C "$work/${1##*/}" --strip-components 1
}
fetch d3 7.9.2
fetch @observablehq/plot 0.6.17
# What the file of Plot contains beside its own code.
fetch interval-tree-1d 1.0.4
fetch binary-search-bounds 2.0.5
fetch isoformat 0.2.1

sha256sum --check --quiet <<'SUMS'
912111098ea99503a6f4967361d2bbdc9dbf58cf9c678c8e27e5b02d1a07f0c1  d3/dist/d3.min.js
4358086467740777dd788d6b27a95cebdbaefdd50c730a3060117073bd7134cb  plot/dist/plot.umd.min.js
SUMS
cp d3/dist/d3.min.js plot/dist/plot.umd.min.js "$vendor/"

# Their licences ask to travel with every copy, and each report is one: a script that is nothing but a comment.
{
    echo "/*! Licences of the libraries in this page."
    for package in d3 plot interval-tree-1d binary-search-bounds isoformat; do
        printf '\n---- %s %s\n\n' "$(node -p "require('./$package/package.json').name")" \
            "$(node -p "require('./$package/package.json').version")"
        cat "$package"/LICENSE*
    done
    echo "*/"
} >"$vendor/licences.js"
