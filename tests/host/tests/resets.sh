set -u
cd /tree
. tests/lib/tap.sh
. tests/lib/daemon.sh
count=$1; shift
T=/sys/kernel/tracing
mountpoint -q $T || mount -t tracefs t $T
echo 'exit_reason==0x7f' > $T/events/kvm/kvm_exit/filter
echo 1 > $T/events/kvm/kvm_exit/enable
echo 1 > $T/events/kvm/kvm_inj_exception/enable
echo 'traceoff if exit_reason==0x7f' > $T/events/kvm/kvm_exit/trigger 2>/dev/null
echo 1 > $T/events/kvm/kvm_apic_ipi/enable
echo 1 > $T/events/kvm/kvm_cr/enable
for i in $(seq $count); do for engine in "$@"; do
	echo > $T/trace; echo 1 > $T/tracing_on
	if [ $engine != none ]; then daemon_start --device /dev/ng0n1 --queues 2; s="--socket $socket"; else s=; fi
	a=$(date +%s)
	if [ $engine != none ]; then
	tests/guest/run --accel kvm --image /tree/build/guest/6.12 --seconds 200 $s --log /results/g-$i-$engine.log pattern lbas=0 >/dev/null; st=$?
	else
	tests/guest/run --accel kvm --image /tree/build/guest/6.12 --seconds 200 --log /results/g-$i-$engine.log pattern lbas=0 -- -drive if=none,id=d,file=/dev/nvme0n1,format=raw,cache=none,aio=io_uring -device virtio-blk-pci,drive=d >/dev/null; st=$?
	fi
	echo "boot $i $engine status $st $(( $(date +%s)-a )) s"
	cp $T/trace /results/trace-$i-$engine
	if [ $st = 3 ]; then tail -60 $T/trace; cat $daemon_log; tail -5 /results/g-$i-$engine.log;  fi
	[ $engine = none ] || daemon_end 2>/dev/null
	free -m | sed -n 2p
done; done
echo 1..0
