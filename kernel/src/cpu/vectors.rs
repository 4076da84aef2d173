//! The vectors in use (SDM volume 3, table 6-1) and the interrupt stack each lands on.

/// Names of vectors.
pub(crate) struct Vector;

impl Vector {
    pub(crate) const DIVIDE: u8 = 0;
    pub(crate) const DEBUG: u8 = 1;
    pub(crate) const NMI: u8 = 2;
    pub(crate) const BREAKPOINT: u8 = 3;
    pub(crate) const OVERFLOW: u8 = 4;
    pub(crate) const BOUND: u8 = 5;
    pub(crate) const INVALID_OPCODE: u8 = 6;
    pub(crate) const NO_DEVICE: u8 = 7;
    pub(crate) const DOUBLE_FAULT: u8 = 8;
    pub(crate) const INVALID_TSS: u8 = 10;
    pub(crate) const NOT_PRESENT: u8 = 11;
    pub(crate) const STACK_SEGMENT: u8 = 12;
    pub(crate) const GENERAL_PROTECTION: u8 = 13;
    pub(crate) const PAGE_FAULT: u8 = 14;
    pub(crate) const FLOATING_POINT: u8 = 16;
    pub(crate) const ALIGNMENT: u8 = 17;
    pub(crate) const MACHINE_CHECK: u8 = 18;
    pub(crate) const SIMD: u8 = 19;
    /// The local APIC's timer.
    pub(crate) const TIMER: u8 = 32;
    /// The console: a virtio device or the serial port.
    pub(crate) const CONSOLE: u8 = 33;
    /// The network device.
    pub(crate) const NETWORK: u8 = 34;
    /// Another CPU: there is something to run, or work for the thread that runs.
    pub(crate) const RESCHEDULE: u8 = 35;
    /// Another CPU: translations are to be forgotten.
    pub(crate) const SHOOT_DOWN: u8 = 36;
    /// The local APIC's spurious interrupt.
    pub(crate) const SPURIOUS: u8 = 47;
}

/// Stubs there are.
pub(crate) const COUNT: u8 = 48;

const SHARED: u16 = 0;
/// #DF's landing stack.
pub(super) const DOUBLE_FAULT_STACK: u16 = 3;

/// Each vector in use with its stack. #DB, NMI, #DF and #MC may come at any instruction and have their own; the rest
/// come with interrupts off until they have left theirs, and share one.
pub(crate) const IN_USE: &[(u8, u16)] = &[
    (Vector::DIVIDE, SHARED),
    (Vector::DEBUG, 1),
    (Vector::NMI, 2),
    (Vector::BREAKPOINT, SHARED),
    (Vector::OVERFLOW, SHARED),
    (Vector::BOUND, SHARED),
    (Vector::INVALID_OPCODE, SHARED),
    (Vector::NO_DEVICE, SHARED),
    (Vector::DOUBLE_FAULT, DOUBLE_FAULT_STACK),
    (Vector::INVALID_TSS, SHARED),
    (Vector::NOT_PRESENT, SHARED),
    (Vector::STACK_SEGMENT, SHARED),
    (Vector::GENERAL_PROTECTION, SHARED),
    (Vector::PAGE_FAULT, SHARED),
    (Vector::FLOATING_POINT, SHARED),
    (Vector::ALIGNMENT, SHARED),
    (Vector::MACHINE_CHECK, 4),
    (Vector::SIMD, SHARED),
    (Vector::TIMER, SHARED),
    (Vector::CONSOLE, SHARED),
    (Vector::NETWORK, SHARED),
    (Vector::RESCHEDULE, SHARED),
    (Vector::SHOOT_DOWN, SHARED),
    (Vector::SPURIOUS, SHARED),
];
