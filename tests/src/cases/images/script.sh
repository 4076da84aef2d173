# Builtins of a POSIX shell; no fork.
echo "$# arguments: $1, $2"
set -- c a b
for word; do printf '%s.' "$word"; done
echo
i=0
while [ $i -lt 5 ]; do
    case $i in
    2) echo two ;;
    [34]) echo "three or four: $i" ;;
    *) echo "other $i" ;;
    esac
    i=$((i + 1))
done
square() { echo $(($1 * $1)); }
square 12
echo "to a file" >out
echo "and more" >>out
while read -r line; do echo "read: $line"; done <out
test -f out && echo "there is out"
test -d out || echo "out is no directory"
cd .. && [ -d here ] && echo "here is there"
echo "${HOME:-none} ${UNSET:-default} ${#HOME}"
umask
trap 'echo "at the end"' EXIT
exit 9
