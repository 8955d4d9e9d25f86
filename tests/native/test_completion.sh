#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Completion in bash: subcommands, options as --help has them, names of VMs.
# seconds: 60
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/tap.sh
. tests/lib/manager.sh
. packaging/completion/nvring

# completes WORD...: what the last one can become, in a line
completes() {
	COMP_WORDS=(nvring "$@")
	COMP_CWORD=$#
	COMPREPLY=(old)
	_nvring "$program" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	echo "${COMPREPLY[*]}"
}

program=$nvring
check "bash completes nvring by it" test "$(complete -p nvring)" = \
	"complete -o bashdefault -o default -F _nvring nvring"
check "subcommands" test "$(completes '')" = "$("$nvring" --help | awk '/^Commands:/ { on = 1; next }
	on && !NF { exit } on { printf "%s ", $1 }')--help --version"
check "of which some begin so" test "$(completes de)" = detach
for subcommand in $(completes '' | sed 's/ --.*//'); do
	wanted=$("$nvring" "$subcommand" --help | cut -c -28 | grep -oE -- '--[a-z-]+' | xargs)
	check "$subcommand: its options: $wanted" test "$(completes "$subcommand" --)" = "$wanted"
	check "$subcommand: --help is one of them" test "$(completes "$subcommand" --he)" = --help
done
check "attach --de" test "$(completes attach --de)" = --device
check "attach --device /: files, which are bash's" test -z "$(completes attach --device /)"
check "set --sp" test "$(completes set --sp)" = --spin-us
check "no subcommand has no options" test -z "$(completes nonsense --)"

if make -s install PREFIX="$dir/usr" DESTDIR= UNITDIR="$dir/units" >&2; then
	check "it is installed where bash looks" cmp packaging/completion/nvring \
		"$dir/usr/share/bash-completion/completions/nvring"
else
	ok 1 "make install"
fi

# As with a manager where one is looked for.
cat >"$dir/nvring" <<END
#!/bin/bash
exec "$PWD/$nvring" "\$@" \$([ "\$1" != list ] || echo --runtime-dir "$run")
END
chmod +x "$dir/nvring"
program=$dir/nvring
check "no manager, no names" test -z "$(completes status '')"
manager_start
nv attach --vm web1 --null 1M >/dev/null
nv attach --vm web2 --null 1M >/dev/null
nv attach --vm db --null 1M >/dev/null
check "VMs of status" test "$(completes status '')" = "db web1 web2"
check "VMs of --vm" test "$(completes set --vm we)" = "web1 web2"
check "VMs of --vm=" test "$(completes set --vm = we)" = "web1 web2"
check "VMs of --vm=, all" test "$(completes set --vm =)" = "db web1 web2"
nv detach --all >/dev/null
manager_end
ok $? "the manager ends well"
tap_done
