# SPDX-License-Identifier: GPL-2.0-only
# delays.sh: how long a completion waits for its guest, by the kernel's own events: from the CQE to the
# next time that an interrupt of its queue is injected, which is when the guest's handler begins.
# That has the time the engine held the interrupt, shown apart: up to KVM's taking it, and the time the
# vCPU did not run. Source it after sides.sh. For the loop; queue N interrupts vCPU N.

# delays_open: the events that are wanted, into a trace that is off. They stay enabled, as that changes
# the code of what runs.
delays_open() {
	local event

	echo 0 >$tracing/tracing_on
	echo mono >$tracing/trace_clock
	echo 4096 >$tracing/buffer_size_kb
	# SQE_TAG_DIRECT, include/sqe.h
	echo 'user_data >= 0x800000000000000 && user_data < 0x900000000000000' \
		>$tracing/events/io_uring/io_uring_complete/filter
	for event in io_uring/io_uring_complete kvm/kvm_msi_set_irq kvm/kvm_inj_virq; do
		echo 1 >$tracing/events/$event/enable
	done
}

# waited THREAD...: how long they could have run, and something else did, us
waited() {
	local thread sum=0 wait

	for thread in "$@"; do
		read -r _ wait _ <"/proc/$thread/schedstat"
		sum=$((sum + wait / 1000))
	done
	echo $sum
}

# delays_of VCPU-THREAD...: from the trace on stdin, "KEY=VALUE..." in us
delays_of() {
	awk -v threads="$*" '
	BEGIN {
		n = split(threads, thread, " ")
		for (i = 1; i <= n; i++)
			queue[thread[i]] = i - 1
	}
	function field(name, i) {
		for (i = 1; i < NF; i++)
			if ($i == name)
				return $(i + 1)
	}
	# The time is before the name of the event.
	match($0, / [0-9]+\.[0-9]+: [a-z_]+:/) {
		split(substr($0, RSTART, RLENGTH), part, ":")
		time = part[1] * 1e6
		if ($0 ~ / io_uring_complete:/) {
			user_data = field("user_data")
			sub(/,$/, "", user_data)
			q = substr(user_data, length(user_data) - 4, 1) + 0
			since[q, count[q]++] = time
		} else if ($0 ~ / kvm_msi_set_irq:/) {
			q = field("dst") + 0
			vector[q] = sprintf("%x", field("vec"))
			for (i = told[q] + 0; i < count[q]; i++)
				print "held", time - since[q, i]
			told[q] = count[q]
			signals++
		} else if ($0 ~ / kvm_inj_virq:/) {
			match($0, /-[0-9]+ +\[/)
			q = queue[substr($0, RSTART + 1, RLENGTH - 2) + 0]
			if (q == "" || vector[q] == "" || !index($0, "IRQ 0x" vector[q]))
				next
			for (i = done[q] + 0; i < count[q]; i++)
				print "delay", time - since[q, i]
			injected += count[q] > done[q]
			done[q] = count[q]
		}
	}
	END { print "signals", signals + 0; print "injected", injected + 0 }' |
		sort -k1,1 -k2,2g | awk '
		$1 == "held" || $1 == "delay" { value[$1, n[$1]++] = $2; next }
		{ printf "%s=%d ", $1, $2 }
		END {
			for (key in n)
				printf "%s_p50_us=%.0f %s_p99_us=%.0f %s_count=%d ", key, value[key, int(n[key] / 2)],
					key, value[key, int(n[key] * 0.99)], key, n[key]
		}'
}

# run_traced SIDE LOAD: as run_load, with the delays in its row, and how long vCPUs did not run
run_traced() {
	local row vcpus before status=0

	# shellcheck disable=SC2207 # words
	vcpus=($(threads "${side_qemu[$1]}" '^CPU [01]/KVM'))
	before=$(waited "${vcpus[@]}")
	echo >$tracing/trace
	echo 1 >$tracing/tracing_on
	row=$(run_load "$1" "$2") || status=$?
	echo 0 >$tracing/tracing_on
	echo "$row $(delays_of "${vcpus[@]}" <$tracing/trace)waited=$(($(waited "${vcpus[@]}") - before))"
	return $status
}
