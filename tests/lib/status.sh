# SPDX-License-Identifier: GPL-2.0-only
# status.sh: what a VM's process says of itself, for shell tests. Source it after what makes $dir.

status_of=(--control "$dir/control") # whose: arguments of `nvring status`

# status [FILTER]: what jq makes of it
status() { "${nvring:-build/nvring}" status "${status_of[@]}" --json | jq -r "${1:-.}"; }

# counted NAME: a counter so far, BPF's own among them, of all queues
counted() { status "[.queues[] | .counters[\"$1\"] // .direct[\"$1\"] // 0] | add"; }
