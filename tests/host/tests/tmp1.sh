s=$(cut -d' ' -f1 /proc/uptime)
t() { echo "T $1 $(cut -d' ' -f1 /proc/uptime)"; }
t start
qemu-storage-daemon --blockdev host_device,node-name=d,filename=/dev/nvme0n1,cache.direct=on,aio=io_uring --export type=vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path=/run/s,writable=on,num-queues=2 &
while [ ! -S /run/s ]; do sleep 0.1; done
t sock
time cat build/guest/6.12/initramfs >/dev/null
t cat
time tests/guest/run --accel kvm --socket /run/s --image /tree/build/guest/6.12 --log /results/g.log "$@"
t done
