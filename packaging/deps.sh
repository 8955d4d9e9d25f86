#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# deps.sh: install what nvring needs to build and test and this machine lacks.
#
# libbpf: bookworm's 1.1 can neither attach struct_ops by link nor load __uptr maps, and
# its bpftool is as old. QEMU: an emulated CPU of bookworm's 7.2 now and then runs code that
# another one has just changed, as kernels do to themselves, and the test's kernel dies of a
# left-over int3; 8.1 and newer lock the page they translate. bookworm-backports has all of
# them new enough. They are unpacked into .cache/sysroot and libbpf is linked statically,
# rather than installed: the system's apt sources stay untouched, and the nvring binary runs
# on a stock Debian 12. liburing 2.3 is enough: what it lacks is flags and opcodes, which
# loader/engine/ring.c spells out.
set -euo pipefail
cd "$(dirname "$0")/.."
list=packaging/packages.debian
root=.cache/sysroot

packages() { sed 's/#.*//' "$list" | xargs -n1; }

if ! command -v apt-get >/dev/null; then
	echo "make deps: no apt-get here. Install these packages' equivalents," >&2
	echo "and libbpf >= 1.4 and bpftool >= 7.5:" >&2
	packages | xargs >&2
	exit 1
fi
as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

missing=$(for p in $(packages); do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q '^install ok installed' || echo "$p"
done)
if [ -n "$missing" ]; then
	echo "  APT     $(echo $missing)"
	as_root apt-get -qq update
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
		-o Dpkg::Use-Pty=0 install $missing >/dev/null
fi

# The system's own where new enough.
newer=()
if ! pkg-config --atleast-version=1.4 libbpf 2>/dev/null || ! command -v bpftool >/dev/null; then
	newer+=(libbpf-dev libbpf1 bpftool)
fi
qemu=$(/usr/bin/qemu-system-x86_64 --version | sed -n 's/.* version \([0-9.]*\).*/\1/p')
if ! printf '8.1\n%s\n' "$qemu" | sort -VC; then
	newer+=(qemu-system-x86 qemu-system-common qemu-system-data qemu-utils seabios)
fi
[ ${#newer[@]} -gt 0 ] || exit 0
[ "$(cat $root/.complete 2>/dev/null)" != "${newer[*]}" ] || exit 0
. /etc/os-release
if [ "$VERSION_CODENAME" != bookworm ]; then
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
		-o Dpkg::Use-Pty=0 install "${newer[@]}" >/dev/null
	exit 0
fi
suite=bookworm-backports
echo "  SYSROOT ${newer[*]} from $suite"
rm -rf $root && mkdir -p $root .cache/pool
APT_CONFIG=$(packaging/apt-world.sh $suite .cache/apt/$suite)
export APT_CONFIG
(cd .cache/pool && apt-get -qq download "${newer[@]}")
for p in "${newer[@]}"; do
	dpkg -x "$(ls -t .cache/pool/${p}_*.deb | head -1)" $root
done
echo "${newer[*]}" >$root/.complete
