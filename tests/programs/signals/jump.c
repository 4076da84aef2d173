// A handler of SIGSEGV that jumps out, again and again; with and without SA_NODEFER.
#include "fault.h"

int main(void) {
    catch_faults();
    volatile int caught = 0;
    for (volatile int i = 0; i < 2000; i++) {
        if (sigsetjmp(fault_back, 1) == 0) {
            poke(BAD);
        } else {
            caught = caught + 1;
        }
    }
    fact("caught", "%d", caught);
    struct sigaction action;
    sigaction(SIGSEGV, NULL, &action);
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, NULL);
    for (volatile int i = 0; i < 200; i++) {
        if (sigsetjmp(fault_back, 0) == 0) {
            poke(BAD);
        } else {
            caught = caught + 1;
        }
    }
    fact("caught then", "%d", caught);
    return 0;
}
