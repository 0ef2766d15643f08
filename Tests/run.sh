#!/bin/bash
# swift test; what failed stands at the end once more, behind the hundreds of lines of what passed.
set -o pipefail
mkdir -p .build
"${SWIFT:-swift}" test "$@" 2>&1 | tee .build/test.log && exit
printf '\nFailed:\n'
grep -A 8 -e '✘.*recorded an issue' -e 'Fatal error' .build/test.log | cut -c 1-600
exit 1
