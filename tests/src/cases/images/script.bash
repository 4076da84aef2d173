# Builtins of bash; no fork.
echo "$# arguments: $1, $2"
list=(one two "three four")
list+=(five)
printf '<%s>' "${list[@]}"
echo " ${#list[@]}"
declare -A map=([apple]=1 [pear]=2)
map[fig]=3
for key in apple fig pear; do echo "$key ${map[$key]}"; done
text="Hello, World"
echo "${text^^} ${text,,} ${text//o/0} ${text:7:3}"
[[ $text =~ ^H(.*),\ (W.*)$ ]] && echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
for ((i = 0; i < 3; i++)); do echo -n "$((2 ** i)) "; done
echo
printf '%05.2f|%-6s|%x\n' 3.14159 ab 255
echo "to a file" >out
read -r first <out
echo "read: $first"
factorial() { local n=$1; ((n <= 1)) && { REPLY=1; return; }; factorial $((n - 1)); REPLY=$((REPLY * n)); }
factorial 15
echo "$REPLY"
pushd / >/dev/null && echo "$PWD" && popd >/dev/null
trap 'echo "got USR1"' USR1
kill -USR1 $$
shopt -s nullglob
echo out* nothing*
exit 11
