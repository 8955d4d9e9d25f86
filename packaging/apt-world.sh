#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# apt-world.sh SUITE DIR: an apt configuration of its own for SUITE under DIR.
#
# Packages of another suite (newer libbpf, test kernels) are looked up and downloaded in it and
# unpacked into this tree, so the system's own apt sources and packages stay as they are. The
# mirror is the one the system itself uses. Prints the apt.conf to put into APT_CONFIG.
set -euo pipefail
suite=$1 dir=$(mkdir -p "$2" && cd "$2" && pwd)

mirror() {
	local uri
	uri=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null)
	[ -n "$uri" ] || uri=$(awk '$1 == "deb" {
		for (i = 2; i <= NF; i++)
			if ($i ~ /^[a-z+]+:\/\//) { print $i; exit }
	}' /etc/apt/sources.list 2>/dev/null)
	[ -n "$uri" ] && echo "$uri"
}

uri=$(mirror) || {
	echo "apt-world: no Debian mirror in /etc/apt/sources.list.d/debian.sources or" \
		"/etc/apt/sources.list; add one and try again" >&2
	exit 1
}
mkdir -p "$dir"/lists/partial "$dir"/cache/archives/partial "$dir"/preferences.d
: >"$dir/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main" \
	>"$dir/sources.list"
cat >"$dir/apt.conf" <<CONF
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "$dir/preferences.d";
Dir::State::Lists "$dir/lists";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
APT_CONFIG=$dir/apt.conf apt-get -qq update >&2
echo "$dir/apt.conf"
