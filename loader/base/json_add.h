/* SPDX-License-Identifier: GPL-2.0-only */
/* Filling JSON objects (json-c). */
#ifndef NVRING_JSON_ADD_H
#define NVRING_JSON_ADD_H

#include <json.h>
#include <stdbool.h>
#include <stdint.h>

/* json_add_text() - @text may be NULL, which is null */
static inline void json_add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, text ? json_object_new_string(text) : NULL);
}

static inline void json_add_number(struct json_object *object, const char *key, uint64_t number)
{
	json_object_object_add(object, key, json_object_new_uint64(number));
}

static inline void json_add_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

#endif
