# Copies between the kernel and a program. A fault inside goes to the fixup beside it, which finishes byte by byte
# up to the exact byte; RAX is what was left undone.

.macro fixup at, to
    .pushsection .fixups, "a"
    .quad \at, \to
    .popsection
.endm

.section .text.copy, "ax"

# copy_user(rdi to, rsi from, rdx length) -> rax bytes not copied
.globl copy_user
copy_user:
    mov rcx, rdx
    shr rcx, 3
    and edx, 7
1:  rep movsq
    mov ecx, edx
2:  rep movsb
    xor eax, eax
    ret
3:  lea rcx, [rcx * 8 + rdx]
4:  rep movsb
    xor eax, eax
    ret
5:  mov rax, rcx
    ret
    fixup 1b, 3b
    fixup 2b, 5b
    fixup 4b, 5b

# zero_user(rdi to, rsi length) -> rax bytes not zeroed
.globl zero_user
zero_user:
    xor eax, eax
    mov rcx, rsi
    shr rcx, 3
    and esi, 7
1:  rep stosq
    mov ecx, esi
2:  rep stosb
    ret
3:  lea rcx, [rcx * 8 + rsi]
4:  rep stosb
    ret
5:  mov rax, rcx
    ret
    fixup 1b, 3b
    fixup 2b, 5b
    fixup 4b, 5b

# compare_exchange_user(rdi address, esi old, edx new) -> rax what was there, or -1
.globl compare_exchange_user
compare_exchange_user:
    mov eax, esi
1:  lock cmpxchg dword ptr [rdi], edx
    mov eax, eax
    ret
2:  mov rax, -1
    ret
    fixup 1b, 2b
