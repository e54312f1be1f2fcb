# bash completion for labctl: labctl itself knows what may stand where.
_labctl() {
	local line=${COMP_LINE:0:COMP_POINT} cur words word files= programs=
	read -ra words <<<"$line"
	[[ $line == *[[:space:]] ]] && words+=("")
	cur=${words[${#words[@]} - 1]}
	COMPREPLY=()
	while IFS= read -r word; do
		case $word in
		@files) files=yes ;;
		@programs) programs=yes ;;
		*) COMPREPLY+=("$word") ;;
		esac
	done < <("${words[0]}" complete "${words[@]:1}" 2>/dev/null)
	if [ -n "$programs" ]; then
		while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -c -- "$cur")
	fi
	if [ -n "$files" ]; then
		compopt -o filenames 2>/dev/null
		while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$cur")
	fi
	# bash takes a colon for the end of a word: what stands before it is not repeated.
	if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
		local before=${cur%"${cur##*:}"}
		COMPREPLY=("${COMPREPLY[@]#"$before"}")
	fi
}
complete -F _labctl labctl
