/* SPDX-License-Identifier: GPL-2.0-only */
/* Members of JSON objects (json-c); one that is missing is 0, or false. rpc_text() has the texts.
 */
#ifndef NVRING_JSON_GET_H
#define NVRING_JSON_GET_H

#include <json.h>
#include <stdbool.h>
#include <stdint.h>

static inline uint64_t json_get_number(struct json_object *object, const char *key)
{
	return json_object_get_uint64(json_object_object_get(object, key));
}

static inline bool json_get_bool(struct json_object *object, const char *key)
{
	return json_object_get_boolean(json_object_object_get(object, key));
}

#endif
