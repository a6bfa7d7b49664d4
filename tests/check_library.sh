#!/bin/sh
# What leaves libbookcast: only bookcast_* symbols, all of those that the header declares, under a
# versioned name; and a header that stands alone in C99 and in C++.
#   check_library.sh LIBRARY HEADER
set -eu
library=$1 header=$2
fail() { echo "$*" >&2; exit 1; }

exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort)
declared=$(sed -n 's/^BOOKCAST_API.*[ *]\(bookcast_[a-z_]*\)(.*/\1/p' "$header" | sort)
[ -n "$declared" ] || fail "no declarations found in $header"
[ "$exported" = "$declared" ] || fail "exported and declared differ:
$(printf '%s\n' "$exported" >"${TMPDIR:-/tmp}/exported.$$"
  printf '%s\n' "$declared" | diff "${TMPDIR:-/tmp}/exported.$$" - || true
  rm -f "${TMPDIR:-/tmp}/exported.$$")"
nm -D --defined-only "$library" | grep -q 'bookcast_recv@@BOOKCAST_0$' || fail "symbols have no version"
readelf -d "$library" | grep -q 'SONAME.*\[libbookcast\.so\.0\]' || fail "wrong soname"

echo '#include <bookcast.h>
int main(void) { return sizeof(bookcast_message) == 0; }' >"${TMPDIR:-/tmp}/header.$$.c"
trap 'rm -f "${TMPDIR:-/tmp}/header.$$.c"' EXIT
include=-I$(dirname "$header")
compiled=0
for compiler in gcc clang; do
	command -v "$compiler" >/dev/null || continue
	"$compiler" -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only "$include" \
		"${TMPDIR:-/tmp}/header.$$.c" || fail "$compiler: not C99"
	compiled=1
done
[ $compiled = 1 ] || fail "no C compiler found"
for compiler in g++ clang++; do
	command -v "$compiler" >/dev/null || continue
	"$compiler" -x c++ -std=c++11 -pedantic -Wall -Wextra -Werror -fsyntax-only "$include" \
		"${TMPDIR:-/tmp}/header.$$.c" || fail "$compiler: not C++11"
done
