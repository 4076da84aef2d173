/* The floor: the least that a multiboot kernel can do before its first byte is seen. It prints one letter on COM1 and
 * ends the machine by a triple fault, which `-no-reboot` makes QEMU's end. */
        .code32
        .globl _start
        .text
        .balign 4
        .long 0x1badb002                /* multiboot: magic, no flags, checksum */
        .long 0
        .long -0x1badb002
_start:
        movw $0x3f8, %dx                /* COM1's data; QEMU's port sends without being set up */
        movb $'F', %al
        outb %al, %dx
        lidt no_vectors                 /* no vector is within the limit: the fault faults, and that one again */
        ud2
no_vectors:
        .word 0
        .long 0
