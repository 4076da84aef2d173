# What bash adds: process substitution, coprocesses, job control, pipefail, wait -n.
TOOLS=$PWD/busybox
cat() { "$TOOLS" cat "$@"; }
sort() { "$TOOLS" sort "$@"; }
tr() { "$TOOLS" tr "$@"; }

echo "== substitution of processes"
while read -r one two; do echo "$one-$two"; done < <(echo a 1; echo b 2)
cat <(echo from) <(echo two)
echo into > >(tr a-z A-Z); wait $!

echo "== pipelines"
set -o pipefail; false | true; echo "pipefail: $?"; set +o pipefail
false | true | (exit 3); echo "each: ${PIPESTATUS[*]}"
shopt -s lastpipe; echo kept | read -r kept; echo "last in this shell: $kept"
echo text |& cat

echo "== coprocess"
coproc { while read -r line; do echo "<$line>"; done; }
echo hello >&"${COPROC[1]}"; read -r answer <&"${COPROC[0]}"; echo "$answer"
eval "exec ${COPROC[1]}>&-"; wait "$COPROC_PID"; echo "coprocess: $?"

echo "== wait -n"
(exit 3) & wait -n; echo "one: $?"
"$TOOLS" sleep 5 & slow=$!; (exit 4) & wait -n; echo "the faster: $?"; kill $slow; wait $slow; echo "the slower: $?"

echo "== job control"
set -m
"$TOOLS" sleep 5 &
kill -STOP %1
for _ in {1..200}; do [[ $(jobs -l %1) == *Stopped* ]] && break; "$TOOLS" sleep 0.01; done
jobs %1 | "$TOOLS" sed 's/ \+/ /g'
kill -CONT %1; kill %1; wait %1; echo "continued and ended: $?"
"$TOOLS" sh -c 'kill -STOP $$; echo went on' & job=$!
until [[ $(jobs -l %%) == *Stopped* ]]; do "$TOOLS" sleep 0.01; done
fg %% > /dev/null; echo "foreground: $?"
set +m

echo "== traps"
trap 'echo "child ended"' CHLD; (exit 0); "$TOOLS" true; trap - CHLD
(trap 'echo "hup"; exit 5' HUP; kill -HUP $BASHPID; echo never); echo "status $?"
( set -e; false; echo never ); echo "errexit: $?"
trap 'echo "error in line"' ERR; false; trap - ERR
exec {fd}> file; echo "through $((fd > 9))" >&"$fd"; exec {fd}>&-; cat file
printf '%s\n' "$(< file)"
for i in {1..30}; do echo $((RANDOM * 0 + i)) & done | sort -n | tr '\n' ' '; echo
exec "$TOOLS" echo "replaced"
