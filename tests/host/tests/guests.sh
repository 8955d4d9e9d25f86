# SPDX-License-Identifier: GPL-2.0-only
# guests: three VMs of a manager's, each in a cgroup of its own, on one NVMe drive: two ranges of a
# namespace, and another namespace. In each a Linux guest, which is a process, writes and reads at a
# pace and verifies; one is limited; one is killed; one cgroup is removed; then one becomes a KVM guest
# that leaves its cgroup and comes back, and is unplugged and plugged in again. Nothing of them stays.
# TAP. Rates are of requests, as the daemons count them, by the test host's clock.
set -u
cd /tree
PATH=/tree/.cache/sysroot/usr/sbin:$PATH
. tests/lib/tap.sh
. tests/lib/manager.sh
. tests/lib/cgroup.sh
. tests/lib/guest.sh
. tests/lib/nvme.sh
. tests/lib/qmp.sh
. tests/lib/rates.sh
. tests/lib/status.sh
run=/run/nvring # as it is by default, with pins
status_of=(c --runtime-dir $run)
pins=/sys/fs/bpf/nvring
names=(a b c)
second=65536 # where b's blocks of 512 bytes begin
# requests a second, few enough for a slow emulated machine to keep to
declare -A pace=([a]=50 [b]=25 [c]=25)
declare -A guests=() typed=() # processes, and descriptors for what is typed there

small=/dev/nvme$(namespace 512) large=/dev/nvme$(namespace 4096)

# begin NAME: its guest
begin() {
	local typing

	mkfifo "$dir/$1.in"
	exec {typing}<>"$dir/$1.in"
	typed[$1]=$typing
	in_cgroup "$1/below" env TMPDIR="$dir" timeout -k 1 1000 build/guest/uml/linux mem=64M \
		initrd=build/guest/uml/initramfs virtio_uml.device="$run/vm/$1/disk.sock:2" \
		con0=fd:0,fd:1 con=null quiet nvring.leave=poweroff nvring.job=paced nvring.pace="${pace[$1]}" \
		<"$dir/$1.in" >"/results/$1.log" 2>&1 &
	guests[$1]=$!
	fronts+=($!)
}

# guest_is NAME: $guest and $guest_log are its
guest_is() { guest=${guests[$1]} guest_log=/results/$1.log; }

# guest_end NAME: it reads once more all that it wrote, and ends
guest_end() {
	guest_is "$1"
	echo end >&"${typed[$1]}"
	wait "$guest"
	guest_points "$guest_log"
}

# limited SECONDS WANTED WHAT: a keeps to so many reads a second, to 5%, and b and c do as many as
# before, to 5%. When this emulated machine as a whole stood still, all are too slow: then once more, at
# most thrice. Too fast is too fast at once.
limited() {
	local try name slow

	for try in 1 2 3 4; do
		window "$1" "${names[@]}"
		[ $(($(reads a) * 100)) -le $(($2 * 105000)) ] && [ $try != 4 ] || break
		slow=
		[ $(($(reads a) * 100)) -ge $(($2 * 95000)) ] || slow=" a $(reads a)"
		for name in b c; do
			as_before $name || slow+=" $name $(rate $name)"
		done
		[ -n "$slow" ] || break
		diag "$3: too slow, once more, thousandths a second:$slow"
	done
	ok $(($(reads a) * 100 < $2 * 95000 || $(reads a) * 100 > $2 * 105000)) \
		"$3: a reads $(reads a) thousandths a second, for $2 a second"
	for name in b c; do
		as_before $name
		ok $? "$3: $name does $(rate $name) requests in 1000 s, before: ${before[$name]}"
	done
}

as_before() { [ $(($(rate "$1") * 100)) -ge $((before[$1] * 95)) ]; }

# Thrice the last limit is what a limited one cannot do; how fast it gets is the emulated machine's matter.
unlimited() { [ "$(reads a)" -ge $((tenth * 6000)) ]; }

# limit WORD...: in a's io.max
limit() { echo "$(lsblk -dno MAJ:MIN "$small" | xargs) $*" >"$cgroups/a/io.max"; }

# held: what the kernel and the manager hold, in words
held() {
	echo "$(ls /proc/$manager_pid/fd | wc -l) descriptors of the manager," \
		"$(bpftool -j prog | jq length) BPF programs, $(bpftool -j map | jq length) maps," \
		"$(bpftool -j link | jq length) links," \
		"$(awk '/foll_pin_acquired/ { n += $2 } /foll_pin_released/ { n -= $2 } END { print n }' \
			/proc/vmstat) pinned pages, $(ls $pins 2>/dev/null | wc -l) pins," \
		"$(ls $run/vm | wc -l) directories, $(pgrep -c '^nvring' || true) processes"
}

holds() { [ "$(held)" = "$1" ]; }

