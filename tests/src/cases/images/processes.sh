# Pipelines, subshells, here-documents, traps, background jobs: for every shell that knows POSIX. Beside it lies busybox,
# so that it finds the same tools everywhere.
TOOLS=$PWD/busybox
cat() { "$TOOLS" cat "$@"; }
sort() { "$TOOLS" sort "$@"; }
tr() { "$TOOLS" tr "$@"; }
wc() { "$TOOLS" wc "$@"; }
sed() { "$TOOLS" sed "$@"; }
sleep() { "$TOOLS" sleep "$@"; }
seq() { "$TOOLS" seq "$@"; }
head() { "$TOOLS" head "$@"; }

echo "== pipelines"
echo one two three | tr ' ' '\n' | sort -r | sed 's/^/- /'
seq 1 20000 | wc -l | tr -d ' '
seq 1 100000 | head -n 2
false | true; echo "last of a pipeline: $?"
true | (exit 7); echo "last of a pipeline: $?"
{ echo out; echo err >&2; } 2>&1 | sort
! false | false; echo "not: $?"

echo "== subshells and substitution"
x=1; (x=2; echo "inside $x"; cd /; exit 3); echo "outside $x, $?"
echo "$(echo nested $(echo deeper $(echo deepest)))"
y=$(exit 5); echo "status $?"
echo "lines: $(seq 1 3)"
here=$PWD; (cd / && echo "in $PWD"); [ "$PWD" = "$here" ] && echo "still here"
`echo echo backquotes`

echo "== here-documents"
cat <<EOF | tr a-z A-Z
expanded $x and $(echo command)
EOF
cat <<'EOF'
not expanded $x
EOF
cat <<-EOF
	tabs go
	EOF
while read -r word number; do echo "$number $word"; done <<EOF
b 2
a 1
EOF

echo "== redirections"
echo first > file; echo second >> file; cat file
cat < file > copy; cat copy
{ echo to three >&3; } 3> three; cat three
exec 4< file; read -r line <&4; echo "read: $line"; read -r line <&4; echo "read: $line"; exec 4<&-
(echo gone) > /dev/null
cat absent 2> /dev/null || echo "no such file: $?"
: > empty; wc -c < empty | tr -d ' '

echo "== jobs"
sleep 0.05 & first=$!
(exit 4) & second=$!
wait $second; echo "second: $?"
wait $first; echo "first: $?"
wait; echo "all: $?"
(sleep 0.02; echo late) & echo early; wait
"$TOOLS" sleep 5 & kill $!; wait $! 2> /dev/null; echo "killed: $?"
"$TOOLS" sleep 5 & kill -9 $!; wait $! 2> /dev/null; echo "killed: $?"
kill -0 $$ && echo "alive"
kill -0 $! 2> /dev/null || echo "gone"
for i in 1 2 3 4 5 6 7 8; do (exit $i) & done; wait; echo "eight: $?"

echo "== traps"
trap 'echo "got USR1"' USR1
kill -USR1 $$
(trap 'echo "subshell ends"' EXIT; echo "in it")
trap '' TERM; kill -TERM $$; echo "ignored"; (kill -TERM $$); trap - TERM
trap 'echo "interrupted wait"' USR2
(sleep 0.05; kill -USR2 $$) & wait $!; [ $? -gt 128 ] && echo "by a signal"; wait
trap 'echo "ends with $?"' EXIT

echo "== functions, loops"
double() { echo $(($1 * 2)); }
for n in $(seq 1 5); do double "$n"; done | tr '\n' ' '; echo
n=0; while [ "$n" -lt 200 ]; do n=$((n + $(echo 1))); done; echo "counted $n"
seq 1 5 | while read -r n; do [ "$n" = 3 ] && continue; echo "$n"; done | tr '\n' ,; echo
case $(echo word) in w*d) echo matched;; esac
exit 9
