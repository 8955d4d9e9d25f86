# SPDX-License-Identifier: GPL-2.0-only
# qmp.sh: QEMU's monitor, for shell tests. Source it; $qmp_options are QEMU's.

# qmp_open DIR: before QEMU is started; what it says goes to DIR/qmp
qmp_open() {
	qmp_said=$1/qmp
	rm -f "$qmp_said".in "$qmp_said".out
	mkfifo "$qmp_said".in "$qmp_said".out
	: >"$qmp_said"
	cat "$qmp_said".out >"$qmp_said" &
	exec 7<>"$qmp_said".in
	qmp_options=(-chardev "pipe,id=qmp,path=$qmp_said" -mon chardev=qmp,mode=control)
	echo '{"execute":"qmp_capabilities"}' >&7
}

# qmp COMMAND [ARGUMENTS]: it is done: fails with what QEMU says, or when it says nothing for 60 s
qmp() {
	local before answers

	before=$(qmp_answers | wc -l)
	echo "{\"execute\":\"$1\"${2:+,\"arguments\":$2}}" >&7
	for _ in $(seq 600); do
		answers=$(qmp_answers | tail -n "+$((before + 1))")
		[ -z "$answers" ] || break
		sleep 0.1
	done
	echo "$1: ${answers:-no answer}"
	jq -e 'has("return")' <<<"$answers" >/dev/null
}

# qmp_answers: one a line
qmp_answers() { jq -c 'select(has("return") or has("error"))' "$qmp_said" 2>/dev/null; }

# qmp_event NAME COUNT: so many of these came, now or within 120 s
qmp_event() {
	for _ in $(seq 1200); do
		[ "$(jq -c "select(.event == \"$1\" and .data.device == \"vda\")" "$qmp_said" 2>/dev/null |
			wc -l)" -lt "$2" ] || return 0
		sleep 0.1
	done
	tail -n 3 "$qmp_said"
	return 1
}

# qmp_plug SOCKET: a disk on this socket goes into port1; what doc/vms.md shows
qmp_plug() {
	qmp chardev-add '{"id":"disk","backend":{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"'"$1"'"}},"server":false,"reconnect":1}}}' &&
		qmp device_add '{"driver":"vhost-user-blk-pci","id":"vda","bus":"port1","chardev":"disk","num-queues":2}'
}

# qmp_unplug COUNT: and out again, for the COUNT-th time: when the guest has let go of it
qmp_unplug() {
	qmp device_del '{"id":"vda"}' && qmp_event DEVICE_DELETED "$1" &&
		qmp chardev-remove '{"id":"disk"}'
}
