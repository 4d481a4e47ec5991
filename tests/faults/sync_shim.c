/* Preloaded into a process under test: fsync and fdatasync fail with EIO, and sync nothing, while the first four bytes of the
   file named by FAULT_SYNC are not 0. Each one that fails is noted in the file named by FAULT_SYNC_REPORT: a line with the path.

   Larder makes some of these calls past the C library, so a filter of the kernel (seccomp) has each raise SIGSYS, whose handler
   makes the call in its place, told apart by a third argument that the call does not have. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define ARGUMENT(context) (context)->uc_mcontext.gregs[REG_RDI]
#define RESULT(context) (context)->uc_mcontext.gregs[REG_RAX]
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define ARGUMENT(context) (context)->uc_mcontext.regs[0]
#define RESULT(context) (context)->uc_mcontext.regs[0]
#else
#error "syncs fail on x86-64 and arm64 alone"
#endif

#define GENUINE 0x6c617264u

static volatile uint32_t *fails;
static int report = -1;

static void note(int file) {
    char link[64], line[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, line, sizeof line - 1);
    if (length < 0)
        return;
    line[length] = '\n';
    if (write(report, line, length + 1) < 0)
        abort();
}

static void on_sync(int signal, siginfo_t *info, void *raw) {
    (void)signal;
    ucontext_t *context = raw;
    int file = (int)ARGUMENT(context), before = errno;
    if (*fails) {
        note(file);
        RESULT(context) = -EIO;
    } else {
        RESULT(context) = syscall(info->si_syscall, file, 0, GENUINE) < 0 ? -errno : 0;
    }
    errno = before;
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULT_SYNC"), *report_path = getenv("FAULT_SYNC_REPORT");
    int file = path && report_path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *page = mmap(NULL, sizeof *fails, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    report = open(report_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (page == MAP_FAILED || report < 0)
        return;
    fails = page;
    struct sigaction action = {.sa_sigaction = on_sync, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, 6),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fsync, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fdatasync, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GENUINE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    if (sigaction(SIGSYS, &action, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return;
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
