// SPDX-License-Identifier: GPL-2.0-only
/* Trials of what is neither io_uring nor BPF: kernel lockdown, KVM, NVMe. */
#include <dirent.h>
#include <fcntl.h>
#include <libnvme.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/lockdown.h"
#include "base/util.h"
#include "feature_probe.h"

int probe_no_lockdown(char *detail, size_t size)
{
	int err = lockdown_state(detail, size);

	return err ? err : !strcmp(detail, "none");
}

int probe_kvm(char *detail, size_t size)
{
	_cleanup_close_ int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int vm = -1;

	if (kvm < 0 && errno == ENOENT) {
		snprintf(detail, size, "no /dev/kvm");
		return 0;
	}
	if (kvm < 0)
		return -errno;
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return -ENOTTY;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return -errno;
	if (ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_IOEVENTFD) <= 0 ||
	    ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_IRQFD) <= 0) {
		snprintf(detail, size, "no ioeventfd or irqfd");
		return 0;
	}
	return 1;
}

/* One generic device: whether its namespace identifies itself to this user. */
static int identify(const char *name)
{
	_cleanup_close_ int fd = -1;
	struct nvme_id_ns ns;
	char path[280];
	uint32_t nsid;
	int err;

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = nvme_get_nsid(fd, &nsid);
	if (!err)
		err = nvme_identify_ns(fd, nsid, &ns);
	return err < 0 ? -errno : err ? -EIO : 0;
}

static int is_generic(const struct dirent *entry)
{
	unsigned int controller, nsid;
	int end = 0;

	return sscanf(entry->d_name, "ng%un%u%n", &controller, &nsid, &end) == 2 &&
	       !entry->d_name[end];
}

int probe_nvme(char *detail, size_t size)
{
	struct dirent **entries = NULL;
	int count = scandir("/dev", &entries, is_generic, versionsort);
	int good = 0, err = 0;
	size_t used = 0;

	if (count < 0)
		return -errno;
	if (!count)
		snprintf(detail, size, "no /dev/ngXnY");
	for (int i = 0; i < count; i++) {
		int refused = identify(entries[i]->d_name);

		if (refused)
			err = refused;
		else
			good++;
		if (used < size)
			used += (size_t)snprintf(detail + used, size - used, "%s%s%s",
						 i ? ", " : "", entries[i]->d_name,
						 refused ? " refused" : "");
		free(entries[i]);
	}
	free(entries);
	return good ? 1 : err;
}
