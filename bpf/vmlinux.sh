#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# vmlinux.sh: make vmlinux.h, the kernel's own types that bpf/*.bpf.c use, from kernels' BTF.
#
# Only the members that are used, each with a name for the kernel it was read from: a dump of all
# is 130,000 lines and clashes with the uapi headers that include/ shares with user space. CO-RE
# finds the offsets in the kernel that runs. Run by hand after a change of wanted() below; the
# Debian packages of the kernels are unpacked under .cache/, never installed.
set -euo pipefail
cd "$(dirname "$0")/.."
bpftool=${BPFTOOL:-$(PATH=.cache/sysroot/usr/sbin:/usr/sbin:$PATH command -v bpftool)}
work=.cache/btf
mkdir -p "$work"

# wanted: kernel series, where the type lives, kind, name, members. A struct without members is
# only pointed to. What follows ___ in a name tells it from one of ours; CO-RE takes no notice of it.
wanted() {
	cat <<-END
		6.12 vmlinux typedef pid_t
		6.12 vmlinux struct task_struct pid tgid group_leader files
		6.12 vmlinux struct files_struct fdt
		6.12 vmlinux struct fdtable max_fds fd
		6.12 vmlinux typedef time64_t
		6.12 vmlinux struct timespec64 tv_sec tv_nsec
		6.12 vmlinux struct page flags
		6.12 vmlinux struct bio_vec bv_page bv_len bv_offset
		6.12 vmlinux struct page___head compound_head
		6.12 vmlinux struct address_space
		6.12 vmlinux struct folio mapping
		6.12 vmlinux struct io_mapped_ubuf ubuf nr_bvecs bvec
		6.12 vmlinux struct eventfd_ctx id
		6.12 vmlinux struct upid nr
		6.12 vmlinux struct pid numbers
		6.12 vmlinux struct super_block s_magic
		6.12 vmlinux struct inode i_sb
		6.12 vmlinux struct qstr name
		6.12 vmlinux struct dentry d_name
		6.12 vmlinux struct path dentry
		6.12 vmlinux struct file f_mapping private_data f_inode f_path
		6.12 vmlinux struct vm_area_struct vm_file
		6.12 vmlinux struct seq_file
		6.12 vmlinux struct bpf_iter_meta seq
		6.12 vmlinux struct bpf_iter__task_file meta task file
		6.12 vmlinux struct io_sq_data task_pid task_tgid
		6.12 vmlinux struct io_ring_ctx sq_data cached_cq_tail submitter_task
		6.12 vmlinux struct io_ring_ctx___buffers rings user_bufs ring_pages
		6.12 vmlinux struct io_uring_cmd
		6.12 vmlinux struct io_wq_work_node next
		6.12 vmlinux typedef io_req_flags_t
		6.12 vmlinux struct io_cqe user_data
		6.12 vmlinux struct io_kiocb flags cqe ctx comp_list
		6.12 vmlinux struct request_queue queuedata
		6.12 vmlinux struct blk_mq_hw_ctx queue_num
		6.12 vmlinux struct request___blk q mq_hctx
		6.12 nvme-core struct nvme_command
		6.12 nvme-core struct nvme_ctrl instance
		6.12 nvme-core struct nvme_request ctrl
		6.12 kvm struct kvm_vcpu
		6.12 kvm struct kvm_io_device ops
		6.12 kvm struct _ioeventfd addr length eventfd dev wildcard
		7.3 vmlinux struct page___info compound_info
		7.3 vmlinux struct io_rsrc_data nodes
		7.3 vmlinux struct io_rsrc_node buf
		7.3 vmlinux struct io_mapped_region pages ptr
		7.3 vmlinux struct io_ring_ctx___nodes buf_table ring_region
		7.3 vmlinux struct iou_loop_params cq_wait_idx
		7.3 vmlinux struct io_uring_bpf_ops loop_step ring_fd
		7.3 vmlinux enum IOU_LOOP_STOP
		7.3 vmlinux enum IOU_REGION_MEM
	END
}

