# SPDX-License-Identifier: GPL-2.0-only
# insn SETTING=VALUE...: how many instructions of which code run for a KVM guest's requests, for each
# way to serve them. The test host has to be started with --count-insn; see tests/host/insn.c.
#
# Each side runs the loads twice: told never to spin, so that all instructions are some request's,
# and as it is, "SIDE.spin". SIDE.LOAD.insn, SIDE.symbols and SIDE.lines tell tests/bench/stages the
# rest.
set -u
cd /tree || exit
PATH=/tree/.cache/sysroot/usr/bin:$PATH # where packaging/deps.sh put a newer QEMU
. tests/host/tests/bench/sides.sh
sides="iothread qsd worker poller loop"
loads="read-1 read-32" # and then idle: what runs without any
spins="none own"
milliseconds=6000
before=900 measure=4000 # ms of the emulator's time, within a load

for setting in "$@"; do
	declare "${setting%%=*}=${setting#*=}"
done

# marks: the functions whose kind the plugin has to know. The poller's thread looks for work in turns
# of io_sq_tw; one that sent a command, took a completion or woke somebody was not for nothing.
marks() {
	local kind name

	while read -r kind name; do
		awk -v kind="$kind" -v name="$name" '$3 == name && $2 ~ /[tT]/ { print kind, $1 }' /proc/kallsyms
	done <<-END
		tick asm_sysvec_apic_timer_interrupt
		schedule __schedule
		turn io_sq_tw
		work nvme_setup_cmd
		work nvme_irq
		work io_submit_sqes
		work eventfd_signal_mask
		work io_req_task_submit
		work __io_submit_flush_completions
	END
}

# count_loads SIDE NAME: NAME is that of its files
count_loads() {
	local load row

	for load in $loads idle; do
		{ echo "$2.$load $before $measure"; echo "$marks"; } >/results/insn.new
		mv /results/insn.new /results/insn.request
		row=
		if [ "$load" = idle ]; then
			kill -CONT "${side_qemu[$1]}"
			sleep $(((before + measure) / 1000 + 1))
		else
			row=$(run_load "$1" "$load")
		fi
		echo "insn $2 $load ${row:-}"
		wait_for 60 test ! -e /results/insn.request || echo "note insn $2 $load: no answer"
	done
	# With the BPF programs that are loaded now.
	grep -i ' t ' /proc/kallsyms | cut -d' ' -f1,3- | tr '\t' ' ' >"/results/$2.symbols"
	build/tests/host/bpf_lines nvr_ >"/results/$2.lines"
}

# count_side SIDE NAME
count_side() {
	if ! side_start "$1"; then
		echo "side $1 - ${side_why:-it does not start}"
		return
	fi
	count_loads "$1" "$2"
	if [ "$2" = loop ]; then
		build/nvring set --control "$dir/$1.control" --moderation off --placement off
		count_loads "$1" "$2.plain"
	fi
	side_stop "$1"
}

marks=$(marks)
sides_find_drives nvme
for side in $sides; do
	for spin in $spins; do
		case $spin in
		none) spin_us=0 && count_side "$side" "$side" ;;
		own) spin_us='' && count_side "$side" "$side.spin" ;;
		esac
	done
done
sides_stop
