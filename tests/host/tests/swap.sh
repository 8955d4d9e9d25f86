# SPDX-License-Identifier: GPL-2.0-only
# swap ENGINE: the memory of a guest is swapped out under it, its vrings, too; TAP.
set -u
cd /tree
. tests/lib/tap.sh
. tests/lib/daemon.sh
engine=$1
group=/sys/fs/cgroup/guest

# mended: how often BPF found a page of a vring missing
mended() {
	sed -n 's/.* mended \([0-9]*\) .*/\1/p' "$daemon_log" | tail -n 1
}

mkswap -q /dev/nvme0n1 && swapon /dev/nvme0n1 || exit 1
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir $group
daemon_start --image "$dir/image" --size 64M --queues 1
sh -c "echo \$\$ >$group/cgroup.procs && exec build/tests/front/loadgen --socket $socket --depth 4 \
	--event-idx --sleep --rw mixed --seconds 10 --json" >"$dir/load" &
load=$!
while kill -0 $load 2>/dev/null; do
	echo 64M >$group/memory.reclaim 2>/dev/null
	sleep 0.2
done
wait $load
ok $? "the load ends well"
diag "$(cat "$dir/load")" "$(grep -E '^(pswp|pgmajfault)' /proc/vmstat)"
daemon_end
ok $? "the daemon ends well"
check "its books balance" books_balance 500
check "memory was swapped out" test "$(sed -n 's/^pswpout //p' /proc/vmstat)" -gt 100
if [ "$engine" = poller ]; then
	check "pages of the vring were missing, and mended" test "$(mended)" -gt 0
fi
tap_done