# image SERIES: a directory with the newest kernel of a series, vmlinuz and lib/modules in it.
image() {
	local series=$1 dir=$work/$1 conf package

	if [ "$series" = 6.12 ]; then
		tests/guest/kernel 6.12
		return
	fi
	if [ ! -f "$dir/vmlinuz" ]; then
		conf=$(packaging/apt-world.sh trixie-backports .cache/apt/trixie-backports)
		package=$(APT_CONFIG=$conf apt-cache pkgnames "linux-binary-$series." |
			grep -E '^linux-binary-[0-9.]+\+deb[0-9]+-amd64$' | sort -V | tail -1)
		rm -rf "$dir" && mkdir -p "$dir"
		(cd "$dir" && APT_CONFIG=$conf apt-get -qq download "$package" &&
			dpkg -x ./*.deb . && rm ./*.deb &&
			cp "$(find . -name 'vmlinuz*' -type f)" vmlinuz)
		echo "${package#linux-binary-}" >"$dir/version"
	fi
	echo "$dir"
}

# word FILE OFFSET BYTES: an unsigned number of the boot header (Documentation/arch/x86/boot.rst).
word() {
	od -An -tu"$3" -j"$2" -N"$3" "$1" | tr -d ' '
}

# unpack VMLINUZ: the ELF image within; its last four bytes are the length, not zstd's.
unpack() {
	local start length

	start=$((($(word "$1" 0x1f1 1) + 1) * 512 + $(word "$1" 0x248 4)))
	length=$(word "$1" 0x24c 4)
	tail -c +$((start + 1)) "$1" | head -c $((length - 4)) | zstd -qdc
}

# header SERIES MODULE: the file with all its types as C.
header() {
	local series=$1 module=$2 dir out=$work/$1-$2.h

	dir=$(image "$series")
	if [ ! -s "$out" ] || [ "$dir/version" -nt "$out" ]; then
		[ -s "$work/$series-vmlinux" ] || unpack "$dir/vmlinuz" >"$work/$series-vmlinux"
		if [ "$module" = vmlinux ]; then
			"$bpftool" btf dump file "$work/$series-vmlinux" format c >"$out"
		else
			find -L "$dir/lib/modules" -name "$module.ko.xz" -exec xz -dc {} + \
				>"$work/$series-$module.ko"
			"$bpftool" -B "$work/$series-vmlinux" btf dump \
				file "$work/$series-$module.ko" format c >"$out"
		fi
	fi
	echo "$out"
}

# pick HEADER KIND NAME MEMBER...: that type, with these members alone.
pick() {
	local header=$1 kind=$2 name=$3

	shift 3
	awk -v kind="$kind" -v name="${name%%___*}" -v as="$name" -v members="$*" '
	function member(line) {
		sub(/;$/, "", line)
		sub(/ : [0-9]+$/, "", line)
		sub(/\[.*\]$/, "", line)
		if (match(line, /\(\*[a-z_0-9]+\)/))
			return substr(line, RSTART + 2, RLENGTH - 3)
		sub(/.*[ *]/, "", line)
		return line
	}
	BEGIN { left = split(members, list, " "); for (i in list) want[list[i]] = 1 }
	kind == "typedef" && $0 ~ "^typedef .*[ *]" name ";$" { print; found = 1; exit }
	kind == "struct" && $0 == "struct " name " {" && !left { print "struct " name ";"; found = 1; exit }
	kind == "struct" && $0 == "struct " name " {" { inside = 1; print "struct " as " {"; next }
	kind == "enum" && /^enum .*\{$/ { inside = 1; text = "" }
	inside && kind == "enum" {
		text = text $0 "\n"
		if ($1 == name) found = 1
	}
	inside && kind == "struct" && /^\t+[^\t}].*;$/ && member($0) in want {
		sub(/^\t+/, "\t") # of an unnamed struct within: CO-RE finds it all the same
		print
		left--
	}
	inside && /^}/ {
		inside = 0
		if (kind == "enum" && found) printf "%s", text
		if (kind == "struct") { print "} __attribute__((preserve_access_index));"; found = !left }
		if (found || kind == "struct") exit
	}
	END { if (!found) { print "no " kind " " name " with " members >"/dev/stderr"; exit 1 } }
	' "$header"
}

types() {
	local series module kind name members

	wanted | while read -r series module kind name members; do
		[ "$kind${members:-}" = struct ] ||
			printf '\n/* %s %s */\n' "$module" "$(cat "$(image "$series")/version")"
		# shellcheck disable=SC2086 # members are words
		pick "$(header "$series" "$module")" "$kind" "$name" $members |
			sed -E 's/\bu(8|16|32|64)\b/__u\1/g; s/\bbool\b/_Bool/g'
	done
}

all=$(types)
pointed='^struct [a-z_0-9]+;$'
body=$(grep -vE "$pointed" <<<"$all" | cat -s)
{
	cat <<-END
		/* SPDX-License-Identifier: GPL-2.0-only */
		/* Made by bpf/vmlinux.sh from the BTF of the kernels named below. Do not edit. */
		#ifndef __VMLINUX_H__
		#define __VMLINUX_H__

		#include <linux/types.h>

	END
	grep -oE 'struct [a-z_0-9]+' <<<"$all" | sort -u | sed 's/$/;/'
	printf '%s\n\n#endif\n' "$body"
} >vmlinux.h.tmp
mv vmlinux.h.tmp vmlinux.h
