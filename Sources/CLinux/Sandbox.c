#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// The header of the oldest system this is built on knows the first field alone; the kernel takes a longer structure
// whose unknown fields are zero (landlock(7)).
struct ruleset { uint64_t handled_access_fs, handled_access_net, scoped; };

int hw_landlock_version(void) {
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}
int hw_landlock_create(uint64_t files, uint64_t network, uint64_t scope) {
    struct ruleset ruleset = {files, network, scope};
    return (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0);
}
int hw_landlock_allow(int ruleset, int fd, uint64_t access) {
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
    return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}
int hw_open_path(const char *path) { return open(path, O_PATH | O_CLOEXEC); }

bool hw_has_seccomp(void) {
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}
_Static_assert(HW_MARK_RESOURCE == RLIMIT_RSS, "the limit that limits nothing");
int hw_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }
int hw_hard_limit(pid_t pid, int resource, uint64_t *value) {
    struct rlimit limit;
    if (prlimit(pid, (__rlimit_resource_t)resource, NULL, &limit) != 0) return -1;
    *value = limit.rlim_max;
    return 0;
}
int hw_limit_file_size(pid_t pid, int64_t bytes_max) {
    struct rlimit limit;
    if (prlimit(pid, RLIMIT_FSIZE, NULL, &limit) != 0) return -1;
    limit.rlim_cur = (rlim_t)bytes_max < limit.rlim_max ? (rlim_t)bytes_max : limit.rlim_max;
    return prlimit(pid, RLIMIT_FSIZE, &limit, NULL);
}

/// Root's privileges would come back with the next exec, unless the bounding set lacks them (capabilities(7)).
static void drop_capabilities(void) {
    for (int capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; capability++) {}
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    syscall(SYS_capset, &header, none);
}

// Both parts run between fork and exec: system calls alone, no memory is taken.
int hw_enter_ruleset(const hw_sandbox *sandbox) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    if (sandbox->landlock_ruleset < 0) return 0;
    if (sandbox->own_process_access != 0) {
        // Only the process itself can name its own folder.
        int own = open("/proc/self", O_PATH | O_CLOEXEC);
        if (own >= 0) {
            hw_landlock_allow(sandbox->landlock_ruleset, own, sandbox->own_process_access);
            close(own);
        }
    }
    return (int)syscall(SYS_landlock_restrict_self, sandbox->landlock_ruleset, 0);
}
int hw_enter_filter(const hw_sandbox *sandbox) {
    drop_capabilities();
    if (sandbox->filter_count == 0) return 0;
    for (size_t i = 0; i < sandbox->filter_count; i++)
        if (sandbox->filter[i].k == HW_OWN_PROCESS) sandbox->filter[i].k = (uint32_t)getpid();
    struct sock_fprog program = {.len = (unsigned short)sandbox->filter_count, .filter = sandbox->filter};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}
