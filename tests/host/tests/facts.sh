ls -l /dev/nvme* /dev/ng* /dev/kvm
uptime -p; cat /proc/uptime; lsblk -o NAME,SIZE,LOG-SEC
mount | tail -12
grep . /sys/module/kvm_amd/parameters/n*
build/nvring --version
