#!/usr/bin/env bash
# Makes crates/figure/assets/Inter-*.ttf, and the same as .woff2 for pages, from the npm package inter-ui (Inter 4.1, SIL Open Font License 1.1).
#
#     scripts/subset_font.sh
#
# Needs npm, and Python with fonttools and brotli. Keeps Latin, Greek, and the signs of formulas: under 50 KB a weight.
set -euo pipefail
assets="$(cd "$(dirname "$0")/../crates/figure/assets" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent inter-ui@4.1.1
tar xzf inter-ui-4.1.1.tgz
unicodes="U+0020-007E,U+00A0,U+00B1-00B3,U+00B5,U+00B7,U+00B9,U+00C0-00FF,U+0391-03C9,U+2010-2016,U+2018-201D,U+2020"
unicodes+=",U+2022,U+2026,U+2032,U+2070-208E,U+2190-2193,U+2202,U+2207,U+2208,U+2211,U+2212,U+221A,U+221E,U+222B"
unicodes+=",U+2248,U+2260,U+2264,U+2265,U+25A0,U+25CF"
for weight in Regular SemiBold; do
    python3 -m fontTools.ttLib.woff2 decompress -o "$weight.ttf" "package/web/Inter-$weight.woff2"
    python3 -m fontTools.subset "$weight.ttf" --unicodes="$unicodes" --layout-features=kern,tnum \
        --no-hinting --desubroutinize --name-IDs='*' --output-file="$assets/Inter-$weight.ttf"
    python3 -m fontTools.ttLib.woff2 compress -o "$assets/Inter-$weight.woff2" "$assets/Inter-$weight.ttf"
done
cp package/LICENSE.txt "$assets/Inter-LICENSE.txt"
