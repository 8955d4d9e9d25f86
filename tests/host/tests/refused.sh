# SPDX-License-Identifier: GPL-2.0-only
# refused ENGINE: one that this kernel has not, as the operator sees it; TAP.
set -u
. tests/lib/tap.sh
dir=$(mktemp -d)

build/nvring serve --engine "$1" --socket "$dir/socket" --null 64M 2>"$dir/log"
ok $(($? != 1)) "--engine $1 is refused"
diag "$(grep -v libbpf "$dir/log")"
reason='no io_uring BPF loops'
if [ "$1" = poller ]; then
	reason='refuses bpf_probe_write_user (lockdown=integrity)'
fi
check "the reason is said" grep -qF "$reason" "$dir/log"
check "in one line" test "$(wc -l <"$dir/log")" = 1
check "nvring features says the same" jq -e --arg engine "$1" \
	'.engines[] | select(.engine == $engine) | .allowed == false and .missing != ""' \
	<(build/nvring features --json)
tap_done
