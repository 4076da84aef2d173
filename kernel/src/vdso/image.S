# The vDSO's page: an ELF shared object (System V gABI, "Object Files" and "Dynamic Linking"; versions as in the
# LSB, "Symbol Versioning") without section headers. Addresses are offsets from the page. The page with the clocks'
# numbers lies just below it: see `Data` in vdso.rs, which also gives the names in braces.

.section .data.pages, "aw"
.balign 4096
.global vdso_image
vdso_image:

.set vdso_data, vdso_image - 4096

# Elf64_Ehdr: ET_DYN for EM_X86_64.
    .byte 0x7f, 'E', 'L', 'F', 2, 1, 1, 0
    .quad 0
    .short 3, 62
    .long 1
    .quad 0, vdso_headers - vdso_image, 0
    .long 0
    .short 64, 56, (vdso_headers_end - vdso_headers) / 56, 64, 0, 0

# Elf64_Phdr: type, flags, offset, addresses, sizes, alignment.
.macro vdso_header type, flags, from, to, align
    .long \type, \flags
    .quad \from - vdso_image, \from - vdso_image, \from - vdso_image, \to - \from, \to - \from, \align
.endm
vdso_headers:
    vdso_header 1, 5, vdso_image, vdso_end, 4096                                # PT_LOAD
    vdso_header 2, 4, vdso_dynamic, vdso_dynamic_end, 8                         # PT_DYNAMIC
    vdso_header 0x6474e550, 4, vdso_unwind_index, vdso_unwind_index_end, 4      # PT_GNU_EH_FRAME
vdso_headers_end:

vdso_dynamic:
    .quad 14, vdso_name_object - vdso_names             # DT_SONAME
    .quad 4, vdso_hash - vdso_image                     # DT_HASH
    .quad 5, vdso_names - vdso_image                    # DT_STRTAB
    .quad 6, vdso_symbols - vdso_image                  # DT_SYMTAB
    .quad 10, vdso_names_end - vdso_names               # DT_STRSZ
    .quad 11, 24                                        # DT_SYMENT
    .quad 0x6ffffff0, vdso_symbol_versions - vdso_image # DT_VERSYM
    .quad 0x6ffffffc, vdso_versions - vdso_image        # DT_VERDEF
    .quad 0x6ffffffd, 2                                 # DT_VERDEFNUM
    .quad 0, 0
vdso_dynamic_end:

# Elf64_Sym: STT_FUNC of a binding (STB_GLOBAL 1, STB_WEAK 2), in some section: those without one are undefined.
.macro vdso_symbol name, binding, function
    .long \name - vdso_names
    .byte \binding << 4 | 2, 0
    .short 1
    .quad \function - vdso_image, \function\()_end - \function
.endm
vdso_symbols:
    .quad 0, 0, 0
    vdso_symbol vdso_name_clock_gettime, 1, vdso_clock_gettime
    vdso_symbol vdso_name_gettimeofday, 1, vdso_gettimeofday
    vdso_symbol vdso_name_time, 1, vdso_time
    vdso_symbol vdso_name_getcpu, 1, vdso_getcpu
    vdso_symbol vdso_name_clock_getres, 1, vdso_clock_getres
    # The same without `__vdso_`.
    vdso_symbol vdso_name_clock_gettime + 7, 2, vdso_clock_gettime
    vdso_symbol vdso_name_gettimeofday + 7, 2, vdso_gettimeofday
    vdso_symbol vdso_name_time + 7, 2, vdso_time
    vdso_symbol vdso_name_getcpu + 7, 2, vdso_getcpu
    vdso_symbol vdso_name_clock_getres + 7, 2, vdso_clock_getres

# With 11 buckets each name in `__vdso_` has one of its own. Buckets lead to the first symbol, chains from a symbol
# to the next.
vdso_hash:
    .long 11, 11
    .long 0, 10, 0, 1, 0, 5, 6, 4, 2, 3, 0
    .long 0, 0, 9, 0, 0, 0, 7, 8, 0, 0, 0

# Elf64_Verdef, each with an Elf64_Verdaux: the object itself (VER_FLG_BASE), and the version of all symbols.
.balign 4
vdso_versions:
    .short 1, 1, 1, 1
    .long 0x0deebfa1, 20, 28, vdso_name_object - vdso_names, 0
    .short 1, 0, 2, 1
    .long 0x03ae75f6, 20, 0, vdso_name_version - vdso_names, 0
vdso_symbol_versions:
    .short 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2

vdso_names:
    .byte 0
vdso_name_object: .asciz "linux-vdso.so.1"
vdso_name_version: .asciz "LINUX_2.6"
vdso_name_clock_gettime: .asciz "__vdso_clock_gettime"
vdso_name_gettimeofday: .asciz "__vdso_gettimeofday"
vdso_name_time: .asciz "__vdso_time"
vdso_name_getcpu: .asciz "__vdso_getcpu"
vdso_name_clock_getres: .asciz "__vdso_clock_getres"
vdso_names_end:

# For unwinders, which may begin here when a signal comes (LSB, "Exception Frames"): nothing here moves the stack
# pointer, so one entry holds for all code: the caller's frame is at rsp + 8, the return address below it.
.balign 4
vdso_unwind_index:
    .byte 1, 0x1b, 0x03, 0x3b
    .long vdso_unwind - ., 1
    .long vdso_code - vdso_unwind_index, vdso_unwind_code - vdso_unwind_index
