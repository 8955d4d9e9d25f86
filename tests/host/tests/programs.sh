# SPDX-License-Identifier: GPL-2.0-only
# programs ENGINE...: every BPF program before this kernel's verifier, the trial of its helpers, and
# whether it has these engines and no other, and what vCPU dispatch cannot do; TAP of several programs.
for test in programs user_copy; do
	echo "## $test"
	timeout 120 build/tests/bpf/test_$test
	echo "## status $?"
done
for engine in poller loop; do
	echo "## $engine"
	case " $* " in
	*" $engine "*) NVRING_ENGINE=$engine timeout 60 bash tests/native/test_cost.sh ;;
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
