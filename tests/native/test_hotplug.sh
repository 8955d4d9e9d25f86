#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A running guest's disk is plugged in, grows, is unplugged while it is read, and plugged in again, as
# doc/vms.md says, on a VM of the manager's, served by the poller where there is one; a front-end that comes
# back leaves no more behind than the first one did.
# seconds: 240
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
. tests/lib/manager.sh
. tests/lib/guest.sh
. tests/lib/qmp.sh
guest_log=$dir/console

# held: descriptors of the VM's process and of the manager, when no front-end is connected
held() {
	await vm_is vm1 .status.connected false >&2
	echo "$(ls "/proc/$(vm vm1 .pid)/fd" | wc -l) and $(ls /proc/$manager_pid/fd | wc -l)"
}

# programs: BPF programs that the VM's process holds
programs() { grep -l prog_tag "/proc/$(vm vm1 .pid)"/fdinfo/* 2>/dev/null | wc -l; }

manager_start
check "attach" nv attach --vm vm1 --image "$dir/image" --size 64M --queues 2
if nv set --vm vm1 --engine poller 2>"$dir/why"; then
	ok 0 "the poller serves"
else
	skip "the poller serves" "$(tail -n 1 "$dir/why")"
fi
qmp_open "$dir"
tests/guest/run --seconds 200 --log "$dir/console" rawverify,replug,rawverify wait=60 size=1m -- \
	-device pcie-root-port,id=port1 "${qmp_options[@]}" >/dev/null &
guest=$!
check "the guest runs without a disk" guest_said 'row job waits'
[ $tap_failed -eq 0 ] || exit 1
check "plugged in" qmp_plug "$run/vm/vm1/disk.sock"
check "the guest reads it" guest_said 'row replug reads'
check "the disk grows" nv resize --vm vm1 --size 80M
check "and the guest sees it" await grep -q 'new size: 163840 512-byte logical blocks' "$dir/console"
check "unplugged" qmp_unplug 1
check "the guest has none any more" guest_said 'row replug unplugged'
first=$(held) programs=$(programs)
check "plugged in again" qmp_plug "$run/vm/vm1/disk.sock"
wait $guest
guest_points "$dir/console"
exec 7>&-
check "$first descriptors without a front-end: as many the next time" test "$(held)" = "$first"
check "as many BPF programs" test "$(programs)" = "$programs"
check "every request was answered, none with an error" test "$(nv status vm1 --json |
	jq '[.queues[].counters | select(.requests == .completed and .errors == 0 and .requests >= 2048)] | length')" = 2
check "detach" nv detach --vm vm1
manager_end
ok $? "the manager ends well"
tap_done
