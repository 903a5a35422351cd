#!/usr/bin/env bash
# Makes the pictures of the report in docs/ from the page of a run.
#
#     scripts/report_pictures.sh runs/sweep
#
# Needs chromium.
set -euo pipefail
page="$(realpath "$1")/report.html"
docs="$(cd "$(dirname "$0")/../docs" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# A frame shows a place of the page, and may be narrower than a browser's window.
picture() { # name, width, height, scale, place in the page, further options
    echo "<body style='margin:0;overflow:hidden'><iframe src='file://$page$5' \
        style='width:$2px;height:$3px;border:0;transform:scale($4);transform-origin:0 0'></iframe>" >"$work/frame.html"
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files \
        --user-data-dir="$work/profile" --window-size="$(scaled "$2" "$4"),$(scaled "$3" "$4")" \
        --virtual-time-budget=5000 "${@:6}" --screenshot="$docs/$1.png" "file://$work/frame.html" 2>/dev/null
}
scaled() { python3 -c "print(round($1 * $2))"; }
picture report 1200 1750 1.25 ""
picture report-explorer 1200 1395 1.25 "#explorer"
picture report-dark 1200 2130 1 "#trade-off" --force-dark-mode
picture report-phone 390 1340 2 "#explorer"
