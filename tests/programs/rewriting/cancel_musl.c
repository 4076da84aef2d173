// build: musl
// The same with musl.
#include "cancel.c"
