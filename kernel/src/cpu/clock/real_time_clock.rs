//! The PC's battery-backed clock (Motorola MC146818A), for machines where nobody else tells the time.

use x86_64::instructions::port::Port;

const INDEX: u16 = 0x70;
const DATA: u16 = 0x71;
const SECONDS: u8 = 0;
const MINUTES: u8 = 2;
const HOURS: u8 = 4;
const DAY: u8 = 7;
const MONTH: u8 = 8;
const YEAR: u8 = 9;
const STATUS_A: u8 = 0xa;
const STATUS_B: u8 = 0xb;
/// Of status A: the date is about to change.
const UPDATING: u8 = 0x80;
/// Of status B: hours count to 24, and numbers are binary.
const HOURS_24: u8 = 2;
const BINARY: u8 = 4;
/// Of the hour, where they count to 12.
const AFTERNOON: u8 = 0x80;
/// What is read where nothing is.
const NOTHING: u8 = 0xff;
/// An update takes 2 ms at most, a look 0.1 µs or more.
const PATIENCE: usize = 50_000;

/// The registers of the date, and then the numbers in them.
struct Date {
    second: u8,
    minute: u8,
    hour: u8,
    day: u8,
    month: u8,
    /// From 2000 on.
    year: u8,
}

fn register(index: u8) -> u8 {
    // SAFETY: reads the clock; bit 7 of the index, clear here, would hold back NMIs.
    unsafe {
        Port::new(INDEX).write(index);
        Port::new(DATA).read()
    }
}

/// Nanoseconds since 1970, in whole seconds: the clock is taken to run in UTC. `None`: there is no such clock.
pub(super) fn read() -> Option<u64> {
    wait_for_update()?;
    // What was read while the date changed is read again.
    let date = (0..4).find_map(|_| {
        let date = Date {
            second: register(SECONDS),
            minute: register(MINUTES),
            hour: register(HOURS),
            day: register(DAY),
            month: register(MONTH),
            year: register(YEAR),
        };
        (register(SECONDS) == date.second).then_some(date)
    });
    date?.decode(register(STATUS_B))?.nanoseconds()
}

/// Waits until the date is not about to change. `None`: that does not happen, or there is nothing.
fn wait_for_update() -> Option<()> {
    for _ in 0..PATIENCE {
        match register(STATUS_A) {
            NOTHING => return None,
            status if status & UPDATING == 0 => return Some(()),
            _ => core::hint::spin_loop(),
        }
    }
    None
}

impl Date {
    /// The numbers behind the registers' formats.
    fn decode(self, status: u8) -> Option<Self> {
        let number = |value: u8| if status & BINARY != 0 { value } else { (value >> 4) * 10 + (value & 15) };
        let hour = number(self.hour & !AFTERNOON);
        let hour = match (status & HOURS_24 != 0, self.hour & AFTERNOON != 0) {
            (true, _) => number(self.hour),
            (false, afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
        };
        let date = Self {
            second: number(self.second),
            minute: number(self.minute),
            hour,
            day: number(self.day),
            month: number(self.month),
            year: number(self.year),
        };
        let is_date = date.second < 60 && date.minute < 60 && date.hour < 24 && (1..=31).contains(&date.day);
        (is_date && (1..=12).contains(&date.month) && date.year < 100).then_some(date)
    }

    fn nanoseconds(self) -> Option<u64> {
        /// Days before each month of a year that is no leap year.
        const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        /// 2000-01-01.
        const EPOCH: u64 = 946_684_800;
        let year = u64::from(self.year);
        // Of the years 2000 to 2099 each fourth is a leap year, the first one too.
        let leap_days = year.div_ceil(4) + u64::from(year.is_multiple_of(4) && self.month > 2);
        let before_month = BEFORE.get(usize::from(self.month).checked_sub(1)?)?;
        let days = year * 365 + leap_days + before_month + u64::from(self.day) - 1;
        let seconds = ((days * 24 + u64::from(self.hour)) * 60 + u64::from(self.minute)) * 60 + u64::from(self.second);
        Some((EPOCH + seconds) * 1_000_000_000)
    }
}
