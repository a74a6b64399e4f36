import CLinux
import Glibc

/// The system calls that a profile lacks.
///
/// Landlock holds files, network and signals by what they are; these rules hold what it does not look at (mode, owner,
/// times, watches), and most of the rest a second time for kernels without it.
extension SandboxProfile {
    var systemCallRules: [SystemCallRule] {
        var rules = Self.always
        switch network {
        case .none: rules += [SystemCallRule(SYS_socket, .refuse)]
        case .outbound: rules += Self.outboundSockets
        }
        if files != .none { rules += Self.localPairs }
        rules += startsProcesses ? Self.ownNamespace : Self.noProcesses
        switch files {
        case .none: rules += Self.noFiles + [SystemCallRule(SYS_socketpair, .refuse)]
        // A script writes to /dev/null, whose name no filter can read: what it opens is Landlock's alone.
        case .read where startsProcesses: rules += Self.refused(Self.namesChanged + Self.attributesChanged)
        case .read: rules += Self.noWriting
        case .readAndWrite: rules += Self.noAttributes
        }
        return rules
    }

    /// For every profile.
    private static let always: [SystemCallRule] =
        // Into other processes.
        refused([
            SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise, SYS_process_mrelease,
            SYS_pidfd_getfd, SYS_kcmp, SYS_move_pages, SYS_migrate_pages, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
            SYS_tkill, SYS_ioprio_set,
        ])
        // The machine.
        + refused([
            SYS_kexec_load, SYS_kexec_file_load, SYS_reboot, SYS_init_module, SYS_finit_module, SYS_delete_module,
            SYS_bpf, SYS_perf_event_open, SYS_syslog, SYS_acct, SYS_quotactl, SYS_quotactl_fd, SYS_swapon, SYS_swapoff,
            SYS_sethostname, SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime,
            SYS_sync, SYS_syncfs, SYS_vhangup, SYS_personality, SYS_lookup_dcookie,
        ])
        // The tree of files, and ways to files beside it.
        + refused([
            SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_move_mount, SYS_open_tree, SYS_fsopen, SYS_fsconfig,
            SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_unshare, SYS_setns, SYS_name_to_handle_at,
            SYS_open_by_handle_at, SYS_fanotify_init, SYS_fanotify_mark, SYS_inotify_add_watch, SYS_mknodat,
        ])
        // Much of the kernel for little use: most of its holes of late were here.
        + refused([
            SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_userfaultfd, SYS_memfd_secret,
            SYS_keyctl,
            SYS_add_key, SYS_request_key,
        ])
        // Memory and messages that are shared by name with whoever has the same user.
        + refused([
            SYS_shmget, SYS_shmat, SYS_shmctl, SYS_semget, SYS_semop, SYS_semtimedop, SYS_semctl, SYS_msgget,
            SYS_msgsnd,
            SYS_msgrcv, SYS_msgctl, SYS_mq_open, SYS_mq_unlink,
        ])
        + ofThisArchitecture
        + [
            SystemCallRule(SYS_openat2, .unknown),
            // Memory that neither RLIMIT_DATA nor the resident size counts as long as nobody maps it.
            SystemCallRule(SYS_memfd_create, .unknown),
            // Its flags are behind a pointer, where no filter can read them; every C library falls back to clone(2).
            SystemCallRule(SYS_clone3, .unknown),
            // The limits of others, and the mark that every descendant is found by.
            SystemCallRule(SYS_prlimit64, .refuse, when: .differs(0, 0)),
            SystemCallRule(SYS_prlimit64, .refuse, when: .equals(1, ProcessMark.resource), .isGiven(2)),
            SystemCallRule(SYS_setrlimit, .refuse, when: .equals(0, ProcessMark.resource)),
            // To outlive whoever started it: PR_SET_PDEATHSIG to anything but SIGKILL.
            SystemCallRule(SYS_prctl, .refuse, when: .equals(0, 1), .differs(1, UInt32(SIGKILL))),
            // Words put into the mouth of whoever sits at the terminal (TIOCSTI, TIOCLINUX), and signals by way of a
            // descriptor (FIOSETOWN, SIOCSPGRP; F_SETOWN, F_SETSIG, F_SETOWN_EX).
            SystemCallRule(SYS_ioctl, .refuse, when: .equals(1, 0x5412)),
            SystemCallRule(SYS_ioctl, .refuse, when: .equals(1, 0x541c)),
            SystemCallRule(SYS_ioctl, .refuse, when: .equals(1, 0x8901)),
            SystemCallRule(SYS_ioctl, .refuse, when: .equals(1, 0x8902)),
            SystemCallRule(SYS_fcntl, .refuse, when: .equals(1, 8)),
            SystemCallRule(SYS_fcntl, .refuse, when: .equals(1, 10)),
            SystemCallRule(SYS_fcntl, .refuse, when: .equals(1, 15)),
            // The pace of others.
            SystemCallRule(SYS_setpriority, .refuse, when: .differs(0, 0)),
            SystemCallRule(SYS_setpriority, .refuse, when: .differs(1, 0)),
            SystemCallRule(SYS_sched_setscheduler, .refuse, when: .differs(0, 0)),
            SystemCallRule(SYS_sched_setparam, .refuse, when: .differs(0, 0)),
            SystemCallRule(SYS_sched_setattr, .refuse, when: .differs(0, 0)),
            SystemCallRule(SYS_sched_setaffinity, .refuse, when: .differs(0, 0)),
        ]