vdso_unwind_index_end:
vdso_unwind:
    .long vdso_unwind_code - . - 4, 0
    .byte 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b
    .byte 0x0c, 7, 8, 0x90, 1
    .balign 4
vdso_unwind_code:
    .long vdso_unwind_end - . - 4, . - vdso_unwind
    .long vdso_code - ., vdso_code_end - vdso_code
    .byte 0
    .balign 4
vdso_unwind_end:
    .long 0

# CLOCK_MONOTONIC into rax, as `clock::at` of the kernel computes it. Destroys rcx and rdx.
.macro vdso_monotonic
    lfence                      # The counter may not be read before what comes before.
    rdtsc
    shl rdx, 32
    or rax, rdx
    xor ecx, ecx
    sub rax, [rip + vdso_data + {ORIGIN}]
    cmovb rax, rcx
    mul qword ptr [rip + vdso_data + {SCALE}]
    shrd rax, rdx, 32
.endm

# What CLOCK_REALTIME is ahead into r8; to `otherwise` if nobody has asked the kernel yet.
.macro vdso_realtime_offset otherwise
    mov r8, [rip + vdso_data + {REALTIME}]
    cmp r8, -1
    je \otherwise
.endm

# Splits rax into seconds in rdx and nanoseconds in rcx. Destroys rax. 10^9 is 2^9 * 5^9: divides by the one, and by
# the other with its reciprocal times 2^75, which is exact for what is left (Granlund and Montgomery 1994).
.macro vdso_split
    mov rcx, rax
    shr rax, 9
    movabs rdx, 0x44b82fa09b5a53
    mul rdx
    shr rdx, 11
    imul rax, rdx, 1000000000
    sub rcx, rax
.endm

# int clock_gettime(clockid_t edi, struct timespec *rsi). A bit a clock says how it is computed.
.set VDSO_MONOTONIC, 1 << 1 | 1 << 4 | 1 << 6 | 1 << 7  # MONOTONIC, MONOTONIC_RAW, MONOTONIC_COARSE, BOOTTIME
.set VDSO_REALTIME, 1 << 0 | 1 << 5 | 1 << 11           # REALTIME, REALTIME_COARSE, TAI
.set VDSO_COARSE, 1 << 5 | 1 << 6
.balign 16
vdso_code:
vdso_clock_gettime:
    cmp edi, 32
    jae 2f
    xor r8d, r8d
    mov eax, VDSO_MONOTONIC
    bt eax, edi
    jc 1f
    mov eax, VDSO_REALTIME
    bt eax, edi
    jnc 2f
    vdso_realtime_offset 2f
1:  vdso_monotonic
    add rax, r8
    vdso_split
    mov [rsi], rdx
    mov [rsi + 8], rcx
    xor eax, eax
    ret
2:  mov eax, 228
    syscall
    ret
vdso_clock_gettime_end:

# int clock_getres(clockid_t edi, struct timespec *rsi)
.balign 16
vdso_clock_getres:
    cmp edi, 32
    jae 3f
    mov eax, VDSO_MONOTONIC | VDSO_REALTIME
    bt eax, edi
    jnc 3f
    test rsi, rsi
    jz 2f
    mov ecx, {COARSE}
    mov eax, VDSO_COARSE
    bt eax, edi
    jc 1f
    mov ecx, 1
1:  mov qword ptr [rsi], 0
    mov [rsi + 8], rcx
2:  xor eax, eax
    ret
3:  mov eax, 229
    syscall
    ret
vdso_clock_getres_end:

# int gettimeofday(struct timeval *rdi, struct timezone *rsi)
.balign 16
vdso_gettimeofday:
    test rdi, rdi
    jz 1f
    vdso_realtime_offset 3f
    vdso_monotonic
    add rax, r8
    vdso_split
    mov [rdi], rdx
    imul rcx, rcx, 274877907    # 2^38 / 1000: exact below 2^32
    shr rcx, 38
    mov [rdi + 8], rcx
1:  test rsi, rsi
    jz 2f
    mov qword ptr [rsi], 0
2:  xor eax, eax
    ret
3:  mov eax, 96
    syscall
    ret
vdso_gettimeofday_end:

# time_t time(time_t *rdi)
.balign 16
vdso_time:
    vdso_realtime_offset 2f
    vdso_monotonic
    add rax, r8
    vdso_split
    mov rax, rdx
    test rdi, rdi
    jz 1f
    mov [rdi], rax
1:  ret
2:  mov eax, 201
    syscall
    ret
vdso_time_end:

# int getcpu(unsigned *rdi, unsigned *rsi, void *). There is one node, 0.
.balign 16
vdso_getcpu:
    mov rax, [rip + vdso_data + {SEVERAL}]
    test eax, eax
    jnz 3f
4:  test rdi, rdi
    jz 1f
    mov [rdi], eax
1:  xor eax, eax
    test rsi, rsi
    jz 2f
    mov [rsi], eax
2:  ret
3:  dec eax
    jnz 5f
    rdtscp
    mov eax, ecx
    jmp 4b
5:  mov eax, 309
    syscall
    ret
vdso_getcpu_end:
vdso_code_end:
vdso_end:
.balign 4096
