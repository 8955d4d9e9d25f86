# SPDX-License-Identifier: GPL-2.0-only
# rows.sh: medians and ratios of what benches measured. Source it; $rows is a file with lines
#
#     row SIDE LOAD ROUND KEY=VALUE...

# middle: the median of the numbers on stdin, of two in the middle the smaller one; empty for none
middle() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'; }

# median SIDE LOAD KEY [OTHER]: of the rounds; with OTHER, of how much of KEY there is to one of it.
# Empty when there is none
median() {
	awk -v side="$1" -v load="$2" -v key="$3=" -v other="${4:-}=" '
		$1 == "row" && $2 == side && $3 == load {
			value = all = ""
			for (i = 5; i <= NF; i++) {
				if (index($i, key) == 1) value = substr($i, length(key) + 1)
				if (index($i, other) == 1) all = substr($i, length(other) + 1)
			}
			if (value != "" && other == "=") print value
			else if (value != "" && all > 0) print value / all
		}' "$rows" | middle
}

# ratio A B [FORMAT]: empty when one is missing, or B is 0
ratio() {
	[ -n "$1" ] && [ -n "$2" ] && awk -v a="$1" -v b="$2" -v format="${3:-%.3g}" \
		'BEGIN { if (b > 0) printf format, a / b }'
}
