#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# deps.sh: install what nvring needs to build and test and this machine lacks.
#
# libbpf: bookworm's 1.1 can neither attach struct_ops by link nor load __uptr maps, and
# its bpftool is as old. bookworm-backports has both new enough. They are unpacked into
# .cache/sysroot and libbpf is linked statically, rather than installed: the system's apt
# sources stay untouched, and the nvring binary runs on a stock Debian 12. liburing 2.3
# is enough: what it lacks is flags and opcodes, which loader/ring.c spells out.
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
if pkg-config --atleast-version=1.4 libbpf 2>/dev/null && command -v bpftool >/dev/null; then
	exit 0
fi
if [ -x $root/usr/sbin/bpftool ] && [ -f $root/.complete ]; then
	exit 0
fi
. /etc/os-release
if [ "$VERSION_CODENAME" = bookworm ]; then
	suite=bookworm-backports
else
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
		-o Dpkg::Use-Pty=0 install libbpf-dev bpftool >/dev/null
	exit 0
fi
echo "  SYSROOT libbpf and bpftool from $suite"
rm -rf $root && mkdir -p $root .cache/pool
APT_CONFIG=$(packaging/apt-world.sh $suite .cache/apt/$suite)
export APT_CONFIG
(cd .cache/pool && apt-get -qq download libbpf-dev libbpf1 bpftool)
for p in libbpf-dev libbpf1 bpftool; do
	dpkg -x "$(ls -t .cache/pool/${p}_*.deb | head -1)" $root
done
touch $root/.complete
