// SPDX-License-Identifier: GPL-2.0-only
/* The configuration directory: what is attached is made to be what its files say. */
#include <dirent.h>
#include <stdarg.h>
#include <string.h>

#include "base/json_add.h"
#include "base/log.h"
#include "manager.h"
#include "vm_file.h"

/* What was done, by VMs' names, and what could not be. */
struct report {
	struct json_object *attached, *changed, *detached, *errors;
};

static void _printf_(2, 3) complain(struct report *report, const char *format, ...)
{
	char text[VM_FILE_WHY + VM_DIR_WHY];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_error("%s", text);
	json_object_array_add(report->errors, json_object_new_string(text));
}

static void note(struct json_object *names, const struct vm_process *vm)
{
	json_object_array_add(names, json_object_new_string(vm->name));
}

/* From now on the VM comes from @file, with these options at its next start. */
static void change(struct vm_process *vm, struct json_object *options, const char *file,
		   struct report *report)
{
	struct json_object *next = vm->changed ? vm->changed : vm->options;
	bool same = json_object_equal(next, options);

	if (same && vm->file && !strcmp(vm->file, file))
		return;
	if (!same)
		note(report->changed, vm);
	json_object_put(vm->changed);
	vm->changed = json_object_equal(vm->options, options) ? NULL : json_object_get(options);
	free(vm->file);
	vm->file = strdup(file);
	if (vm_process_save(vm))
		complain(report, "%s: its settings cannot be written: %m", vm->name);
	if (vm->changed)
		manager_event(vm->manager, vm->name, "changed",
			      "`nvring restart` applies the new settings");
	/* What cannot start is tried with what is new. */
	if (vm->changed && vm->state == VM_WAITING)
		vm_process_restart(vm, NULL);
}

static void apply_file(struct manager *manager, const char *path, const char *name,
		       struct report *report)
{
	char why[VM_FILE_WHY], problem[VM_DIR_WHY];
	struct vm_process *vm = manager_find(manager, name);
	struct json_object *options;

	if (vm_name_check(name, problem)) {
		complain(report, "%s: %s", path, problem);
		return;
	}
	options = vm_file_read(path, why);
	if (!options) {
		complain(report, "%s", why);
	} else if (vm && vm->leaving) {
		complain(report, "%s: %s is being detached; reload when it is gone", path, name);
	} else if (vm) {
		change(vm, options, path, report);
	} else {
		vm = manager_add(manager, name, options, path, problem);
		if (vm)
			note(report->attached, vm);
		else
			complain(report, "%s: %s", path, problem);
	}
	json_object_put(options);
}

static void drop_missing(struct manager *manager, struct report *report)
{
	for (struct vm_process *vm = manager->vms; vm; vm = vm->next) {
		if (!vm->file || vm->leaving || vm->waiter)
			continue;
		if (!access(vm->file, F_OK) || errno != ENOENT)
			continue;
		note(report->detached, vm);
		vm_process_detach(vm, NULL);
	}
}

static int is_config(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name), suffix = strlen(VM_FILE_SUFFIX);

	return length > suffix && entry->d_name[0] != '.' &&
	       !strcmp(entry->d_name + length - suffix, VM_FILE_SUFFIX);
}

static bool any_from_file(const struct manager *manager)
{
	const struct vm_process *vm = manager->vms;

	while (vm && !vm->file)
		vm = vm->next;
	return vm;
}

static void apply_all(struct manager *manager, struct report *report)
{
	const char *directory = manager->options.config_dir;
	struct dirent **entries = NULL;
	int count = scandir(directory, &entries, is_config, alphasort);

	if (count < 0 && errno == ENOENT && !any_from_file(manager))
		return; /* nothing is configured, and nothing was */
	if (count < 0) {
		complain(report, "%s: %m; VMs stay as they are", directory);
		return;
	}
	drop_missing(manager, report);
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *path = NULL, *name = NULL;
		size_t length = strlen(entries[i]->d_name) - strlen(VM_FILE_SUFFIX);

		name = strndup(entries[i]->d_name, length);
		if (asprintf(&path, "%s/%s", directory, entries[i]->d_name) < 0 || !name)
			complain(report, "%s", strerror(ENOMEM));
		else
			apply_file(manager, path, name, report);
		free(entries[i]);
	}
	free(entries);
}

struct json_object *manager_apply_config(struct manager *manager)
{
	struct json_object *json = json_object_new_object();
	struct report report = {
		.attached = json_object_new_array(),
		.changed = json_object_new_array(),
		.detached = json_object_new_array(),
		.errors = json_object_new_array(),
	};

	apply_all(manager, &report);
	json_object_object_add(json, "attached", report.attached);
	json_object_object_add(json, "changed", report.changed);
	json_object_object_add(json, "detached", report.detached);
	json_object_object_add(json, "errors", report.errors);
	return json;
}
