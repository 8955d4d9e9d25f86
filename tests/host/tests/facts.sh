# SPDX-License-Identifier: GPL-2.0-only
# facts: what the test host is and what its kernel allows.
uname -r
ls -l /dev/kvm /dev/nvme?n? /dev/ng?n?
ls /sys/kernel/btf | grep -xE 'vmlinux|kvm|nvme|nvme_core'
cat /sys/kernel/security/lockdown
build/nvring features
