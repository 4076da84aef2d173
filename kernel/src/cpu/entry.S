# The trap door: from a program's `syscall` into a handler and back.
#
# Interrupts are off from the first instruction (IA32_FMASK) to `popfq`. The kernel never turns them on while it
# serves a call, so nothing but NMI, #MC and #DB can come between, and those have stacks of their own.
# The fast path saves what a handler written in Rust would not: the arguments, and the place to go back to.

.section .text.entry, "ax"

# Switches to the thread's kernel stack and builds the part of `Registers` that a handler may look at.
.macro save_call
    mov gs:[{USER_RSP}], rsp
    mov rsp, gs:[{KERNEL_RSP}]
    push qword ptr gs:[{USER_RSP}]
    or r11d, 0x200                      # a program that turned interrupts off gets them back here
    push r11                            # flags
    push rcx                            # instruction pointer
    push rax                            # number
    push rdi
    push rsi
    push rdx
    push r10
    push r8
    push r9
    sub rsp, {GAP}
.endm

# The same for a rewritten call, which arrives by a jump from a trampoline with the address to return to in RCX and the
# program's flags. Until `cli` has run all is as the program had it: an interrupt there counts as one of the program.
.macro save_jump
    cli
    mov r11, rsp
    mov rsp, gs:[{KERNEL_RSP}]
    push r11
    pushfq
    or dword ptr [rsp], 0x200
    cld                                 # TF, NT and AC do no harm before the next `iretq`, which is ready for them
    push rcx
    push rax
    push rdi
    push rsi
    push rdx
    push r10
    push r8
    push r9
    sub rsp, {GAP}
.endm

.section .rodata.exit_windows, "a"
.globl exit_windows
exit_windows:
.section .text.entry

# Calls the handler of the number in RAX.
.macro serve
    mov rdi, gs:[{CURRENT}]
    mov rsi, rsp
    call [{ENTRIES} + rax * 8]
.endm

# The fast way back. Interrupts are on behind `popfq`; `Landed::roll_forward` sees to one that arrives there.
# Where there are several CPUs, work that another one has for this thread from here on comes with an interrupt.
.macro go_back locked=0
    mov rcx, gs:[{CURRENT}]
    cmp dword ptr [rcx + {WORK}], 0
    jne slow_way_back
    .if \locked
    mov dword ptr [rip + {HOLDER}], 0   # as `lock::give_back`
    .endif
    add rsp, {GAP}
    pop r9
    pop r8
    pop r10
    pop rdx
    pop rsi
    pop rdi
    pop rcx                             # number
    pop rcx
    mov r11, [rsp]
    popfq
8:  pop rsp
9:  jmp rcx
    .pushsection .rodata.exit_windows
    .quad 8b, 9b
    .popsection
.endm

.globl syscall_entry
syscall_entry:
    save_call
    mov eax, eax                        # Linux looks at 32 bits of the number
    cmp eax, {NUMBERS}
    jae unknown_number
    serve
fast_way_back:
    go_back

# The doors of rewritten calls: for any number, and for one that is known to be in the table.
.globl jump_entry
jump_entry:
    save_jump
    mov eax, eax
    cmp eax, {NUMBERS}
    jae unknown_number
    serve
    go_back
.globl jump_entry_number
jump_entry_number:
    save_jump
    serve
    go_back

# The same doors where there are several CPUs: they take the kernel's lock (see `lock.rs`).
.macro take_lock
    call {take_lock}
    mov eax, [rsp + {NUMBER}]
    cmp byte ptr [rip + {TRACED}], 0
    jne traced_locked
.endm

.globl syscall_entry_locked_own_gs
syscall_entry_locked_own_gs:
    swapgs
.globl syscall_entry_locked
syscall_entry_locked:
    save_call
    take_lock
    cmp eax, {NUMBERS}
    jae unknown_number_locked
    serve
fast_way_back_locked:
    go_back 1
.globl jump_entry_locked
jump_entry_locked:
    save_jump
    take_lock
    cmp eax, {NUMBERS}
    jae unknown_number_locked
    serve
    go_back 1
.globl jump_entry_number_locked
jump_entry_number_locked:
    save_jump
    take_lock
    serve
    go_back 1

unknown_number_locked:
    mov rax, {ENOSYS}
    jmp fast_way_back_locked

traced_locked:
    mov rdi, gs:[{CURRENT}]
    mov rsi, rsp
    call trace_call
    jmp fast_way_back_locked

unknown_number:
    mov rax, {ENOSYS}
    jmp fast_way_back

# The same while calls are traced.
.globl jump_entry_traced
jump_entry_traced:
    save_jump
    jmp traced

# The same doors for a thread whose GS is its own (see `gs.rs`).
.globl syscall_entry_own_gs
syscall_entry_own_gs:
    swapgs
    jmp syscall_entry
