# Where application processors begin (SDM volume 3, 9.4): in real mode, at the start of a page below 1 MiB, to which
# this is copied. The same steps as of the boot CPU follow, with the same page tables.

.set PAGE, {PAGE}

.section .rodata.application, "a"
.globl application_start
application_start:
.code16
    cli
    xor ax, ax
    mov ds, ax
    .byte 0x66, 0x0f, 0x01, 0x16                        # lgdt, 32-bit operand, 16-bit address
    .short PAGE + application_gdt_pointer - application_start
    mov eax, cr0
    or al, 1
    mov cr0, eax
    .byte 0x66, 0xea                                    # ljmp, 32-bit operand
    .long PAGE + application_32 - application_start
    .short 16
.code32
application_32:
    mov eax, 24
    mov ds, eax
    mov eax, 0x6b0                                      # CR4, EFER, CR0 as in boot/entry.S
    mov cr4, eax
    mov eax, offset boot_pml4 - 0xffffffff80000000
    mov cr3, eax
    mov ecx, 0xc0000080
    mov eax, 0x901
    xor edx, edx
    wrmsr
    mov eax, 0x80010023
    mov cr0, eax
    .byte 0xea                                          # ljmp
    .long PAGE + application_64 - application_start
    .short 8
.code64
application_64:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov rax, offset application_entry
    jmp rax

.balign 8
application_gdt:
    .quad 0
    .quad 0x00af9b000000ffff                            # 64-bit code, ring 0
    .quad 0x00cf9b000000ffff                            # 32-bit code
    .quad 0x00cf93000000ffff                            # data
application_gdt_pointer:
    .short 31
    .long PAGE + application_gdt - application_start
.globl application_end
application_end:

# In the higher half. The CPU's number is that of its local APIC (CPUID leaf 1).
.section .text.application, "ax"
application_entry:
    mov eax, 1
    cpuid
    shr ebx, 24
    mov edi, ebx
    mov rax, offset {STACKS}
    mov rsp, [rax + rdi * 8]
    xor ebp, ebp
    push rbp                                            # the end of a backtrace
    push rbp
    mov rbp, rsp
    call {begin}
    ud2
