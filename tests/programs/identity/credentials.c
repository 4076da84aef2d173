// The super-user becomes someone else, for a while and for good: numbers, groups, capabilities, errors.
#include "fact.h"
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void users(void) {
    uid_t real, effective, saved;
    need("getresuid", getresuid(&real, &effective, &saved));
    fact("users", "%d %d %d %d", real, effective, saved, setfsuid(-1));
}

static void groups(void) {
    gid_t real, effective, saved;
    need("getresgid", getresgid(&real, &effective, &saved));
    fact("groups", "%d %d %d %d", real, effective, saved, setfsgid(-1));
}

// How many capabilities there are is the kernel's affair; whether there are some is not.
static void capabilities(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    need("capget", syscall(SYS_capget, &header, data));
    fact("capabilities", "effective %d permitted %d", (data[0].effective >> CAP_SETUID) & 1,
         (data[0].permitted >> CAP_SETUID) & 1);
}

int main(void) {
    if (geteuid() != 0) {
        puts("not the super-user");
        return 1;
    }
    users();
    result("setuid to none", setuid(-1));
    result("setresgid", setresgid(10, 11, 12));
    groups();
    result("setregid", setregid(-1, 10));
    groups();
    result("setfsgid", setfsgid(77));
    groups();
    gid_t list[3] = {30, 10, 20};
    result("setgroups", setgroups(3, list));
    result("how many", getgroups(0, NULL));
    result("too few places", getgroups(2, list));
    result("negative", syscall(SYS_getgroups, -1, list));
    result("getgroups", getgroups(3, list));
    fact("they are", "%d %d %d", list[0], list[1], list[2]);
    result("too many", syscall(SYS_setgroups, 65537, list));
    result("bad pointer", syscall(SYS_setgroups, 1, BAD));

    struct __user_cap_header_struct header = {7, 0};
    struct __user_cap_data_struct data[2];
    result("capget of an unknown version", syscall(SYS_capget, &header, data));
    fact_if("the version that would do", header.version == _LINUX_CAPABILITY_VERSION_3);
    header.pid = -1;
    result("capget of a negative thread", syscall(SYS_capget, &header, data));
    header.pid = 0x3ffffff;
    result("capget of an absent thread", syscall(SYS_capget, &header, data));
    result("capset of another thread", syscall(SYS_capset, &header, data));
    capabilities();
    result("a user for a while", seteuid(1000));
    users();
    capabilities();
    result("setgid", setgid(5));
    result("back", seteuid(0));
    capabilities();
    result("setfsuid", setfsuid(1000));
    users();
    result("setfsuid", setfsuid(0));
    result("keep", prctl(PR_SET_KEEPCAPS, 1));
    result("for good", setuid(1000));
    users();
    capabilities();
    result("kept", prctl(PR_GET_KEEPCAPS));
    header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 0};
    memset(data, 0, sizeof data);
    data[0].effective = data[0].permitted = 1 << CAP_SETUID;
    result("capset", syscall(SYS_capset, &header, data));
    capabilities();
    result("setgroups", setgroups(0, NULL));
    data[0].permitted |= 1 << CAP_SETGID;
    result("more than permitted", syscall(SYS_capset, &header, data));
    result("a user by capability", setresuid(1, 2, 3));
    users();
    memset(data, 0, sizeof data);
    result("give all up", syscall(SYS_capset, &header, data));
    result("another", setresuid(-1, 9, -1));
    result("swap", setreuid(2, 1));
    users();
    result("the saved one is gone", setuid(3));
    result("the bounding set stays", prctl(PR_CAPBSET_DROP, CAP_SETUID));
    result("setfsuid without right", setfsuid(55));
    users();
    return 0;
}
