# SPDX-License-Identifier: GPL-2.0-only
# programs ENGINE...: every BPF program before this kernel's verifier, the trial of its helpers, and
# whether it has these engines and no other, what vCPU dispatch cannot do, that a VM's process names no
# socket of the host, and that requests are the same in BPF; TAP of several programs.
for test in programs user_copy; do
	echo "## $test"
	timeout 120 build/tests/bpf/test_$test
	echo "## status $?"
done
for engine in poller loop; do
	echo "## $engine"
	case " $* " in
	*" $engine "*) NVRING_ENGINE=$engine timeout 150 bash tests/native/test_cost.sh ;;
	*) timeout 60 bash tests/host/tests/refused.sh $engine ;;
	esac
	echo "## status $?"
done
case " $* " in
*" poller "*)
	echo "## vCPU dispatch"
	timeout 60 bash tests/host/tests/cold.sh
	echo "## status $?"
	;;
esac
for test in privileges private_root request_bpf plain_bpf; do
	echo "## $test"
	CMOCKA_MESSAGE_OUTPUT=TAP timeout 60 build/tests/unit/test_$test
	echo "## status $?"
done
