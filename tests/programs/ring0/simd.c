// An exception of SSE.
#include "fault.h"

int main(void) {
    catch_faults();
    if (sigsetjmp(fault_back, 1) == 0) {
        volatile float zero = 0, one = 1;
        unsigned control = 0x1f80 & ~(1u << 9); // unmask division by zero
        __asm__ volatile("ldmxcsr %0" ::"m"(control));
        one = one / zero;
        fact("a division by zero in SSE", "fine");
    } else {
        fact("a division by zero in SSE", "%s code %d trap %d", signal_name(fault_signal), fault_code, (int)fault_trap);
    }
    unsigned control = 0x1f80;
    __asm__ volatile("ldmxcsr %0" ::"m"(control));
    return 0;
}