mkdir $cgroups/{a,b,c}{,/below}
echo +io >$cgroups/cgroup.subtree_control
manager_start
nv attach --vm warm --null 1M --engine poller >/dev/null && nv detach --vm warm >/dev/null
held=$(held)
check "a: a range of the namespace, by the loop" nv attach --vm a --device "$small" --engine loop \
	--range 0+$second --queues 2 --cgroup a
check "b: another range of it, by the poller" nv attach --vm b --device "$small" --engine poller \
	--range $second+$second --queues 2 --cgroup b
check "c: another namespace, by the poller and vCPUs" nv attach --vm c --device "$large" \
	--engine poller --vcpu-dispatch --queues 2 --cgroup c
for name in "${names[@]}"; do
	begin $name
done
for name in "${names[@]}"; do
	guest_is $name
	check "$name: its guest wrote, and reads" guest_said 'row paced begins'
done
while_served=$(held)
check "there is something to leave behind: $while_served" test "$(bpftool -j prog | jq length)" -ge 3

window 10 "${names[@]}"
declare -A before=([a]=$(rate a) [b]=$(rate b) [c]=$(rate c))
diag "in 1000 s: a ${before[a]}, b ${before[b]}, c ${before[c]} requests, a $(reads a) reads"
tenth=$(($(reads a) / 10000))
limit riops=$tenth
sleep 1
limited 30 $tenth "a tenth"
limit riops=$((tenth * 2))
sleep 0.5
limited 10 $((tenth * 2)) "twice that, changed live"
limit riops=max
sleep 0.5
for try in 1 2 3; do
	window 4 a
	! unlimited || break
done
unlimited
ok $? "a is not limited any more: it reads $(reads a) thousandths a second, after $((tenth * 2)) a second"

echo 1 >$cgroups/b/below/cgroup.kill
check "b's guest is killed: it is seen to be gone" await vm_is b .status.connected false
in_cgroup b build/tests/front/loadgen --socket "$run/vm/b/disk.sock" --seconds 1 --sleep --json \
	>"$dir/b.load" &
wait $!
ok $? "the next one is served: $(jq -c '{iops, errors}' "$dir/b.load")"
guest_end a
await rmdir $cgroups/a/below 2>/dev/null
await rmdir $cgroups/a 2>/dev/null # when our process has left it
check "a's cgroup is removed: a is detached" await vm_is a .state ''
check "b is detached" nv detach --vm b

# c: a KVM guest in its place. Until it reads, or ended: by the emulation's fault, it is tried again.
guest_end c
guest_log=/results/guest.log
guest_of_c() {
	outside=
	qmp_open "$dir"
	in_cgroup c/below tests/guest/run --accel kvm --image /tree/build/guest/6.12 --seconds 240 \
		--log "$guest_log" rawverify,replug,rawverify wait=60 size=1m -- \
		-device pcie-root-port,id=port1 "${qmp_options[@]}" >/dev/null 2>&1 &
	guest=$!
	if guest_said 'row job waits' && qmp_plug "$run/vm/c/disk.sock" >"$dir/plugged"; then
		while kill -0 $guest 2>/dev/null && [ "$(counted 'by vCPUs')" -lt 50 ]; do
			sleep 0.1
		done
		for pid in $(cat $cgroups/c/below/cgroup.procs); do
			echo "$pid" >$cgroups/cgroup.procs
			outside+=" $pid"
		done
		inside=$(counted 'by vCPUs') requests=$(counted requests)
		! guest_said 'row replug reads' || return 0
	fi
	wait $guest
}
guest_tries guest_of_c
check "c: its disk was plugged in" cat "$dir/plugged"
ok $((inside < 50)) "in a cgroup below its own, vCPUs start requests: $inside"
ok $(($(counted requests) - requests < 200)) "it sent more: $(($(counted requests) - requests))"
ok $(($(counted 'by vCPUs') - inside > 0)) \
	"outside it, vCPUs start none: $(($(counted 'by vCPUs') - inside))"
check "c is unplugged while it reads" qmp_unplug 1
check "the guest has none any more" guest_said 'row replug unplugged'
for pid in $outside; do
	echo "$pid" >$cgroups/c/cgroup.procs
done 2>/dev/null
check "in its cgroup again, it is plugged in again" qmp_plug "$run/vm/c/disk.sock"
wait $guest
ok $? "the guest is well"
guest_points $guest_log
exec 7>&-
ok $(($(counted 'by vCPUs') < inside + 50)) \
	"vCPUs start requests again: $(($(counted 'by vCPUs') - inside))"
check "all of c's requests were answered, none with an error" test "$(counted requests) $(
	counted errors) $(counted stray)" = "$(counted completed) 0 0"

check "c is detached" nv detach --vm c
check "nothing is left" await holds "$held"
diag "before: $held" "after:  $(held)"
manager_end
ok $? "the manager ends well"
rm -rf $run
tap_done
