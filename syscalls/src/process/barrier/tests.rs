use super::*;
use crate::machine::host::test_process;

#[test]
fn a_private_barrier_is_registered_for() {
    let thread = test_process();
    let call = |command| membarrier(&thread, command, 0, 0);
    assert_eq!((call(QUERY), call(GLOBAL), call(PRIVATE)), (Ok(ALL), Ok(0), Err(Errno::EPERM)));
    assert_eq!((call(REGISTER_PRIVATE), call(PRIVATE), call(SYNC_CORE)), (Ok(0), Ok(0), Err(Errno::EPERM)));
    assert_eq!(call(REGISTRATIONS), Ok(REGISTER_PRIVATE));
    assert_eq!((call(128), call(-1)), (Err(Errno::EINVAL), Err(Errno::EINVAL)));
    assert_eq!(membarrier(&thread, GLOBAL, 1, 0), Err(Errno::EINVAL));
}
