// SPDX-License-Identifier: GPL-2.0-only
/* `nvring features`: the table, for people or as JSON. */
#include <argp.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/json_add.h"
#include "base/log.h"
#include "base/util.h"
#include "cmd.h"
#include "feature.h"

struct settings {
	bool json;
	bool verbose;
};

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "print JSON", 0 },
	{ "verbose", 'v', NULL, 0, "also say what libbpf and the verifier said, on stderr", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;

	switch (key) {
	case 'j':
		settings->json = true;
		return 0;
	case 'v':
		settings->verbose = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is no option", argument);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *const states[] = {
	[FEATURE_NO] = "no",
	[FEATURE_YES] = "yes",
	[FEATURE_REFUSED] = "refused",
	[FEATURE_NEEDS_ROOT] = "needs root",
};

/* "refused: EPERM (lockdown=integrity)" */
static void state_text(const struct feature_result *result, char *ret_text, size_t size)
{
	const char *err = result->err && result->state != FEATURE_NEEDS_ROOT
				  ? strerrorname_np(result->err)
				  : NULL;

	snprintf(ret_text, size, "%s%s%s%s%s%s", states[result->state], err ? ": " : "",
		 err ? err : "", result->detail[0] ? " (" : "", result->detail,
		 result->detail[0] ? ")" : "");
}

/* One sentence: honest about what the kernel allows and what this version has. */
static void engine_text(const struct feature_engine *engine, char *ret_text, size_t size)
{
	const char *built = engine->built ? "" : "; not built in this version";

	if (engine->allowed && engine->built)
		snprintf(ret_text, size, "available");
	else if (engine->allowed)
		snprintf(ret_text, size, "the kernel allows it%s", built);
	else
		snprintf(ret_text, size, "%s: %s%s",
			 engine->known ? "the kernel does not allow it" : "only root can tell",
			 engine->missing, built);
}

static void print_table(const struct feature_result results[FEATURE_COUNT],
			const struct feature_engine engines[FEATURE_ENGINES])
{
	printf("%-28s %-38s %s\n", "FEATURE", "STATE", "USED FOR / INSTEAD");
	for (enum feature_id id = 0; id < FEATURE_COUNT; id++) {
		const struct feature *feature = feature_describe(id);
		enum feature_state found = results[id].state;
		bool lacks = found == FEATURE_NO || found == FEATURE_REFUSED;
		char state[192];

		state_text(&results[id], state, sizeof(state));
		printf("%-28s %-38s %s%s\n", feature->name, state, lacks ? "instead: " : "",
		       lacks ? feature->instead : feature->used_by);
	}
	printf("\nEngines:\n");
	for (size_t i = 0; i < FEATURE_ENGINES; i++) {
		char text[256];

		engine_text(&engines[i], text, sizeof(text));
		printf("  %-8s %s.\n", engines[i].name, text);
	}
}

static struct json_object *feature_json(enum feature_id id, const struct feature_result *result)
{
	const struct feature *feature = feature_describe(id);
	struct json_object *row = json_object_new_object();

	json_add_text(row, "feature", feature->id);
	json_add_text(row, "name", feature->name);
	json_add_text(row, "state", states[result->state]);
	json_add_text(row, "errno", result->err ? strerrorname_np(result->err) : NULL);
	json_add_text(row, "detail", result->detail);
	json_add_text(row, "used_for", feature->used_by);
	json_add_text(row, "instead", feature->instead);
	return row;
}

static struct json_object *engine_json(const struct feature_engine *engine)
{
	struct json_object *row = json_object_new_object();
	char text[256];

	engine_text(engine, text, sizeof(text));
	json_add_text(row, "engine", engine->name);
	json_add_bool(row, "built", engine->built);
	/* null: not known without root */
	json_object_object_add(row, "allowed",
			       engine->known ? json_object_new_boolean(engine->allowed) : NULL);
	json_add_text(row, "missing", engine->missing);
	json_add_text(row, "summary", text);
	return row;
}

static void print_json(const struct feature_result results[FEATURE_COUNT],
		       const struct feature_engine engines[FEATURE_ENGINES])
{
	struct json_object *top = json_object_new_object();
	struct json_object *rows = json_object_new_array();
	struct json_object *engine_rows = json_object_new_array();
	struct utsname names;

	uname(&names);
	json_add_text(top, "nvring", NVRING_VERSION);
	json_add_text(top, "kernel", names.release);
	for (enum feature_id id = 0; id < FEATURE_COUNT; id++)
		json_object_array_add(rows, feature_json(id, &results[id]));
	for (size_t i = 0; i < FEATURE_ENGINES; i++)
		json_object_array_add(engine_rows, engine_json(&engines[i]));
	json_object_object_add(top, "features", rows);
	json_object_object_add(top, "engines", engine_rows);
	cmd_print_json(top);
	json_object_put(top);
}

int cmd_features(int argc, char **argv)
{
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Show what this kernel and machine allow, row by row, and what serves "
		       "instead "
		       "of what they refuse. Everything is tried: run it as root.",
	};
	struct feature_result results[FEATURE_COUNT];
	struct feature_engine engines[FEATURE_ENGINES];
	struct settings settings = { 0 };
	char name[] = "nvring features";

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	log_set_level(settings.verbose ? LOG_DEBUG : LOG_WARNING);
	feature_probe_all(results);
	feature_engines(results, engines);
	if (settings.json)
		print_json(results, engines);
	else
		print_table(results, engines);
	return cmd_printed("features", 0);
}
