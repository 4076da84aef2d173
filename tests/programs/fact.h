// Facts, one a line: `what: result`. A fact never holds an address, an identifier or a time.
#ifndef FACT_H
#define FACT_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The name of an error number (strerrorname_np is glibc's alone).
static inline const char *error_name(int number) {
    switch (number) {
#define NAME(name) case name: return #name;
        NAME(EPERM) NAME(ENOENT) NAME(ESRCH) NAME(EINTR) NAME(EIO) NAME(ENXIO) NAME(E2BIG) NAME(ENOEXEC) NAME(EBADF)
        NAME(ECHILD) NAME(EAGAIN) NAME(ENOMEM) NAME(EACCES) NAME(EFAULT) NAME(ENOTBLK) NAME(EBUSY) NAME(EEXIST)
        NAME(EXDEV) NAME(ENODEV) NAME(ENOTDIR) NAME(EISDIR) NAME(EINVAL) NAME(ENFILE) NAME(EMFILE) NAME(ENOTTY)
        NAME(ETXTBSY) NAME(EFBIG) NAME(ENOSPC) NAME(ESPIPE) NAME(EROFS) NAME(EMLINK) NAME(EPIPE) NAME(EDOM)
        NAME(ERANGE) NAME(EDEADLK) NAME(ENAMETOOLONG) NAME(ENOLCK) NAME(ENOSYS) NAME(ENOTEMPTY) NAME(ELOOP)
        NAME(EOVERFLOW) NAME(EILSEQ) NAME(ENOTSOCK) NAME(EOPNOTSUPP) NAME(ETIMEDOUT) NAME(EOWNERDEAD)
        NAME(EADDRINUSE) NAME(EADDRNOTAVAIL) NAME(ENETUNREACH) NAME(ECONNREFUSED) NAME(ECONNRESET) NAME(ECONNABORTED)
        NAME(EISCONN) NAME(ENOTCONN) NAME(EINPROGRESS) NAME(EALREADY) NAME(EDESTADDRREQ) NAME(EMSGSIZE) NAME(EPROTOTYPE)
        NAME(ENOPROTOOPT) NAME(EPROTONOSUPPORT) NAME(ESOCKTNOSUPPORT) NAME(ENOBUFS) NAME(EHOSTUNREACH)
        NAME(ENOTRECOVERABLE) NAME(EAFNOSUPPORT) NAME(ECANCELED) NAME(ENODATA) NAME(EIDRM) NAME(ENOMSG) NAME(EPROTO)
        NAME(EBADMSG)
#undef NAME
    default: {
        static char text[24];
        snprintf(text, sizeof text, "error %d", number);
        return text;
    }
    }
}

// `what: text`, formatted.
__attribute__((format(printf, 2, 3))) static inline void fact(const char *what, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("%s: ", what);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

// `what: yes` or `what: no`.
static inline void fact_if(const char *what, bool holds) {
    fact(what, "%s", holds ? "yes" : "no");
}

// A call's result: the number, or the error's name.
static inline void result(const char *what, long value) {
    if (value == -1) {
        fact(what, "%s", error_name(errno));
    } else {
        fact(what, "%ld", value);
    }
}

// A call whose result is a descriptor or address: `ok`, or the error's name.
static inline void outcome(const char *what, long value) {
    fact(what, "%s", value == -1 ? error_name(errno) : "ok");
}

// A call of which a success is needed to go on.
static inline long need(const char *what, long value) {
    if (value == -1) {
        printf("%s failed: %s\n", what, error_name(errno));
        fflush(stdout);
        _exit(99);
    }
    return value;
}

// An address that is not mapped, and one that is the kernel's.
#define BAD ((void *)8)
#define KERNEL ((void *)0xffff888000000000)

#endif
