#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

int hw_accept4(int listener) { return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC); }
int hw_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }
int hw_describe_errno(int number, char *text, size_t count) {
    const char *known = strerrordesc_np(number);
    if (known == NULL || strlen(known) >= count) return -1;
    strcpy(text, known);
    return 0;
}
char **hw_environment(void) { return environ; }
long hw_getrandom(void *buffer, size_t count) { return getrandom(buffer, count, 0); }
void hw_release_freed_memory(void) { malloc_trim(0); }
int hw_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
int hw_pidfd_send_signal(int pidfd, int signal) { return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0); }
bool hw_contains(const void *bytes, size_t count, const void *wanted, size_t wanted_count) {
    return memmem(bytes, count, wanted, wanted_count) != NULL;
}

int hw_sync_file_range_write(int fd, int64_t offset, int64_t count) {
    return sync_file_range(fd, offset, count, SYNC_FILE_RANGE_WRITE);
}
long hw_copy_file_range(int from, int64_t *from_offset, int to, int64_t *to_offset, size_t count) {
    return copy_file_range(from, from_offset, to, to_offset, count, 0);
}
int hw_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); }
int hw_seal(int fd) { return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL); }
int hw_seal_size(int fd) { return fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL); }
int hw_set_thread_name(const char *name) { return pthread_setname_np(pthread_self(), name); }

static int die_with_parent(int signal, pid_t expected_parent) {
    if (prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0) return -1;
    // The parent may have died before the call above took hold; then nobody would ever send the signal.
    if (getppid() != expected_parent) { errno = ESRCH; return -1; }
    return 0;
}

enum { DESCRIPTORS_MAX = 16 };

int hw_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count) {
    if (descriptor_count > DESCRIPTORS_MAX) { errno = EINVAL; return -1; }
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * DESCRIPTORS_MAX)];
    memset(control, 0, sizeof control);
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor_count > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptor_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * descriptor_count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * descriptor_count);
    }
    ssize_t sent;
    do { sent = sendmsg(socket, &message, MSG_NOSIGNAL); } while (sent < 0 && errno == EINTR);
    if (sent >= 0 && (size_t)sent != count) { errno = EMSGSIZE; return -1; }
    return sent < 0 ? -1 : 0;
}

long hw_receive_descriptors(int socket, void *bytes, size_t count, int *descriptors, size_t *descriptor_count) {
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * DESCRIPTORS_MAX)];
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    size_t capacity = *descriptor_count;
    *descriptor_count = 0;
    ssize_t received;
    do { received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC); } while (received < 0 && errno == EINTR);
    if (received < 0) return -1;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t carried = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        int *source = (int *)CMSG_DATA(header);
        for (size_t i = 0; i < carried; i++) {
            int descriptor;
            memcpy(&descriptor, source + i, sizeof descriptor);
            if (*descriptor_count < capacity) descriptors[(*descriptor_count)++] = descriptor;
            else close(descriptor);
        }
    }
    return received;
}

int hw_reap(pid_t pid, bool block, hw_ending *ending) {
    int status = 0;
    struct rusage usage;
    pid_t reaped;
    do { reaped = wait4(pid, &status, block ? 0 : WNOHANG, &usage); } while (reaped < 0 && errno == EINTR);
    if (reaped < 0) return -1;
    if (reaped == 0) return 0;
    ending->exited = WIFEXITED(status);
    ending->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    ending->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    ending->cpu_microseconds = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec +
                               usage.ru_stime.tv_usec;
    ending->resident_kib_max = usage.ru_maxrss;
    return 1;
}

static void limit(int resource, int64_t soft, int64_t hard) {
    if (soft <= 0) return;
    struct rlimit value = {.rlim_cur = (rlim_t)soft, .rlim_max = (rlim_t)hard};
    setrlimit(resource, &value);
}

int hw_spawn(const hw_spawn_request *request, pid_t *pid) {
    if (request->descriptor_count > DESCRIPTORS_MAX) return EINVAL;
    // The child's errno comes back by a pipe that exec closes: a program that cannot start is told apart from one that ends.
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return errno;
    sigset_t all, before;
    sigfillset(&all);
    // Signals wait until the child has its own handlers, so that none of ours runs in it.
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) {
        int failure = 0;
        for (int signal = 1; signal < NSIG; signal++) {
            // Who outlives its parent still has something to do when all are asked to end.
            bool stays = request->outlives_parent && (signal == SIGTERM || signal == SIGINT || signal == SIGHUP);
            struct sigaction action = {.sa_handler = stays ? SIG_IGN : SIG_DFL};
            sigaction(signal, &action, NULL);
        }
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setsid();
        if (!request->outlives_parent && die_with_parent(SIGKILL, parent) != 0) _exit(127);
        if (request->directory && chdir(request->directory) != 0) failure = errno;
        // Before descriptors take their places, one of which may be the ruleset's own.
        if (!failure && request->sandbox && hw_enter_ruleset(request->sandbox) != 0) failure = errno;
        // First out of the way of the numbers to be given, then onto them: the lists may overlap.
        int moved[DESCRIPTORS_MAX];
        for (size_t i = 0; i < request->descriptor_count && !failure; i++) {
            moved[i] = fcntl(request->descriptors[i], F_DUPFD_CLOEXEC, 64);
            if (moved[i] < 0) failure = errno;
        }
        int status_fd = fcntl(report[1], F_DUPFD_CLOEXEC, 64);
        for (size_t i = 0; i < request->descriptor_count && !failure; i++)
            if (dup2(moved[i], (int)i) < 0) failure = errno;
        if (!failure) {
            setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
            limit(RLIMIT_DATA, request->data_bytes_max, request->data_bytes_max);
            // SIGXCPU at the soft limit says "CPU time" plainly; SIGKILL a second later ends those that ignore it.
            limit(RLIMIT_CPU, request->cpu_seconds_max, request->cpu_seconds_max + 1);
            limit(RLIMIT_FSIZE, request->file_bytes_max, request->file_bytes_max);
            limit(RLIMIT_NOFILE, request->open_files_max, request->open_files_max);
            limit(RLIMIT_NPROC, request->processes_max, request->processes_max);
            if (request->mark) setrlimit(HW_MARK_RESOURCE, &(struct rlimit){request->mark, request->mark});
            if (request->low_priority) setpriority(PRIO_PROCESS, 0, 5);
            // Those moved out of the way close on exec, and so must whatever else this process has open.
            close_range((unsigned)request->descriptor_count, 63, 0);
            close_range(64, ~0U, CLOSE_RANGE_CLOEXEC);
            if (request->sandbox == NULL || hw_enter_filter(request->sandbox) == 0)
                execve(request->path, request->arguments, request->environment);
            failure = errno;
        }
        ssize_t ignored = write(status_fd, &failure, sizeof failure);
        (void)ignored;
        _exit(127);
    }
    int forked = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (child < 0) { close(report[0]); return forked; }
    int failure = 0;
    ssize_t count;
    do { count = read(report[0], &failure, sizeof failure); } while (count < 0 && errno == EINTR);
    close(report[0]);
    if (count == sizeof failure) {
        hw_ending ending;
        hw_reap(child, true, &ending);
        return failure;
    }
    *pid = child;
    return 0;
}
