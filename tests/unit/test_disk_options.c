// SPDX-License-Identifier: GPL-2.0-only
/* A disk's options as text: from files, as JSON, as arguments; and names of VMs. */
#include <json.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

#include "base/util.h"
#include "base/vm_dir.h"
#include "manager/vm_file.h"
#include "serve/disk_options.h"

/* What a file of this text says, as JSON in one line, or what is wrong with it. */
static const char *read_text(const char *text, size_t length)
{
	static char answer[VM_FILE_WHY];
	char path[] = "/tmp/nvring-unit.XXXXXX", why[VM_FILE_WHY];
	struct json_object *json;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), length);
	json = vm_file_read(path, why);
	snprintf(answer, sizeof(answer), "%s",
		 json ? json_object_to_json_string_ext(json, JSON_C_TO_STRING_NOSLASHESCAPE)
		      : why + strlen(path));
	json_object_put(json);
	close(fd);
	unlink(path);
	return answer;
}

#define says(text, want) assert_string_equal(read_text(text, sizeof(text) - 1), want)

static void test_files(void **state)
{
	(void)state;
	says("null=1G", "{\"null\":\"1G\"}");
	says("\n# comment\n; comment\n \t\nnull = 1G\n", "{\"null\":\"1G\"}");
	says("null = 1G\r\nqueues = 2\r\n", "{\"null\":\"1G\",\"queues\":\"2\"}");
	says("queues=2\nimage = /a b/c=d #e  \n", "{\"image\":\"/a b/c=d #e\",\"queues\":\"2\"}");
	says("null=1G\nread-only=yes\npin-memory=no\n", "{\"null\":\"1G\",\"read-only\":\"yes\"}");
	says("null=1G\nbpf=off\n", "{\"null\":\"1G\",\"bpf\":\"off\"}");
}

static void test_mistakes(void **state)
{
	(void)state;
	says("", ": one of --device DEV, --image FILE and --null SIZE is wanted");
	says("null=1G\n\nqueue=2\n", ":3: no option is named \"queue\"; `nvring attach --help` "
				     "lists them");
	says("null=1G\nqueues=0\n", ":2: --queues 0: a number from 1 to 256 is wanted");
	says("null=1G\nqueues=\n", ":2: --queues : a number from 1 to 256 is wanted");
	says("null=1G\n=2\n", ":2: no option is named \"\"; `nvring attach --help` lists them");
	says("null\n", ":1: `option = value` is wanted");
	says("null=1G\nnull=2G\n", ":2: null is given a second time");
	says("null=1G\nbpf=off\nengine=loop\n", ": --engine loop is BPF, and --bpf is off");
	says("null=1G\nread-only=maybe\n", ":2: --read-only maybe: yes or no is wanted");
	says("null=1G\nread-only=\n", ":2: --read-only : yes or no is wanted");
	says("null=1G\0\n", ":1: a byte of value 0 is no text");
	says("null=1G\nserial=a\033b\n", ":2: --serial: a control character is in its value");
	says("null=1G\nimage=/x\n",
	     ": one of --device DEV, --image FILE and --null SIZE is wanted");
	says("image=x\n", ": --image x: an absolute path is wanted");
	says("null=1G\nvcpu-dispatch=yes\n", ": --vcpu-dispatch is for --engine poller");
	/* What only serve has is no setting. */
	says("null=1G\nsocket=/x\n",
	     ":2: no option is named \"socket\"; `nvring attach --help` lists them");
	says("null=1G\ncontrol=/x\n",
	     ":2: no option is named \"control\"; `nvring attach --help` lists them");
}

/* In one order, whatever order they were given in, and back again. */
static void test_canonical(void **state)
{
	const char *text =
		"{\"queues\": 2, \"read-only\": true, \"image\": \"/x\", \"verbose\": false}";
	struct json_object *given = json_tokener_parse(text), *first, *second;
	struct disk_options options;
	char why[DISK_OPTION_WHY];

	(void)state;
	assert_int_equal(disk_options_parse(given, &options, why), 0);
	assert_int_equal(options.vm.queues, 2);
	assert_true(options.backend.read_only);
	first = disk_options_json(&options);
	assert_string_equal(json_object_to_json_string_ext(first, JSON_C_TO_STRING_NOSLASHESCAPE),
			    "{\"image\":\"/x\",\"read-only\":\"yes\",\"queues\":\"2\"}");
	assert_int_equal(disk_options_parse(first, &options, why), 0);
	second = disk_options_json(&options);
	assert_true(json_object_equal(first, second));
	json_object_put(given);
	json_object_put(first);
	json_object_put(second);
	given = json_tokener_parse("{\"null\": [1]}");
	assert_int_equal(disk_options_parse(given, &options, why), -EINVAL);
	assert_string_equal(why, "--null: a text, a number or true is wanted");
	json_object_put(given);
}

static void test_arguments(void **state)
{
	_cleanup_free_ char *value = disk_options_argument("queues", "2");
	_cleanup_free_ char *flag = disk_options_argument("read-only", "yes");

	(void)state;
	assert_string_equal(value, "--queues=2");
	assert_string_equal(flag, "--read-only");
}

static void test_names(void **state)
{
	static const char *const good[] = { "a", "vm1", "0", "A-b_c.d", "a..b" };
	static const char *const bad[] = { "",	 ".",	"..",  ".a",  "-a",
					   "_a", "a/b", "a b", "a\n", "\xc3\xa9" };
	char name[VM_NAME_MAX + 2] = "", why[VM_DIR_WHY], runtime[200] = "/";
	struct vm_dir dir;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(vm_name_check(good[i], why), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(vm_name_check(bad[i], why), -EINVAL);
	memset(name, 'x', VM_NAME_MAX);
	assert_int_equal(vm_name_check(name, why), 0);
	assert_int_equal(vm_dir_init(&dir, RUNTIME_DIR, name, why), 0);
	assert_int_equal(strlen(dir.socket),
			 strlen(RUNTIME_DIR) + strlen("/vm/") + VM_NAME_MAX + strlen("/disk.sock"));
	name[VM_NAME_MAX] = 'x';
	assert_int_equal(vm_name_check(name, why), -EINVAL);
	memset(runtime, 'r', sizeof(runtime) - 1);
	assert_int_equal(vm_dir_init(&dir, runtime, "a", why), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),	  cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_canonical), cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
