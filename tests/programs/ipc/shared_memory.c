// shmget(2), shmat(2), shmdt(2), shmctl(2).
#include "fact.h"
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

static struct shmid_ds status(int id) {
    struct shmid_ds status;
    memset(&status, 0, sizeof status);
    need("IPC_STAT", shmctl(id, IPC_STAT, &status));
    return status;
}

static void attach(const char *what, int id, const void *at, int flags) {
    void *got = shmat(id, at, flags);
    fact(what, "%s", got == (void *)-1 ? error_name(errno) : "ok");
    if (got != (void *)-1) {
        shmdt(got);
    }
}

int main(void) {
    key_t key = 0x5eed0000 | (getpid() & 0xffff);
    result("no such key", shmget(key, 100, 0600));
    int id = need("shmget", shmget(key, 5000, IPC_CREAT | 0640));
    fact_if("the same by its key", shmget(key, 0, 0) == id);
    result("exclusive", shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600));
    result("larger", shmget(key, 5001, 0600));
    result("nothing", shmget(IPC_PRIVATE, 0, 0600));
    struct shmid_ds about = status(id);
    fact("mode", "%o, %ld bytes, %ld attached", about.shm_perm.mode, (long)about.shm_segsz, (long)about.shm_nattch);
    fact_if("made by me", about.shm_cpid == getpid() && about.shm_lpid == 0 && about.shm_perm.__key == key);
    fact_if("times", about.shm_ctime > 0 && about.shm_atime == 0 && about.shm_dtime == 0);
    char *one = shmat(id, NULL, 0), *two = shmat(id, NULL, SHM_RDONLY);
    fact_if("attached", one != (void *)-1 && two != (void *)-1);
    fact("zeros", "%d %d", one[0], one[8191]);
    one[4999] = 7;
    fact("seen", "%d", two[4999]);
    about = status(id);
    fact("attached", "%ld", (long)about.shm_nattch);
    fact_if("times", about.shm_atime > 0 && about.shm_lpid == getpid());
    result("make it writable", mprotect(two, 4096, PROT_READ | PROT_WRITE));
    char *fixed = mmap(NULL, 1 << 16, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    attach("where something is", id, fixed, 0);
    attach("in its place", id, fixed, SHM_REMAP);
    attach("not at a page", id, fixed + 100, 0);
    munmap(fixed, 1 << 16);
    attach("rounded down", id, fixed + 100, SHM_RND);
    attach("no such segment", id + 1, NULL, 0);
    attach("a negative one", -1, NULL, 0);
    attach("replacing nowhere", id, NULL, SHM_REMAP);
    result("detach what is none", shmdt(fixed));
    result("detach within", shmdt(one + 4096));
    munmap(one, 4096);
    fact("attached", "%ld", (long)status(id).shm_nattch);
    result("detach what is left", shmdt(one));
    result("detach again", shmdt(one));
    about = status(id);
    fact("attached", "%ld", (long)about.shm_nattch);
    about.shm_perm.mode = 0600;
    result("IPC_SET", shmctl(id, IPC_SET, &about));
    fact("mode", "%o", status(id).shm_perm.mode);
    result("SHM_LOCK", shmctl(id, SHM_LOCK, NULL));
    fact("mode", "%o", status(id).shm_perm.mode);
    result("SHM_UNLOCK", shmctl(id, SHM_UNLOCK, NULL));
    result("IPC_RMID", shmctl(id, IPC_RMID, NULL));
    fact("mode", "%o", status(id).shm_perm.mode);
    result("by its key", shmget(key, 0, 0));
    fact("still there", "%d", two[4999]);
    attach("attach what is removed", id, NULL, 0);
    result("detach", shmdt(two));
    result("IPC_STAT of nothing", shmctl(id, IPC_STAT, &about));
    struct shminfo limits;
    fact_if("IPC_INFO", shmctl(0, IPC_INFO, (struct shmid_ds *)&limits) >= 0);
    fact("limits", "%lx %lu %lu", limits.shmmax, limits.shmmin, limits.shmmni);
    result("unknown command", shmctl(id, 99, &about));
    result("too large", shmget(IPC_PRIVATE, (size_t)1 << 62, 0600) != -1);
    id = need("shmget", shmget(IPC_PRIVATE, 100, 0600));
    struct shm_info usage;
    int highest = shmctl(0, SHM_INFO, (struct shmid_ds *)&usage);
    fact_if("SHM_INFO", highest >= 0 && usage.used_ids >= 1);
    fact_if("SHM_STAT finds it", ({
        bool found = false;
        for (int at = 0; at <= highest; at++) {
            found |= shmctl(at, SHM_STAT, &about) == id;
        }
        found;
    }));
    result("bad buffer", shmctl(id, IPC_STAT, BAD));
    result("remove", shmctl(id, IPC_RMID, NULL));
    result("remove again", shmctl(id, IPC_RMID, NULL));
    return 0;
}
