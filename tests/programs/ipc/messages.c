// msgget(2), msgsnd(2), msgrcv(2), msgctl(2).
#include "fact.h"
#include <pthread.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <time.h>

static int queue;
static struct message {
    long kind;
    char text[9000];
} out, in;

static void send(const char *what, long kind, const char *text, int flags) {
    out.kind = kind;
    strcpy(out.text, text);
    result(what, msgsnd(queue, &out, strlen(text), flags));
}

static void receive(const char *what, size_t size, long kind, int flags) {
    memset(&in, 0, sizeof in);
    long length = msgrcv(queue, &in, size, kind, flags);
    if (length == -1) {
        fact(what, "%s", error_name(errno));
    } else {
        fact(what, "%ld, of kind %ld, %s", length, in.kind, in.text);
    }
}

static void *send_late(void *unused) {
    struct message late = {.kind = 5, .text = "late"};
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    need("msgsnd", msgsnd(queue, &late, 4, 0));
    return unused;
}

static void *remove_late(void *unused) {
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    need("IPC_RMID", msgctl(queue, IPC_RMID, NULL));
    return unused;
}

int main(void) {
    struct msqid_ds about;
    key_t key = 0x5eef0000 | (getpid() & 0xffff);
    result("no such key", msgget(key, 0600));
    queue = need("msgget", msgget(key, IPC_CREAT | 0600));
    fact_if("by its key", msgget(key, 0) == queue);
    result("exclusive", msgget(key, IPC_CREAT | IPC_EXCL));
    need("IPC_STAT", msgctl(queue, IPC_STAT, &about));
    fact("mode", "%o, %ld of %ld bytes, %ld messages", about.msg_perm.mode, (long)about.__msg_cbytes,
         (long)about.msg_qbytes, (long)about.msg_qnum);
    send("one", 1, "first", 0);
    send("two", 3, "third", 0);
    send("three", 2, "second", 0);
    send("four", 3, "another", 0);
    send("no kind", 0, "x", 0);
    send("a negative kind", -1, "x", 0);
    need("IPC_STAT", msgctl(queue, IPC_STAT, &about));
    fact("holds", "%ld bytes, %ld messages", (long)about.__msg_cbytes, (long)about.msg_qnum);
    fact_if("who and when", about.msg_lspid == getpid() && about.msg_stime > 0 && about.msg_rtime == 0);
    receive("of kind 3", 100, 3, 0);
    receive("at most of kind 2", 100, -2, 0);
    receive("not of kind 3", 100, 3, MSG_EXCEPT | IPC_NOWAIT);
    receive("too long", 3, 0, 0);
    receive("cut", 3, 0, MSG_NOERROR);
    receive("of none", 100, 0, IPC_NOWAIT);
    pthread_t thread;
    pthread_create(&thread, NULL, send_late, NULL);
    receive("waits", 100, 0, 0);
    pthread_join(thread, NULL);
    memset(out.text, 'm', sizeof out.text);
    out.kind = 4;
    result("longest", msgsnd(queue, &out, 8192, 0));
    result("too long to send", msgsnd(queue, &out, 8193, 0));
    result("another", msgsnd(queue, &out, 8192, IPC_NOWAIT));
    result("no room", msgsnd(queue, &out, 1, IPC_NOWAIT));
    need("IPC_STAT", msgctl(queue, IPC_STAT, &about));
    result("nothing has room", msgsnd(queue, &out, 0, IPC_NOWAIT));
    about.msg_qbytes = 16000;
    result("less room", msgctl(queue, IPC_SET, &about));
    result("not even nothing", msgsnd(queue, &out, 0, IPC_NOWAIT));
    need("msgrcv", msgrcv(queue, &in, 9000, 0, 0));
    need("msgrcv", msgrcv(queue, &in, 9000, 0, 0));
    receive("empty", 100, 0, 0);
    result("bad address", msgsnd(queue, BAD, 1, 0));
    result("no such queue", msgsnd(-1, &out, 1, 0));
    struct msginfo limits;
    fact_if("IPC_INFO", msgctl(0, IPC_INFO, (struct msqid_ds *)&limits) >= 0);
    fact("limits", "%d %d", limits.msgmax, limits.msgmnb);
    pthread_create(&thread, NULL, remove_late, NULL);
    receive("removed under a waiter", 100, 0, 0);
    pthread_join(thread, NULL);
    receive("of nothing", 100, 0, 0);
    return 0;
}