    /// Only to other machines, and to the kernel for its table of routes, which getaddrinfo(3) reads.
    private static let outboundSockets = [
        SystemCallRule(SYS_socket, .allow, when: .equals(0, UInt32(AF_INET))),
        SystemCallRule(SYS_socket, .allow, when: .equals(0, UInt32(AF_INET6))),
        SystemCallRule(SYS_socket, .allow, when: .equals(0, UInt32(AF_NETLINK))),
        SystemCallRule(SYS_socket, .refuse), SystemCallRule(SYS_listen, .refuse),
    ]

    /// A pair of sockets that are each other's for good, as programs use with those that they start. One of datagrams
    /// would send to any local socket that it can name, bytes and descriptors. The second half of a type are flags.
    private static let localPairs =
        [0, SOCK_CLOEXEC.rawValue, SOCK_NONBLOCK.rawValue, SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue].map {
            SystemCallRule(
                SYS_socketpair, .allow, when: .equals(0, UInt32(AF_UNIX)), .equals(1, SOCK_STREAM.rawValue | $0))
        } + [SystemCallRule(SYS_socketpair, .refuse)]

    /// Threads, but no process; signals to itself.
    private static let noProcesses: [SystemCallRule] =
        [
            SystemCallRule(SYS_clone, .refuse, when: .hasNone(0, 0x0001_0000)),
            SystemCallRule(SYS_kill, .refuse, when: .differs(0, ownProcess)),
            SystemCallRule(SYS_tgkill, .refuse, when: .differs(0, ownProcess)),
            SystemCallRule(SYS_pidfd_open, .refuse), SystemCallRule(SYS_pidfd_send_signal, .refuse),
            // Memory to be shared with a process that it cannot start: RLIMIT_DATA does not count it.
            SystemCallRule(
                SYS_mmap, .refuse, when: .hasAny(3, UInt32(MAP_SHARED)), .hasAny(3, UInt32(MAP_ANONYMOUS))),
        ] + processesOfThisArchitecture

    /// Processes, but none in a namespace of its own, where it would have root's powers.
    private static let ownNamespace = [SystemCallRule(SYS_clone, .refuse, when: .hasAny(0, 0x7e02_0000))]

    /// Becomes the number of the process that enters the sandbox.
    private static let ownProcess = UInt32(HW_OWN_PROCESS)

    private static let noFiles: [SystemCallRule] =
        refused([SYS_openat, SYS_execve, SYS_execveat, SYS_chdir, SYS_fchdir]) + refused(namesChanged)
        + refused(attributesChanged) + openingOfThisArchitecture(.refuse)

    /// O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, and O_TMPFILE, which says itself that it is a directory.
    private static let writingFlags = UInt32(O_ACCMODE & ~O_RDONLY | O_CREAT | O_TRUNC) | 0x40_0000

    private static let noWriting: [SystemCallRule] =
        [SystemCallRule(SYS_openat, .refuse, when: .hasAny(2, writingFlags))] + refused(namesChanged)
        + refused(attributesChanged) + openingOfThisArchitecture(.refuse, when: writingFlags)

    /// Landlock does not look at mode, owner and times, and tools that copy files set them. It is enough for these to
    /// believe that they have.
    private static let noAttributes: [SystemCallRule] =
        attributesChanged.map { SystemCallRule($0, extendedAttributes.contains($0) ? .unsupported : .pretend) }

    private static let namesChanged: [Int32] =
        [SYS_renameat2, SYS_linkat, SYS_symlinkat, SYS_unlinkat, SYS_mkdirat, SYS_truncate] + namesOfThisArchitecture

    private static let extendedAttributes: [Int32] = [
        SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr,
    ]
    private static let attributesChanged: [Int32] =
        extendedAttributes + [SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_utimensat]
        + attributesOfThisArchitecture

    private static func refused(_ numbers: [Int32]) -> [SystemCallRule] {
        numbers.map { SystemCallRule($0, .refuse) }
    }

    // MARK: What only the older architecture has

    #if arch(x86_64)
        private static let ofThisArchitecture = refused([
            SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS_sysfs, SYS__sysctl, SYS_create_module,
            SYS_query_module, SYS_mknod,
        ])
        private static let processesOfThisArchitecture = refused([SYS_fork, SYS_vfork])
        private static let namesOfThisArchitecture: [Int32] = [
            SYS_rename, SYS_renameat, SYS_link, SYS_symlink, SYS_unlink, SYS_mkdir, SYS_rmdir,
        ]
        private static let attributesOfThisArchitecture: [Int32] = [
            SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat,
        ]
        private static func openingOfThisArchitecture(
            _ answer: SystemCallAnswer, when flags: UInt32? = nil
        ) -> [SystemCallRule] {
            [
                flags.map { SystemCallRule(SYS_open, answer, when: .hasAny(1, $0)) }
                    ?? SystemCallRule(SYS_open, answer),
                SystemCallRule(SYS_creat, answer),
            ]
        }
    #else
        private static let ofThisArchitecture: [SystemCallRule] = []
        private static let processesOfThisArchitecture: [SystemCallRule] = []
        private static let namesOfThisArchitecture: [Int32] = [SYS_renameat]
        private static let attributesOfThisArchitecture: [Int32] = []
        private static func openingOfThisArchitecture(
            _ answer: SystemCallAnswer, when flags: UInt32? = nil
        ) -> [SystemCallRule] { [] }
    #endif
}
