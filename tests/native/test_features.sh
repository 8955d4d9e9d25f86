#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `nvring features` against facts got by other means, and the manners of every command: where
# help goes, what misuse leaves with. Runs in the test host too (tests/host/tests/features.sh).
# seconds: 120
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh

nvring=build/nvring
dir=$(mktemp -d)
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT
bpftool=$(PATH=$PWD/.cache/sysroot/usr/sbin:/usr/sbin:$PATH command -v bpftool)
root=$([ "$(id -u)" = 0 ] && echo yes || echo no)

# state FEATURE: what the rows say of it
state() {
	jq -r --arg id "$1" '.features[] | select(.feature == $id).state' "$dir/json"
}

# is FEATURE STATE WHY: the row agrees with a fact
is() {
	local got

	got=$(state "$1")
	if [ "$got" = "$2" ]; then
		ok 0 "$1 is $2: $3"
	else
		ok 1 "$1 is $2: $3"
		diag "the row says '$got'" "$(grep -A6 "\"$1\"" "$dir/json")"
	fi
}

# leaves STATUS STREAM COMMAND...: exit status, and that all it prints goes to one stream
leaves() {
	local want=$1 stream=$2 status=0 other

	shift 2
	other=$([ "$stream" = stdout ] && echo stderr || echo stdout)
	"$@" >"$dir/stdout" 2>"$dir/stderr" </dev/null || status=$?
	if [ "$status" = "$want" ] && [ -s "$dir/$stream" ] && [ ! -s "$dir/$other" ]; then
		ok 0 "$(basename "$*") leaves $want and speaks on $stream"
	else
		ok 1 "$(basename "$*") leaves $want and speaks on $stream"
		diag "status $status" "$(cat "$dir/stdout" "$dir/stderr")"
	fi
}

manners() {
	local command

	leaves 2 stderr $nvring
	leaves 2 stderr $nvring no-such-command
	leaves 0 stdout $nvring --help
	leaves 0 stdout $nvring --version
	for command in $($nvring --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		leaves 0 stdout $nvring "$command" --help
		leaves 2 stderr $nvring "$command" --no-such-option
		case $command in
		status | top | metrics) leaves 2 stderr $nvring "$command" /no/name ;; # they take VMs' names
		*) leaves 2 stderr $nvring "$command" surplus ;;
		esac
	done
	check "all commands are met" test -n "${command:-}"
	leaves 2 stderr $nvring serve
	check "a full disk is told" bash -c "! $nvring features >/dev/full"
}

shape() {
	local wrong

	check "JSON is valid" jq -e . "$dir/json"
	wrong=$(jq -r '.features[] | select((.state | IN("yes", "no", "refused", "needs root") | not)
		or .name == "" or .used_for == "" or .instead == "").feature' "$dir/json")
	check "every row has a state, a use and what serves instead" test -z "$wrong"
	check "every row has a name of its own" \
		jq -e '[.features[].feature] | length > 15 and length == (unique | length)' "$dir/json"
	check "refused rows say why" \
		jq -e 'all(.features[] | select(.state == "refused"); .errno != null)' "$dir/json"
	check "the table has a line for each row" test \
		"$(sed -n '2,/^$/p' "$dir/table" | grep -c .)" = "$(jq '.features | length' "$dir/json")"
	check "this version has all engines" \
		jq -e '[.engines[] | select(.built).engine] == ["worker", "loop", "poller"]' "$dir/json"
}

# btf_has KIND NAME [MODULE]: whether the kernel's own types name something
btf_has() {
	[ -n "$bpftool" ] || return 2
	"$bpftool" btf dump file "/sys/kernel/btf/${3:-vmlinux}" 2>/dev/null |
		grep -cE "^\[[0-9]+\] $1 '$2'" >/dev/null # -q would stop bpftool by SIGPIPE
}

# by_btf FEATURE KIND NAME [MODULE]: a row that is yes if and only if BTF has it
by_btf() {
	local in="vmlinux${4:+ or $4}"

	if btf_has "$2" "$3" || { [ -n "${4:-}" ] && btf_has "$2" "$3" "$4"; }; then
		is "$1" yes "$2 $3 is in the BTF of $in"
	else
		is "$1" no "no $2 $3 in the BTF of $in"
	fi
}

