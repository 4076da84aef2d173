# From the loader's 32-bit world to the 64-bit kernel in the higher half.
#
# Two doors lead here: multiboot 1 (section 3.2: EAX the magic, EBX the information block) and PVH (EBX the
# hvm_start_info block). Both give flat 32-bit protected mode, paging off, interrupts off, no stack.
# The page tables are data, so that mapping costs no instruction; the Rust side narrows the permissions.

.set KERNEL_BASE, 0xffffffff80000000
.set PRESENT, 1
.set WRITABLE, 2
.set LARGE, 0x80
.set GLOBAL, 0x100
.set NX, 0x8000000000000000

.section .boot.header, "a"
.balign 4
multiboot_header:
    .set MULTIBOOT_FLAGS, 0x10003       # modules on page boundaries, memory map, addresses below are valid
    .long 0x1badb002
    .long MULTIBOOT_FLAGS
    .long -(0x1badb002 + MULTIBOOT_FLAGS)
    .long multiboot_header              # header_addr
    .long kernel_start                  # load_addr
    .long load_end                      # load_end_addr
    .long bss_end                       # bss_end_addr
    .long multiboot_entry               # entry_addr

.section .note.pvh, "a", @note
.balign 4
    .long 4                             # size of the name
    .long 4                             # size of the value
    .long 18                            # XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long pvh_entry

.section .boot.text, "ax"
.code32
.globl pvh_entry
pvh_entry:
    xor eax, eax                        # tells the two apart: no multiboot magic
multiboot_entry:
    cld
    mov edi, eax                        # first argument of `start`
    mov esi, ebx                        # second
    mov eax, 0x6b0                      # CR4: PAE, MCE clear, PGE, OSFXSR, OSXMMEXCPT, and PSE (0x10)
    mov cr4, eax
    mov eax, offset boot_pml4 - KERNEL_BASE
    mov cr3, eax
    mov ecx, 0xc0000080                 # IA32_EFER: SCE, LME, NXE
    mov eax, 0x901
    xor edx, edx
    wrmsr
    mov eax, 0x80010023                 # CR0: PG, WP, NE, MP, PE
    mov cr0, eax
    lgdt [boot_gdt_pointer]
    ljmp 8, offset boot_64

.balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff            # 64-bit code, ring 0
boot_gdt_pointer:
    .short 15
    .long boot_gdt

.code64
boot_64:
    xor eax, eax
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov rsp, offset boot_stack_top
    xor ebp, ebp
    push rbp                            # the end of a backtrace
    push rbp
    mov rbp, rsp
    mov rax, offset start
    call rax
    ud2

.section .data.pages, "aw"
.balign 4096
.globl boot_pml4
boot_pml4:
    .quad boot_pdpt_identity - KERNEL_BASE + PRESENT + WRITABLE
    .fill 255, 8, 0
    .quad direct_pdpt - KERNEL_BASE + PRESENT + WRITABLE
    .fill 254, 8, 0
    .quad kernel_pdpt - KERNEL_BASE + PRESENT + WRITABLE

.globl boot_pdpt_identity
boot_pdpt_identity:                     # only until the kernel runs in its own half
    .quad boot_pd - KERNEL_BASE + PRESENT + WRITABLE
    .fill 511, 8, 0
boot_pd:
    .quad PRESENT + WRITABLE + LARGE
    .fill 511, 8, 0

.globl direct_pdpt
direct_pdpt:                            # all physical memory; the first GiB is always there
    .quad direct_pd - KERNEL_BASE + PRESENT + WRITABLE + NX
    .fill 511, 8, 0
direct_pd:
    .quad direct_pt - KERNEL_BASE + PRESENT + WRITABLE + NX
    .quad direct_pt + 4096 - KERNEL_BASE + PRESENT + WRITABLE + NX
    .set page, 2
    .rept 510
    .quad (page << 21) + PRESENT + WRITABLE + LARGE + GLOBAL + NX
    .set page, page + 1
    .endr
.globl direct_pt
direct_pt:                              # page by page where the kernel lies: its text is not writable here either
    .set page, 0
    .rept 1024
    .quad (page << 12) + PRESENT + WRITABLE + GLOBAL + NX
    .set page, page + 1
    .endr

kernel_pdpt:
    .fill 510, 8, 0
    .quad kernel_pd - KERNEL_BASE + PRESENT + WRITABLE
    .quad 0
kernel_pd:
    .quad kernel_pt - KERNEL_BASE + PRESENT + WRITABLE
    .quad kernel_pt + 4096 - KERNEL_BASE + PRESENT + WRITABLE
    .fill 510, 8, 0
.globl kernel_pt
kernel_pt:
    .set page, 0
    .rept 1024
    .quad (page << 12) + PRESENT + WRITABLE + GLOBAL
    .set page, page + 1
    .endr

.section .bss.pages, "aw", @nobits
.balign 4096
.globl boot_stack_guard
boot_stack_guard:
    .skip 4096
boot_stack:
    .skip 16384
boot_stack_top:
