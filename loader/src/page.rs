//! Pages, and the part of the address space that is a program's.

/// Bytes in a page.
pub const PAGE_SIZE: u64 = 4096;

/// The first address a program may not use: Linux's `TASK_SIZE` on x86-64 with four-level page tables, which is
/// the end of the lower canonical half less one guard page.
pub const USER_END: u64 = (1 << 47) - PAGE_SIZE;

/// The lowest address a program may be linked at: Linux's default `vm.mmap_min_addr`.
pub const LOWEST_ADDRESS: u64 = 64 * 1024;

/// The start of the page that holds `address`.
pub(crate) const fn page_floor(address: u64) -> u64 {
    address & !(PAGE_SIZE - 1)
}

/// The first page boundary at or above `address`, saturating at the last one there is.
pub(crate) const fn page_ceiling(address: u64) -> u64 {
    page_floor(address.saturating_add(PAGE_SIZE - 1))
}

/// The place of `address` in its page.
pub(crate) const fn page_offset(address: u64) -> u64 {
    address & (PAGE_SIZE - 1)
}