btf_facts() {
	if [ ! -r /sys/kernel/btf/vmlinux ]; then
		is btf_vmlinux no "no /sys/kernel/btf/vmlinux"
		return
	fi
	is btf_vmlinux yes "/sys/kernel/btf/vmlinux is there"
	if [ -z "$bpftool" ]; then
		skip "rows against BTF" "no bpftool here"
		return
	fi
	by_btf btf_kvm FUNC ioeventfd_write kvm
	by_btf btf_nvme FUNC nvme_queue_rqs nvme
	btf_has STRUCT io_uring_bpf_ops || is io_uring_bpf_ops no "no such type in the BTF of vmlinux"
	btf_has TYPEDEF btf_trace_io_uring_complete ||
		is tp_io_uring_complete no "no such tracepoint in the BTF of vmlinux"
	[ "$(state btf_kvm)" = yes ] || is fentry_ioeventfd_write no "no such function in BTF"
}

machine_facts() {
	if [ ! -e /dev/kvm ]; then
		is kvm no "no /dev/kvm"
	elif [ ! -w /dev/kvm ]; then
		is kvm "needs root" "/dev/kvm is closed to this user"
	else
		check "/dev/kvm is tried" test "$(state kvm)" != "needs root"
	fi
	if ! compgen -G '/dev/ng*n*' >/dev/null; then
		is nvme no "no /dev/ngXnY"
	elif [ $root = yes ]; then
		is nvme yes "there is $(compgen -G '/dev/ng*n*' | paste -sd' ')"
	fi
	if [ "$(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null || echo 0)" = 0 ]; then
		is io_uring yes "kernel.io_uring_disabled is 0, or there is no such sysctl"
	fi
}

# helpers: what bpftool could load into a raw tracepoint
helpers() {
	"$bpftool" -j feature probe kernel full 2>/dev/null |
		jq -r '.helpers.raw_tracepoint_available_helpers[]'
}

root_facts() {
	local lockdown helper id

	lockdown=$(unshare -m bash -c 'mount -t securityfs none /sys/kernel/security || exit
		cat /sys/kernel/security/lockdown || echo "[none]"' 2>/dev/null |
		sed 's/.*\[\(.*\)\].*/\1/')
	case $lockdown in
	'') skip "no_lockdown" "securityfs cannot be mounted here" ;;
	none) is no_lockdown yes "no lockdown in securityfs" ;;
	*) is no_lockdown no "securityfs says $lockdown" ;;
	esac
	if [ -z "$bpftool" ]; then
		skip "rows against bpftool's own trials" "no bpftool here"
		return
	fi
	is bpf yes "bpftool loads programs too"
	helpers >"$dir/helpers"
	for id in probe_read_user probe_write_user; do
		helper=bpf_$id
		if grep -qx "$helper" "$dir/helpers"; then
			is $id yes "bpftool could load $helper"
		elif [ -z "$lockdown" ]; then
			skip "$id" "whether lockdown refuses it is not known here"
		elif [ "$lockdown" != none ]; then
			is $id refused "lockdown=$lockdown, and bpftool could not load $helper"
		else
			is $id no "bpftool could not load $helper"
		fi
	done
	check "no program of the trials is left" test -z \
		"$("$bpftool" prog show | grep 'name probe_')"
}

# An ordinary user is told what he cannot know.
user_facts() {
	if [ $root = no ]; then
		skip "rows of an ordinary user" "not root, this was such a run"
		return
	fi
	install -m 755 $nvring "$dir/nvring"
	# As nobody, in the directory everyone may enter.
	if (cd "$dir" && setpriv --reuid 65534 --regid 65534 --clear-groups ./nvring features --json \
		>user.json); then
		ok 0 "an ordinary user may ask"
	else
		ok 1 "an ordinary user may ask"
	fi
	mv "$dir/user.json" "$dir/json"
	is no_lockdown "needs root" "an ordinary user asks"
	if [ "$(cat /proc/sys/kernel/unprivileged_bpf_disabled 2>/dev/null || echo 2)" != 0 ]; then
		is bpf "needs root" "an ordinary user asks"
		is uptr "needs root" "an ordinary user asks"
	fi
	check "an engine is not denied for want of root" \
		jq -e '.engines[] | select(.engine == "poller") | .allowed == null or .missing != ""' \
		"$dir/json"
}

manners
$nvring features >"$dir/table"
ok $? "nvring features leaves 0"
$nvring features --json >"$dir/json"
ok $? "nvring features --json leaves 0"
shape
btf_facts
machine_facts
if [ $root = yes ]; then
	root_facts
else
	skip "rows that need root" "not root"
fi
user_facts
tap_done
