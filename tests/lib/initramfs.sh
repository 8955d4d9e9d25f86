# SPDX-License-Identifier: GPL-2.0-only
# initramfs.sh: put an initramfs together from this machine's programs and a kernel's modules.
# Source it; functions take the tree being built as their first argument.

# initramfs_key FILE...: what a cached image depends on: the files, and the packages it copies.
initramfs_key() {
	{
		cat "$@"
		dpkg-query -W -f '${Package} ${Version}\n' busybox-static e2fsprogs fio libc6 util-linux
	} | sha256sum
}

# initramfs_start TREE: an empty tree with busybox and all its applets.
initramfs_start() {
	local tree=$1 applet

	rm -rf "$tree"
	mkdir -p "$tree"/{dev,etc,mnt,proc,run,sys,tmp} "$tree"/usr/{bin,sbin,lib,lib64}
	for applet in bin sbin lib lib64; do
		ln -s "usr/$applet" "$tree/$applet"
	done
	cp "$(command -v busybox)" "$tree/bin/busybox"
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"
	done
}

# initramfs_programs TREE PROGRAM...: programs in the place of busybox's, with their libraries.
initramfs_programs() {
	local tree=$1 program path

	shift
	for program in "$@"; do
		path=$(command -v "$program") || { echo "no $program here: make deps" >&2; return 1; }
		rm -f "$tree/bin/$program"
		cp -L "$path" "$tree/bin/$program"
		ldd "$path" | grep -o '/[^ ]*'
	done | sort -u | while read -r path; do
		[ -e "$tree$path" ] || install -D "$path" "$tree$path"
	done
}

# initramfs_fio TREE: fio, which in Debian is linked with the clients of cluster storage: with what these
# need they are nine tenths of 90 MB, and reading that is half of the time a guest takes to boot. Here
# they are libraries that have the functions' names, so that fio starts (it is bound at once), and
# nothing behind them.
initramfs_fio() {
	local tree=$1 fio library path
	local absent='lib(gfapi|nbd|ibverbs|rdmacm|rados|rbd|pmem|pmemblk)\.so'

	fio=$(command -v fio) || { echo "no fio here: make deps" >&2; return 1; }
	cp -L "$fio" "$tree/bin/fio"
	readelf -d "$fio" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r library; do
		path=$(ldd "$fio" | awk -v library="$library" '$1 == library { print $3 }')
		if [[ $library =~ $absent ]]; then
			initramfs_absent "$fio" "$path" "$tree${path%/*}/$library"
		else
			install -D "$path" "$tree$path"
		fi
	done
}

# initramfs_absent PROGRAM LIBRARY FILE: a library in its place that has what the program wants of it, by
# name and version; to call it is to die.
initramfs_absent() {
	mkdir -p "${3%/*}"
	LC_ALL=C join <(initramfs_symbols "$1" --undefined-only) \
		<(initramfs_symbols "$2" --defined-only | cut -d' ' -f1 | uniq) >"$3.wanted"
	awk '{ of[$2] = of[$2] $1 "; " }
		END { for (version in of) print version " { global: " of[version] "};" }' "$3.wanted" \
		>"$3.versions"
	sed 's/\([^ ]*\).*/.globl \1\n.type \1, @function\n\1: ud2/' "$3.wanted" |
		cc -shared -nostdlib -Wl,-soname,"${3##*/}" -Wl,--version-script="$3.versions" \
			-x assembler -o "$3" -
	rm "$3.wanted" "$3.versions"
}

# initramfs_symbols FILE OPTION: those of dynamic linking, a "NAME VERSION" a line
initramfs_symbols() {
	nm -D "$2" "$1" | sed 's/.* //; s/@\+/ /' | LC_ALL=C sort -u
}

# initramfs_modules TREE KERNEL MODULE...: modules with what they depend on, decompressed, as
# decompressing under emulation takes longer than reading. Those a kernel has built in, or has no
# more, are left out: what lacks a driver says so when it runs.
initramfs_modules() {
	local tree=$1 kernel=$2 version line
	version=$(cat "$kernel/version")

	shift 2
	mkdir -p "$tree/lib/modules/$version"
	{ modprobe -q -d "$kernel" -S "$version" -a --show-depends "$@" || true; } |
		sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r line; do
		install -D "$line" "$tree/lib/modules/$version/${line##*/modules/"$version"/}"
	done
	find "$tree/lib/modules" -name '*.xz' -exec xz -d {} +
	find "$kernel/lib/modules/$version" -maxdepth 1 -name 'modules.[bo]*' ! -name '*.bin' \
		-exec cp {} "$tree/lib/modules/$version" \;
	depmod -b "$tree" "$version"
}

# initramfs_guest TREE KERNEL "MODULE..." JOB-FILE...: what a guest runs (tests/guest/init), and its modules.
initramfs_guest() {
	local tree=$1 kernel=$2 modules=$3

	shift 3
	# shellcheck disable=SC2086 # modules are words
	initramfs_modules "$tree" "$kernel" $modules
	install -m 755 tests/guest/init "$tree/init"
	install -D -t "$tree/guest" tests/guest/job
	install -D -m 644 -t "$tree/guest/jobs" "$@"
	echo "$modules" >"$tree/guest/modules"
}

# initramfs_pack TREE FILE: uncompressed, for the same reason.
initramfs_pack() {
	(cd "$1" && find . -print0 | LC_ALL=C sort -z | cpio --quiet -0 -o -H newc -R 0:0) >"$2.tmp"
	mv "$2.tmp" "$2"
}
