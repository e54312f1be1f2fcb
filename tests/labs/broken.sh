#!/bin/bash
# Every broken lab file gets its exact errors, from validate and from up, and nothing is started. In
# broken-config it is the devices' own language that is wrong: what was expected there grows with every
# protocol, so that list is not compared.
. "$(dirname "$0")/lablib" || exit 1
state=$(find "$XDG_STATE_HOME" "$XDG_RUNTIME_DIR" | sort)
n=0

# expect COMMAND FILE: in the file's own folder, so that the errors name it as it stands there.
expect() {
	local what=$1 file=$2 status=0
	(cd "$(dirname "$file")" && timeout 20 labctl "$what" "$(basename "$file")") >"$work/out" 2>"$work/err" || status=$?
	[ $status = 1 ] || fail "$what $file: exit status $status"
	[ -s "$work/out" ] && fail "$what $file: output: $(cat "$work/out")"
	{
		cat "${file%.yaml}.err"
		echo "labctl: $(basename "$file") is not valid: nothing was started"
	} >"$work/expected"
	case $file in
	*broken-config*) sed -i 's/: expected .*/: expected .../' "$work/err" ;;
	esac
	diff "$work/expected" "$work/err" >"$work/diff" || fail "$what $file: $(head -30 "$work/diff")"
	n=$((n + 1))
}

for file in tests/labs/broken/*.yaml tests/labs/broken-config/*.yaml; do
	expect validate "$file"
done
for file in tests/labs/broken/several.yaml tests/labs/broken/syntax.yaml tests/labs/broken-config/*.yaml; do
	expect up "$file"
done
[ $n -ge 50 ] || fail "only $n broken labs"

# Each place that is named has what is wrong there.
while IFS=: read -r file line column _; do
	sed -n "${line}p" "tests/labs/broken-config/$file" | cut -c "$column-" | grep -q . ||
		[ "$(sed -n "${line}p" "tests/labs/broken-config/$file" | wc -m)" -ge $((column - 1)) ] || fail "$file:$line:$column is nowhere"
done < <(grep -h '^[a-z0-9.]*:[0-9]*:[0-9]*: ' tests/labs/broken-config/*.err)

[ "$(find "$XDG_STATE_HOME" "$XDG_RUNTIME_DIR" | grep -v '/labd$' | sort)" = "$(grep -v '/labd$' <<<"$state")" ] ||
	fail "something was made for a lab that is not valid"
echo "$n complaints as expected"
