#!/bin/bash
# What scripts/new-proto makes compiles without a warning, passes its test and is well-formed.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/scripts" "$work/nodes" "$work/tests/unit"
cp scripts/new-proto "$work/scripts/"
cp -r nodes/base nodes/proto.h nodes/protos.c nodes/device.c "$work/nodes/"
cp tests/unit/machine_driver.h tests/unit/machine_window.h tests/unit/protos_test.c "$work/tests/unit/"
: >"$work/nodes/protos.def"
cd "$work"
scripts/new-proto finger 79
if scripts/new-proto finger 2>/dev/null || scripts/new-proto Finger 2>/dev/null ||
	scripts/new-proto gopher 70000 2>/dev/null; then
	echo "a name or port that cannot be taken was taken" >&2
	exit 1
fi
flags="-std=gnu17 -D_GNU_SOURCE -Inodes -Wall -Wextra -Wshadow -Werror -Wno-missing-field-initializers"
for test in finger protos; do
	cc $flags -o "$test" "tests/unit/${test}_test.c" nodes/*.c nodes/finger/*.c nodes/base/*.c \
		$(pkg-config --libs libmd) -lcrypt -lcmocka
	"./$test"
done
