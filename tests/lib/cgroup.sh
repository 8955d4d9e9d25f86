# SPDX-License-Identifier: GPL-2.0-only
# cgroup.sh: the test host's cgroups (v2). Source it.

cgroups=/sys/fs/cgroup

# in_cgroup CGROUP COMMAND...: in the place of this shell, so in one of its own, as with &
in_cgroup() {
	echo $BASHPID >"$cgroups/$1/cgroup.procs"
	exec "${@:2}"
}