.globl syscall_entry_traced_own_gs
syscall_entry_traced_own_gs:
    swapgs

# The same door while calls are traced.
.globl syscall_entry_traced
syscall_entry_traced:
    save_call
traced:
    mov eax, eax
    mov rdi, gs:[{CURRENT}]
    mov rsi, rsp
    call trace_call
    jmp fast_way_back

    # The slow way back: all registers saved, or loaded by the handler into the frame.
slow_way_back:
    mov [rsp + {RAX}], rax
    test dword ptr [rcx + {WORK}], {REGISTERS}
    jnz 4f
    mov [rsp + {RBX}], rbx
    mov [rsp + {RBP}], rbp
    mov [rsp + {R12}], r12
    mov [rsp + {R13}], r13
    mov [rsp + {R14}], r14
    mov [rsp + {R15}], r15
    mov rcx, [rsp + {RIP}]
    mov [rsp + {RCX}], rcx
    mov r11, [rsp + {RFLAGS}]
    mov [rsp + {R11}], r11
4:  mov rdi, rsp
    call {to_program}

# RAX: whether the thread's GS is its own.
leave:
    test al, al
    jz restore_all
    swapgs

# Loads all registers from the frame at RSP and goes where it says: to a program or to interrupted kernel code.
.globl restore_all
restore_all:
    push 2                              # `iretq` faults with NT set, which a jump may have brought in
    popfq
    push {STACK_SELECTOR}
    push qword ptr [rsp + {RSP} + 8]
    push qword ptr [rsp + {RFLAGS} + 16]
    push {CODE_SELECTOR}
    push qword ptr [rsp + {RIP} + 32]
    mov rbx, [rsp + {RBX} + 40]
    mov rbp, [rsp + {RBP} + 40]
    mov r12, [rsp + {R12} + 40]
    mov r13, [rsp + {R13} + 40]
    mov r14, [rsp + {R14} + 40]
    mov r15, [rsp + {R15} + 40]
    mov rcx, [rsp + {RCX} + 40]
    mov r11, [rsp + {R11} + 40]
    mov rax, [rsp + {RAX} + 40]
    mov r9, [rsp + {R9} + 40]
    mov r8, [rsp + {R8} + 40]
    mov r10, [rsp + {R10} + 40]
    mov rdx, [rsp + {RDX} + 40]
    mov rsi, [rsp + {RSI} + 40]
    mov rdi, [rsp + {RDI} + 40]
    iretq

# Completes the frame at RSI, for a handler that sees all registers.
.macro save_rest
    mov [rsi + {RBX}], rbx
    mov [rsi + {RBP}], rbp
    mov [rsi + {R12}], r12
    mov [rsi + {R13}], r13
    mov [rsi + {R14}], r14
    mov [rsi + {R15}], r15
    mov rcx, [rsi + {RIP}]
    mov [rsi + {RCX}], rcx
    mov r11, [rsi + {RFLAGS}]
    mov [rsi + {R11}], r11
    mov [rsi + {RAX}], rax
.endm

# Stands in the table for calls whose handler sees all registers, and goes on to it.
.globl complete_frame
complete_frame:
    save_rest
    jmp [{HANDLERS} + rax * 8]

trace_call:
    save_rest
    jmp {trace}

# switch_stacks(rdi where to keep this stack pointer, rsi the other stack pointer)
.globl switch_stacks
switch_stacks:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [rdi], rsp
    mov rsp, rsi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

# Where a new thread begins: its registers lie at RSP.
.globl thread_begin
thread_begin:
    call {after_switch}
    mov rdi, rsp
    call {to_program}
    jmp leave

# The vectors. Each lands on a stack of the interrupt stack table with interrupts off, saves the registers there and
# lets `land` decide where the frame belongs. The hardware pushes an error code for some vectors; the rest push 0.
.macro vector number, error
.balign 16
    .if \error == 0
    push 0
    .endif
    push rdi
    mov edi, \number
    jmp landing
.endm

.balign 16
.globl vectors
vectors:
    .set number, 0
    .rept {VECTORS}
    .if number == 8 || (number >= 10 && number <= 14) || number == 17 || number == 21 || number == 29 || number == 30
    vector number, 1
    .else
    vector number, 0
    .endif
    .set number, number + 1
    .endr

landing:
    push rsi
    push rdx
    push r10
    push r8
    push r9
    push rax
    push r11
    push rcx
    push r15
    push r14
    push r13
    push r12
    push rbp
    push rbx
    cld
    mov rsi, rsp
    and rsp, -16
    call {land}                         # RAX the frame on the stack to go on with, RDX vector and error code
    mov rsp, rax
    mov rbx, rax
    mov rdi, rax
    mov rsi, rdx
    and rsp, -16
    call {handle}
    mov rsp, rbx
    jmp leave
.globl entry_text_end
entry_text_end:
